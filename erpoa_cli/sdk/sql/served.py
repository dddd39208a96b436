"""Sessions with a server: a connection that is lost is made anew.

The server's side of a lost connection is ended first: until it is gone, nobody can say what it still does.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence

from erpoa_cli.sdk.errors import SystemFailure, Transient
from erpoa_cli.sdk.sql.session import SqlSession

_PATIENCE = 30.0  # seconds to come back after a connection is lost, and for its other side to end
_PAUSE = 0.5


class ServedSession(SqlSession):
    """A session over one connection at a time. What the server knows a connection by is its *mark*."""

    def __init__(self) -> None:
        """Connect. Raises `SystemFailure`."""
        self._mark = self.connect()
        self._lost: list[str] = []  # marks of connections whose other side may still be at work

    @abstractmethod
    def connect(self) -> str:
        """Connect in place of what was before; the mark of the new connection. Raises `SystemFailure`."""

    @abstractmethod
    def is_connected(self) -> bool:
        """Whether the server answers. A connection over which it does not is closed."""

    @abstractmethod
    def is_ended(self, mark: str) -> bool:
        """Whether the server is done with the connection *mark*; where it is not, it is told to end it."""

    @abstractmethod
    def problems(self) -> Sequence[str]:
        """What `check` tells of a connection that works."""

    def check(self) -> Sequence[str]:
        try:
            with self.guarded():
                self.revive()
                return self.problems()
        except SystemFailure as error:
            return [str(error)]

    def revive(self) -> None:
        """Make a lost connection anew, and let nothing of an old one happen any more. Raises `Transient` where that takes
        too long; then nothing else may be asked of the server."""
        until = time.monotonic() + _PATIENCE
        if not self.is_connected():
            lost, self._mark = self._mark, self._back(until)
            self._lost.append(lost)
        while self._lost:
            if self.is_ended(self._lost[-1]):
                self._lost.pop()
            elif time.monotonic() > until:
                raise Transient("the server still works for the connection that was lost")
            else:
                time.sleep(_PAUSE)

    def _back(self, until: float) -> str:
        while True:
            try:
                return self.connect()
            except Transient:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
