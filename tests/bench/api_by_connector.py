"""The same through the connector: creates in batches as the engine asks for them, and whole lists."""

from __future__ import annotations

import csv
import sys

import pyarrow as pa

from erpoa_cli.core.project import Limits
from erpoa_cli.core.schema import INTEGER, STRING, Field, parse_type
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Action
from erpoa_cli.engine.connect import installed
from erpoa_cli.sdk.connector import ReadRequest, Writable, WriteBatch

NAMES = ("code", "name", "amount")
LINES = "list<struct<line: integer, product: string, quantity: decimal(18,3), price: decimal(18,2)>>"


def config(url: str) -> dict[str, object]:
    fields = {"id": {"type": "integer", "read_only": True}, **dict.fromkeys(NAMES, "string"), "lines": LINES}
    thing = {"collection": "/things", "key": ["code"], "enforces_key": True, "fields": fields}
    return {
        "url": url,
        "auth": {"type": "bearer", "token": Secret("x")},
        "records": "items",
        "paging": {"type": "offset", "total": "total", "size": {"limit": 200}},
        "objects": {"things": thing},
    }


def create(url: str, file: str, concurrency: int, rate: float | None) -> None:
    with open(file, encoding="utf-8", newline="") as content:  # noqa: PTH123
        rows = list(csv.DictReader(content))
    session = installed()["http"](Limits(rate, concurrency)).open(config(url))
    assert isinstance(session, Writable)
    for number, start in enumerate(range(0, len(rows), 100)):
        part = rows[start : start + 100]
        columns = {f"set.{n}": pa.array([r[n] for r in part], pa.utf8()) for n in NAMES}
        batch = WriteBatch(
            object="things", action=Action.CREATE, run="r", number=number, effects_digest="", id=("id",),
            types={"id": INTEGER, **dict.fromkeys(NAMES, STRING)},
            rows=pa.RecordBatch.from_pydict({
                "ordinal": pa.array(range(len(part)), pa.int64()), **columns,
                "key": pa.array([f"{number}-{n}" for n in range(len(part))]),
            }),
        )  # fmt: skip
        told = [row for answer in session.write(batch) for row in answer.to_pylist()]
        assert all(row["outcome"] == "applied" and row["id.id"] for row in told)
    session.close()


def read(url: str) -> None:
    session = installed()["http"]().open(config(url))
    assert isinstance(session, Writable)
    fields = (*(Field(n, STRING) for n in NAMES), Field("lines", parse_type(LINES)))
    reading = session.read(ReadRequest(object="things", fields=fields))
    print(sum(batch.num_rows for batch in reading), reading.verdict.status)
    session.close()


if __name__ == "__main__":
    if sys.argv[1] == "read":
        read(sys.argv[2])
    else:
        create(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]) if len(sys.argv) > 5 else None)
