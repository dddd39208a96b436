"""The diff of two staged relations: ours with base, guards of every kind and reasons; by hand a full join.

Run as a process of its own: `python -m tests.bench.diff ROWS TIMES`; prints JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.recognise import recognise, remembered
from erpoa_cli.core.reconcile.rows import candidate_base, candidate_count, candidates, judged
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.target import Column, OnSourceGone, Target, TargetField
from erpoa_cli.engine.changes.diff import CHUNK
from erpoa_cli.engine.staging import Staging
from tests.bench.company import TYPES, counted, theirs_sql, typed_sql
from tests.bench.measure import Spent, interleaved, timed

HERE = Location("bench.yml", 1, 1)
MANY, LITTLE = 2_000_000, "5GB"  # more rows than that must do with so much memory, and spill
FIELDS = [name for name in TYPES if name != "id"]


def shape() -> Shape:
    fields = tuple(TargetField(name, Column(name), HERE, type=TYPES[name]) for name in FIELDS)
    target = Target(
        name="t", from_="s", system="oa", object="customers", key=("code",), match=(("code",),), id=("id",),
        fields=fields, at=HERE, on_source_gone=OnSourceGone.DELETE,
    )  # fmt: skip
    return Shape(target=target, key={"code": TYPES["code"]}, id={"id": TYPES["id"]}, extras={})


def stage(staging: Staging, rows: int) -> None:
    """D, A, and a base in which everything A has was agreed as A has it."""
    d = ", ".join(f"{n} AS d_{n}" for n in FIELDS)
    images = ", ".join(f"{n} AS agreed_{n}, {n} AS seen_{n}" for n in FIELDS)
    known = ", ".join(f"'{n}'" for n in sorted(FIELDS))
    theirs = ", ".join(f"{n} AS a_{n}" for n in TYPES)
    staging.execute(f"CREATE TABLE theirs.t AS SELECT {theirs} FROM ({theirs_sql(rows)})")
    staging.execute(
        f"CREATE VIEW actual.t AS SELECT {', '.join(f'a_{n} AS {n}' for n in TYPES)} FROM theirs.t"
    )
    staging.compact()
    staging.execute(
        f"""CREATE TABLE desired.t AS SELECT code AS k_code, {d}, NULL::VARCHAR AS problem,
            NULL::VARCHAR AS problem_code, []::VARCHAR[] AS waiting FROM ({typed_sql(rows)})"""
    )
    staging.compact()
    staging.execute(
        f"""CREATE TABLE base.everything AS SELECT code AS k_code, id AS id_id, 1::BIGINT AS generation,
            [{known}]::VARCHAR[] AS known, row_number() OVER () - 1 AS row_b, {images} FROM actual.t"""
    )
    staging.compact()
    staging.execute('CREATE TABLE diff."t/gone" (k_code VARCHAR, generation BIGINT)')


def ours(staging: Staging) -> None:
    """What a plan does with D, A and all of the base, which it reads as it needs it."""
    evidence = Evidence(desired="", actual="", first=False)
    staging.execute(
        f"CREATE OR REPLACE TABLE base.t AS WITH incoming AS (FROM base.everything) {remembered(shape())}"
    )
    for statement in (*recognise(shape()), *candidates(shape(), evidence)):
        staging.execute(statement)
    staging.execute(
        f"""CREATE OR REPLACE TABLE base."t/rows" AS
            SELECT * FROM base.everything WHERE row_b IN ({candidate_base(shape())})"""
    )
    for first in range(0, max(staging.scalar(candidate_count(shape())), 1), CHUNK):
        staging.execute(judged(shape(), evidence, first, first + CHUNK))
        staging.compact()


def by_hand(staging: Staging) -> None:
    """What a person types: one full join of D and A, every column compared."""
    differs = " OR ".join(f"d.d_{n} IS DISTINCT FROM a.{n}" for n in FIELDS)
    staging.execute(
        f"""CREATE OR REPLACE TABLE diff.by_hand AS
            SELECT CASE WHEN a.code IS NULL THEN 'create' WHEN d.k_code IS NULL THEN 'delete' ELSE 'update' END AS action,
                d.*, a.* FROM desired.t d FULL JOIN actual.t a ON a.code = d.k_code
            WHERE a.code IS NULL OR d.k_code IS NULL OR {differs}"""
    )


def by_hand_with_base(staging: Staging) -> None:
    """The same three-way: B joined too, each column compared with both of its images."""
    differs = " OR ".join(
        f"d.d_{n} IS DISTINCT FROM a.{n} OR d.d_{n} IS DISTINCT FROM b.agreed_{n} OR a.{n} IS DISTINCT FROM b.seen_{n}"
        for n in FIELDS
    )
    staging.execute(
        f"""CREATE OR REPLACE TABLE diff.by_hand AS
            SELECT CASE WHEN a.code IS NULL THEN 'create' WHEN d.k_code IS NULL THEN 'delete' ELSE 'update' END AS action,
                d.*, a.*, b.* FROM desired.t d FULL JOIN actual.t a ON a.code = d.k_code
            LEFT JOIN base.everything b ON b.id_id = a.id
            WHERE a.code IS NULL OR d.k_code IS NULL OR {differs}"""
    )


def by_hand_every_row(staging: Staging) -> None:
    """The full join of D and A that keeps all rows, as a first plan must: those found equal are adopted."""
    staging.execute(
        """CREATE OR REPLACE TABLE diff.by_hand AS
            SELECT d.*, a.* FROM desired.t d FULL JOIN actual.t a ON a.code = d.k_code"""
    )


def counts(staging: Staging, table: str) -> dict[str, int]:
    rows = staging.sql(f"SELECT action, count(*) AS n FROM diff.{table} GROUP BY action").to_pylist()
    return {row["action"]: row["n"] for row in rows}


def first_plan(staging: Staging, rows: int, times: int) -> dict[str, list[Spent]]:
    staging.execute("TRUNCATE base.everything")
    spent = interleaved(
        {
            "by hand, D and A, without base": lambda: timed(lambda: by_hand(staging)),
            "by hand, D and A, every row kept": lambda: timed(lambda: by_hand_every_row(staging)),
            "erpoa, first plan": lambda: timed(lambda: ours(staging)),
        },
        times,
    )
    first, wanted = counts(staging, "t"), counted(rows)
    assert first["adopt"] == rows - wanted["update"] - wanted["create"], first
    return spent


def measure(rows: int, times: int) -> dict[str, object]:
    memory = LITTLE if rows > MANY else None
    with (
        TemporaryDirectory() as home,
        Staging(Path(home), as_of=datetime.now(UTC), memory=memory, sensitive=False) as staging,
    ):
        stage(staging, rows)
        ready = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spent = interleaved(
            {
                "by hand, D and A": lambda: timed(lambda: by_hand(staging)),
                # the wide three-way join does not end in so little memory
                **(
                    {}
                    if memory
                    else {"by hand, with base": lambda: timed(lambda: by_hand_with_base(staging))}
                ),
                "erpoa": lambda: timed(lambda: ours(staging)),
            },
            times,
        )
        wanted = counted(rows)
        for table in ("t", "by_hand"):
            assert counts(staging, table) == wanted, (table, counts(staging, table), wanted)
        if not memory:
            spent |= first_plan(staging, rows, times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "spent": {n: [asdict(s) for s in all_] for n, all_ in spent.items()},
        "staged": ready,
        "peak": peak,
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), int(sys.argv[2]))))
