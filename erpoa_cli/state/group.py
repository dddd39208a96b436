"""Group commit: work that arrives together, from several threads, is committed in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

Work = Callable[[], None]


@dataclass(slots=True)
class _Entry:
    work: Work
    woken: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    error: BaseException | None = None


class GroupCommit:
    """Call it with work; when it returns, the work is committed.

    One caller at a time commits, for all who came while the one before was busy; then it wakes them, and the first
    who came meanwhile takes over."""

    __slots__ = ("_busy", "_guard", "_transaction", "_waiting")

    def __init__(self, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._transaction = transaction
        self._waiting: list[_Entry] = []
        self._guard = threading.Lock()
        self._busy = False

    def __call__(self, work: Work) -> None:
        entry = _Entry(work)
        with self._guard:
            self._waiting.append(entry)
            leads = not self._busy
            self._busy = True
        if not leads:
            entry.woken.wait()
        if not entry.done:
            self._commit()
        if entry.error is not None:
            raise entry.error

    def _commit(self) -> None:
        with self._guard:
            entries, self._waiting = self._waiting, []
        error: BaseException | None = None
        try:
            with self._transaction():
                for entry in entries:
                    entry.work()
        except BaseException as problem:  # noqa: BLE001 - each caller gets it in its own thread
            error = problem
        with self._guard:
            successor = self._waiting[0] if self._waiting else None
            self._busy = successor is not None
        if successor is not None:
            successor.woken.set()
        for entry in entries:
            entry.error = error
            entry.done = True
            entry.woken.set()
