"""The suite that every connector must pass, through two dialects that can be had."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import erpoa_sql.session
import psycopg
import pytest
import sqlalchemy
from erpoa_sql import SqlConnector

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import STRING, Field, Kind, Type, identifier
from erpoa_cli.sdk.conformance import Conformance, Sql
from erpoa_cli.sdk.connector import ReadRequest, Writable
from erpoa_cli.sdk.sql import NARROWED

from .dialects import POSTGRESQL, SQLITE

_SQLITE = {
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BYTES: "BLOB",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.DATE: "DATE",
}


def columns(fields: Sequence[Field], types: Mapping[str, str]) -> str:
    lines = [f"{identifier(f.name)} {types[f.name]}" for f in fields]
    checks = [" CHECK (name <> 'refused')"] if any(f.name == "name" for f in fields) else []
    return ", ".join([lines[0] + " PRIMARY KEY", *lines[1:], *checks])


class TestThroughSqlite(Conformance, Sql):
    connector = SqlConnector
    dialect = SQLITE
    large = 2_000
    several_batches = 20_000

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        types = {f.name: _SQLITE.get(f.type.kind, "TEXT") for f in fields}
        db = sqlite3.connect(folder / "here.db")
        db.execute(f"CREATE TABLE thing ({columns(fields, types)})")
        db.close()
        return {"dialect": "sqlite", "database": str(folder / "here.db")}, "thing"

    def named(self, name: str) -> bool:
        return "%(" not in name

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        return {**config, "database": str(shutil.copy(config["database"], folder))}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        db = sqlite3.connect(config["database"])
        db.execute(f"UPDATE {object} SET name = CAST(x'61ff62' AS TEXT)")
        db.commit()
        db.close()

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        db = sqlite3.connect(folder / "here.db")
        db.execute(
            "CREATE TABLE lossy (a REAL, b NUMERIC, c DECIMAL(18,2), d DOUBLE PRECISION, e FLOAT, f DECIMAL(60,2))"
        )
        db.close()
        return {"dialect": "sqlite", "database": str(folder / "here.db")}, "lossy", list("abcdef")

    def place(self, folder: Path) -> dict[str, Any]:
        config = {"dialect": "sqlite", "database": str(folder / "here.db")}
        self.run(config, "PRAGMA journal_mode = WAL")  # a reader stops no writer
        return config

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(config["database"], isolation_level=None)) as db:
            return [db.execute(statement).fetchall() for statement in statements][-1]

    @contextmanager
    def rival(self, config: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
        with closing(sqlite3.connect(config["database"], isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db.execute
            db.execute("COMMIT")

    def hurried(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "query": {"timeout": "0.05"}})


JSON = (Kind.JSON, Kind.LIST, Kind.STRUCT)
_POSTGRESQL = {
    Kind.STRING: "text",
    Kind.INTEGER: "bigint",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.JSON: "jsonb",
    Kind.BYTES: "bytea",
    Kind.LIST: "jsonb",
    Kind.STRUCT: "jsonb",
}


class TestThroughPostgresql(Conformance, Sql):
    """Each object in a schema of its own."""

    connector = SqlConnector
    dialect = POSTGRESQL
    takes_turns = False  # without a unique key two runs that create the same row both do
    large = 2_000
    several_batches = 20_000

    @pytest.fixture(autouse=True)
    def server(self, service_url: Callable[[str], str]) -> Iterator[None]:
        self.url = sqlalchemy.make_url(service_url("POSTGRES"))
        self.schemas: list[str] = []
        plain = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as self.db:
            yield
            for schema in self.schemas:
                self.db.execute(f'DROP SCHEMA "{schema}" CASCADE')

    def config(self) -> dict[str, Any]:
        schema = f"erpoa_{secrets.token_hex(6)}"
        self.schemas.append(schema)
        self.db.execute(f'CREATE SCHEMA "{schema}"')
        url = self.url
        found = {
            "dialect": "postgresql+psycopg", "host": url.host, "port": url.port, "database": url.database,
            "user": url.username, "password": url.password, "query": {n: str(v) for n, v in url.query.items()}, "schema": schema,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value}

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.config()
        types = {f.name: _POSTGRESQL.get(f.type.kind, str(f.type)) for f in fields}
        self.run(config, f"CREATE TABLE thing ({columns(fields, types)})")
        return config, "thing"

    def holds(self, value: Any, type_: Type) -> bool:
        return "\0" not in str(value) and not (type_.kind in JSON and "u0000" in json.dumps(value))

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        return {**config, "schema": self.config()["schema"]}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        self.run(config, f"ALTER TABLE {object} DROP COLUMN name")

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.config()
        self.run(
            config,
            "CREATE TABLE lossy (a real, b double precision, c numeric, d numeric(60,2), e interval, f timetz, g int[])",
        )
        return config, "lossy", list("abcdefg")

    def place(self, folder: Path) -> dict[str, Any]:
        return self.config()

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        self.db.execute(f'SET search_path = "{config["schema"]}"')
        for statement in statements:
            done = self.db.execute(statement)
        return done.fetchall() if done.description else []

    @contextmanager
    def rival(self, config: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
        with psycopg.connect(**self.db.info.get_parameters(), password=self.db.info.password) as other:
            other.execute(f'SET search_path = "{config["schema"]}"')
            yield other.execute

    def is_waited(self, config: Mapping[str, Any]) -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        return bool(self.db.execute(waiting, (f"%{config['schema']}%",)).fetchall())

    def hurried(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "query": {"options": "-c lock_timeout=1s"}})

    @pytest.mark.parametrize("query", ["", "SELECT code FROM {schema}.thing"])
    def test_a_read_that_a_policy_narrows_is_partial(self, query: str) -> None:
        config = self.config()
        role, schema = f"narrowed_{secrets.token_hex(6)}", config["schema"]
        self.run(
            config,
            "CREATE TABLE thing (code text PRIMARY KEY)",
            "INSERT INTO thing VALUES ('A'), ('B'), ('C')",
            f"CREATE ROLE {role} LOGIN PASSWORD 'secret'",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON thing TO {role}",
            "ALTER TABLE thing ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY narrow ON thing FOR SELECT TO {role} USING (code <> 'C')",
        )
        found = {}
        try:
            for user in ({}, {"user": role, "password": "secret"}):
                with self.session({**config, **user}) as session:
                    request = ReadRequest(
                        object="" if query else "thing",
                        query=query.format(schema=schema),
                        fields=[Field("code", STRING)],
                    )
                    reading = session.read(request)
                    codes = sorted(code for batch in reading for code in batch["code"].to_pylist())
                    found[bool(user)] = "".join(codes), reading.verdict.status, reading.verdict.reason
        finally:
            self.run(config, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
        assert found == {True: ("AB", ReadStatus.PARTIAL, NARROWED), False: ("ABC", ReadStatus.COMPLETE, "")}

    @pytest.mark.parametrize(
        ("tables", "hangs"),
        [
            (
                (
                    "CREATE TABLE thing (id int PRIMARY KEY) PARTITION BY LIST (id)",
                    "CREATE TABLE part PARTITION OF thing FOR VALUES IN (1)",
                    "CREATE TABLE child (thing int REFERENCES part ON DELETE CASCADE)",
                ),
                "child",
            ),
            (
                (
                    "CREATE TABLE thing (id int PRIMARY KEY)",
                    "CREATE TABLE child (thing int) PARTITION BY LIST (thing)",
                    "CREATE TABLE part PARTITION OF child FOR VALUES IN (1)",
                    "ALTER TABLE part ADD FOREIGN KEY (thing) REFERENCES thing ON DELETE CASCADE",
                ),
                "child",
            ),
            (
                (
                    "CREATE TABLE thing (id int PRIMARY KEY)",
                    "CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (thing)",
                    "CREATE TABLE child (thing int REFERENCES heir ON DELETE CASCADE)",
                ),
                "child",
            ),
            (
                (
                    "CREATE TABLE thing (id int PRIMARY KEY)",
                    'CREATE TABLE "{other}".child (thing int REFERENCES thing ON DELETE CASCADE)',
                ),
                "{other}.child",
            ),
        ],
        ids=["a partition is referenced", "a partition hangs", "an heir is referenced", "another schema"],
    )
    def test_what_hangs_on_partitions_and_heirs_is_told(self, tables: Sequence[str], hangs: str) -> None:
        config, other = self.config(), self.config()["schema"]
        self.run(config, *(table.format(other=other) for table in tables))
        with self.session(config) as session:
            (info,) = session.objects(["thing"])
            (one,) = info.hanging
            assert [o.address for o in session.objects([one.object])] == [one.object]
        told = (one.object, one.fields, one.references, one.effect)
        assert told == (hangs.format(other=other), ("thing",), ("id",), "CASCADE")

    def test_a_replica_is_read_completely_only_where_that_is_declared(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server that answers as a standby does."""
        monkeypatch.setitem(erpoa_sql.session.IS_REPLICA, "postgresql", "SELECT true")
        config = self.place(tmp_path)
        self.run(config, "CREATE TABLE thing (code text PRIMARY KEY)")
        for declared, status in ((False, ReadStatus.PARTIAL), (True, ReadStatus.COMPLETE)):
            with self.session({**config, "replica": declared}) as session:
                reading = session.read(ReadRequest(object="thing", fields=[Field("code", STRING)]))
                assert list(reading) is not None
            assert reading.verdict.status is status
