"""The database that the tests of this plugin share, and the role that they work as."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from erpoa_postgres import PostgresConnector
from erpoa_postgres.session import PostgresSession
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from erpoa_cli.core.secret import Secret
from tests.postgres import Cluster, binaries, database
from tests.postgres import server as private_server
from tests.services import missing, postgres_url, service_url

__all__ = ["postgres_url", "service_url"]

_SCHEMAS = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """A database and a role that may do no more than it must."""

    admin: str  # connection string of the superuser
    config: Mapping[str, Any]
    db: psycopg.Connection[tuple[Any, ...]]  # the superuser's, kept open

    def schema(self) -> dict[str, Any]:
        """A new, empty schema that belongs to the role: the config to use it."""
        name = f"s{next(_SCHEMAS)} 表"
        self.execute(f'CREATE SCHEMA "{name}" AUTHORIZATION {self.config["user"]}')
        return {**self.config, "schema": name}

    def execute(self, *statements: str, config: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run *statements* as superuser, or as the role in the schema of *config*; the rows of the last."""
        if config is None:
            self.db.execute("RESET ROLE; RESET search_path")
        else:
            self.db.execute(f'SET ROLE {config["user"]}; SET search_path = "{config["schema"]}", public')
        for statement in statements:
            cursor = self.db.execute(statement)
        return cursor.fetchall() if cursor.description else []


def served(url: str) -> tuple[Server, Callable[[], None]]:
    """A `Server` for the database of *url* with a role of its own, and what removes the role."""
    role, password = f"erpoa_test_{secrets.token_hex(4)}", secrets.token_hex(8)
    at = conninfo_to_dict(url)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        db.execute(f"GRANT {role} TO CURRENT_USER")
    config = {
        "host": at.get("host") or "127.0.0.1",
        "port": int(at.get("port") or 5432),
        "database": at["dbname"],
        "user": role,
        "password": Secret(password, "test"),
    }
    kept = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    kept.execute("SET TimeZone = 'UTC'")
    server = Server(make_conninfo("", **at), config, kept)

    def remove() -> None:
        server.execute(f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")
        kept.close()

    return server, remove


@pytest.fixture(scope="session")
def server(postgres_url: str) -> Iterator[Server]:
    found, remove = served(postgres_url)
    yield found
    remove()


@pytest.fixture(scope="session")
def private() -> Iterator[Cluster]:
    """A server that tests may kill and take for durable. Started once."""
    programs = binaries()
    if programs is None:
        missing("POSTGRES", "there is no initdb for a server that may be killed")
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with private_server(programs, {"max_prepared_transactions": "1", **durable}) as found:
        yield found


@pytest.fixture(scope="module")
def own_server(private: Cluster) -> Iterator[Server]:
    """A database where no other module leaves tables, of a durable server: of one that is not `doctor` tells."""
    with database(private.url) as url:
        found, remove = served(url)
        yield found
        remove()


@pytest.fixture
def config(server: Server) -> dict[str, Any]:
    return server.schema()


@pytest.fixture
def session(config: dict[str, Any]) -> Iterator[PostgresSession]:
    found = PostgresConnector().open(config)
    yield found
    found.close()
