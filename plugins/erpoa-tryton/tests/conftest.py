"""One real Tryton per database system and worker for all tests of this plugin. SQLite is enough for most of them: a deep
run tries the others of those on PostgreSQL, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from tests import suite
from tests.program import Forks, forks
from tests.services import missing, service_url
from tests.tryton.databases import CLERK, PASSWORD, of_connector
from tests.tryton.environment import installed

from .server import Server, on_postgres, on_sqlite

__all__ = ["service_url"]

DEEP = pytest.mark.deep("tryton", seconds=20)


def pytest_configure(config: pytest.Config) -> None:
    suite.register(config)


@pytest.fixture(scope="session")
def servers(
    service_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Server]]:
    """The server on a database system, which starts when it is asked for."""
    known: dict[str, Server] = {}
    with ExitStack() as running:

        def server(kind: str) -> Server:
            if kind not in known:
                kept = of_connector("sqlite" if kind == "sqlite" else "pgdump")
                if not (installed() and kept.exists()):
                    missing("TRYTON", f"{kept} is not there: `python -m tests.tryton` makes it")
                folder: Path = tmp_path_factory.mktemp(f"tryton-{kind}")
                made = on_sqlite(folder) if kind == "sqlite" else on_postgres(folder, service_url("POSTGRES"))
                known[kind] = running.enter_context(made)
            return known[kind]

        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=DEEP)])
def tryton_server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """A served database with a company and a clerk, and what other tests left in it."""
    return servers(request.param)


@pytest.fixture(params=["postgres", pytest.param("sqlite", marks=DEEP)])
def own_server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Iterator[Server]:
    """A served database with a company and nothing else. The test may kill the server."""
    server = servers(request.param)
    server.restore()
    yield server
    server.restore()
    if not server.runs:
        server.start()


def config_of(server: Server) -> dict[str, Any]:
    return {
        "url": server.url, "database": server.database, "user": "admin", "password": PASSWORD, "lingers": 1
    }  # fmt: skip


@pytest.fixture
def tryton_config(tryton_server: Server) -> dict[str, Any]:
    """The `config:` of the administrator."""
    return config_of(tryton_server)


@pytest.fixture
def tryton(tryton_config: dict[str, Any]) -> Iterator[TrytonSession]:
    session = TrytonConnector().open(tryton_config)
    yield session
    session.close()


@pytest.fixture
def clerk(tryton_config: dict[str, Any]) -> Iterator[TrytonSession]:
    """A user with the groups that purchasing needs, and no others."""
    session = TrytonConnector().open({**tryton_config, **CLERK})
    yield session
    session.close()


@pytest.fixture(scope="session")
def erpoa(servers: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The program, as forks of a process that has imported everything."""
    with forks(tmp_path_factory.mktemp("forks"), ERPOA_SECRET_TRYTON=PASSWORD, PYTHONUTF8="1") as program:
        yield program
