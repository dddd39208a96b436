"""One Jinja2 expression at a time: its syntax is looked at first, and only what is listed here is evaluated.

No problem repeats a value: it may be what nobody should read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.template_problem import MAX_OUTPUT, TemplateProblem

_REMEDY = "Templates only name things; compute in SQL."
_ALONE = (
    "Write {{ secret('NAME') }} with nothing else between its braces; text may stand before and after them."
)

ALLOWED = (
    nodes.Const, nodes.Name, nodes.Call, nodes.Filter, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Add, nodes.Sub, nodes.Neg, nodes.Pos, nodes.Concat, nodes.List, nodes.Tuple,
)  # fmt: skip
NAMING = frozenset({"env", "var", "secret", "source", "ref", "actual"})
"""Functions whose first argument is a name, which must stand there in quotes."""
_MAX_NODES = 1000  # of the syntax of one expression


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
            raise TemplateProblem("E0201", "`bool` was given neither true nor false", "Write true or false.")


def _int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise TemplateProblem("E0201", "`int` was given no whole number", "Write digits only.") from None


_SYNTAX: dict[type[nodes.Node], str] = {
    nodes.Getattr: "an attribute",
    nodes.Getitem: "a subscript",
    nodes.Test: "a test",
    nodes.Dict: "a mapping",
    nodes.Mul: "the operator *",
    nodes.Pow: "the operator **",
    nodes.Mod: "the operator %",
    nodes.Div: "the operator /",
    nodes.FloorDiv: "the operator //",
}
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
        self._environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
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
            self._look(Parser(self._environment, expression.strip(), state="variable").parse_expression())
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
        except TypeError:
            raise TemplateProblem(
                "E0201", "a function or filter is given what it does not take", "Check its arguments."
            ) from None
        except (ValueError, ArithmeticError, RecursionError, LookupError, AttributeError):
            raise TemplateProblem("E0201", "this cannot be evaluated", _REMEDY) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise TemplateProblem("E0201", "this is no number that can be kept", _REMEDY)
        if not isinstance(value, str | int | float | Decimal | Secret | None):
            raise TemplateProblem("E0201", "this gives neither text nor a number", _REMEDY)
        return value

    def _look(self, root: nodes.Expr) -> None:
        """Refuse syntax that is not listed: what is not there cannot be reached by another spelling."""
        todo: list[nodes.Node] = [root]
        seen = 0
        while todo:
            node = todo.pop()
            seen += 1
            if seen > _MAX_NODES:
                raise SecurityError("the expression is too long")
            if not isinstance(node, ALLOWED):
                raise SecurityError(f"{_SYNTAX.get(type(node), 'such an expression')} cannot be used here")
            if (
                isinstance(node, nodes.Const)
                and isinstance(node.value, float)
                and not math.isfinite(node.value)
            ):
                raise TemplateProblem("E0201", "this is no number that can be kept", _REMEDY)
            if isinstance(node, nodes.Filter) and node.name not in self._environment.filters:
                known = ", ".join(sorted(self._environment.filters))
                raise TemplateProblem(
                    "E0201", f"there is no filter `{node.name}` here", f"There are: {known}."
                )
            if isinstance(node, nodes.Call):
                self._look_at_call(node, alone=node is root)
                todo += node.args
            else:
                todo += node.iter_child_nodes()

    def _look_at_call(self, call: nodes.Call, *, alone: bool) -> None:
        if isinstance(call.node, nodes.Name) and call.node.name not in self._functions:
            raise self._undefined(f"'{call.node.name}' is undefined")
        if not isinstance(call.node, nodes.Name) or call.dyn_args or call.dyn_kwargs or call.kwargs:
            raise SecurityError("only functions are called here, by their names and with plain arguments")
        name = call.node.name
        if name == "secret" and not alone:
            raise TemplateProblem("E0201", "a secret is given to something else", _ALONE)
        named = not call.args or (
            isinstance(call.args[0], nodes.Const) and isinstance(call.args[0].value, str)
        )
        if name in NAMING and not named:
            raise TemplateProblem("E0201", f"{name}() takes a name in quotes", f"Write {name}('name').")

    def _undefined(self, said: str) -> TemplateProblem:
        found = re.search(r"'([^']+)' is undefined", said)
        if not found:
            return TemplateProblem("E0202", said, "Use a value that exists.")
        name = found[1]
        hint = HABITS.get(name) or did_you_mean(name, [f"{known}()" for known in self._functions])
        return TemplateProblem("E0202", f"`{name}` is not known here", hint)
