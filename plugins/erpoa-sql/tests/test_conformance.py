"""The suite that every connector must pass, through two dialects that can be had."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from erpoa_sql import SqlConnector

from erpoa_cli.core.schema import Field, Kind, Type, identifier
from erpoa_cli.sdk.conformance import Conformance

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


class TestThroughSqlite(Conformance):
    connector = SqlConnector

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        types = {f.name: _SQLITE.get(f.type.kind, "TEXT") for f in fields}
        db = sqlite3.connect(folder / "here.db")
        db.execute(f"CREATE TABLE thing ({columns(fields, types)})")
        db.close()
        return {"dialect": "sqlite", "database": str(folder / "here.db")}, "thing"

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


class TestThroughPostgresql(Conformance):
    """Each object in a schema of its own."""

    connector = SqlConnector

    @pytest.fixture(autouse=True)
    def server(self, service_url: Callable[[str], str]) -> Iterator[None]:
        pytest.importorskip("psycopg")
        self.url = sqlalchemy.make_url(service_url("POSTGRES"))
        self.schemas: list[str] = []
        yield
        for schema in self.schemas:
            self.run(f'DROP SCHEMA "{schema}" CASCADE')

    def run(self, *statements: str) -> None:
        engine = sqlalchemy.create_engine(self.url.set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    def config(self) -> dict[str, Any]:
        schema = f"erpoa_{secrets.token_hex(6)}"
        self.schemas.append(schema)
        self.run(f'CREATE SCHEMA "{schema}"')
        url = self.url
        found = {
            "dialect": "postgresql+psycopg", "host": url.host, "port": url.port, "database": url.database,
            "user": url.username, "password": url.password, "query": {n: str(v) for n, v in url.query.items()}, "schema": schema,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value}

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.config()
        types = {f.name: _POSTGRESQL.get(f.type.kind, str(f.type)) for f in fields}
        self.run(f'CREATE TABLE "{config["schema"]}".thing ({columns(fields, types)})')
        return config, "thing"

    def holds(self, value: Any, type_: Type) -> bool:
        return "\0" not in str(value) and not (type_.kind in JSON and "u0000" in json.dumps(value))

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        return {**config, "schema": self.config()["schema"]}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        self.run(f'ALTER TABLE "{config["schema"]}".{object} DROP COLUMN name')

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.config()
        self.run(
            f'CREATE TABLE "{config["schema"]}".lossy (a real, b double precision, c numeric, d numeric(60,2), e interval, f timetz, g int[])'
        )
        return config, "lossy", list("abcdefg")
