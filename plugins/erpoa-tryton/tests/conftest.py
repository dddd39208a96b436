"""One real Tryton per database system for all tests of this plugin."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from tests.services import service_url

from .company import founded, hired
from .server import PASSWORD, NotInstalled, Server, filled_on_postgres, on_postgres, on_sqlite

__all__ = ["service_url"]

DATABASES = ("sqlite", "postgres")
T = TypeVar("T")


@pytest.fixture(scope="session")
def filled_postgres(service_url: Callable[[str], str]) -> Iterator[str]:
    with _installed(filled_on_postgres(service_url("POSTGRES"))) as name:
        yield name


def _made(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[Server]:
    """A server on the database system that the fixture is for."""
    if request.param == "sqlite":
        return on_sqlite(folder)
    url: str = request.getfixturevalue("service_url")("POSTGRES")
    return on_postgres(folder, url, request.getfixturevalue("filled_postgres"))


@contextmanager
def _installed(made: AbstractContextManager[T]) -> Iterator[T]:
    """What cannot be installed is skipped, unless it is required."""
    try:
        with made as done:
            yield done
    except NotInstalled as error:
        if "TRYTON" in os.environ.get("ERPOA_TEST_REQUIRE", "").split(","):
            raise
        pytest.skip(f"Tryton cannot be installed here: {error}")


@pytest.fixture(scope="session", params=DATABASES)
def tryton_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A served database with a company."""
    with _installed(_made(request, tmp_path_factory.mktemp("tryton"))) as server:
        founded(config_of(server))
        yield server


@pytest.fixture(params=DATABASES)
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server for one test, which may kill it."""
    folder = tmp_path / "server"
    folder.mkdir()
    with _installed(_made(request, folder)) as server:
        founded(config_of(server))
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
