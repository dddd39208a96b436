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
_NARROWEST = 16  # cells under which a column is not squeezed


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
    """Columns side by side, wide ones wrapped where they do not fit; where even that is too wide, one record
    below the other."""
    if table.title:
        yield line(Piece(clean.terminal(table.title), "title"))
    if not table.rows:
        yield line(Piece("  (none)", "note"))
        return
    names = [clean.terminal(name) for name in table.columns]
    body = [[cell(value) for value in row] for row in table.rows]
    natural = [max(width(text) for text in column) for column in zip(names, *body, strict=True)]
    sizes = _squeezed(natural, cells - _GAP * len(natural))
    if sizes is None:
        yield from _records(names, body, cells)
        return
    numeric = [_is_number(column) for column in zip(*table.rows, strict=True)]
    yield from _columns([names], sizes, numeric, "note")
    yield from _columns(body, sizes, numeric, "")


def _is_number(column: Sequence[Any]) -> bool:
    return all(isinstance(v, int | Decimal) and not isinstance(v, bool) for v in column if v is not None)


def _squeezed(natural: Sequence[int], room: int) -> list[int] | None:
    """Column widths that fit into *room*: the widest give first; None when they would become unreadable."""
    sizes = list(natural)
    while (over := sum(sizes) - room) > 0:
        widest = max(sizes)
        if widest <= _NARROWEST:
            return None
        second = max((size for size in sizes if size < widest), default=0)
        several = [index for index, size in enumerate(sizes) if size == widest]
        lower = max(second, _NARROWEST, widest - -(-over // len(several)))
        for index in several:
            sizes[index] = lower
    return sizes


def _columns(
    body: Sequence[Sequence[str]], sizes: Sequence[int], numeric: Sequence[bool], style: str
) -> Iterator[Line]:
    for row in body:
        parts = [list(chunks(text, max(size, 1))) for text, size in zip(row, sizes, strict=True)]
        for index in range(max(len(part) for part in parts)):
            texts = [part[index] if index < len(part) else "" for part in parts]
            cells = [right(t, s) if n else pad(t, s) for t, s, n in zip(texts, sizes, numeric, strict=True)]
            yield line(Piece("  " + (" " * _GAP).join(cells), style))


def _records(names: Sequence[str], body: Sequence[Sequence[str]], cells: int) -> Iterator[Line]:
    widest = max(width(name) for name in names)
    for index, row in enumerate(body):
        if index:
            yield ()
        for name, text in zip(names, row, strict=True):
            start = f"  {pad(name, widest)}  "
            for number, part in enumerate(chunks(text, max(cells - width(start), 12))):
                yield line(Piece(start if not number else " " * width(start), "note"), Piece(part))
