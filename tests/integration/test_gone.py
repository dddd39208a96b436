"""A table, a column, a file that is gone or another one between plan and apply: told, nothing written, nothing in doubt; and
when it is there again, the same plan writes everything."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpoa_cli.core.conclusion import RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from tests import planning
from tests.services import mariadb_url, postgres_url
from tests.unit.engine.small import Small

__all__ = ["mariadb_url", "postgres_url"]
pytestmark = pytest.mark.slow

TABLE = "CREATE TABLE item (id INTEGER PRIMARY KEY, code VARCHAR(20) UNIQUE, name VARCHAR(200))"
ANEW = "DROP TABLE IF EXISTS item, kept, erpoa_ledger"
GONE, FIELD = "ALTER TABLE item RENAME TO kept", "ALTER TABLE item RENAME COLUMN name TO kept"
BACK = {GONE: "ALTER TABLE kept RENAME TO item", FIELD: "ALTER TABLE item RENAME COLUMN kept TO name"}
Rows = list[tuple[str, str]]


@dataclass
class There:
    """A target: how the project names its system and its object; `say` changes it (SQL, or what a file has instead)."""

    config: dict[str, Any]
    object: str
    say: Callable[[str], None]
    rows: Callable[[], Rows]


def sqlite(root: Path) -> There:
    return _database(root / "oa.db", "sqlite", sqlite3.connect)


def duck(root: Path) -> There:
    there = _database(root / "oa.duckdb", "duckdb", duckdb.connect)
    there.say("CREATE SEQUENCE ids START 1000; DROP TABLE item")
    there.say(TABLE.replace("id INTEGER", "id INTEGER DEFAULT nextval('ids')"))
    return there


def _database(path: Path, plugin: str, connect: Callable[[Path], Any]) -> There:
    def say(sql: str) -> None:
        with closing(connect(path)) as db:
            db.execute(sql)
            db.commit()

    def rows() -> Rows:
        with closing(connect(path)) as db:
            return sorted(db.execute("SELECT code, name FROM item").fetchall())

    say(TABLE)
    return There({"plugin": plugin, "config": {"path": path.name}}, "item", say, rows)


def csv(root: Path) -> There:
    return _file(
        root, "item.csv", lambda rows: "code,name\n" + "".join(f"{c},{n}\n" for c, n in rows), _lines
    )


def jsonl(root: Path) -> There:
    def text(rows: Sequence[tuple[str, str]]) -> str:
        return "".join(json.dumps({"code": c, "name": n}) + "\n" for c, n in rows)

    return _file(
        root, "item.jsonl", text, lambda t: [(r["code"], r["name"]) for r in map(json.loads, t.splitlines())]
    )


def _lines(text: str) -> Rows:
    return [(c, n) for c, n in (line.split(",") for line in text.splitlines()[1:])]


def _file(
    root: Path, name: str, text: Callable[[Sequence[tuple[str, str]]], str], read: Callable[[str], Rows]
) -> There:
    folder = root / "oa"
    folder.mkdir()
    (folder / name).write_text(text([("A", "one")]), encoding="utf-8")

    def say(what: str) -> None:
        file, kept = folder / name, root / "kept"
        if what == GONE:
            shutil.move(file, kept)
        elif what in BACK.values():
            shutil.move(kept, file)
        else:
            shutil.copy(file, kept)
            file.write_text(file.read_text("utf-8").replace("name", "kept"), encoding="utf-8")

    config = {"path": "oa", "files": {name: {"id": ["code"]}}}
    return There(
        {"plugin": "files", "config": config},
        name,
        say,
        lambda: sorted(read((folder / name).read_text("utf-8"))),
    )


def parquet(root: Path) -> There:
    folder = root / "oa"
    folder.mkdir()
    file, kept = folder / "item.parquet", root / "kept"
    pq.write_table(pa.table({"code": ["A"], "name": ["one"]}), file)

    def say(what: str) -> None:
        if what == GONE:
            shutil.move(file, kept)
        elif what in BACK.values():
            shutil.move(kept, file)
        else:
            shutil.copy(file, kept)
            pq.write_table(pq.read_table(file).rename_columns(["code", "kept"]), file)

    def rows() -> Rows:
        return sorted((r["code"], r["name"]) for r in pq.read_table(file).to_pylist())

    config = {"path": "oa", "files": {file.name: {"id": ["code"]}}}
    return There({"plugin": "files", "config": config}, file.name, say, rows)


@pytest.fixture(params=["sqlite", "duckdb", "csv", "jsonl", "parquet", "postgres", "mariadb"])
def there(request: pytest.FixtureRequest, tmp_path: Path) -> There:
    match request.param:
        case "postgres":
            return _postgres(request.getfixturevalue("postgres_url"))
        case "mariadb":
            return _mariadb(request.getfixturevalue("mariadb_url"))
        case kind:
            made: dict[str, Callable[[Path], There]] = {
                "sqlite": sqlite, "duckdb": duck, "csv": csv, "jsonl": jsonl, "parquet": parquet
            }  # fmt: skip
            return made[kind](tmp_path)


def _postgres(url: str) -> There:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    def say(sql: str) -> None:
        with psycopg.connect(url) as db:
            db.execute(sql)

    def rows() -> Rows:
        with psycopg.connect(url) as db:
            return sorted(db.execute("SELECT code, name FROM item").fetchall())

    at = conninfo_to_dict(url)
    say(ANEW)
    say(TABLE.replace("id INTEGER", "id INTEGER GENERATED ALWAYS AS IDENTITY"))
    config = {
        "host": at["host"],
        "port": int(at.get("port") or 5432),
        "database": at["dbname"],
        "user": at["user"],
    }
    if at.get("password"):
        pytest.skip("the projects of this test have no secrets")
    return There({"plugin": "postgres", "config": config}, "item", say, rows)


def _mariadb(url: str) -> There:
    import pymysql  # type: ignore[import-untyped]

    at = urlsplit(url)
    config = {"host": at.hostname, "port": at.port, "database": at.path.lstrip("/"), "user": at.username}

    def run(sql: str) -> Rows:
        with (
            closing(pymysql.connect(**config, password=at.password or "", autocommit=True)) as db,
            db.cursor() as cursor,
        ):
            cursor.execute(sql)
            return sorted(cursor.fetchall())

    run(ANEW)
    run(TABLE.replace("id INTEGER", "id INTEGER AUTO_INCREMENT"))
    if at.password:
        pytest.skip("the projects of this test have no secrets")

    def say(sql: str) -> None:
        run(sql)

    return There(
        {"plugin": "mysql", "config": config}, "item", say, lambda: run("SELECT code, name FROM item")
    )


@pytest.fixture
def world(tmp_path: Path, there: There) -> Small:
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: items\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        json.dumps(
            {"systems": {"erp": {"plugin": "sqlite", "config": {"path": "erp.db"}}, "oa": there.config}}
        ),
    )
    made.file(
        "sources/s.yml",
        "sources: {s: {system: erp, object: item, key: [code], fields: {code: string, name: string}}}",
    )
    made.file(
        "targets/t.yml",
        f"targets: {{t: {{from: s, system: oa, object: {there.object}, key: [code], fields: [code, name]}}}}",
    )
    made.sql(
        "CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT); INSERT INTO item VALUES ('A', 'one'), ('B', 'two')"
    )
    made.apply()
    made.sql("UPDATE item SET name = 'one more' WHERE code = 'A'; INSERT INTO item VALUES ('C', 'three')")
    return made


@pytest.mark.parametrize("change", [GONE, FIELD], ids=["object", "field"])
def test_what_is_gone_before_apply_is_told_and_the_same_plan_writes_it_later(
    world: Small, there: There, change: str
):
    planned = world.plan()
    there.say(change)
    with pytest.raises(Failure) as told:
        planning.apply(world.bound(), planned)
    assert {d.code for d in told.value.diagnostics} == {"E0550"}
    assert told.value.kind is FailureKind.STALE
    assert all(d.remedy for d in told.value.diagnostics)
    there.say(BACK[change])
    assert there.rows() == [("A", "one"), ("B", "two")]
    assert planning.apply(world.bound(), planned).conclusion is RunConclusion.SUCCEEDED
    assert there.rows() == [("A", "one more"), ("B", "two"), ("C", "three")]
    assert not planning.rows(world.plan(), "changes", "t")
