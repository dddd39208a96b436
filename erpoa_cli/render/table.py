"""Tables and closing words of an answer, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from erpoa_cli.core.report import Answer, Table
from erpoa_cli.render import clean
from erpoa_cli.render.layout import Line, Piece, chunks, line, pad, right, width
from erpoa_cli.render.value import plain

_GAP = 2
_NARROWEST = 24  # cells under which the last column is not squeezed


def answer(given: Answer, cells: int = 100) -> Iterator[Line]:
    """The tables of *given*, then its closing words; a ready-made text as it is."""
    for index, table in enumerate(given.tables):
        if index:
            yield ()
        yield from lines(table, cells)
    if given.text:
        yield from (line(text) for text in given.text.rstrip("\n").split("\n"))
    if given.tables and given.lines:
        yield ()
    for words in given.lines:
        for index, part in enumerate(chunks(clean.terminal(words), max(cells - 2, 20))):
            yield line(("  " if index else "") + part)


def cell(value: Any) -> str:
    """A table cell: strings without quotes, NULL told apart from an empty one by its word."""
    return "NULL" if value is None else clean.terminal(plain(value))


def lines(table: Table, cells: int) -> Iterator[Line]:
    """Columns side by side where they fit, the last one wrapped if need be, else one record below the other."""
    if table.title:
        yield line(Piece(clean.terminal(table.title), "title"))
    if not table.rows:
        yield line(Piece("  (none)", "note"))
        return
    body = [[cell(value) for value in row] for row in table.rows]
    sizes = [max(width(text) for text in column) for column in zip(table.columns, *body, strict=True)]
    left = sum(sizes[:-1]) + _GAP * len(sizes)
    if left + min(sizes[-1], _NARROWEST) > cells:
        yield from _records(table, body, cells)
        return
    sizes[-1] = min(sizes[-1], cells - left)
    numeric = [
        all(isinstance(v, int | Decimal) and not isinstance(v, bool) for v in c)
        for c in zip(*table.rows, strict=True)
    ]
    yield from _columns([list(table.columns)], sizes, numeric, "note")
    yield from _columns(body, sizes, numeric, "")


def _columns(
    body: Sequence[Sequence[str]], sizes: Sequence[int], numeric: Sequence[bool], style: str
) -> Iterator[Line]:
    for row in body:
        first = [right(t, s) if n else pad(t, s) for t, s, n in zip(row[:-1], sizes, numeric, strict=False)]
        start = "  " + "".join(text + " " * _GAP for text in first)
        for index, part in enumerate(chunks(row[-1], max(sizes[-1], 1))):
            text = right(part, sizes[-1]) if numeric[-1] else part
            yield line(Piece((start if not index else " " * width(start)) + text, style))


def _records(table: Table, body: Sequence[Sequence[str]], cells: int) -> Iterator[Line]:
    names = max(width(name) for name in table.columns)
    for index, row in enumerate(body):
        if index:
            yield ()
        for name, text in zip(table.columns, row, strict=True):
            start = f"  {pad(name, names)}  "
            for number, part in enumerate(chunks(text, max(cells - width(start), 12))):
                yield line(Piece(start if not number else " " * width(start), "note"), Piece(part))
