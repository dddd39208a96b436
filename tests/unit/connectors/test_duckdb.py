"""DuckDB: typed columns both ways, rows refused singly although the engine ends the transaction at the first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.connectors.duckdb import DuckdbConnector
from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, Fatal, SystemFailure
from tests.unit.connectors.asking import Writer, fields, outcomes, read, told

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


def test_every_native_type_is_read_exactly_or_as_text(opened: Opened) -> None:
    session = opened("""
        CREATE TYPE mood AS ENUM ('好', '坏');
        CREATE TABLE v AS SELECT 127::TINYINT t, 18446744073709551615::UBIGINT u,
            -170141183460469231731687303715884105727::HUGEINT h, 0.1::DOUBLE + 0.2::DOUBLE d, 12.5::FLOAT f,
            '好'::mood m, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID g, '{"a": 1.10}'::JSON j,
            TIMESTAMP_NS '2024-01-01 00:00:00.000000001' ns, TIMESTAMP_S '2024-01-01 00:00:01' s,
            TIMESTAMPTZ '2024-01-01 00:00:00+08:00' z, 'infinity'::DATE i, INTERVAL 1 DAY iv;
    """)
    rows, verdict = read(
        session,
        "v",
        t="integer",
        u="decimal(20,0)",
        h="decimal(38,0)",
        d="decimal(15,3)",
        f="decimal(15,3)",
        m="string",
        g="string",
        j="json",
        ns="timestamp",
        s="timestamp",
        z="timestamptz",
        i="date",
        iv="string",
    )
    assert verdict.status is ReadStatus.COMPLETE
    assert rows == [
        {
            "t": 127,
            "u": Decimal(18446744073709551615),
            "h": "-170141183460469231731687303715884105727",  # 39 digits: text, which the engine holds
            "d": "0.30000000000000004 (a floating-point number, not an exact decimal)",
            "f": "12.5",
            "m": "好",
            "g": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "j": '{"a": 1.10}',
            "ns": "2024-01-01 00:00:00.000000001 (nanoseconds)",
            "s": datetime(2024, 1, 1, 0, 0, 1),
            "z": datetime(2023, 12, 31, 16, tzinfo=UTC),
            "i": "infinity",
            "iv": "1 day",
        }
    ]


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


def test_generated_identifiers_belong_to_their_rows(opened: Opened) -> None:
    session = opened(
        "CREATE SEQUENCE q START 100; CREATE TABLE c (id BIGINT PRIMARY KEY DEFAULT nextval('q'), name VARCHAR CHECK (name <> 'bad'))"
    )
    answers = Writer(session, "c", id="integer", name="string").create(
        [{"name": n} for n in ("a", "bad", "c")]
    )
    assert outcomes(answers) == ["applied", "rejected", "applied"]
    assert session.rows("SELECT name, id FROM c ORDER BY id") == [
        ("a", answers[0]["id.id"]),
        ("c", answers[2]["id.id"]),
    ]
    assert answers[1]["id.id"] is None


@pytest.mark.parametrize(
    ("column", "type_", "value", "kept"),
    [
        ("DECIMAL(9,2)", "decimal(18,4)", Decimal("1.2345"), False),
        ("DECIMAL(9,2)", "decimal(18,4)", Decimal("1.2300"), True),
        ("DECIMAL(9,2)", "decimal(18,2)", Decimal("12345678.90"), False),
        ("INTEGER", "integer", 2**31, False),
        ("INTEGER", "string", "007", False),
        ("VARCHAR", "decimal(38,9)", Decimal("12345678901234567890.123456789"), True),
        ("VARCHAR", "timestamptz", datetime(2024, 1, 1, 8, 0, 0, 1, UTC), True),
        ("VARCHAR", "boolean", True, True),
        ("TIMESTAMP_S", "timestamp", datetime(2024, 1, 1, 0, 0, 0, 1), False),
        ("TIMESTAMP", "date", date(2024, 2, 29), True),
        ("DATE", "timestamp", datetime(2024, 1, 1, 0, 0, 0, 1), False),
        ("DOUBLE", "decimal(20,2)", Decimal("123456789012345678.99"), False),
        ("UUID", "string", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", False),
        ("HUGEINT", "decimal(38,0)", Decimal("9" * 38), True),
    ],
)
def test_a_value_is_kept_exactly_or_rejected(
    opened: Opened, column: str, type_: str, value: Any, kept: bool
) -> None:
    session = opened(f"CREATE TABLE k (id BIGINT PRIMARY KEY, v {column})")
    writer = Writer(session, "k", id="integer", v=type_)
    answers = writer.create([{"id": 1, "v": value}, {"id": 2, "v": None}])
    assert outcomes(answers) == ["applied" if kept else "rejected", "applied"], answers
    if kept:
        assert outcomes(writer.update([{"id": 1}], [{"v": None}], [{"v": value}])) == ["applied"]


def test_a_collation_does_not_weaken_a_precondition(opened: Opened) -> None:
    session = opened(
        "CREATE TABLE c (id BIGINT PRIMARY KEY, name VARCHAR COLLATE NOCASE); INSERT INTO c VALUES (1, 'Old')"
    )
    writer = Writer(session, "c", id="integer", name="string")
    assert outcomes(writer.update([{"id": 1}], [{"name": "new"}], [{"name": "old"}])) == ["stale"]
    assert outcomes(writer.update([{"id": 1}], [{"name": "new"}], [{"name": "Old"}])) == ["applied"]


def test_a_text_that_rounds_to_the_planned_decimal_is_stale(opened: Opened) -> None:
    session = opened(
        "CREATE TABLE c (id BIGINT PRIMARY KEY, v VARCHAR, n INT); INSERT INTO c VALUES (1, '7.0949', 0), (2, '7.0900', 0)"
    )
    writer = Writer(session, "c", id="integer", v="decimal(9,2)", n="integer")
    answers = writer.update([{"id": 1}, {"id": 2}], [{"n": 1}] * 2, [{"v": Decimal("7.09")}] * 2)
    assert outcomes(answers) == ["stale", "applied"]


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
