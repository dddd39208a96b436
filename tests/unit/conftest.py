"""Unit tests reach nothing beyond this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import pytest_socket


@pytest.fixture(autouse=True)
def sockets_refused() -> Iterator[None]:
    # Unix sockets stay: asyncio wakes its own loop through a pair of them. The loopback address stays: the tests of
    # shared state start a PostgreSQL there.
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
