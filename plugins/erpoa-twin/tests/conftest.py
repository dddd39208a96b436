"""A twin without faults, and a client that has logged in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from erpoa_twin import Twin, running

from .client import Client


@pytest.fixture
def twin() -> Iterator[Twin]:
    with running() as twin:
        yield twin


@pytest.fixture
def client(twin: Twin) -> Client:
    return Client(twin)
