"""Diagnostics for a person: code, place, snippet with a caret, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.render import clean
from erpoa_cli.render.layout import Line, Piece, line, width, wrapped

_LONGEST, _BEFORE = 160, 100  # characters of a line that is shown, and of them before the place
_STYLES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def lines(diagnostics: Sequence[Diagnostic], cells: int = 100) -> Iterator[Line]:
    """All *diagnostics*, in the order given, and how many there are when there are several."""
    for diagnostic in diagnostics:
        yield from _one(diagnostic, max(cells, 40))
    if len(diagnostics) > 1:
        yield line(Piece(counted(diagnostics), "title"))


def counted(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    numbers = [(s, sum(1 for d in diagnostics if d.severity is s)) for s in Severity]
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    return ", ".join(f"{n} {words[s]}{'s' if n > 1 else ''}" for s, n in numbers if n)


def _one(diagnostic: Diagnostic, cells: int) -> Iterator[Line]:
    style = _STYLES[diagnostic.severity]
    word = "note" if diagnostic.severity is Severity.INFO else diagnostic.severity.value
    start = [Piece(f"{word} {diagnostic.code}", style), Piece(": ")]
    yield from wrapped([*start, Piece(clean.terminal(diagnostic.summary), "title")], cells, 4)
    if diagnostic.at:
        yield line(Piece(f"  --> {clean.terminal(str(diagnostic.at))}", "note"))
    if diagnostic.snippet:
        yield from _snippet(diagnostic)
    for text in diagnostic.detail.splitlines():
        yield from wrapped([Piece("  "), Piece(clean.terminal(text))], cells, 2)
    if diagnostic.remedy:
        yield from wrapped([Piece("  → ", "note"), Piece(clean.terminal(diagnostic.remedy))], cells, 4)
    yield ()


def _snippet(diagnostic: Diagnostic) -> Iterator[Line]:
    """The offending line with its number and a caret under the column; a snippet of several lines as it is."""
    at = diagnostic.at
    texts = diagnostic.snippet.rstrip("\n").split("\n")
    if len(texts) > 1 or at is None or not at.line:
        yield from (line(Piece("    "), clean.terminal(text)) for text in texts)
        return
    number = f"{at.line:>5} | "
    start = max(0, at.column - _BEFORE) if len(texts[0]) > _LONGEST else 0
    yield line(Piece(number, "note"), clean.terminal(texts[0][start : start + _LONGEST]))
    if at.column:
        before = width(
            clean.terminal(texts[0][start : at.column - 1])
        )  # as it is shown: escapes and wide characters too
        yield line(Piece(" " * (len(number) - 2) + "| ", "note"), " " * before, Piece("^", "error"))
