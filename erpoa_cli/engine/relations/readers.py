"""Threads that read: all systems at once, each by as many as its `limits.concurrency` allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from erpoa_cli.core.interrupt import interrupt_behind
from erpoa_cli.core.plan import Read
from erpoa_cli.core.project import Project
from erpoa_cli.engine.connect import Connections


class Readers:
    """The readers of one command. All reads of a system see one moment of it, where it can hold one: from the first of
    them until the last has ended. Whoever interrupts a command does not wait for them: a system may take minutes not to
    answer."""

    def __init__(self, project: Project, connections: Connections) -> None:
        self._project = project
        self._connections = connections
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._open: set[str] = set()  # systems of which more reads may be begun

    def begin(self, system: str, read: Callable[..., Read], *arguments: Any, **named: Any) -> Future[Read]:
        """Begin *read* as soon as *system* may be read once more."""
        if system not in self._pools:
            self._pools[system] = ThreadPoolExecutor(max(1, self._project.systems[system].limits.concurrency))
        if system not in self._open:
            self._open.add(system)
            self._connections.hold(system)
        self._connections.hold(system)
        coming = self._pools[system].submit(read, *arguments, **named)
        coming.add_done_callback(lambda _: self._connections.release(system))
        return coming

    def all_begun(self) -> None:
        """No read will be begun any more: a system is let go when the last of its reads has ended."""
        for system in self._open:
            self._connections.release(system)
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=not interrupt_behind(error), cancel_futures=True)
        self.all_begun()
