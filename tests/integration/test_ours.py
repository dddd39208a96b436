"""Ours is ours, over every connector that writes by itself: an edit right after our write stays theirs, a changed identifier is
the same row, and what is remembered belongs to one place."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pymysql  # type: ignore[import-untyped]
import pytest
from erpoa_mysql.session import MysqlSession
from erpoa_postgres.session import PostgresSession
from psycopg.conninfo import conninfo_to_dict

from erpoa_cli.connectors.duckdb.session import DuckdbSession, connect
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.connect import Connections
from erpoa_cli.sdk.connector import Writable, WriteBatch
from erpoa_cli.state import PlanFile, open_writer
from tests import mariadb, postgres
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

TABLE = "CREATE TABLE person (login VARCHAR(20) PRIMARY KEY, name VARCHAR(20), no BIGINT)"
SESSIONS: dict[str, type[Writable]] = {
    "sqlite": SqliteSession,
    "duckdb": DuckdbSession,
    "sql": import_module("erpoa_sql.session").AlchemySession,
    "postgres": PostgresSession,
    "mysql": MysqlSession,
    "csv": FilesSession,
    "jsonl": FilesSession,
}


class World:
    """People of an ERP in a place of *kind*, whose rows are known by a field that we write."""

    def __init__(self, root: Path, kind: str, urls: tuple[str, str]) -> None:
        self.small = Small(root)
        self.kind, self.urls, self.at = kind, urls, 0
        self.small.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
        self.small.file(
            "sources/s.yml",
            "sources: {people: {system: erp, object: person, key: [no], fields: {no: integer, login: string, name: string}}}",
        )
        self.small.file(
            "targets/t.yml",
            f"""
            targets:
              people: {{from: people, system: oa, object: {self.object}, key: [no], fields: {{login: login, name: name, no: no}},
                       on_source_gone: delete, guards: {{max_delete: {{count: 100, share: "100%"}}}}}}
            """,
        )
        self.small.sql("CREATE TABLE person (no INTEGER PRIMARY KEY, login TEXT, name TEXT)")
        self.small.sql("INSERT INTO person VALUES (1, 'ann', 'Ann'), (2, 'bob', 'Bob')")
        for at in (1, 0):
            self.move(at)
            self.make()

    @property
    def object(self) -> str:
        return f"person.{self.kind}" if self.kind in ("csv", "jsonl") else "person"

    @property
    def home(self) -> Path:
        found = self.small.root / f"oa{self.at}"
        found.mkdir(exist_ok=True)
        return found

    def move(self, at: int) -> None:
        """Let the name of their system stand for the place number *at*."""
        self.at = at
        config: dict[str, Any]
        match self.kind:
            case "postgres":
                told = conninfo_to_dict(self.urls[at])
                config = {n: told[n] for n in ("host", "user") if n in told}
                config |= {"database": told["dbname"], "port": int(str(told.get("port") or 5432))}
            case "mysql":
                place = mariadb.parameters(self.urls[at])
                config = {n: place[n] for n in ("host", "port", "database", "user")}
            case "sql":
                config = {"dialect": "sqlite", "database": str(self.home / "oa.db")}
            case "csv" | "jsonl":
                config = {"path": str(self.home), "files": {self.object: {"id": ["login"]}}}
            case _:
                config = {"path": str(self.home / "oa.db")}
        plugin = "files" if self.kind in ("csv", "jsonl") else self.kind
        systems = {
            "erp": {"plugin": "sqlite", "config": {"path": "erp.db"}},
            "oa": {"plugin": plugin, "config": config},
        }
        self.small.file("systems/s.yml", json.dumps({"systems": systems}))

    def make(self) -> None:
        if self.kind == "csv":
            (self.home / self.object).write_text("login,name,no\n")
        elif self.kind == "jsonl":
            (self.home / self.object).write_text('{"login": "x", "name": "x", "no": 9}\n')
        else:
            if self.kind == "duckdb":
                duckdb.connect(str(self.home / "oa.db")).close()
            self.run(TABLE)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        match self.kind:
            case "postgres":
                with psycopg.connect(self.urls[self.at]) as db:
                    cursor = db.execute(sql)
                    return cursor.fetchall() if cursor.description else []
            case "mysql":
                at = mariadb.parameters(self.urls[self.at])
                with (
                    closing(pymysql.connect(**at, autocommit=True, charset="utf8mb4")) as other,
                    other.cursor() as by,
                ):
                    by.execute(sql)
                    return list(by.fetchall())
            case "duckdb":
                with closing(connect(self.home / "oa.db", read_only=False)) as db:
                    return db.execute(sql).fetchall()
            case _:
                with sqlite3.connect(self.home / "oa.db") as other:
                    return other.execute(sql).fetchall()

    def edit(self, old: str, new: str) -> None:
        """Somebody gives the person called *old* the name *new*."""
        if self.kind in ("csv", "jsonl"):
            file = self.home / self.object
            file.write_text(file.read_text().replace(old, new))
        else:
            self.run(f"UPDATE person SET name = '{new}' WHERE name = '{old}'")

    def held(self) -> list[tuple[str, str]]:
        match self.kind:
            case "csv":
                lines = (self.home / self.object).read_text().split()[1:]
                return sorted(tuple(line.split(",")[:2]) for line in lines)  # type: ignore[misc]
            case "jsonl":
                rows = map(json.loads, (self.home / self.object).read_text().splitlines())
                return sorted((row["login"], row["name"]) for row in rows if row["no"] != 9)
            case _:
                return self.run("SELECT login, name FROM person ORDER BY login")

    def planned(self) -> PlanFile:
        return PlanFile.open(self.small.plan().path)


@pytest.fixture(params=list(SESSIONS))
def world(
    request: pytest.FixtureRequest, tmp_path: Path, service_url: Callable[[str], str]
) -> Iterator[World]:
    served = {"postgres": ("POSTGRES", postgres.database), "mysql": ("MARIADB", mariadb.database)}
    if request.param not in served:
        yield World(tmp_path, request.param, ("", ""))
        return
    service, databases = served[request.param]
    url = service_url(service)
    with databases(url) as here, databases(url) as there:
        yield World(tmp_path, request.param, (here, there))


@pytest.fixture
def between(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """What happens between a commit and whatever comes after it, once."""
    waiting: list[Callable[[], object]] = []
    session = SESSIONS[world.kind]
    write = session.write

    def committed(self: Writable, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        answers = list(write(self, batch))
        if waiting:
            waiting.pop()()
        yield from answers

    monkeypatch.setattr(session, "write", committed)
    return waiting.append


def test_an_edit_right_after_our_write_stays_theirs(
    world: World, between: Callable[[Callable[[], object]], None]
) -> None:
    between(lambda: world.edit("Ann", "typed"))
    assert world.small.apply().outcomes["people"] == {Outcome.APPLIED: 2}
    world.small.sql("UPDATE person SET name = 'Bo' WHERE no = 2")
    between(lambda: world.edit("Bo", "written"))
    assert world.small.apply().outcomes["people"] == {Outcome.APPLIED: 1}
    assert world.planned().table(Member.DRIFT, "people").num_rows == 2
    assert world.held() == [("ann", "typed"), ("bob", "written")]


def test_a_changed_identifier_is_the_same_row(world: World) -> None:
    world.small.apply()
    world.small.sql("UPDATE person SET login = 'lee' WHERE no = 1")
    assert world.small.apply().outcomes["people"] == {Outcome.APPLIED: 1}
    assert world.small.plan().conclusion is PlanConclusion.UNCHANGED
    world.small.sql("UPDATE person SET name = 'Lee' WHERE no = 1; DELETE FROM person WHERE no = 2")
    assert world.small.apply().outcomes["people"] == {Outcome.APPLIED: 2}
    assert world.held() == [("lee", "Lee")]


def test_what_is_remembered_belongs_to_one_place(world: World) -> None:
    """Another place under the name is refused by name; a new start begins there, and the old place is as it was."""
    world.small.apply()
    world.move(1)
    with pytest.raises(Failure) as refused:
        world.small.plan()
    (told,) = refused.value.diagnostics
    assert told.code == "E0544"
    assert "erpoa state system oa" in told.remedy
    with Connections(world.small.bound().project) as connections:
        there = connections.identity("oa")
    with open_writer(world.small.root, "default") as store:
        assert store.begin_anew("oa") == 2
        store.declare_system("oa", there)
    assert world.small.apply().outcomes["people"] == {Outcome.APPLIED: 2}
    both = [("ann", "Ann"), ("bob", "Bob")]
    assert world.held() == both
    world.move(0)
    assert world.held() == both
