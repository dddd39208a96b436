"""Real services for tests: skipped where there is none, unless it is required.

A plugin's tests get the fixtures by `from tests.services import service_url` in their own conftest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest


@pytest.fixture(scope="session")
def service_url() -> Iterator[Callable[[str], str]]:
    """The URL of a service by its name: `service_url("TRYTON")` reads ERPOA_TEST_TRYTON_URL.

    Without it PostgreSQL and MariaDB are started from the installed binaries, for this run and in a place of their
    own. Where that cannot be, the test is skipped, and fails where ERPOA_TEST_REQUIRE (comma-separated) names the
    service.
    """
    started: dict[str, str] = {}
    with ExitStack() as running:

        def url(name: str) -> str:
            variable = f"ERPOA_TEST_{name}_URL"
            found = os.environ.get(variable) or started.get(name)
            if not found and name in _STARTED:
                found = started[name] = _STARTED[name](running)
            if not found:
                missing(name, f"{variable} is not set")
            return found

        yield url


@pytest.fixture(scope="session")
def postgres_url(service_url: Callable[[str], str]) -> Iterator[str]:
    """A new, empty PostgreSQL database and its superuser, as a connection string."""
    url = service_url("POSTGRES")
    from tests.postgres import database  # its driver comes with the plugin

    with database(url) as ours:
        yield ours


def _postgres(running: ExitStack) -> str:
    from tests.postgres import binaries, server

    programs = binaries()
    if programs is None:
        missing("POSTGRES", "ERPOA_TEST_POSTGRES_URL is not set and there is no initdb")
    return running.enter_context(server(programs)).url


@pytest.fixture(scope="session")
def mariadb_url(service_url: Callable[[str], str]) -> Iterator[str]:
    """A new, empty MariaDB database and its administrator, as `mysql://USER:PASSWORD@HOST:PORT/DATABASE`."""
    url = service_url("MARIADB")
    from tests.mariadb import database  # its driver comes with the plugin

    with database(url) as ours:
        yield ours


def _mariadb(running: ExitStack) -> str:
    from tests.mariadb import binaries, server

    programs = binaries()
    if programs is None:
        missing("MARIADB", "ERPOA_TEST_MARIADB_URL is not set and there is no mariadbd")
    return running.enter_context(server(programs)).url


_STARTED = {"POSTGRES": _postgres, "MARIADB": _mariadb}


def missing(name: str, why: str) -> NoReturn:
    """Skip the test that needs the service *name*; fail it where the service is required."""
    required = {part.strip() for part in os.environ.get("ERPOA_TEST_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"{name} is required: {why}")
    pytest.skip(why)
