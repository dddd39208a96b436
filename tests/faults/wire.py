"""A line to a server that can be cut, or stand still."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_PIECE = 1 << 16


class Wire:
    """Carries connections from `port` of this machine to a server, until it is cut; then it refuses all. `passes`: how many
    pieces of a connection's own it carries before it stands still, as if their sender were stopped; None: all."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        self._whole = True
        self.passes: int | None = None
        self.carried: list[int] = []  # the sizes of those pieces
        self.stands_still = threading.Event()
        self._goes_on = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._guard:
            self._whole = False
            for end in self._open:
                _end(end)
            self._open.clear()

    def mend(self) -> None:
        with self._guard:
            self._whole = True

    def go_on(self) -> None:
        self.passes = None
        self._goes_on.set()

    def close(self) -> None:
        self.go_on()
        _end(self._listener)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._carry(self._listener.accept()[0])

    def _carry(self, caller: socket.socket) -> None:
        with self._guard:
            if not self._whole:
                _end(caller)
                return
            server = socket.create_connection(self._server)
            self._open += [caller, server]
        threading.Thread(target=_pour, args=(caller, server, self._let_pass), daemon=True).start()
        threading.Thread(target=_pour, args=(server, caller), daemon=True).start()

    def _let_pass(self, size: int) -> None:
        self.carried.append(size)
        if self.passes is None:
            return
        if self.passes == 0:
            self.stands_still.set()
            self._goes_on.wait()
        else:
            self.passes -= 1


def _pour(
    here: socket.socket, there: socket.socket, let_pass: Callable[[int], None] = lambda size: None
) -> None:
    with suppress(OSError):
        while piece := here.recv(_PIECE):
            let_pass(len(piece))
            there.sendall(piece)
    for end in (here, there):
        _end(end)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes who waits for it
    end.close()


@contextmanager
def wire(host: str, port: int) -> Iterator[Wire]:
    made = Wire(host, port)
    try:
        yield made
    finally:
        made.close()
