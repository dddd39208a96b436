"""DuckDB: typed columns both ways, rows refused singly although the engine ends the transaction at the first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.connectors.duckdb import DuckdbConnector
from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, told
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, Fatal, SystemFailure

Opened = Callable[[str], DuckdbSession]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "here.duckdb"


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    sessions: list[DuckdbSession] = []

    def make(script: str) -> DuckdbSession:
        with duckdb.connect(str(path)) as db:
            db.execute(script)
        sessions.append(DuckdbConnector().open({"path": str(path)}))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def test_objects_are_described(opened: Opened) -> None:
    session = opened("""
        CREATE SCHEMA erp; CREATE SEQUENCE q;
        CREATE TABLE p (code VARCHAR PRIMARY KEY);
        CREATE TABLE erp.c (id BIGINT PRIMARY KEY DEFAULT nextval('q'), code VARCHAR UNIQUE NOT NULL,
                            n INTEGER, "n 2" INTEGER GENERATED ALWAYS AS (n * 2), l STRUCT(no INTEGER, t VARCHAR)[]);
        CREATE VIEW seen AS SELECT code FROM p;
        CREATE TABLE f (p VARCHAR REFERENCES p (code));
    """)
    infos = {info.address: info for info in session.objects()}
    assert set(infos) == {"erp.c", "p", "seen", "f"}
    child = infos["erp.c"]
    assert (child.id, child.keys) == (("id",), (("code",),))
    assert [f.name for f in child.fields if f.generated] == ["id", "n 2"]
    assert [f.name for f in child.fields if not f.writable] == ["n 2"]
    assert str(child.fields[4].type) == "list<struct<no: integer, t: string>>"
    assert not infos["seen"].writable
    assert infos["f"].foreign_keys[0].object == "p"


def test_refused_rows_are_found_among_many(opened: Opened) -> None:
    session = opened("""
        CREATE TABLE p (code VARCHAR PRIMARY KEY); INSERT INTO p VALUES ('there');
        CREATE TABLE c (id BIGINT PRIMARY KEY, n INTEGER NOT NULL CHECK (n <> 13), p VARCHAR REFERENCES p (code), u VARCHAR UNIQUE);
        INSERT INTO c VALUES (500, 1, NULL, NULL);
    """)
    rows: list[dict[str, Any]] = [{"id": i, "n": i, "p": "there", "u": f"u{i}"} for i in range(1000)]
    rows[700] |= {"n": None}
    rows[800] |= {"p": "nowhere"}
    rows[900] |= {"u": "u899"}  # refused only together with another row of the batch
    writer = Writer(session, "c", id="integer", n="integer", p="string", u="string")
    answers = writer.create(rows)
    refused = {a["ordinal"]: a["error_class"] for a in answers if a["outcome"] != "applied"}
    assert refused == {
        13: "rejected",
        500: "duplicate",
        700: "rejected",
        800: "master_missing",
        900: "duplicate",
    }
    assert session.rows("SELECT count(*), sum(id) FROM c WHERE id <> 500") == [
        (995, sum(range(1000)) - 13 - 500 - 700 - 800 - 900)
    ]
    assert session.rows("SELECT count(*) FROM erpoa_ledger") == [(1,)]
    errors = " ".join(str(a["error"]) for a in answers)
    assert "constraint" in errors
    assert not any(value in errors for value in ("u899", "nowhere", "500")), "values may be sensitive"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT content AS id FROM read_text('/etc/hostname')",
        "SELECT 1 AS id) t; DROP TABLE c; --",
        "FROM '/etc/passwd'",
        "SELECT getenv('HOME') AS id",
    ],
)
def test_a_query_reads_this_database_only(opened: Opened, query: str) -> None:
    session = opened("CREATE TABLE c (id BIGINT)")
    rows, verdict = told(session.read(ReadRequest(object="", query=query, fields=fields(id="string"))))
    assert (rows, verdict.status) == ([], ReadStatus.FAILED), verdict
    assert session.objects(["c"])


def test_filters_and_queries(opened: Opened) -> None:
    session = opened(
        "CREATE TABLE c AS SELECT i AS id, chr(96 + i::INT) AS s, i % 2 = 0 AS even FROM range(1, 6) r(i)"
    )
    asked = ReadRequest(
        object="c", fields=fields(id="integer"), filter={"s": ["a", "b", "' OR 1=1"], "even": True}
    )
    assert told(session.read(asked))[0] == [{"id": 2}]
    asked = ReadRequest(
        object="", query="SELECT id * 10 AS n FROM c WHERE even -- note", fields=fields(n="integer")
    )
    assert [row["n"] for row in told(session.read(asked))[0]] == [20, 40]


def test_opening(path: Path) -> None:
    with pytest.raises(Fatal, match="there is no file"):
        DuckdbConnector().open({"path": str(path)})
    assert not path.exists()
    path.write_bytes(b"x" * 5000)
    with pytest.raises(SystemFailure):
        DuckdbConnector().open({"path": str(path)})


def test_a_file_is_opened_while_others_close_it(opened: Opened, path: Path) -> None:
    opened("CREATE TABLE v (a INTEGER)").close()

    def often(_: int) -> None:
        for _ in range(100):
            DuckdbConnector().open({"path": str(path)}).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(often, range(4)))


def test_read_only_never_writes(opened: Opened, path: Path) -> None:
    opened("CREATE TABLE c (id BIGINT PRIMARY KEY)").close()
    session = DuckdbConnector().open({"path": str(path), "read_only": True})
    assert session.check() == []
    assert not session.objects(["c"])[0].writable
    with pytest.raises(Denied):
        Writer(session, "c", id="integer").create([{"id": 1}])
    session.close()


def test_the_session_is_usable_while_a_reading_is_under_way(opened: Opened) -> None:
    session = opened("CREATE TABLE c AS SELECT range AS id FROM range(300000)")
    reading = session.read(ReadRequest(object="c", fields=fields(id="integer")))
    batches = iter(reading)
    seen = next(batches).num_rows
    assert outcomes(Writer(session, "c", id="integer").create([{"id": -1}])) == ["applied"]
    assert seen + sum(batch.num_rows for batch in batches) == 300_000, "the snapshot it began with"
    found, _ = told(
        session.find(ReadRequest(object="c", fields=fields(id="integer")), ("id",), pa.table({"id": [-1, 5]}))
    )
    assert sorted(row["id"] for row in found) == [-1, 5]


@pytest.mark.process
def test_naming_the_connector_does_not_load_the_driver() -> None:
    code = "import sys, erpoa_cli.connectors.duckdb; assert 'duckdb' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
