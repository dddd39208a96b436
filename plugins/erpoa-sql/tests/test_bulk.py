"""Bulk reading: the same texts as row by row. The drivers are looked at as installed; their servers cannot be had, so a
driver whose server can be had stands in: psycopg, whose rows become Arrow as those drivers would give them."""

from __future__ import annotations

import inspect
from collections.abc import Generator
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from operator import attrgetter
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from erpoa_sql import bulk
from erpoa_sql.values import text_of
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Select, create_engine

from .dialects import POSTGRESQL
from .test_conformance import TestThroughPostgresql as ThroughPostgresql

VALUES = {
    pa.utf8(): ["", "华鑫\t🏭", "1E-9 E", None],
    pa.large_utf8(): ["x" * 70_000, None],
    pa.int64(): [0, -(2**63), 2**63 - 1, None],
    pa.bool_(): [True, False, None],
    pa.decimal128(38, 9): [
        Decimal("0E-9"),
        Decimal("0.000000001"),
        Decimal("-12345678901234567890.100000000"),
        None,
    ],
    pa.date32(): [date(1887, 11, 12), date(9999, 12, 31), None],
    pa.time64("us"): [time(0), time(23, 59, 59, 999999), None],
    pa.timestamp("us"): [datetime(1899, 12, 30, 1, 2, 3, 4), datetime(2026, 3, 29, 2, 30), None],
    pa.binary(): [b"", b"\x00\xff", None],
}


@pytest.mark.parametrize(("type_", "values"), VALUES.items(), ids=str)
def test_columns_have_the_texts_of_their_values(type_: pa.DataType, values: list[Any]) -> None:
    assert bulk._exact(type_)
    assert same_meaning(bulk.text_column(pa.array(values, type_)).to_pylist(), [text_of(v) for v in values])


@given(st.lists(st.decimals(-(10**28), 10**28, places=9)))
def test_decimals_have_no_exponents(values: list[Decimal]) -> None:
    texts = bulk.text_column(pa.array(values, pa.decimal128(38, 9))).to_pylist()
    assert [Decimal(text) for text in texts] == values
    assert not any("E" in text for text in texts)


def same_meaning(one: list[str | None], other: list[str | None]) -> bool:
    """Moments may be written with or without a fraction that is zero."""

    def plain(text: str | None) -> str | None:
        return text.removesuffix(".000000") if text else text

    return [plain(t) for t in one] == [plain(t) for t in other]


@pytest.mark.parametrize(
    "type_", [pa.float64(), pa.timestamp("us", "UTC"), pa.timestamp("ns"), pa.list_(pa.int8())], ids=str
)
def test_what_is_not_sure_is_read_row_by_row(type_: pa.DataType, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def fetch(connection: Connection, statement: Select[Any]) -> Generator[pa.RecordBatch, None, None]:
        try:
            yield pa.RecordBatch.from_arrays([pa.nulls(2, type_)], names=["a"])
        finally:
            closed.append(True)

    monkeypatch.setitem(bulk.FETCHES, "pysqlite", fetch)
    with create_engine("sqlite://").connect() as connection:
        known = sa.select(sa.column("a", sa.String()))
        assert bulk.bulk(connection, known) is None
        assert closed == [True]
        assert bulk.bulk(connection, sa.select(sa.column("a"))) is None, "nothing is known of this column"
        assert bulk.bulk(connection, sa.select(sa.column("a", sa.DateTime(timezone=True)))) is None
    assert closed == [True]


def psycopg_rows(connection: Connection, statement: Select[Any]) -> Generator[pa.RecordBatch, None, None]:
    result = connection.execute(statement)
    names = list(result.keys())
    while rows := result.fetchmany(3):
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=names)


class TestThroughArrow(ThroughPostgresql):
    """The whole suite, read in bulk. Arrow has no decimal that is no number, and these drivers give none."""

    dialect = replace(
        POSTGRESQL,
        odd=("text", "'abc'", "'1.50'", "decimal(9,2)"),
        read=[case for case in POSTGRESQL.read if case[1] != "'NaN'"],
    )

    @pytest.fixture(autouse=True)
    def _bulk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(bulk.FETCHES, "psycopg", psycopg_rows)


@pytest.mark.parametrize(
    ("module", "method", "asked", "dialect"),
    [
        ("oracledb", "Connection.fetch_df_batches", {"size", "fetch_decimals"}, "oracle+oracledb"),
        ("mssql_python", "Cursor.arrow_reader", {"batch_size"}, "mssql+mssqlpython"),
    ],
)
def test_the_drivers_have_what_is_called(module: str, method: str, asked: set[str], dialect: str) -> None:
    driver = pytest.importorskip(module)
    assert asked <= set(inspect.signature(attrgetter(method)(driver)).parameters)
    assert sa.make_url(f"{dialect}://h").get_dialect().driver in bulk.FETCHES
