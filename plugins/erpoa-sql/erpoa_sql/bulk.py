"""Bulk reading through Arrow, where the driver has it: SQL Server by mssql-python, Oracle by python-oracledb.

Values become the same texts as those read row by row. A query with a column for which that is not sure is left to the
reading row by row: floats, times with a zone, types of Arrow that nobody expects.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select
from sqlalchemy import types as sa

_ROWS = 50_000  # per record batch


def bulk(connection: Connection, statement: Select[Any]) -> Iterator[pa.RecordBatch] | None:
    """All rows of *statement*, every column as text under its own name; None when they must be read row by row."""
    fetch = FETCHES.get(connection.dialect.driver)
    if fetch is None or any(_unsure(column.type) for column in statement.selected_columns):
        return None
    batches = fetch(connection, statement)
    first = next(batches, None)
    if first is None or not all(map(_exact, first.schema.types)):
        batches.close()
        return None
    return _texts(first, batches)


def _texts(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in chain([first], rest):
        columns = [text_column(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _unsure(type_: sa.TypeEngine[Any]) -> bool:
    """A moment or time of day with a zone, of which drivers keep this or that; a column of which nothing is known."""
    return isinstance(type_, sa.NullType) or bool(getattr(type_, "timezone", False))


def _exact(type_: pa.DataType) -> bool:
    if pa.types.is_timestamp(type_):
        return type_.tz is None and type_.unit != "ns"
    return any(
        test(type_)
        for test in (
            pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_decimal,
            pa.types.is_date32, pa.types.is_time64, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null,
        )
    )  # fmt: skip


def text_column(column: pa.Array) -> pa.Array:
    """*column* as the texts that `values.text_of` gives of its values one by one."""
    type_ = column.type
    if pa.types.is_decimal(type_):
        texts = column.cast(pa.utf8())
        exponents = pc.fill_null(pc.match_substring(texts, "E"), False)  # Arrow writes 1E-9
        if not pc.any(exponents).as_py():
            return texts
        plain = pa.array([f"{value.as_py():f}" for value in column.filter(exponents)], pa.utf8())
        return pc.replace_with_mask(texts, exponents, plain)
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return pa.array([None if v is None else v.hex() for v in column.to_pylist()], pa.utf8())
    if pa.types.is_timestamp(type_):
        return pc.replace_substring(column.cast(pa.utf8()), " ", "T")
    return column.cast(pa.utf8())


def _mssql(connection: Connection, statement: Select[Any]) -> Generator[pa.RecordBatch, None, None]:
    with connection.execute(statement) as result:  # executed on this cursor, and nothing fetched yet
        yield from result.cursor.arrow_reader(_ROWS)


def _oracle(connection: Connection, statement: Select[Any]) -> Generator[pa.RecordBatch, None, None]:
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    own = connection.connection.driver_connection
    assert own is not None
    frames = own.fetch_df_batches(str(compiled), compiled.params, size=_ROWS, fetch_decimals=True)
    for frame in frames:
        yield from pa.table(frame).rename_columns([c.name for c in statement.selected_columns]).to_batches()


Fetch = Callable[[Connection, Select[Any]], Generator[pa.RecordBatch, None, None]]
FETCHES: dict[str, Fetch] = {"mssqlpython": _mssql, "oracledb": _oracle}
"""SQLAlchemy's name of a driver → its way to run a statement and give the rows as Arrow."""
