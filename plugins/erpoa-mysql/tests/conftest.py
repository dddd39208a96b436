"""The server that the tests of this plugin share, and the user that they work as."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pymysql
import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.session import MysqlSession

from erpoa_cli.core.secret import Secret
from tests.mariadb import Server as PrivateServer
from tests.mariadb import binaries, parameters
from tests.mariadb import server as private_server
from tests.services import mariadb_url, missing, service_url

__all__ = ["mariadb_url", "service_url"]

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """A server and a user that may do no more than it must: all within databases of a prefix of its own."""

    admin: str  # URL of the administrator
    config: Mapping[str, Any]
    prefix: str
    db: Any  # the administrator's connection, kept open

    def schema(self, options: str = "CHARACTER SET utf8mb4") -> dict[str, Any]:
        """A new, empty database: the config to use it."""
        name = f"{self.prefix}{next(_NUMBERS)} 表"
        self.execute(f"CREATE DATABASE `{name}` {options}")
        return {**self.config, "database": name}

    def execute(self, *statements: str, config: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run *statements* as administrator, in the database of *config*; the rows of the last."""
        with self.db.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'")
            if config is not None:
                cursor.execute(f"USE `{config['database']}`")
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())


def served(url: str) -> tuple[Server, Callable[[], None]]:
    """A `Server` at *url* with a user of its own, and what removes the user and its databases."""
    user, password = f"erpoa_{secrets.token_hex(4)}", secrets.token_hex(8)
    at = parameters(url)
    config = {"host": at["host"], "port": at["port"], "user": user, "password": Secret(password, "test")}
    db = pymysql.connect(**at, autocommit=True, charset="utf8mb4", ssl_disabled=True)
    server = Server(url, config, f"{user} ", db)
    pattern = f"{user} %".replace("_", "\\_")
    server.execute(
        f"CREATE USER {user}@'%' IDENTIFIED BY '{password}'",
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES "
        f"ON `{pattern}`.* TO {user}@'%'",
    )

    def remove() -> None:
        names = server.execute(
            f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '{pattern}'"
        )
        server.execute(*(f"DROP DATABASE `{name}`" for (name,) in names), f"DROP USER {user}@'%'")
        db.close()

    return server, remove


@pytest.fixture(scope="session")
def server(mariadb_url: str) -> Iterator[Server]:
    found, remove = served(mariadb_url)
    yield found
    remove()


@pytest.fixture(scope="session")
def private() -> Iterator[PrivateServer]:
    """A server that tests may kill, set up anew and take for durable. Started once."""
    programs = binaries()
    if programs is None:
        missing("MARIADB", "there is no mariadbd for a server that may be killed")
    with private_server(programs, {"innodb_flush_log_at_trx_commit": "1"}) as found:
        yield found


@pytest.fixture(scope="module")
def own_server(private: PrivateServer) -> Iterator[Server]:
    """The private server, for tests that set a server's own variables or ask whether it is durable."""
    found, remove = served(private.url)
    yield found
    remove()


@pytest.fixture
def config(server: Server) -> dict[str, Any]:
    return server.schema()


@pytest.fixture
def session(config: dict[str, Any]) -> Iterator[MysqlSession]:
    found = MysqlConnector().open(config)
    yield found
    found.close()
