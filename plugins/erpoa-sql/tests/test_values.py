"""What a column makes of a value is found out, not believed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from erpoa_sql import SqlConnector
from erpoa_sql.errors import failure
from erpoa_sql.reflect import declared
from sqlalchemy import types as sa
from sqlalchemy.dialects import mssql, oracle
from sqlalchemy.exc import IntegrityError

from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read
from erpoa_cli.sdk.errors import Denied, Duplicate, Fatal, MasterMissing, Rejected


def opened(folder: Path, ddl: str, **config: Any) -> Any:
    with closing(sqlite3.connect(folder / "x.db")) as db, db:
        db.executescript(ddl)
    return SqlConnector().open({"dialect": "sqlite", "database": str(folder / "x.db"), **config})


def test_a_value_that_the_column_changes_is_taken_back(tmp_path: Path) -> None:
    session = opened(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(10,2), note VARCHAR(20))")
    writer = Writer(session, "t", id="integer", n="decimal(38,9)", note="string")
    rows = [
        {"id": 1, "n": Decimal("1.500000000"), "note": "kept"},
        {"id": 2, "n": Decimal("12345678901234567.123456789"), "note": "lost"},
    ]
    assert outcomes(writer.create(rows)) == ["applied", "rejected"]
    assert [row["note"] for row in read(session, "t", note="string")[0]] == ["kept"]
    changed = writer.update([{"id": 1}], [{"n": Decimal("12345678901234567.123456789")}], [{"note": "kept"}])
    assert (changed[0]["outcome"], changed[0]["error"]) == (
        "rejected",
        "a column or a trigger would change the value",
    )
    assert read(session, "t", n="decimal(38,9)")[0] == [{"n": "1.50"}]
    session.close()


def test_numbers_are_given_by_the_database_row_by_row(tmp_path: Path) -> None:
    session = opened(
        tmp_path,
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, v TEXT); INSERT INTO t VALUES (40, 'x', 'y')",
    )
    writer = Writer(session, "t", id="integer", code="string", v="string")
    answers = writer.create([{"code": "a", "v": "1"}, {"code": "x", "v": "2"}, {"code": "b", "v": "3"}])
    assert outcomes(answers) == ["applied", "rejected", "applied"]
    given = {row["id"]: row["code"] for row in read(session, "t", id="string", code="string")[0]}
    assert [given[str(answer["id.id"])] for answer in (answers[0], answers[2])] == ["a", "b"]
    assert answers[1]["error_class"] == "duplicate"
    session.close()


def test_what_cannot_be_opened_or_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="no SQLAlchemy dialect 'nosuch'"):
        SqlConnector().open({"dialect": "nosuch"})
    with pytest.raises(Fatal, match="mssql\\+pyodbc"):
        SqlConnector().open({"dialect": "mssql+pyodbc", "host": "h"})
    session = opened(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", read_only=True)
    assert not session.objects()[0].writable
    with pytest.raises(Denied):
        Writer(session, "t", id="integer").create([{"id": 1}])
    session.close()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (mssql.DATETIMEOFFSET(6), "timestamptz"),
        (mssql.DATETIME2(7), "declare string"),
        (mssql.MONEY(), "declare string"),
        (mssql.BIT(), "boolean"),
        (mssql.UNIQUEIDENTIFIER(), "string"),
        (mssql.NVARCHAR(20), "string"),
        (oracle.NUMBER(20, 4), "decimal(20,4)"),
        (oracle.NUMBER(), "has no precision and scale"),
        (oracle.DATE(), "timestamp"),
        (oracle.TIMESTAMP(timezone=True), "timestamptz"),
        (oracle.BINARY_DOUBLE(), "floating-point"),
        (oracle.CLOB(), "string"),
        (oracle.RAW(16), "bytes"),
        (sa.Numeric(38, 9), "decimal(38,9)"),
        (sa.Interval(), "declare string"),
    ],
)
def test_columns_of_servers_that_cannot_be_had(column: Any, expected: str) -> None:
    type_, refused = declared(column, native_decimals=True)
    assert expected in (str(type_), refused) or expected in refused


@pytest.mark.parametrize(
    ("words", "class_", "told"),
    [
        (
            "ORA-00001: unique constraint (ERP.PK_T) violated",
            Duplicate,
            "ORA-00001: unique constraint … violated",
        ),
        (
            "ORA-02291: integrity constraint (ERP.FK) violated - parent key not found",
            MasterMissing,
            "parent key not found",
        ),
        (
            "Violation of PRIMARY KEY constraint. Cannot insert duplicate key. The duplicate key value is (S0001).",
            Duplicate,
            "value is ….",
        ),
        ("The INSERT statement conflicted with the FOREIGN KEY constraint", MasterMissing, "FOREIGN KEY"),
        ("CHECK constraint failed: 'secret value'", Rejected, "failed: …"),
    ],
)
def test_words_are_the_systems_own_without_values(words: str, class_: type[Exception], told: str) -> None:
    why = failure(IntegrityError("INSERT", {}, Exception(words)))
    assert type(why) is class_
    assert told in str(why)
