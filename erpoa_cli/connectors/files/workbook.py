"""XLSX: one sheet with a header row. A number means its 15 significant digits, as in Excel itself; everything
that a cell cannot keep exactly as a number, date or truth value is kept as text."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
from openpyxl.cell.cell import Cell
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook as Book
from openpyxl.worksheet.worksheet import Worksheet

from erpoa_cli.connectors.files import package
from erpoa_cli.connectors.files.escapes import Reader, shown, spelled
from erpoa_cli.connectors.files.layout import Layout, Sheet, batches
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import BOOLEAN, DATE, INTEGER, STRING, TIMESTAMP, Field, Kind, Type
from erpoa_cli.sdk.connector import FieldInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import meaning

_LOOK_AT = 1000  # rows looked at to describe the fields
_DIGITS = 15  # of a number in Excel ("Excel specifications and limits")
_LONGEST = 32_767  # characters of a cell (the same page)
_PADDED = 8  # bytes that a cell takes which a row has only for one behind it
_FIRST_DAY = date(1900, 3, 1)  # Excel counts a 29 February 1900; later days are the same for everybody
_BROKEN = (
    InvalidFileException,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    OSError,
    SyntaxError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)


class _Unreadable(ValueError):
    """A cell without an exact value."""


@dataclass(frozen=True, slots=True)
class _Shape:
    book: Book
    sheet: Worksheet
    columns: dict[str, int]
    rows: Sequence[int]


@dataclass(frozen=True, slots=True)
class Workbook(Layout):
    """The sheet called *sheet* (none said: the only one), whose columns are named in row *header*."""

    sheet: str = ""
    header: int = 1

    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        names, rows = self._opened(stream)
        seen: dict[str, list[Any]] = {name: [] for name in names}
        for place, (_, cells) in enumerate(rows):
            if place == _LOOK_AT:
                break
            for name, at in names.items():
                seen[name].append(cells[at - 1] if at <= len(cells) else None)
        return [_described(name, cells) for name, cells in seen.items()]

    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:  # noqa: ARG002 - all is text
        return pa.schema([(f.name, pa.utf8()) for f in fields])

    def read(self, content: bytes, fields: Sequence[Field], faults: list[str]) -> Iterator[pa.RecordBatch]:
        names, rows = self._opened(io.BytesIO(content))
        absent = [f.source for f in fields if f.source not in names]
        if absent:
            raise ContractBroken(
                f"there is no column {', '.join(map(repr, absent))}; row {self.header} has {', '.join(names)}"
            )
        places = [(names[f.source], f.type) for f in fields]

        def texts() -> Iterator[list[str | None]]:
            for number, cells in rows:
                try:
                    yield [_text(cells[at - 1], t) if at <= len(cells) else None for at, t in places]
                except _Unreadable as error:
                    faults.append(f"row {number}: {error}")

        yield from batches(self.schema(fields, content), texts(), shared=True)

    def load(self, content: bytes) -> Sheet:
        stream = io.BytesIO(content)
        package.hold(stream, self.caps)
        if lost := package.lost(stream):
            raise ContractBroken(
                f"the workbook holds {lost}, which writing would lose: keep the table in a workbook of its own"
            )
        book = self._book(stream)
        formula = next(
            (c for ws in book.worksheets for row in ws.iter_rows() for c in row if c.data_type == "f"), None
        )
        if formula is not None:
            raise ContractBroken(
                f"cell {formula.parent.title}!{formula.coordinate} has a formula, whose value writing would lose: keep the table in a workbook without formulas"
            )
        sheet = self._chosen(book)
        if sheet.merged_cells.ranges:
            raise ContractBroken(f"cells {sheet.merged_cells} are merged: a table that is written has none")
        names = self._header(sheet)
        rows = [row for row in sheet.iter_rows(min_row=self.header + 1) if not _is_blank(row)]
        columns = {name: [row[at - 1] for row in rows] for name, at in names.items()}
        for name, cells in columns.items():
            for cell in cells:
                try:
                    _text(cell, STRING)
                except _Unreadable as error:
                    raise ContractBroken(
                        f"{cell.coordinate} ({name}): {error}, so it cannot be written again"
                    ) from error
        numbers = [row[0].row for row in rows]
        return Sheet(columns, len(rows), _Shape(book, sheet, names, numbers), numbers)

    def save(self, sheet: Sheet, stream: BinaryIO) -> None:
        shape: _Shape = sheet.shape
        page = shape.sheet
        stay = set(sheet.rest)
        for gone in _runs([row for row in shape.rows if row not in stay]):
            page.delete_rows(gone.start, len(gone))
        place = _after(shape.rows, stay)
        last = max(page.max_row, self.header)
        for at, row in enumerate(sheet.rest):
            last += row is None
            below = last if row is None else place[row]
            for name, column in shape.columns.items():
                kept = sheet.columns[name][at]
                if not isinstance(kept, Cell):
                    _set(page.cell(below, column), kept)
        for table in page.tables.values():
            start, _, end = table.ref.partition(":")
            table.ref = f"{start}:{end.rstrip('0123456789')}{max(last, self.header + 1)}"
        shape.book.save(stream)

    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:  # noqa: ARG002 - cells have no column type
        match value:
            case None | bool():
                return value
            case int() | Decimal() if _digits(Decimal(value)) <= _DIGITS:
                return value
            case datetime() if (
                type_.kind is Kind.TIMESTAMP and value.microsecond % 1000 == 0 and value.date() >= _FIRST_DAY
            ):
                return value
            case date() if type_.kind is Kind.DATE and value >= _FIRST_DAY:
                return value
        text = canonical(value, type_)
        assert text is not None
        if (length := len(spelled(text))) > _LONGEST:
            raise ValueError(f"a cell keeps at most {_LONGEST} characters, this text has {length}")
        return text

    def means(self, kept: Any, type_: Type) -> Any:
        return meaning(_text(kept, type_), type_) if isinstance(kept, Cell) else kept

    # -- the file --

    def _opened(self, stream: BinaryIO) -> tuple[dict[str, int], Iterator[tuple[int, Sequence[Any]]]]:
        """The columns by name, and the rows below the header that hold something, with their numbers."""
        package.hold(stream, self.caps)
        sheet = self._chosen(self._book(stream, read_only=True, data_only=True))
        names = self._header(sheet)
        # A formula that was never computed looks like an empty cell; only the formulas themselves tell.
        computed = package.has_formulas(stream)
        formulas = self._chosen(self._book(stream, read_only=True)) if computed else None
        return names, self._rows(sheet, formulas, stream.seek(0, os.SEEK_END))

    def _rows(self, sheet: Any, formulas: Any, size: int) -> Iterator[tuple[int, Sequence[Any]]]:
        first = self.header + 1
        padded = 0  # a row has all cells up to its last
        beside = formulas.iter_rows(min_row=first) if formulas is not None else iter(())
        for number, row in enumerate(_whole(sheet.iter_rows(min_row=first)), first):
            padded += len(row)
            self.caps.unpacked(_PADDED * padded, size, "the sheet")
            written = next(beside, ())
            cells = [
                _NotComputed(cell) if of is not None and of.data_type == "f" and cell.value is None else cell
                for cell, of in zip(row, (*written, *[None] * (len(row) - len(written))), strict=False)
            ]
            if not _is_blank(cells):
                yield number, cells

    def _book(self, stream: BinaryIO, **how: bool) -> Book:
        try:
            reader = Reader(stream, keep_vba=False, **how)
            reader.fonts = not how and package.has_fonts(stream)
            reader.read()
        except _BROKEN as error:
            raise ContractBroken(f"not a whole XLSX workbook: {error}") from error
        book: Book = reader.wb
        return book

    def _chosen(self, book: Book) -> Any:
        pages = {shown(page.title): page for page in book.worksheets}
        if self.sheet and self.sheet not in pages:
            raise ContractBroken(f"there is no sheet {self.sheet!r}; there are {', '.join(pages)}")
        if not self.sheet and len(book.worksheets) != 1:
            raise ContractBroken(f"say which sheet: {', '.join(pages)}")
        chosen: Any = pages[self.sheet] if self.sheet else book.worksheets[0]
        if book.read_only:
            chosen.reset_dimensions()  # some programs write a wrong one
        return chosen

    def _header(self, sheet: Any) -> dict[str, int]:
        row = next(sheet.iter_rows(min_row=self.header, max_row=self.header), ())
        names: dict[str, int] = {}
        for place, cell in enumerate(row, 1):
            if cell.value is None:
                continue
            name = _text(cell, STRING) or ""
            if name in names:
                raise ContractBroken(f"row {self.header}: column {name!r} occurs twice")
            names[name] = place
        if not names:
            raise ContractBroken(f"row {self.header} names no columns")
        return names


def _runs(rows: Sequence[int]) -> list[range]:
    """Neighbouring *rows* (ascending) together, the last first: deleting them moves none of the others."""
    runs: list[range] = []
    for row in rows:
        if runs and runs[-1].stop == row:
            runs[-1] = range(runs[-1].start, row + 1)
        else:
            runs.append(range(row, row + 1))
    return runs[::-1]


def _after(rows: Sequence[int], stay: AbstractSet[int]) -> dict[int, int]:
    """Where the rows that *stay* are once the others are gone."""
    gone = 0
    place: dict[int, int] = {}
    for row in rows:
        if row in stay:
            place[row] = row - gone
        else:
            gone += 1
    return place


@dataclass(frozen=True, slots=True)
class _NotComputed:
    """A formula whose value nobody has computed."""

    cell: Any
    data_type: str = "f"
    value: str = "a formula without a value"

    @property
    def coordinate(self) -> str:
        return str(self.cell.coordinate)


def _whole(rows: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from rows
    except _BROKEN as error:
        raise ContractBroken(f"the workbook is damaged: {error}") from error


def _is_blank(row: Sequence[Any]) -> bool:
    return all(cell.value is None and cell.data_type == "n" for cell in row)


def _text(cell: Any, type_: Type) -> str | None:
    value = cell.value
    match cell.data_type:
        case "e":
            raise _Unreadable(f"{cell.coordinate} is {value}")
        case "f":
            raise _Unreadable(
                f"{cell.coordinate} is a formula without a value: open the workbook once and save it"
            )
        case "s" | "inlineStr" if value is None:
            return ""  # a cell of text without any
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number(cell, value)
        case datetime() if type_.kind is Kind.DATE and value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case _:
            try:
                return shown(str(value))
            except ValueError:
                raise _Unreadable(f"{cell.coordinate} has characters that are none") from None


def _number(cell: Any, value: float) -> str:
    exact = Decimal(value)
    if isinstance(value, int) and _digits(exact) > _DIGITS:
        raise _Unreadable(f"{cell.coordinate} is a number of more than {_DIGITS} digits: keep it as text")
    return f"{Decimal(f'{value:.{_DIGITS}g}'):f}"


def _digits(value: Decimal) -> int:
    """Significant digits (`normalize` would round to the context's 28)."""
    return len("".join(map(str, value.as_tuple().digits)).strip("0"))


def _set(cell: Any, value: Any) -> None:
    cell.value = spelled(value) if isinstance(value, str) else value
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with
        cell.number_format = "@"
    elif isinstance(value, bool | int | Decimal) and cell.is_date:
        cell.number_format = "General"


_KINDS = {bool: BOOLEAN, str: STRING, date: DATE, datetime: TIMESTAMP}


def _described(name: str, cells: Sequence[Any]) -> FieldInfo:
    values = [cell.value for cell in cells if cell is not None and cell.value is not None]
    kinds = {type(value) for value in values} or {str}
    native = " or ".join(sorted({_WORDS.get(kind, kind.__name__) for kind in kinds}))
    sample = next((str(value) for value in values), "")
    type_ = None
    if kinds == {datetime}:
        type_ = DATE if all(value.time() == time() for value in values) else TIMESTAMP
    elif kinds == {int} and all(_digits(Decimal(value)) <= _DIGITS for value in values):
        type_ = INTEGER
    elif len(kinds) == 1:
        type_ = _KINDS.get(kinds.pop())
    refused = (
        "" if type_ else f"holds {native}: declare the type its values have, e.g. decimal(15,2) or string"
    )
    return FieldInfo(name=name, type=type_, native=native, refused=refused, sample=sample, untyped=True)


_WORDS = {
    str: "text",
    int: "numbers",
    float: "numbers",
    bool: "truth values",
    datetime: "dates",
    time: "times",
}
