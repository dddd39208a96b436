"""One real Tryton per database system for all tests of this plugin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from tests.services import service_url

from .company import founded, hired
from .server import PASSWORD, NotInstalled, Server, on_postgres, on_sqlite

__all__ = ["service_url"]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def tryton_server(
    request: pytest.FixtureRequest,
    service_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A served database with a company, on SQLite and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("tryton")
    made = on_sqlite(folder) if request.param == "sqlite" else on_postgres(folder, service_url("POSTGRES"))
    with _installed(made) as server:
        yield server


@contextmanager
def _installed(made: AbstractContextManager[Server]) -> Iterator[Server]:
    """What cannot be installed is skipped, unless it is required."""
    try:
        with made as server:
            founded(config_of(server))
            yield server
    except NotInstalled as error:
        if "TRYTON" in os.environ.get("ERPOA_TEST_REQUIRE", "").split(","):
            raise
        pytest.skip(f"Tryton cannot be installed here: {error}")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server on SQLite for one test, which may kill it."""
    folder = tmp_path / "server"
    folder.mkdir()
    with _installed(on_sqlite(folder)) as server:
        yield server


def config_of(server: Server) -> dict[str, Any]:
    return {
        "url": server.url, "database": server.database, "user": "admin", "password": PASSWORD, "lingers": 1
    }  # fmt: skip


@pytest.fixture(scope="session")
def tryton_config(tryton_server: Server) -> dict[str, Any]:
    """The `config:` of the administrator."""
    return config_of(tryton_server)


@pytest.fixture
def tryton(tryton_config: dict[str, Any]) -> Iterator[TrytonSession]:
    session = TrytonConnector().open(tryton_config)
    yield session
    session.close()


@pytest.fixture
def clerk(tryton_config: dict[str, Any], tryton: TrytonSession) -> Iterator[TrytonSession]:
    """A user with the groups that purchasing needs, and no others."""
    session = TrytonConnector().open({**tryton_config, **hired(tryton)})
    yield session
    session.close()
