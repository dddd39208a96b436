"""Threads that read: all systems at once, each by as many as its `limits.concurrency` allows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from erpoa_cli.core.interrupt import interrupt_behind
from erpoa_cli.core.plan import Read
from erpoa_cli.core.project import Project


class Readers:
    """The readers of one command. Whoever interrupts it does not wait for them: a system may take minutes not to
    answer."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def begin(self, system: str, read: Callable[..., Read], *arguments: Any, **named: Any) -> Future[Read]:
        """Begin *read* as soon as *system* may be read once more."""
        if system not in self._pools:
            self._pools[system] = ThreadPoolExecutor(max(1, self._project.systems[system].limits.concurrency))
        return self._pools[system].submit(read, *arguments, **named)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=not interrupt_behind(error), cancel_futures=True)
