from __future__ import annotations

import socket

import pytest
import pytest_socket


def test_other_machines_are_not_reached():
    with pytest.raises(pytest_socket.SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 9), timeout=1)
