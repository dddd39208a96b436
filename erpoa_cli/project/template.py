"""Jinja2 expressions in configuration scalars and SQL text: sandboxed, strict, and never over data.

Only `{{ expression }}` and `{# comment #}` are read; statements are refused, so that every line of a rendered
model is a line of its file. A text is cut into pieces first; each expression is evaluated by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from erpoa_cli.core.near import did_you_mean

MAX_OUTPUT = 1_000_000
OPENING = re.compile(r"\{[{%#]")
_PIECE = re.compile(
    r"""\{\{(?P<expression>(?:[^'"}]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\}(?!\}))*)\}\}|\{\#(?:.*?)\#\}""",
    re.DOTALL,
)


class TemplateProblem(Exception):
    """An expression that cannot be evaluated; `offset` is where it starts in the text."""

    def __init__(self, code: str, summary: str, remedy: str, offset: int = 0) -> None:
        super().__init__(summary)
        self.code, self.summary, self.remedy, self.offset = code, summary, remedy, offset


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a rendered text: where it starts there and in the template, and the expression that made it
    (empty for literal text)."""

    start: int
    source: int
    expression: str = ""


@dataclass(slots=True)
class Rendered:
    """A rendered text that knows where each of its characters comes from."""

    text: str
    template: str
    pieces: list[Piece] = field(default_factory=list)

    def piece(self, offset: int) -> Piece:
        """The piece the character at *offset* belongs to."""
        return self.pieces[max(0, bisect_right(self.pieces, offset, key=lambda p: p.start) - 1)]

    def origin(self, offset: int) -> int:
        """Where in the template the character at *offset* comes from."""
        piece = self.piece(offset)
        return piece.source if piece.expression else piece.source + offset - piece.start

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, in the template."""
        return line_column(self.template, self.origin(offset))


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of *offset* in *text*."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


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


class Templates:
    """Evaluates expressions that may call *functions* (name → function) and nothing else."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._environment = _Sandbox(undefined=StrictUndefined, autoescape=False)
        self._environment.globals = dict(functions)
        self._environment.filters = {
            "default": self._environment.filters["default"],
            "lower": self._environment.filters["lower"],
            "upper": self._environment.filters["upper"],
            "trim": self._environment.filters["trim"],
            "int": _int,
            "bool": _bool,
            "replace": _replace,
        }
        self._functions = functions

    def evaluate(self, expression: str, offset: int = 0) -> Any:
        """The value of *expression*. Raises `TemplateProblem`."""
        try:
            return self._environment.compile_expression(expression.strip(), undefined_to_none=False)()
        except TemplateProblem as problem:
            problem.offset = offset
            raise
        except TemplateSyntaxError as error:
            raise TemplateProblem(
                "E0201", f"this is not an expression: {error.message}", "Check quotes and brackets.", offset
            ) from None
        except UndefinedError as error:
            raise self._undefined(str(error), offset) from None
        except SecurityError as error:
            raise TemplateProblem(
                "E0201", str(error), "Templates only name things; compute in SQL.", offset
            ) from None
        except (TypeError, ValueError, ArithmeticError, RecursionError, LookupError, AttributeError) as error:
            raise TemplateProblem(
                "E0201",
                f"this cannot be evaluated: {error}",
                "Templates only name things; compute in SQL.",
                offset,
            ) from None

    def _undefined(self, said: str, offset: int) -> TemplateProblem:
        found = re.search(r"'([^']+)' is undefined", said)
        if not found:
            return TemplateProblem("E0202", said, "Use a value that exists.", offset)
        name = found[1]
        hint = HABITS.get(name) or did_you_mean(name, [f"{known}()" for known in self._functions])
        return TemplateProblem("E0202", f"`{name}` is not known here", hint, offset)

    def value(self, text: str) -> Any:
        """A scalar's value: of a single expression its own value, otherwise the text with expressions put in."""
        pieces = list(_cut(text))
        if len(pieces) == 1 and pieces[0][1] is not None:
            found = self.evaluate(pieces[0][1], pieces[0][0])
            if _is_undefined(found):
                raise self._undefined(_said(found), pieces[0][0])
            return found
        return self.render(text).text

    def render(self, text: str) -> Rendered:
        """*text* with its expressions put in; line breaks stay where they are. Raises `TemplateProblem`."""
        rendered = Rendered("", text)
        parts: list[str] = []
        length = 0
        for offset, expression, literal in _cut(text):
            if expression is None:
                part = literal
            else:
                value = self.evaluate(expression, offset)
                if _is_undefined(value):
                    raise self._undefined(_said(value), offset)
                part = str(value) + "\n" * expression.count("\n")
            rendered.pieces.append(Piece(length, offset, expression or ""))
            parts.append(part)
            length += len(part)
            if length > MAX_OUTPUT:
                raise TemplateProblem(
                    "E0206", "the rendered text is too large", "Shorten the template.", offset
                )
        rendered.text = "".join(parts)
        return rendered


def _is_undefined(value: Any) -> bool:
    return isinstance(value, StrictUndefined)


def _said(value: StrictUndefined) -> str:
    try:
        str(value)
    except UndefinedError as error:
        return str(error)
    raise AssertionError("StrictUndefined refuses to be text")


def _cut(text: str) -> Iterator[tuple[int, str | None, str]]:
    """(offset, expression or None, literal) of every piece; a comment is its line breaks."""
    position = 0
    while opening := OPENING.search(text, position):
        start = opening.start()
        if start > position:
            yield position, None, text[position:start]
        if opening.group() == "{%":
            raise TemplateProblem(
                "E0201",
                "statements ({% … %}) are not read",
                "Only {{ … }} is: write conditions in SQL (CASE, WHERE), differences of environments as var('name').",
                start,
            )
        found = _PIECE.match(text, start)
        if not found:
            raise TemplateProblem(
                "E0201", f"{opening.group()} is not closed", "Close it on the same level.", start
            )
        expression = found["expression"]
        if expression is None:
            yield start, None, "\n" * found.group().count("\n")
        elif expression.startswith(("-", "+")) or expression.endswith("-"):
            raise TemplateProblem(
                "E0201", "whitespace control is not read", "Write {{ without a dash.", start
            )
        else:
            yield start, expression, ""
        position = found.end()
    if position < len(text):
        yield position, None, text[position:]
