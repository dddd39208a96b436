"""CSV (RFC 4180) in UTF-8 or GB18030. NULL is the unquoted null text (by default nothing), `""` is the empty string."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from erpoa_cli.connectors.files.layout import Layout, Sheet
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import STRING, Field, Type
from erpoa_cli.sdk.connector import FieldInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import meaning


@dataclass(frozen=True, slots=True)
class _Shape:
    bom: bool
    newline: str


@dataclass(frozen=True, slots=True)
class Delimited(Layout):
    """A CSV dialect; the quote is always `"`."""

    encoding: str = "utf-8"
    delimiter: str = ","
    null: str = ""

    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        text = self._decoded(self.head(stream))
        names = self._header(text)
        first = [row for _, row in itertools.islice(self._records(text), 1, 6)]
        return [
            FieldInfo(
                name=name,
                type=STRING,
                native="text",
                sample=next((r[at] for r in first if r[at:] and r[at]), ""),
            )
            for at, name in enumerate(names)
        ]

    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:  # noqa: ARG002 - all is text
        return pa.schema([(f.name, pa.utf8()) for f in fields])

    def read(self, content: bytes, fields: Sequence[Field], faults: list[str]) -> Iterator[pa.RecordBatch]:
        text = self._text(content)
        names = self._header(text)
        absent = [f.source for f in fields if f.source not in names]
        if absent:
            raise ContractBroken(
                f"there is no column {', '.join(map(repr, absent))}; the header has {', '.join(names)}"
            )
        table = self._table(text, names, faults)
        yield from (
            table.select([f.source for f in fields]).rename_columns([f.name for f in fields]).to_batches()
        )

    def load(self, content: bytes) -> Sheet:
        text = self._text(content)
        names = self._header(text)
        faults: list[str] = []
        table = self._table(text, names, faults)
        if faults:
            raise ContractBroken(f"the file has malformed rows, so it cannot be written again: {faults[0]}")
        first = re.search("\r\n|\n|\r", text)
        shape = _Shape(content.startswith(codecs.BOM_UTF8), first[0] if first else "\n")
        return Sheet({name: table[name].to_pylist() for name in names}, table.num_rows, shape)

    def save(self, sheet: Sheet, stream: BinaryIO) -> None:
        shape: _Shape = sheet.shape
        if shape.bom:
            stream.write(codecs.BOM_UTF8)
        header = self._joined([pa.array([name]) for name in sheet.columns], shape.newline)
        rows = self._joined([pa.array(values, pa.utf8()) for values in sheet.columns.values()], shape.newline)
        stream.writelines(text.encode(self.encoding) for text in (*header.to_pylist(), *rows.to_pylist()))

    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:  # noqa: ARG002 - all is text
        return canonical(value, type_)

    def means(self, kept: Any, type_: Type) -> Any:
        return meaning(kept, type_)

    def _text(self, content: bytes) -> str:
        """The decoded content; refuses an unclosed quote, with the line."""
        text = self._decoded(content)
        if text.count('"') % 2:
            for _ in self._records(text):
                pass
            raise ContractBroken("a quotation mark is left over")
        return text

    def _decoded(self, content: bytes) -> str:
        """*content* as text without BOM; refuses bytes of another encoding, with the line."""
        body = content.removeprefix(codecs.BOM_UTF8) if self.encoding == "utf-8" else content
        try:
            text = body.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = body.count(b"\n", 0, error.start) + 1
            raise ContractBroken(f"line {line}: bytes that are not {self.encoding}") from error
        if not text.strip("\r\n"):
            raise ContractBroken("the file is empty: a CSV file begins with the names of its columns")
        return text

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Every row, with the line at which it begins."""
        csv.field_size_limit(2**31 - 1)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True)
        start = 1
        try:
            for row in reader:
                yield start, row
                start = reader.line_num + 1
        except csv.Error as error:
            how = (
                "before the end of the file"
                if "end of data" in str(error)
                else f"or has text behind it: {error}"
            )
            raise ContractBroken(f"line {start}: a quote is opened and not closed {how}") from error

    def _header(self, text: str) -> list[str]:
        _, names = next(self._records(text), (1, []))
        self.caps.hold("columns", len(names), "line 1")
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice or "" in names:
            raise ContractBroken(
                f"line 1: {'a column has no name' if '' in names else f'column {twice[0]!r} occurs twice'}"
            )
        return names

    def _table(self, text: str, names: Sequence[str], faults: list[str]) -> pa.Table:
        wrong: list[int] = []
        if not text.endswith(("\n", "\r")):
            text = self._without_last(text, faults)

        def skip(row: Any) -> str:
            wrong.append(row.number)
            return "skip"

        try:
            table = self._converted(text, names, skip)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):  # a row that is larger than a block
                raise
            raise self.caps.beyond("record", f"line {self._longest(text)}") from error
        if wrong:
            self._tell(text, len(names), faults)
        return table

    def _converted(self, text: str, names: Sequence[str], skip: Callable[[Any], str]) -> pa.Table:
        return arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=self.caps.record),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,  # of one column, an empty line is a row: NULL
                invalid_row_handler=skip,
            ),
            convert_options=arrow_csv.ConvertOptions(
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[self.null],
                column_types=dict.fromkeys(names, pa.utf8()),
            ),
        )

    def _longest(self, text: str) -> int:
        """The line at which the longest row begins."""
        return max((sum(map(len, row)), line) for line, row in self._records(text))[1]

    def _without_last(self, text: str, faults: list[str]) -> str:
        """*text* without its last row, which has no line end: nobody can tell whether it is whole."""
        last = max((line for line, _ in self._records(text)), default=1)
        if last == 1:
            return text + "\n"  # a header alone
        faults.append(
            f"line {last} does not end with a line break: the file may be cut off, the row is left out"
        )
        return "".join(text.splitlines(keepends=True)[: last - 1])

    def _tell(self, text: str, width: int, faults: list[str]) -> None:
        """Name the lines of rows with another number of fields; the last row of the file being short means that
        the file was cut off."""
        short_at = 0
        for start, row in self._records(text):
            if row and len(row) != width:
                faults.append(f"line {start}: {len(row)} fields instead of {width}")
                short_at = start if len(row) < width else 0
            elif row:
                short_at = 0
        if short_at:
            raise ContractBroken(f"line {short_at}: the file ends within a row")

    def _joined(self, columns: Sequence[pa.Array], newline: str) -> pa.Array:
        """The lines of a file, quoted where needed: the empty string always, so that it is not NULL."""
        special = f'[{re.escape(self.delimiter)}"\r\n]|^$|^\\s|\\s$'
        cells = []
        for column in columns:
            quoted = pc.binary_join_element_wise('"', pc.replace_substring(column, '"', '""'), '"', "")
            needed = pc.match_substring_regex(column, special)
            if self.null:
                needed = pc.or_(needed, pc.equal(column, self.null))
            cells.append(pc.fill_null(pc.if_else(needed, quoted, column), self.null))
        line = pc.binary_join_element_wise(*cells, self.delimiter)
        return pc.binary_join_element_wise(line, newline, "")
