"""Schemas of a real PostgreSQL for tests of shared state, each made for one test and dropped after it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from erpoa_cli.core.secret import Secret


def connect(url: str | Secret, **settings: Any) -> Any:
    """A connection to the server of *url*, in autocommit; its schema is the search path."""
    import psycopg

    text = url.reveal() if isinstance(url, Secret) else url
    address, _, query = text.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("schema=")]
    schema = text.partition("schema=")[2].partition("&")[0] or "public"
    joined = f"{address}?{'&'.join(kept)}"
    return psycopg.connect(joined, autocommit=True, options=f"-c search_path={schema}", **settings)


@pytest.fixture
def schema_url(service_url: Callable[[str], str]) -> Iterator[Callable[[], Secret]]:
    """Makes URLs of schemas that nobody else uses."""
    made: list[Secret] = []

    def make() -> Secret:
        base = service_url("POSTGRES")
        name = f"erpoa_test_{secrets.token_hex(6)}"
        made.append(Secret(f"{base}{'&' if '?' in base else '?'}schema={name}"))
        return made[-1]

    yield make
    for url in made:
        name = url.reveal().rpartition("schema=")[2]
        with connect(url) as server:
            server.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
