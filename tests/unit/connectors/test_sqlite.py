"""SQLite: dynamic typing read and written exactly, or refused; everything a schema may contain."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, Fatal, SystemFailure

Opened = Callable[[str], SqliteSession]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "here.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    sessions: list[SqliteSession] = []

    def make(script: str) -> SqliteSession:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(script)
        sessions.append(SqliteConnector().open({"path": str(path)}))
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


def stored(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the file holds, seen without our code."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


# -- reading what others stored --


def test_tryton_s_storage_is_read_exactly(opened: Opened) -> None:
    session = opened("""
        CREATE TABLE rate (id INTEGER PRIMARY KEY AUTOINCREMENT, active BOOLEAN, rate NUMERIC, date DATE,
                           code VARCHAR(3), create_date TIMESTAMP, note TEXT, took INTERVAL, share FLOAT);
        INSERT INTO rate (active, rate, date, code, create_date, note, share) VALUES
            (1, CAST('7.0920' AS BLOB), '2024-01-01', '004', '2026-11-22 23:18:15.388802', '["省"]', 0.5),
            (0, CAST('1E+1' AS BLOB), '1899-12-31', '0１', '2026-11-22 23:18:15', 'null' || char(0) || 'x', 0.1),
            (NULL, CAST('12345678901234567890.123456' AS BLOB), NULL, '', NULL, NULL, NULL);
    """)
    rows, verdict = read(
        session,
        "rate",
        id="integer",
        active="boolean",
        rate="decimal(38,6)",
        date="date",
        code="string",
        create_date="timestamp",
        note="string",
        share="decimal(15,3)",
    )
    assert verdict.status is ReadStatus.COMPLETE
    names = ("id", "active", "rate", "date", "code", "create_date", "note", "share")
    assert [tuple(row[name] for name in names) for row in rows] == [
        (1, "true", "7.0920", "2024-01-01", "004", "2026-11-22 23:18:15.388802", '["省"]', "0.5"),
        (2, "false", "10", "1899-12-31", "0１", "2026-11-22 23:18:15", "null\0x", "0.1"),
        (3, None, "12345678901234567890.123456", None, "", None, None, None),
    ]
    info = session.objects(["rate"])[0]
    refused = {f.name: f.refused for f in info.fields if f.type is None}
    assert set(refused) == {"rate", "took", "share"}
    assert "decimal(26,6)" in refused["rate"], "the digits of the values seen"


def test_a_blob_decimal_is_written_as_it_is_kept(opened: Opened, path: Path) -> None:
    session = opened("CREATE TABLE r (id INTEGER PRIMARY KEY, rate NUMERIC);"
                     "INSERT INTO r VALUES (1, CAST('7.0920' AS BLOB))")  # fmt: skip
    writer = Writer(session, "r", id="integer", rate="decimal(38,9)")
    exact = Decimal("12345678901234567890.123456789")
    assert outcomes(writer.create([{"id": 2, "rate": exact}])) == ["applied"]
    assert stored(path, "SELECT typeof(rate), CAST(rate AS TEXT) FROM r WHERE id = 2") == [
        ("blob", str(exact))
    ]
    answer = writer.update([{"id": 1}], [{"rate": Decimal("7.1")}], [{"rate": Decimal("7.092")}])
    assert outcomes(answer) == ["applied"], "7.0920 as stored is 7.092 as planned"
    assert outcomes(writer.update([{"id": 1}], [{"rate": exact}], [{"rate": Decimal("7.092")}])) == ["stale"]


def test_numbers_that_are_no_exact_decimals_never_parse(opened: Opened) -> None:
    session = opened("CREATE TABLE n (id INTEGER PRIMARY KEY, a REAL, b NUMERIC);"
                     "INSERT INTO n VALUES (1, 0.1 + 0.2, 12), (2, 12345.67, 0.1 + 0.7), (3, 1e300, 'x'), (4, -0.5, NULL)")  # fmt: skip
    rows, _ = read(session, "n", id="integer", a="decimal(15,4)", b="decimal(15,4)")
    assert [row["b"] for row in rows[:3]] == [
        "12",
        f"{0.1 + 0.7!r} (a 64-bit float, not an exact decimal)",
        "x",
    ]
    assert rows[0]["a"] == "0.30000000000000004 (a 64-bit float, not an exact decimal)"
    assert [rows[1]["a"], rows[3]["a"]] == ["12345.67", "-0.5"]
    assert rows[2]["a"] == "1" + "0" * 300, "one digit, but far too large: the engine holds it"


def test_values_of_another_type_are_passed_on_as_text(opened: Opened) -> None:
    session = opened("CREATE TABLE v (i INT, b BOOLEAN, s TEXT, d DATE);"
                     "INSERT INTO v VALUES ('x', 2, x'e4b8ad', 1700000000), (1.5, 'yes', 7, '２０２４'), (2.0, 0, NULL, '')")  # fmt: skip
    rows, verdict = read(session, "v", i="integer", b="boolean", s="string", d="date")
    assert rows == [
        {"i": "x", "b": "2", "s": "中", "d": "1700000000"},
        {"i": "1.5", "b": "yes", "s": "7", "d": "２０２４"},
        {"i": "2", "b": "false", "s": None, "d": ""},
    ]
    assert verdict.status is ReadStatus.COMPLETE


def test_a_row_with_bytes_that_are_no_text_is_left_out_and_told(opened: Opened) -> None:
    session = opened("CREATE TABLE b (id INTEGER PRIMARY KEY, s TEXT, x BLOB);"
                     "INSERT INTO b VALUES (1, 'ok', x'00'), (2, CAST(x'61ff' AS TEXT), x'01'), (3, '', 5)")  # fmt: skip
    rows, verdict = read(session, "b", id="integer", s="string", x="bytes")
    assert [row["id"] for row in rows] == [1]
    assert verdict.status is ReadStatus.PARTIAL
    assert "row 2: s cannot be read as string" in verdict.reason
    assert "row 3: x cannot be read as bytes" in verdict.reason
    assert verdict.evidence["left_out"] == 2


def test_a_misspelt_column_is_not_taken_for_a_text(opened: Opened) -> None:
    session = opened("CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO c VALUES (1, 'x')")
    rows, verdict = read(session, "c", nmae="string")
    assert not rows
    assert verdict.status is ReadStatus.FAILED
    assert "'nmae'" in verdict.reason
    rows, verdict = told(
        session.read(ReadRequest(object="", query="SELECT * FROM c", fields=fields(nmae="string")))
    )
    assert verdict.status is ReadStatus.FAILED, "nor in a query"


def test_queries_and_filters(opened: Opened) -> None:
    session = opened("CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, active BOOLEAN, n INT);"
                     "INSERT INTO c VALUES (1, 'a', 1, 5), (2, 'A', 0, NULL), (3, ''' OR 1=1 --', 1, 7)")  # fmt: skip
    asked = ReadRequest(
        object="", query="SELECT id AS no FROM c WHERE n > 4 -- all\n", fields=fields(no="integer")
    )
    assert [row["no"] for row in told(session.read(asked))[0]] == ["1", "3"]
    for filter_, ids in (
        ({"name": "a"}, [1]),
        ({"active": True}, [1, 3]),
        ({"n": None}, [2]),
        ({"n": [None, 7]}, [2, 3]),
        ({"name": "' OR 1=1 --"}, [3]),
        ({"id": [1, 2], "active": False}, [2]),
    ):
        rows, verdict = told(
            session.read(ReadRequest(object="c", fields=fields(id="integer"), filter=filter_))
        )
        assert [row["id"] for row in rows] == ids, filter_
    _, verdict = told(session.read(ReadRequest(object="c", fields=fields(id="integer"), filter={"zzz": 1})))
    assert verdict.status is ReadStatus.FAILED


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS id; DROP TABLE c", "SELECT 1 AS id) t; DROP TABLE c; --", "DELETE FROM c"]
)
def test_a_query_only_reads(opened: Opened, path: Path, query: str) -> None:
    session = opened("CREATE TABLE c (id INTEGER PRIMARY KEY)")
    _, verdict = told(session.read(ReadRequest(object="", query=query, fields=fields(id="integer"))))
    assert verdict.status is ReadStatus.FAILED
    assert stored(path, "SELECT name FROM sqlite_schema") == [("c",)]


@pytest.mark.parametrize(
    ("type_", "values", "since", "expected"),
    [
        ("integer", "(1), (9), (10), (NULL), ('x')", "9", {"9", "10", None, "x"}),
        ("decimal(9,2)", "(9.5), (10), (NULL)", "9.60", {"10", None}),
        ("timestamp", "('2026-01-01 00:00:00'), ('2026-01-01T00:00:00.000001'), ('2025-12-31 23:59:59.999999'), ('soon')",
         "2026-01-01T00:00:00.000000", {"2026-01-01 00:00:00", "2026-01-01T00:00:00.000001", "soon"}),
        ("timestamptz", "('2026-01-01 07:59:59+08:00'), ('2026-01-01 08:00:00+08:00'), ('2025-12-31 20:00:00-05:00')",
         "2026-01-01T00:00:00.000000Z", {"2026-01-01 08:00:00+08:00", "2025-12-31 20:00:00-05:00"}),
    ],
)  # fmt: skip
def test_since_misses_nothing(
    opened: Opened, type_: str, values: str, since: str, expected: set[str]
) -> None:
    session = opened(f"CREATE TABLE s (at); INSERT INTO s VALUES {values}")
    asked = ReadRequest(object="s", fields=fields(at=type_), cursor="at", since=since)
    assert {row["at"] for row in told(session.read(asked))[0]} == expected


# -- what there is --


def test_every_kind_of_table_is_described(opened: Opened) -> None:
    session = opened("""
        CREATE TABLE parent (code TEXT PRIMARY KEY COLLATE NOCASE, label VARCHAR(20) NOT NULL DEFAULT 'x');
        CREATE TABLE child (a INT, b BIGINT, p TEXT REFERENCES parent, q TEXT UNIQUE, area INT AS (a * b) STORED,
                            PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE exact (id INTEGER PRIMARY KEY, n INT, t TEXT, x ANY, r REAL, b BLOB) STRICT;
        CREATE UNIQUE INDEX partial ON exact (n) WHERE n > 0;
        CREATE VIEW seen AS SELECT a, p, a + 1 AS more FROM child;
        CREATE TABLE "odd ""name"" 表" ("列 [1]" TEXT, "select" DECIMAL(38,9), u UUID, j JSON, z TIMESTAMPTZ);
    """)
    infos = {info.address: info for info in session.objects()}
    assert set(infos) == {"parent", "child", "exact", "seen", 'odd "name" 表'}
    child = infos["child"]
    assert (child.id, child.keys) == (("b", "a"), (("q",),))
    assert [(k.fields, k.object) for k in child.foreign_keys] == [(("p",), "parent")]
    types = {(i.address, f.name): str(f.type) for i in infos.values() for f in i.fields}
    assert types["child", "area"] == "integer"
    assert types["exact", "b"] == "bytes"
    assert types['odd "name" 表', "列 [1]"] == "string"
    assert [types['odd "name" 表', c] for c in ("select", "u", "j", "z")] == [
        "None",
        "string",
        "json",
        "timestamptz",
    ]
    assert [f.name for f in child.fields if not f.writable] == ["area"]
    assert [f.name for f in infos["exact"].fields if f.generated] == ["id"]
    assert infos["exact"].keys == (), "a partial index is no key"
    assert not infos["seen"].writable
    assert types["seen", "more"] == "None", "an expression has no declared type"


def test_odd_names_are_written_and_read(opened: Opened) -> None:
    session = opened('CREATE TABLE "odd ""name"" 表" ("列 [1]" TEXT PRIMARY KEY, "select" TEXT)')
    writer = Writer(session, 'odd "name" 表', ("列 [1]",), **{"列 [1]": "string", "select": "string"})
    assert outcomes(writer.create([{"列 [1]": "a", "select": "b"}], unless=(("列 [1]",),))) == ["applied"]
    assert outcomes(writer.update([{"列 [1]": "a"}], [{"select": "c"}], [{"select": "b"}])) == ["applied"]
    assert read(session, 'odd "name" 表', select="string")[0] == [{"select": "c"}]


# -- opening --


def test_a_missing_file_is_not_created(path: Path) -> None:
    with pytest.raises(Fatal, match="there is no file"):
        SqliteConnector().open({"path": str(path)})
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" * 1000)
    with pytest.raises(SystemFailure, match="not a database"):
        SqliteConnector().open({"path": str(path)})


def test_read_only_never_writes(opened: Opened, path: Path) -> None:
    opened("CREATE TABLE c (id INTEGER PRIMARY KEY)")
    with closing(SqliteConnector().open({"path": str(path), "read_only": True})) as session:
        assert session.check() == []
        assert not session.objects(["c"])[0].writable
        with pytest.raises(Denied):
            Writer(session, "c", id="integer").create([{"id": 1}])
    assert stored(path, "SELECT * FROM c") == []


def test_a_copy_is_another_database_and_a_link_is_not(opened: Opened, path: Path, tmp_path: Path) -> None:
    session = opened("CREATE TABLE c (id INTEGER PRIMARY KEY)")
    copy, link = tmp_path / "copy.db", tmp_path / "link.db"
    copy.write_bytes(path.read_bytes())
    link.symlink_to(path)
    with closing(SqliteConnector().open({"path": str(copy)})) as other:
        assert other.identity() != session.identity()
    with closing(SqliteConnector().open({"path": str(link)})) as same:
        assert same.identity() == session.identity() == f"sqlite:{os.path.realpath(path)}"


# -- writing: what the schema does to rows --


def test_refused_rows_come_back_in_the_database_s_words(opened: Opened, path: Path) -> None:
    session = opened("""
        CREATE TABLE p (code TEXT PRIMARY KEY); INSERT INTO p VALUES ('there');
        CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, p TEXT REFERENCES p,
                        n INT CHECK (n > 0), t TEXT NOT NULL);
        CREATE TRIGGER rule BEFORE INSERT ON c WHEN NEW.t = '禁' BEGIN SELECT RAISE(ABORT, '审批未通过'); END;
        CREATE TRIGGER hush BEFORE INSERT ON c WHEN NEW.t = 'hush' BEGIN SELECT RAISE(IGNORE); END;
        CREATE TRIGGER rude BEFORE INSERT ON c WHEN NEW.t = 'rude' BEGIN SELECT RAISE(ROLLBACK, 'all undone'); END;
        INSERT INTO c (code, p, n, t) VALUES ('taken', 'there', 1, 'x');
    """)
    good = {"code": "a", "p": "there", "n": 1, "t": "x"}
    rows = [
        good,
        good | {"code": "taken"},
        good | {"code": "b", "p": "nowhere"},
        good | {"code": "c", "n": 0},
        good | {"code": "d", "t": None},
        good | {"code": "e", "t": "禁"},
        good | {"code": "f", "t": "hush"},
        good | {"code": "g", "t": "rude"},
        good | {"code": "h"},
    ]
    writer = Writer(session, "c", id="integer", code="string", p="string", n="integer", t="string")
    answers = writer.create(rows)
    assert outcomes(answers) == ["applied", *["rejected"] * 7, "applied"], answers
    assert [a["error_class"] for a in answers[1:4]] == ["duplicate", "master_missing", "rejected"]
    words = [a["error"] for a in answers]
    assert words[1] == "UNIQUE constraint failed: c.code"
    assert words[5] == "审批未通过"
    assert "trigger" in words[6]
    assert words[7] == "all undone"
    found = dict(stored(path, "SELECT code, id FROM c"))
    assert [found["a"], found["h"]] == [answers[0]["id.id"], answers[8]["id.id"]]
    assert set(found) == {"taken", "a", "h"}
    assert stored(path, "SELECT count(*) FROM erpoa_ledger") == [(1,)]


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"])
def test_a_conflict_clause_of_the_table_does_not_win(opened: Opened, path: Path, clause: str) -> None:
    session = opened(f"CREATE TABLE c (id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT {clause});"
                     "INSERT INTO c VALUES (1, 'theirs'), (2, 'other')")  # fmt: skip
    writer = Writer(session, "c", id="integer", code="string")
    assert outcomes(writer.create([{"id": 3, "code": "theirs"}, {"id": 4, "code": "new"}])) == [
        "rejected",
        "applied",
    ]
    assert outcomes(writer.update([{"id": 2}], [{"code": "theirs"}])) == ["rejected"]
    assert stored(path, "SELECT * FROM c ORDER BY id") == [(1, "theirs"), (2, "other"), (4, "new")]


def test_foreign_keys_checked_at_the_end_refuse_their_rows_only(opened: Opened, path: Path) -> None:
    session = opened("""
        CREATE TABLE d (id INTEGER PRIMARY KEY, boss INT REFERENCES d DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO d VALUES (1, NULL), (2, 1);
    """)
    writer = Writer(session, "d", id="integer", boss="integer")
    tree = [{"id": 10, "boss": 11}, {"id": 11, "boss": 1}]
    assert outcomes(writer.create(tree)) == ["applied", "applied"], "a child before its parent, in one batch"
    rows = [{"id": 20 + n, "boss": 99 if n in (3, 5) else 1} for n in range(8)]
    answers = writer.create(rows)
    assert [a["ordinal"] for a in answers if a["outcome"] == "rejected"] == [3, 5]
    assert {a["error_class"] for a in answers if a["outcome"] == "rejected"} == {"master_missing"}
    assert outcomes(writer.delete([{"id": 1}, {"id": 2}])) == ["rejected", "applied"]
    assert stored(path, "SELECT count(*) FROM d") == [(9,)]


def test_identifiers_given_by_the_database_are_returned(opened: Opened) -> None:
    session = opened("""
        CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, no TEXT);
        CREATE TRIGGER number AFTER INSERT ON auto BEGIN
            UPDATE auto SET no = 'PO' || printf('%04d', NEW.id) WHERE id = NEW.id; END;
        CREATE TABLE made (id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(4)))), v TEXT);
        CREATE TABLE both (a TEXT, b INTEGER DEFAULT 7, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        CREATE TABLE bare (id INTEGER PRIMARY KEY);
    """)
    auto = Writer(session, "auto", id="integer", no="string").create([{"no": None}, {"no": None}])
    assert [a["id.id"] for a in auto] == [1, 2]
    numbers, _ = told(session.find(
        ReadRequest(object="auto", fields=fields(id="integer", no="string")), ("id",), pa.table({"id": [2]})
    ))  # fmt: skip
    assert numbers == [{"id": 2, "no": "PO0002"}], "numbers that a trigger gives are found"
    made = Writer(session, "made", id="string", v="string").create([{"v": "x"}, {"v": "y"}])
    assert all(len(a["id.id"]) == 8 for a in made)
    both = Writer(session, "both", ("a", "b"), a="string", b="integer", v="string").create(
        [{"a": "k", "v": "x"}]
    )
    assert (both[0]["id.a"], both[0]["id.b"]) == ("k", 7)
    null = Writer(session, "auto", id="integer", no="string").create(
        [{"id": None, "no": "x"}, {"id": 9, "no": "y"}]
    )
    assert [a["id.id"] for a in null] == [3, 9]


def test_a_strict_table_and_a_generated_column(opened: Opened, path: Path) -> None:
    session = opened(
        "CREATE TABLE s (id INTEGER PRIMARY KEY, n INT, d ANY, t TEXT, twice INT AS (n * 2)) STRICT"
    )
    writer = Writer(session, "s", id="integer", n="integer", d="string", t="string", twice="integer")
    assert outcomes(writer.create([{"id": 1, "n": 5, "d": "007", "t": "x"}])) == ["applied"]
    assert stored(path, "SELECT d, twice FROM s") == [("007", 10)]
    with pytest.raises(SystemFailure, match="generated"):
        writer.create([{"id": 2, "twice": 1}])
    text = Writer(session, "s", id="integer", n="string")
    assert outcomes(text.create([{"id": 3, "n": "abc"}])) == ["rejected"]


def test_a_database_in_utf_16(opened: Opened) -> None:
    session = opened("PRAGMA encoding = 'UTF-16le'; CREATE TABLE u (id INTEGER PRIMARY KEY, t TEXT)")
    writer = Writer(session, "u", id="integer", t="string")
    writer.create([{"id": 1, "t": "华😀"}])
    assert outcomes(writer.update([{"id": 1}], [{"t": "é"}], [{"t": "华😀"}])) == ["applied"]
    assert read(session, "u", t="string")[0] == [{"t": "é"}]


def test_unless_marks_the_second_of_two_equal_rows(opened: Opened) -> None:
    session = opened(
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a TEXT, b TEXT); INSERT INTO c VALUES (1, 'x', 'y')"
    )
    writer = Writer(session, "c", id="integer", a="string", b="string")
    rows: list[dict[str, Any]] = [
        {"a": "x", "b": None},
        {"a": "n", "b": "y"},
        {"a": None, "b": "q"},
        {"a": "m", "b": "q"},
        {"a": "m", "b": None},
    ]
    answers = writer.create(rows, unless=(("a",), ("b",)))
    assert outcomes(answers) == ["stale", "stale", "applied", "stale", "stale"], answers


def test_no_value_is_told_in_an_error(opened: Opened) -> None:
    session = opened("CREATE TABLE k (id INTEGER PRIMARY KEY, s NUMERIC, d DECIMAL(18,2), r REAL)")
    writer = Writer(session, "k", id="integer", s="string", d="decimal(18,2)", r="integer")
    row: dict[str, Any] = {"s": None, "d": None, "r": None}
    rows = [
        row | {"id": 1, "s": "0042"},
        row | {"id": 2, "d": Decimal("4242424242424242.42")},
        row | {"id": 3, "r": 42 * 10**17},
    ]
    answers = writer.create(rows)
    assert outcomes(answers) == ["rejected"] * 3
    assert not any("42" in a["error"] for a in answers)


def test_a_row_that_became_unreadable_does_not_stop_the_others(opened: Opened, path: Path) -> None:
    session = opened("CREATE TABLE c (id INTEGER PRIMARY KEY, s TEXT);"
                     "INSERT INTO c VALUES (1, CAST(x'61ff' AS TEXT)), (2, 'b')")  # fmt: skip
    writer = Writer(session, "c", id="integer", s="string")
    assert outcomes(writer.update([{"id": 1}, {"id": 2}], [{"s": "x"}] * 2, [{"s": "a"}, {"s": "b"}])) == [
        "rejected",
        "applied",
    ]
    assert stored(path, "SELECT hex(s) FROM c ORDER BY id") == [("61FF",), ("78",)]
