"""A whole plan of a million customers in SQLite against a million in DuckDB, with snapshot, base and plan file.

By hand (`python -m tests.bench.whole_plan ERP OA OUT`): both sides as Arrow into DuckDB, a full join, the differing
rows as Parquet. No types are judged, nothing is remembered, nothing is proven.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from tests.bench.company import TYPES, theirs_sql, typed_sql
from tests.bench.measure import ERPOA, Row, Section, interleaved, process

ROWS = 1_000_000
FIELDS = [name for name in TYPES if name != "id"]


def databases(home: Path, rows: int) -> None:
    rows_ = duckdb.sql(typed_sql(rows)).to_arrow_reader(100_000)
    columns = ", ".join(f"{n} {'INTEGER' if n in ('id', 'active') else 'TEXT'}" for n in TYPES)
    with sqlite3.connect(home / "erp.db") as erp:
        erp.execute(f"CREATE TABLE customers ({columns}, PRIMARY KEY (id))")
        holes = ", ".join("?" * len(TYPES))
        for batch in rows_:
            values = [
                batch[n].to_pylist() if n in {"id", "active"} else batch[n].cast(pa.string()).to_pylist()
                for n in TYPES
            ]
            erp.executemany(f"INSERT INTO customers VALUES ({holes})", zip(*values, strict=True))
    with duckdb.connect(str(home / "oa.duckdb")) as oa:
        oa.execute(f"CREATE TABLE customers AS {typed_sql(rows)}")
        oa.execute("ALTER TABLE customers ADD PRIMARY KEY (id)")


def edit(home: Path, rows: int) -> None:
    """Now the OA is the other side: 1 % changed, some missing, some more."""
    with duckdb.connect(str(home / "oa.duckdb")) as oa:
        oa.execute("DROP TABLE customers")
        oa.execute(f"CREATE TABLE customers AS {theirs_sql(rows)}")
        oa.execute("ALTER TABLE customers ADD PRIMARY KEY (id)")


SYSTEMS = {
    "erp": {"plugin": "sqlite", "config": {"path": "erp.db"}},
    "oa": {"plugin": "duckdb", "config": {"path": "oa.duckdb"}},
}


def project(home: Path, systems: Mapping[str, Mapping[str, Any]] = SYSTEMS) -> None:
    """The customers of the system `erp` kept in agreement in the system `oa`."""
    for folder in ("systems", "sources", "targets"):
        (home / folder).mkdir()
    (home / "erpoa.yml").write_text("format: 1\nname: bench\nowner: bench@huaxin.example\n")
    said = {name: {**one, "description": name, "owner": "b@huaxin.example"} for name, one in systems.items()}
    (home / "systems/s.yml").write_text(json.dumps({"systems": said}))
    types = "\n".join(f'      {name}: "{type_}"' for name, type_ in TYPES.items() if name != "id")
    (home / "sources/s.yml").write_text(
        "sources:\n  erp_customers:\n    description: Customers\n    owner: b@huaxin.example\n    system: erp\n"
        f"    object: customers\n    key: [code]\n    fields:\n{types}\n"
    )
    (home / "targets/t.yml").write_text(
        "targets:\n  oa_customers:\n    description: Customers\n    owner: b@huaxin.example\n    from: erp_customers\n"
        "    system: oa\n    object: customers\n    key: [code]\n    on_source_gone: delete\n    on_drift: revert\n"
        f"    on_vanished: recreate\n    fields: [{', '.join(FIELDS)}]\n"
    )


def section(times: int, rows: int = ROWS) -> Section:
    with TemporaryDirectory() as place:
        home = Path(place)
        project(home)
        databases(home, rows)

        def by_hand():
            return process(
                [sys.executable, "-m", "tests.bench.whole_plan", str(home / "erp.db"), str(home / "oa.duckdb"), str(home / "out.parquet")],
                Path.cwd(),
            )  # fmt: skip

        first = process([ERPOA, "plan", "-q", "--adopt", "-o", "adopt.erpoaplan"], home)
        adopted = process([ERPOA, "apply", "-q", "adopt.erpoaplan"], home)
        quiet = interleaved(
            {
                "by hand": by_hand,
                "erpoa plan": lambda: process([ERPOA, "plan", "-q", "-o", "p.erpoaplan"], home),
            },
            times,
        )
        edit(home, rows)
        edited = interleaved(
            {
                "by hand": by_hand,
                "erpoa plan": lambda: process([ERPOA, "plan", "-q", "-o", "p.erpoaplan"], home, exits=(0, 4)),
            },
            times,
        )
    name = f"{rows:,} × 15"
    return Section(
        f"Whole plan, {name}, SQLite against DuckDB",
        "Each a process of its own, with its peak resident memory. erpoa also parses by declared type, keeps a snapshot, reads "
        "the base, proves what is complete, and freezes a plan file; by hand nothing of that happens.",
        [
            Row("by hand, nothing changed", quiet["by hand"]),
            Row(
                "erpoa plan, nothing changed",
                quiet["erpoa plan"],
                "by hand, nothing changed",
                "≤ 1.5 ×, < 1.5 GB",
            ),
            Row("by hand, 1 % changed", edited["by hand"]),
            Row("erpoa plan, 1 % changed", edited["erpoa plan"], "by hand, 1 % changed", "≤ 1.5 ×, < 1.5 GB"),
            Row("erpoa plan --adopt, first contact", [first]),
            Row("erpoa apply of that plan", [adopted]),
        ],
    )


def typed_by_hand(erp: str, oa: str, out: str) -> None:
    db = duckdb.connect()
    db.execute(f"ATTACH '{oa}' AS oa (READ_ONLY)")
    cursor = sqlite3.connect(erp, check_same_thread=False).execute(
        f"SELECT {', '.join(TYPES)} FROM customers"
    )

    def batches():
        while rows := cursor.fetchmany(50_000):
            yield pa.RecordBatch.from_arrays(
                [pa.array(c) for c in zip(*rows, strict=True)], names=list(TYPES)
            ).cast(schema)

    schema = pa.schema([(n, pa.int64() if n in {"id", "active"} else pa.string()) for n in TYPES])
    db.register("erp_rows", pa.RecordBatchReader.from_batches(schema, batches()))
    columns = ", ".join(f"CAST({n} AS {t.duckdb}) AS {n}" for n, t in TYPES.items())
    db.execute(f"CREATE TABLE d AS SELECT {columns} FROM erp_rows")
    db.execute("CREATE TABLE a AS SELECT * FROM oa.customers")
    differs = " OR ".join(f"d.{n} IS DISTINCT FROM a.{n}" for n in FIELDS)
    wanted = ", ".join(f"d.{n} AS d_{n}, a.{n} AS a_{n}" for n in TYPES)
    db.execute(
        f"COPY (SELECT {wanted} FROM d FULL JOIN a ON a.code = d.code WHERE a.code IS NULL OR d.code IS NULL OR {differs}) "
        f"TO '{out}' (FORMAT parquet)"
    )


if __name__ == "__main__":
    typed_by_hand(*sys.argv[1:])
