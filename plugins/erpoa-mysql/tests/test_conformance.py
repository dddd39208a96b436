"""The suite that every connector must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.encode import quoted

from erpoa_cli.core.schema import Field, Kind, Type
from erpoa_cli.sdk.conformance import VALUES, Conformance, Sql
from erpoa_cli.sdk.connector import Session, Writable
from tests.mariadb import connect

from .dialect import MYSQL

_LONGEST = 700
_SECONDS = (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, tzinfo=UTC))  # of a timestamp
_NATIVE = {
    Kind.STRING: f"varchar({_LONGEST})",  # what an index takes
    Kind.INTEGER: "bigint",
    Kind.BYTES: "longblob",
    Kind.TIME: "time(6)",
    Kind.TIMESTAMP: "datetime(6)",
    Kind.TIMESTAMPTZ: "timestamp(6)",
    Kind.LIST: "json",
    Kind.STRUCT: "json",
}


def native(field: Field) -> str:
    type_ = field.type
    if type_.kind is Kind.DECIMAL:
        return f"decimal({type_.precision},{type_.scale})"
    return _NATIVE.get(type_.kind, type_.kind.value)


SLACK = "SET sql_mode = 'ALLOW_INVALID_DATES'"  # as servers of old have it


class TestMysql(Conformance, Sql):
    connector = MysqlConnector
    dialect = MYSQL

    @pytest.fixture(autouse=True)
    def _at(self, server):
        self.server = server

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        config = self.server.schema()
        columns = [f"{quoted(f.name)} {native(f)} NULL" for f in fields]
        if len(fields) > len(VALUES):  # a row has 65,535 bytes
            columns = [column.replace(f"({_LONGEST})", "(90)") for column in columns]
        columns[0] = columns[0].replace("NULL", "COLLATE utf8mb4_bin PRIMARY KEY")
        if any(f.name == "name" for f in fields):
            columns.append("CHECK (name <> 'refused')")
        self.server.execute(f"CREATE TABLE thing ({', '.join(columns)})", config=config)
        return config, "thing"

    def named(self, name: str) -> bool:
        return not name.endswith(" ") and max(name) <= "\uffff"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        other = self.server.schema()
        self.server.execute(f"CREATE TABLE thing AS SELECT * FROM `{config['database']}`.thing", config=other)
        return other

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        """A view of a table that is there no more."""
        self.server.execute(
            f"RENAME TABLE {object} TO kept",
            f"CREATE VIEW {object} AS SELECT * FROM kept",
            "DROP TABLE kept",
            config=config,
        )

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        config = self.server.schema()
        self.server.execute(
            "CREATE TABLE lossy (a float, b double, c decimal(65,30), d decimal(39,0), e point, f geometry, g inet6, "
            "h double(10,2))",
            config=config,
        )
        return config, "lossy", list("abcdefgh")

    def holds(self, value: Any, type_: Type) -> bool:
        if type_.kind is Kind.TIMESTAMPTZ:
            return _SECONDS[0] <= value <= _SECONDS[1]
        return type_.kind is not Kind.STRING or len(value) <= _LONGEST

    def problems(self, session: Session) -> list[str]:
        """The tests' server may be quicker than it is safe; test_doctor has one that is not."""
        return [problem for problem in session.check() if "power failure" not in problem]

    def place(self, folder: Path) -> dict[str, Any]:
        return self.server.schema()

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        return self.server.execute(SLACK, *statements, config=config)

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    @contextmanager
    def rival(self, config: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
        with closing(connect(self.server.admin)) as other, other.cursor() as cursor:
            cursor.execute(f"USE `{config['database']}`")
            cursor.execute("BEGIN")
            yield cursor.execute
            cursor.execute("COMMIT")

    def is_waited(self, config: Mapping[str, Any]) -> bool:
        waiting = (
            "SELECT 1 FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p "
            f"ON p.ID = t.trx_mysql_thread_id WHERE t.trx_state = 'LOCK WAIT' AND p.USER = '{config['user']}'"
        )
        return bool(self.server.execute(waiting))

    def hurried(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "lock_timeout": 1})

    def bounded(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session({**config, "statement_timeout": 15})


class WithoutStreams(TestMysql):
    """A server that takes no stream: rows go in statements."""

    @contextmanager
    def session(self, config: Mapping[str, Any]) -> Iterator[Writable]:
        with super().session(config) as session:
            session._db.takes_streams = False
            yield session


def test_values_are_written_the_same_without_a_stream(server, tmp_path: Path) -> None:
    suite = WithoutStreams()
    suite.server = server
    suite.test_a_value_is_written_exactly_or_rejected_alone(tmp_path)
