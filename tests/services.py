"""Real services for tests: skipped where there is none, unless it is required.

A plugin's tests get the fixtures by `from tests.services import service_url` in their own conftest.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from tests import runs


@pytest.fixture(scope="session")
def service_url() -> Callable[[str], str]:
    """The URL of a service by its name: `service_url("TRYTON")` reads ERPOA_TEST_TRYTON_URL.

    Without it PostgreSQL and MariaDB are started from the installed binaries, once for all processes of the run: the
    first that asks starts it, and it goes with the run. Where that cannot be, the test is skipped, and fails where
    ERPOA_TEST_REQUIRE (comma-separated) names the service.
    """

    def url(name: str) -> str:
        variable = f"ERPOA_TEST_{name}_URL"
        given = os.environ.get(variable)
        if name in _SERVERS:
            return _once(name, given)
        return given or missing(name, f"{variable} is not set")

    return url


@pytest.fixture(scope="session")
def postgres_url(service_url: Callable[[str], str]) -> Iterator[str]:
    """A new, empty PostgreSQL database and its superuser, as a connection string."""
    url = service_url("POSTGRES")
    from tests.postgres import database  # its driver comes with the plugin

    with database(url) as ours:
        yield ours


@pytest.fixture(scope="session")
def mariadb_url(service_url: Callable[[str], str]) -> Iterator[str]:
    """A new, empty MariaDB database and its administrator, as `mysql://USER:PASSWORD@HOST:PORT/DATABASE`."""
    url = service_url("MARIADB")
    from tests.mariadb import database  # its driver comes with the plugin

    with database(url) as ours:
        yield ours


def _once(name: str, given: str | None) -> str:
    """The URL of the server that all processes of this run use; the first starts it, or cleans the one that is *given*."""
    told = runs.folder() / f"{name}.url"
    with (runs.folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            start, clean = _SERVERS[name]
            if given:
                clean(given)
            told.write_text(given or start(), encoding="utf-8")
    return told.read_text(encoding="utf-8")


def _postgres() -> str:
    from tests.postgres import QUICK, Cluster, binaries

    programs = binaries()
    if programs is None:
        missing("POSTGRES", "ERPOA_TEST_POSTGRES_URL is not set and there is no initdb")
    cluster = Cluster(programs, QUICK)
    cluster.start()
    return cluster.url


def _mariadb() -> str:
    from tests.mariadb import QUICK, Server, binaries

    programs = binaries()
    if programs is None:
        missing("MARIADB", "ERPOA_TEST_MARIADB_URL is not set and there is no mariadbd")
    server = Server(programs, QUICK)
    server.start()
    _RUNNING.append(server)
    return server.url


def _clean_postgres(url: str) -> None:
    from tests import postgres

    postgres.clean(url)


def _clean_mariadb(url: str) -> None:
    from tests import mariadb

    mariadb.clean(url)


_RUNNING: list[object] = []  # a process that nobody holds would be waited for
_SERVERS = {"POSTGRES": (_postgres, _clean_postgres), "MARIADB": (_mariadb, _clean_mariadb)}


def missing(name: str, why: str) -> NoReturn:
    """Skip the test that needs the service *name*; fail it where the service is required."""
    required = {part.strip() for part in os.environ.get("ERPOA_TEST_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"{name} is required: {why}")
    pytest.skip(why)
