"""Jinja2 expressions in configuration scalars and SQL text: sandboxed, strict, and never over data.

Only `{{ expression }}` and `{# comment #}` are read; statements are refused, so that every line of a rendered
model is a line of its file. A text is cut into pieces first; each expression is evaluated by itself. Calls like
`ref('x')`, which nearly all are, need no Jinja2 for it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.core.secret import Secret
from erpoa_cli.project.template_problem import MAX_OUTPUT, TemplateProblem

OPENING = re.compile(r"\{[{%#]")
_PIECE = re.compile(
    r"""\{\{(?P<expression>(?:[^'"}]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\}(?!\}))*)\}\}|\{\#(?:.*?)\#\}""",
    re.DOTALL,
)


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

    def made(self, offset: int) -> str:
        """What the expression gave that the character at *offset* belongs to; empty in literal text."""
        number = max(0, bisect_right(self.pieces, offset, key=lambda p: p.start) - 1)
        here, following = self.pieces[number], self.pieces[number + 1 : number + 2]
        end = following[0].start if following else len(self.text)
        return self.text[here.start : end].rstrip("\n") if here.expression else ""

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


_TEXT = r"""'[^'\\]*'|"[^"\\]*\""""
_TEXTS = re.compile(_TEXT)
_CALL = re.compile(rf"\s*(?P<function>[a-z_]+)\(\s*(?P<texts>(?:{_TEXT})(?:\s*,\s*(?:{_TEXT}))*)?\s*\)\s*")


class Templates:
    """Evaluates expressions that may call *functions* (name → function) and nothing else."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._functions = functions
        self._sandbox: Any = None

    def evaluate(self, expression: str, offset: int = 0) -> Any:
        """The value of *expression*, which stands at *offset*. Raises `TemplateProblem`."""
        try:
            call = _CALL.fullmatch(expression)
            if call and call["function"] in self._functions:
                texts = [text[1:-1] for text in _TEXTS.findall(call["texts"] or "")]
                try:
                    return self._functions[call["function"]](*texts)
                except TypeError:
                    pass  # another number of arguments than it takes: the sandbox tells it
            if self._sandbox is None:
                from erpoa_cli.project.sandbox import Sandbox  # noqa: PLC0415 - Jinja2 costs 0.15 s

                self._sandbox = Sandbox(self._functions)
            return self._sandbox.evaluate(expression)
        except TemplateProblem as problem:
            problem.offset = offset
            raise

    def value(self, text: str) -> Any:
        """A scalar's value: of a single expression its own value, otherwise the text with expressions put in; a secret as
        a whole where a secret was put in, whose text nothing else is given."""
        pieces = list(_cut(text))
        if len(pieces) == 1 and pieces[0][1] is not None:
            return self.evaluate(pieces[0][1], pieces[0][0])
        secrets: list[Secret] = []
        parts: list[str] = []
        for offset, expression, literal in pieces:
            value = literal if expression is None else self.evaluate(expression, offset)
            if isinstance(value, Secret):
                secrets.append(value)
                value = value.reveal()
            parts += [str(value), "\n" * (expression or "").count("\n")]
        whole = "".join(parts)
        if len(whole) > MAX_OUTPUT:
            raise TemplateProblem("E0206", "the rendered text is too large", "Shorten the template.", 0)
        return Secret(whole, secrets[0].name) if secrets else whole

    def render(self, text: str) -> Rendered:
        """*text* with its expressions put in; line breaks stay where they are. Raises `TemplateProblem`."""
        rendered = Rendered("", text)
        parts: list[str] = []
        length = 0
        for offset, expression, literal in _cut(text):
            if expression is None:
                part = literal
            else:
                part = str(self.evaluate(expression, offset)) + "\n" * expression.count("\n")
            rendered.pieces.append(Piece(length, offset, expression or ""))
            parts.append(part)
            length += len(part)
            if length > MAX_OUTPUT:
                raise TemplateProblem(
                    "E0206", "the rendered text is too large", "Shorten the template.", offset
                )
        rendered.text = "".join(parts)
        return rendered


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
