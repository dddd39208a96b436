"""What a person types who needs it once: no types judged, nothing proven, nothing remembered.

Programs, so that each has its own memory: `python -m tests.bench.by_hand NAME ARGUMENT…`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from erpoa_cli.core.schema import Kind
from erpoa_cli.sdk.arrow import arrow_type
from tests.bench.company import TYPES
from tests.bench.databases import COLUMNS, FIELDS, load_data
from tests.mariadb import parameters

DECIMALS = {n: t for n, t in TYPES.items() if t.kind is Kind.DECIMAL}


def postgres_wire(url: str) -> None:
    """The rows as the server sends them fastest, thrown away."""
    with (
        psycopg.connect(url) as db,
        db.cursor().copy(f"COPY customers ({COLUMNS}) TO STDOUT (FORMAT binary)") as copy,
    ):
        for _ in copy:
            pass


def postgres_read(db: duckdb.DuckDBPyConnection, name: str, url: str) -> None:
    """ADBC, decimals as their digits, into a table of DuckDB."""
    import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]

    sent = ", ".join(f"({n} * {10 ** DECIMALS[n].scale})::int8 AS {n}" if n in DECIMALS else n for n in TYPES)
    with closing(adbc.connect(url)) as at, closing(at.cursor()) as cursor:
        cursor.execute(f"SELECT {sent} FROM customers")
        db.register("rows_", cursor.fetch_record_batch())
        got = ", ".join(
            f"({n}::DECIMAL(38,{t.scale}) / {10**t.scale})::{t.duckdb} AS {n}" if n in DECIMALS else n
            for n, t in TYPES.items()
        )
        db.execute(f"CREATE TABLE {name} AS SELECT {got} FROM rows_")


def mysql_read(db: duckdb.DuckDBPyConnection, name: str, url: str) -> None:
    """The command-line client's text, parsed by Arrow, into a table of DuckDB."""
    at = parameters(url)
    client = ["mariadb", "--no-defaults", f"--host={at['host']}", f"--port={at['port']}", f"--user={at['user']}",
              "--default-character-set=utf8mb4", "--quick", "--batch", "--raw", "--skip-column-names",
              "--execute", f"SELECT {COLUMNS} FROM customers", str(at["database"])]  # fmt: skip
    with subprocess.Popen(client, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reader = csv.open_csv(
            pa.PythonFile(process.stdout),
            csv.ReadOptions(column_names=list(TYPES)),
            csv.ParseOptions(delimiter="\t", quote_char=False),
            csv.ConvertOptions(
                column_types={n: arrow_type(t) for n, t in TYPES.items()}, null_values=["NULL"],
                strings_can_be_null=True,
            ),
        )  # fmt: skip
        db.register("rows_", reader)
        db.execute(f"CREATE TABLE {name} AS SELECT * FROM rows_")


READS: dict[str, Callable[[duckdb.DuckDBPyConnection, str, str], None]] = {
    "postgres": postgres_read,
    "mysql": mysql_read,
}


def read(plugin: str, url: str, rows: str) -> None:
    db = duckdb.connect()
    READS[plugin](db, "customers", url)
    assert db.sql("SELECT count(*) FROM customers").fetchall() == [(int(rows),)]


def diff(plugin: str, url: str, other: str, other_url: str, out: str) -> None:
    """Both sides into DuckDB, a full join, the differing rows as Parquet."""
    db = duckdb.connect()
    READS[plugin](db, "d", url)
    READS[other](db, "a", other_url)
    differs = " OR ".join(f"d.{n} IS DISTINCT FROM a.{n}" for n in FIELDS)
    wanted = ", ".join(f"d.{n} AS d_{n}, a.{n} AS a_{n}" for n in TYPES)
    db.execute(
        f"COPY (SELECT {wanted} FROM d FULL JOIN a ON a.code = d.code WHERE a.code IS NULL OR d.code IS NULL OR {differs}) "
        f"TO '{out}' (FORMAT parquet)"
    )


def copy(url: str, other_url: str) -> None:
    """Read and ingested by ADBC, in one stream; numbers pass as text. The ids are the other side's own."""
    import adbc_driver_postgresql.dbapi as adbc

    sent = ", ".join(f"{n}::text AS {n}" if n in DECIMALS else n for n in FIELDS)
    with closing(adbc.connect(url)) as at, closing(at.cursor()) as cursor:
        cursor.execute(f"SELECT {sent} FROM customers")
        reader = cursor.fetch_record_batch()
        typed = pa.schema([(n, arrow_type(TYPES[n])) for n in FIELDS])
        rows = pa.RecordBatchReader.from_batches(typed, (batch.cast(typed) for batch in reader))
        with closing(adbc.connect(other_url)) as to, closing(to.cursor()) as into:
            into.adbc_ingest("customers", rows, mode="append")
            to.commit()


def apply(plugin: str, url: str, changes: str) -> None:
    """One transaction: the rows of *changes* staged, then one INSERT or UPDATE. No row is compared or told of."""
    table = pq.read_table(changes)
    sets = [n.removeprefix("set.") for n in table.schema.names if n.startswith("set.")]
    keyed = "id.id" in table.schema.names
    names = [*(["id"] if keyed else []), *sets]
    table = table.select([*(["id.id"] if keyed else []), *(f"set.{n}" for n in sets)]).rename_columns(names)
    APPLIES[plugin](url, table, names, keyed)


def postgres_apply(url: str, table: pa.Table, names: list[str], keyed: bool) -> None:
    listed = ", ".join(names)
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False))
    with psycopg.connect(url) as db:
        db.execute(f"CREATE TEMP TABLE stage ON COMMIT DROP AS SELECT {listed} FROM customers WITH NO DATA")
        with db.cursor().copy(f"COPY stage ({listed}) FROM STDIN (FORMAT csv)") as stream:
            stream.write(sink.getvalue().to_pybytes())
        if keyed:
            assigned = ", ".join(f"{n} = s.{n}" for n in names if n != "id")
            db.execute(f"UPDATE customers t SET {assigned} FROM stage s WHERE t.id = s.id")
        else:
            db.execute(f"INSERT INTO customers ({listed}) SELECT {listed} FROM stage")


def mysql_apply(url: str, table: pa.Table, names: list[str], keyed: bool) -> None:
    import pymysql  # type: ignore[import-untyped]

    listed = ", ".join(names)
    sent = listed.replace("active", "active::INTEGER AS active")
    with (
        TemporaryDirectory() as place,
        closing(pymysql.connect(**parameters(url), charset="utf8mb4", local_infile=True)) as db,
        db.cursor() as cursor,
    ):
        file = Path(place, "rows.csv")
        made = duckdb.connect()
        made.register("rows_", table)
        made.execute(f"COPY (SELECT {sent} FROM rows_) TO '{file}' (HEADER false, NULLSTR '\\N')")
        cursor.execute(f"CREATE TEMPORARY TABLE stage AS SELECT {listed} FROM customers LIMIT 0")
        cursor.execute(load_data(file, "stage", listed))
        if keyed:
            assigned = ", ".join(f"t.{n} = s.{n}" for n in names if n != "id")
            cursor.execute(f"UPDATE customers t JOIN stage s ON t.id = s.id SET {assigned}")
        else:
            cursor.execute(f"INSERT INTO customers ({listed}) SELECT {listed} FROM stage")
        db.commit()


APPLIES = {"postgres": postgres_apply, "mysql": mysql_apply}

if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
