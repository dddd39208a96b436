"""One Jinja2 expression at a time: sandboxed, strict, with fixed filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from erpoa_cli.core.near import did_you_mean
from erpoa_cli.project.template_problem import MAX_OUTPUT, TemplateProblem

_REMEDY = "Templates only name things; compute in SQL."


class _Sandbox(ImmutableSandboxedEnvironment):
    """No attributes, no methods, no operators that make large values of small ones."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ARG002
        raise SecurityError(f"attributes are not available here: .{attribute}")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        raise SecurityError(f"the operator {operator} is not available here")


def _replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * len(new) > MAX_OUTPUT:
        raise SecurityError("the text would grow too large")
    return text.replace(old, new)


def _bool(value: Any) -> bool:
    match str(value).lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise TemplateProblem("E0201", f"{value!r} is not true or false", "Write true or false.")


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise TemplateProblem("E0201", f"{value!r} is not a whole number", "Write digits only.") from None


HABITS = {
    "config": "Settings of a model belong in transforms/*.yml.",
    "this": "A model does not see itself; {{ actual('TARGET') }} is what a target holds now.",
    "is_incremental": "Models are always computed whole; reading is made incremental in sources/*.yml.",
    "env_var": "Write env('NAME').",
    "vars": "Write var('name').",
    "run_started_at": "Write as_of(): the one instant of the plan.",
    "target": "Environments differ by their `vars:` in erpoa.yml; write var('name').",
    "adapter": "There are no adapters: SQL is DuckDB's.",
    "dbt_utils": "There are no packages: SQL is DuckDB's.",
    "local": "Terraform's local.x is var('x') here.",
    "module": "There are no modules.",
    "range": "Write SQL: range() is a table function of DuckDB.",
}


class Sandbox:
    """Evaluates expressions that may call *functions* (name → function) and nothing else."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._environment = _Sandbox(undefined=StrictUndefined, autoescape=False)
        given = self._environment.filters
        self._environment.globals = dict(functions)
        self._environment.filters = {
            **{name: given[name] for name in ("default", "lower", "upper", "trim")},
            "int": _int,
            "bool": _bool,
            "replace": _replace,
        }
        self._functions = functions

    def evaluate(self, expression: str) -> Any:
        """The value of *expression*. Raises `TemplateProblem`."""
        try:
            value = self._environment.compile_expression(expression.strip(), undefined_to_none=False)()
            if isinstance(value, StrictUndefined):
                str(value)  # says what is undefined
        except TemplateSyntaxError as error:
            summary = f"this is not an expression: {error.message}"
            raise TemplateProblem("E0201", summary, "Check quotes and brackets.") from None
        except UndefinedError as error:
            raise self._undefined(str(error)) from None
        except SecurityError as error:
            raise TemplateProblem("E0201", str(error), _REMEDY) from None
        except (TypeError, ValueError, ArithmeticError, RecursionError, LookupError, AttributeError) as error:
            raise TemplateProblem("E0201", f"this cannot be evaluated: {error}", _REMEDY) from None
        if not isinstance(value, str | int | float | Decimal | None):
            raise TemplateProblem("E0201", "this gives neither text nor a number", _REMEDY)
        return value

    def _undefined(self, said: str) -> TemplateProblem:
        found = re.search(r"'([^']+)' is undefined", said)
        if not found:
            return TemplateProblem("E0202", said, "Use a value that exists.")
        name = found[1]
        hint = HABITS.get(name) or did_you_mean(name, [f"{known}()" for known in self._functions])
        return TemplateProblem("E0202", f"`{name}` is not known here", hint)
