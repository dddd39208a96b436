"""The same by a connector, without the engine: `python -m tests.bench.by_connector NAME PLUGIN CONFIG …` (JSON)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from erpoa_cli.core.schema import Field
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import ReadRequest, Writable, WriteBatch
from tests.bench.company import TYPES

BATCH = 50_000  # rows, as the engine cuts them


@contextmanager
def session(plugin: str, config: str) -> Iterator[Writable]:
    (found,) = entry_points(group="erpoa.connectors", name=plugin)
    opened = found.load()().open(json.loads(config))
    try:
        yield opened
    finally:
        opened.close()


def read(plugin: str, config: str, rows: str) -> None:
    """Every row, as its declared types, into a table of DuckDB."""
    with session(plugin, config) as at:
        reading = at.read(
            ReadRequest(object="customers", fields=tuple(Field(n, t) for n, t in TYPES.items()))
        )
        db = duckdb.connect()
        db.register("rows_", pa.RecordBatchReader.from_batches(reading.schema, iter(reading)))
        db.execute("CREATE TABLE customers AS SELECT * FROM rows_")
    assert reading.verdict.status == "complete", reading.verdict
    assert db.sql("SELECT count(*) FROM customers").fetchall() == [(int(rows),)]


def apply(plugin: str, config: str, changes: str) -> None:
    """Batches with preconditions, ledger and an outcome per row."""
    table = pq.read_table(changes)
    action = Action.UPDATE if "id.id" in table.schema.names else Action.CREATE
    with session(plugin, config) as at:
        for number, start in enumerate(range(0, table.num_rows, BATCH)):
            rows = table.slice(start, BATCH).combine_chunks().to_batches()[0]
            batch = WriteBatch(
                object="customers", action=action, rows=rows, run="bench", number=number, effects_digest="bench",
                id=("id",), types=TYPES, unless=(("code",),) if action is Action.CREATE else (),
            )  # fmt: skip
            outcomes = pa.Table.from_batches(list(at.write(batch)))
            assert outcomes["outcome"].unique().to_pylist() == ["applied"], outcomes.slice(0, 3)
            assert outcomes.num_rows == rows.num_rows


if __name__ == "__main__":
    {"read": read, "apply": apply}[sys.argv[1]](*sys.argv[2:])
