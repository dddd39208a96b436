"""A plan file of 100,000 changes, written and read with every digest checked; by hand the same tables as Parquet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from erpoa_cli.core.plan import Header
from erpoa_cli.core.schema import Type
from erpoa_cli.state import FieldLayout, Layout, PlanFile, write_plan
from tests.bench.company import TYPES, typed_sql
from tests.bench.measure import Row, Section, interleaved, timed

ROWS = 100_000
NOW = datetime(2026, 11, 30, tzinfo=UTC)


def layout() -> Layout:
    fields: dict[str, Type] = {name: type_ for name, type_ in TYPES.items() if name != "id"}
    return Layout(
        target="t", system="oa", object="customers", key={"code": TYPES["code"]}, id={"id": TYPES["id"]},
        fields={name: FieldLayout(type_) for name, type_ in fields.items()},
    )  # fmt: skip


def changes(columns: Layout) -> pa.Table:
    """Updates of which every image of every field has a value."""
    images = ", ".join(
        f"{n} AS {image}_{n}" for image in ("d", "a", "agreed", "seen") for n in columns.fields
    )
    return duckdb.sql(
        f"""SELECT row_number() OVER (ORDER BY id) - 1 AS ordinal, code AS k_code, id AS id_id, 1::BIGINT AS generation,
            'confirmed' AS situation, 'update' AS action, 'data' AS cause, 1::BIGINT AS wave, 1::BIGINT AS step,
            ['name', 'balance'] AS fields, []::VARCHAR[] AS drifted, []::VARCHAR[] AS conflicted,
            []::VARCHAR[] AS settled, []::VARCHAR[] AS waiting, true AS links, {images} FROM ({typed_sql(ROWS)})"""
    ).to_arrow_table()


def header() -> Header:
    return Header(
        id="bench", created=NOW, expires=NOW + timedelta(days=1), as_of=NOW, tool="erpoa bench", project="bench",
        environment="default", author="bench", lineage="", serial=0, applyable=True, effects_digest="0" * 64,
    )  # fmt: skip


def section(times: int) -> Section:
    columns = layout()
    table = changes(columns)
    with TemporaryDirectory() as home:
        plan, plain = Path(home, "plan.erpoaplan"), Path(home, "plain.parquet")

        def write() -> None:
            write_plan(
                plan, header(), inputs={"files": {}, "variables": [], "secrets": []}, reads=(), targets={}, guards=(),
                layouts={"t": columns}, tables={("changes", "t"): table},
            )  # fmt: skip

        def read() -> None:
            assert PlanFile.open(plan).table("changes", "t").num_rows == ROWS

        spent = interleaved(
            {
                "by hand: Parquet written": lambda: timed(
                    lambda: pq.write_table(table, plain, compression="zstd")
                ),
                "plan file written": lambda: timed(write),
                "by hand: Parquet read": lambda: timed(lambda: pq.read_table(plain)),
                "plan file opened, verified, read": lambda: timed(read),
            },
            times,
        )
        size = f"{plan.stat().st_size / 1e6:.1f} MB; the bare Parquet {plain.stat().st_size / 1e6:.1f} MB"
    limits = {
        "plan file written": "by hand: Parquet written",
        "plan file opened, verified, read": "by hand: Parquet read",
    }
    return Section(
        "Plan file of 100,000 changes",
        f"60 columns of values per change, synced to disk, every digest computed and checked. {size}.",
        [Row(name, seconds, limits.get(name, "")) for name, seconds in spent.items()],
    )
