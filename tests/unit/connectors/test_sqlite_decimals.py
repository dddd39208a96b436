"""Decimals through SQLite, seen by the engine's own parser: what was applied comes back equal, whatever the column."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from decimal import Context, Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.core.parse import value
from erpoa_cli.core.schema import INTEGER, Field, decimal
from erpoa_cli.sdk.conformance.writer import Writer, outcomes
from erpoa_cli.sdk.connector import ReadRequest


def decimals(precision: int, scale: int) -> list[Decimal]:
    """Decimals of every length, many with trailing zeros, around the limits of 64-bit numbers."""
    chance = random.Random(precision * 100 + scale)
    found = [0, 1, -1, 10**precision - 1, 1 - 10**precision, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63)]
    for _ in range(400):
        digits = chance.randint(1, precision)
        number = chance.randint(1 - 10**digits, 10**digits - 1)
        if chance.random() < 0.3:
            number = number // 10 ** chance.randint(0, digits) * 10 ** chance.randint(0, precision - digits)
        found.append(number)
    exact = Context(prec=60)
    return [Decimal(n).scaleb(-scale, exact) for n in found if abs(n) < 10**precision]


@pytest.mark.parametrize("column", ["NUMERIC", "REAL", "TEXT", "", "INTEGER", "DECIMAL(18,2)"])
@pytest.mark.parametrize(("precision", "scale"), [(15, 2), (15, 15), (18, 4), (20, 0), (38, 9), (38, 38)])
def test_applied_decimals_come_back_equal(tmp_path: Path, column: str, precision: int, scale: int) -> None:
    path = tmp_path / "here.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {column})")
    fields = (Field("id", INTEGER), Field("v", decimal(precision, scale)))
    wanted = dict(enumerate(decimals(precision, scale)))
    with closing(SqliteConnector().open({"path": str(path)})) as session, duckdb.connect() as staging:
        writer = Writer(session, "t", id="integer", v=str(fields[1].type))
        answers = writer.create([{"id": at, "v": v} for at, v in wanted.items()])
        kept = {a["ordinal"]: wanted[a["ordinal"]] for a in answers if a["outcome"] == "applied"}
        if precision <= 15 or column in {"TEXT", ""}:
            assert kept == wanted, "nothing that the column can hold is refused"
        reading = session.read(ReadRequest(object="t", fields=fields))
        staging.register("arrived", pa.Table.from_batches(list(reading), reading.schema))
        found = dict(staging.execute(f"SELECT id, {value('v', fields[1])} FROM arrived").fetchall())
        assert found == kept
        before = [{"v": v} for v in kept.values()]
        answers = writer.update([{"id": at} for at in kept], [{"v": None}] * len(kept), before)
        assert set(outcomes(answers)) == {"applied"}, "what was read is what the statement expects"
