"""The suite that every connector must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from erpoa_postgres import PostgresConnector

from erpoa_cli.core.schema import Field, Kind, Type, identifier
from erpoa_cli.sdk.conformance import Conformance, Sql
from erpoa_cli.sdk.connector import Session, Writable

from .dialect import POSTGRES

_NATIVE = {
    Kind.STRING: "text",
    Kind.INTEGER: "bigint",
    Kind.BYTES: "bytea",
    Kind.LIST: "jsonb",
    Kind.STRUCT: "jsonb",
}


def native(type_: Type) -> str:
    if type_.kind is Kind.DECIMAL:
        return f"numeric({type_.precision},{type_.scale})"
    if type_.item is not None and type_.item.kind is Kind.STRING:
        return "text[]"
    return _NATIVE.get(type_.kind, type_.kind.value)


class TestPostgres(Conformance, Sql):
    connector = PostgresConnector
    dialect = POSTGRES

    @pytest.fixture(autouse=True)
    def _at(self, server):
        self.server = server

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.server.schema()
        lines = [f"{identifier(f.name)} {native(f.type)}" for f in fields]
        checks = [" CHECK (name <> 'refused')"] if any(f.name == "name" for f in fields) else []
        table = ", ".join([lines[0] + " PRIMARY KEY", *lines[1:], *checks])
        self.server.execute(f"CREATE TABLE thing ({table})", config=config)
        return config, "thing"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        other = self.server.schema()
        self.server.execute(
            f"""CREATE TABLE thing AS SELECT * FROM "{config["schema"]}".thing""", config=other
        )
        return other

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        """A view that reads well until its last row."""
        self.server.execute(
            f"ALTER TABLE {object} RENAME TO kept",
            f"CREATE VIEW {object} AS SELECT code, name, (amount / (CASE WHEN code = 'C2' THEN 0 ELSE 1 END))"
            f"::numeric(18,4) AS amount, at FROM kept",
            config=config,
        )

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.server.schema()
        self.server.execute(
            "CREATE TABLE lossy (a real, b double precision, c numeric, d numeric(60,2), e money, f interval, g timetz, "
            "h bit(3), i int4range, j xml, k point, l timestamp[], m inet)",
            config=config,
        )
        return config, "lossy", list("abcdefghijklm")

    def holds(self, value: Any, type_: Type) -> bool:
        return "\0" not in str(value)

    def problems(self, session: Session) -> list[str]:
        """The tests' server may be quicker than it is safe; test_doctor has one that is not."""
        return [problem for problem in session.check() if "power failure" not in problem]

    def place(self, folder: Path) -> dict[str, Any]:
        return self.server.schema()

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        return self.server.execute(*statements, config=config)

    @contextmanager
    def rival(self, config: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
        with psycopg.connect(self.server.admin) as other:
            other.execute(f'SET search_path = "{config["schema"]}"')
            yield other.execute

    def is_waited(self, config: Mapping[str, Any]) -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = current_user"
        return bool(self.server.execute(waiting, config=config))

    def hurried(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "lock_timeout": 1})

    def bounded(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "statement_timeout": 15})


def test_texts_that_ignore_case_by_their_type(server, tmp_path: Path) -> None:
    try:
        server.execute("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public")
    except psycopg.Error as error:  # contrib modules are not everywhere
        pytest.skip(f"citext is not installed: {error}")
    suite = TestPostgres()
    suite.server = server
    suite.dialect = replace(POSTGRES, keys=("citext",), moved=[("citext", "'Old'", "string", "old")])
    suite.test_keys_are_compared_byte_by_byte(tmp_path)
    suite.test_what_a_row_holds_now_is_never_taken_for_what_it_held(tmp_path)
