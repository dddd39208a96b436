"""Parquet: typed columns, delivered exactly or as text."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from erpoa_cli.connectors.files.layout import Layout, Sheet
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
    Field,
    Kind,
    Type,
    decimal,
)
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import meaning

_FLOAT_DIGITS = 15
_FILE = "the file, unpacked,"
_ROWS = 1 << 16  # per record batch
_WIDTHS = {"INT64": 8, "DOUBLE": 8, "INT96": 12}  # bytes of a value; all others take four, or are counted


def declared(type_: pa.DataType) -> Type | None:
    """The type that holds every value of an Arrow type; None when there is none."""
    if pa.types.is_dictionary(type_):
        return declared(type_.value_type)
    if pa.types.is_uint64(type_):
        return decimal(20, 0)
    if pa.types.is_timestamp(type_):
        return None if type_.unit == "ns" else TIMESTAMPTZ if type_.tz else TIMESTAMP
    if pa.types.is_time(type_):
        return None if type_.unit == "ns" else Type(Kind.TIME)
    if pa.types.is_decimal(type_):
        return decimal(type_.precision, type_.scale) if 0 <= type_.scale <= type_.precision <= 38 else None
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        item = declared(type_.value_type)
        return None if item is None else Type(Kind.LIST, item=item)
    if pa.types.is_struct(type_):
        members = [(f.name, declared(f.type)) for f in type_]
        known = tuple((name, member) for name, member in members if member is not None)
        return Type(Kind.STRUCT, members=known) if len(known) == len(members) else None
    for test, found in _SIMPLE:
        if test(type_):
            return found
    return None


_SIMPLE = (
    (pa.types.is_boolean, BOOLEAN),
    (pa.types.is_integer, INTEGER),
    (pa.types.is_date32, DATE),
    (pa.types.is_string, STRING),
    (pa.types.is_large_string, STRING),
    (pa.types.is_binary, Type(Kind.BYTES)),
    (pa.types.is_large_binary, Type(Kind.BYTES)),
)


def _delivered(native: pa.DataType, type_: Type) -> pa.DataType:
    if declared(native) == type_ or (type_.kind is Kind.JSON and declared(native) == STRING):
        return arrow_type(type_)
    return pa.utf8()


@dataclass(frozen=True, slots=True)
class Parquet(Layout):
    """Apache Parquet."""

    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        schema = self._file(stream).schema_arrow
        first = pa.Table.from_batches(itertools.islice(self._batches(stream, rows=5), 1), schema)
        return [_described(field, first[field.name]) for field in first.schema]

    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:
        schema = self._file(io.BytesIO(content)).schema_arrow
        absent = [f.source for f in fields if f.source not in schema.names]
        if absent:
            raise ContractBroken(
                f"there is no column {', '.join(map(repr, absent))}; there are {', '.join(schema.names)}"
            )
        return pa.schema([(f.name, _delivered(schema.field(f.source).type, f.type)) for f in fields])

    def read(
        self,
        content: bytes,
        fields: Sequence[Field],
        faults: list[str],  # noqa: ARG002 - rows of a Parquet file are all there or none is
    ) -> Iterator[pa.RecordBatch]:
        schema = self.schema(fields, content)
        try:
            for batch in self._batches(io.BytesIO(content), list(dict.fromkeys(f.source for f in fields))):
                columns = [_cast(batch[f.source], schema.field(f.name).type) for f in fields]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except (pa.ArrowException, OSError) as error:
            raise ContractBroken(f"the file is damaged: {error}") from error

    def load(self, content: bytes) -> Sheet:
        table = self._table(content)
        # what Python cannot hold exactly (nanoseconds) stays Arrow's and is written again as it was
        columns = {
            f.name: list(table[f.name].combine_chunks())
            if declared(f.type) is None
            else table[f.name].to_pylist()
            for f in table.schema
        }
        return Sheet(columns, table.num_rows, table.schema)

    def save(self, sheet: Sheet, stream: BinaryIO) -> None:
        schema: pa.Schema = sheet.shape
        columns = [pa.array(sheet.columns[f.name], f.type) for f in schema]
        parquet.write_table(pa.Table.from_arrays(columns, schema=schema), stream)

    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:
        native = sheet.shape.field(column).type
        if pa.types.is_floating(native) and type_.kind in NUMBERS:
            return _float(value, native, type_)
        if declared(native) is None:
            raise ValueError(f"a column of type {native} cannot be written")
        if value is None or declared(native) == type_:
            return value
        if declared(native) == STRING:
            return canonical(value, type_)
        try:
            kept = pa.array([value], arrow_type(type_)).cast(native)
            back = kept.cast(arrow_type(type_))
        except pa.ArrowException as error:
            raise ValueError(f"a column of type {native} cannot keep it: {error}") from error
        if back[0].as_py() != value:
            raise ValueError(f"a column of type {native} would change the value")
        return kept[0].as_py()

    def means(self, kept: Any, type_: Type) -> Any:
        if isinstance(kept, str):
            return meaning(kept, type_)
        if isinstance(kept, pa.Scalar) and pa.types.is_floating(kept.type):
            return meaning(_float_texts(pa.array([kept], kept.type))[0].as_py(), type_)
        return meaning(canonical(kept, type_), type_) if isinstance(kept, list | dict) else kept

    def _file(self, stream: BinaryIO) -> parquet.ParquetFile:
        try:
            file = parquet.ParquetFile(stream)
        except (pa.ArrowException, OSError) as error:
            raise ContractBroken(f"not a whole Parquet file: {error}") from error
        told = file.metadata
        self.caps.hold("columns", told.num_columns, _FILE)
        self.caps.hold("depth", max(map(_depth, file.schema_arrow.types), default=0), _FILE)
        groups = map(told.row_group, range(told.num_row_groups))
        chunks = [group.column(at) for group in groups for at in range(told.num_columns)]
        unpacked = sum(
            max(chunk.total_uncompressed_size, chunk.num_values * _WIDTHS.get(chunk.physical_type, 4))
            for chunk in chunks
        )
        self.caps.unpacked(unpacked, stream.seek(0, os.SEEK_END), _FILE)
        return file

    def _batches(
        self, stream: BinaryIO, names: Sequence[str] | None = None, rows: int = _ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The columns *names*, at most *rows* at once. Texts that a dictionary holds once may be there any number of
        times: no batch of them gets larger than a file may be, and what lists hold is measured before it is unpacked."""
        file = self._file(stream)
        plain, size = file.schema_arrow, stream.seek(0, os.SEEK_END)
        leaves = [file.schema.column(at) for at in range(len(file.schema))]
        inside = [leaf.path for leaf in leaves if leaf.max_repetition_level]
        fit = self.caps.bytes // max(1, _longest(stream, leaves, names))
        taken = 0
        for batch in parquet.ParquetFile(stream, read_dictionary=inside).iter_batches(
            max(1, min(rows, fit)), columns=names
        ):
            taken += sum(map(_size, batch.columns))
            self.caps.unpacked(taken, size, _FILE)
            columns = {name: batch[name].cast(plain.field(name).type) for name in batch.schema.names}
            yield pa.RecordBatch.from_pydict(columns)

    def _table(self, content: bytes) -> pa.Table:
        stream = io.BytesIO(content)
        try:
            return pa.Table.from_batches(self._batches(stream), self._file(stream).schema_arrow)
        except (pa.ArrowException, OSError) as error:
            raise ContractBroken(f"the file is damaged: {error}") from error


def _depth(type_: pa.DataType) -> int:
    return 1 + max((_depth(type_.field(at).type) for at in range(type_.num_fields)), default=0)


def _longest(stream: BinaryIO, leaves: Sequence[Any], names: Sequence[str] | None) -> int:
    """Bytes that the texts of one row take at most, as far as dictionaries hold them."""
    packed = parquet.ParquetFile(stream, read_dictionary=[leaf.path for leaf in leaves])
    longest: dict[str, int] = {}
    for group in range(packed.num_row_groups):
        for batch in packed.iter_batches(1, row_groups=[group], columns=names):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if pa.types.is_dictionary(column.type):
                    found = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
                    longest[name] = max(found, longest.get(name, 0))
            break  # the first row comes with the whole dictionary
    return sum(longest.values())


def _size(column: pa.Array) -> int:
    """Bytes that *column* takes where every text stands for itself."""
    if pa.types.is_dictionary(column.type):
        return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
    if column.type.num_fields:
        return sum(map(_size, column.flatten() if pa.types.is_struct(column.type) else [column.flatten()]))
    return int(column.nbytes)


def _cast(column: pa.Array, to: pa.DataType) -> pa.Array:
    if column.type == to:
        return column
    if pa.types.is_floating(column.type) and pa.types.is_string(to):
        return _float_texts(column)
    return column.cast(to)


def _float_texts(column: pa.Array) -> pa.Array:
    """Floats by their shortest digits; those that 15 digits do not say become words that no type parses."""
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    texts = pc.replace_substring_regex(column.cast(pa.utf8()), r"\.0$", "")
    digits = pc.utf8_length(pc.replace_substring_regex(texts, r"^-?0*\.?0*|\.|e.*$", ""))
    if pc.any(pc.match_substring(texts, "e")).as_py():
        texts = pa.array([None if v is None else _plain(v) for v in texts.to_pylist()], pa.utf8())
    words = pc.binary_join_element_wise(texts, "(a floating-point number, not an exact decimal)", " ")
    return pc.if_else(pc.greater(digits, _FLOAT_DIGITS), words, texts)


def _plain(text: str) -> str:
    """The digits of a float without exponent."""
    return f"{Decimal(text):f}" if "e" in text else text


def _float(value: Any, native: pa.DataType, type_: Type) -> pa.Scalar:
    """*value* as a float that is read as the same value again."""
    kept = pa.scalar(None if value is None else float(value), native)
    if value is not None and meaning(_float_texts(pa.array([kept], native))[0].as_py(), type_) != value:
        raise ValueError(f"a column of type {native} would change the value")
    return kept


def _described(field: pa.Field, column: pa.ChunkedArray) -> FieldInfo:
    type_ = declared(field.type)
    refused = ""
    if pa.types.is_floating(field.type):
        refused = f"is a floating-point number: declare {decimal(_FLOAT_DIGITS, 6)}; values that need more than {_FLOAT_DIGITS} digits are held"
    elif type_ is None:
        refused = f"type {field.type} has no exact equal here: declare string"
    return FieldInfo(
        name=field.name,
        type=type_,
        native=str(field.type),
        nullable=field.nullable,
        refused=refused,
        sample=_sample(column),
        takes=NUMBERS if pa.types.is_floating(field.type) else frozenset(),
    )


def _sample(column: pa.ChunkedArray) -> str:
    try:
        texts = column.cast(pa.utf8()).to_pylist()
    except pa.ArrowException:  # nested values and bytes have no text
        return ""
    return next((text for text in texts if text), "")
