from __future__ import annotations

import socket

import pytest
import pytest_socket


def test_sockets_are_refused():
    with pytest.raises(pytest_socket.SocketBlockedError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
