"""Group commit: work that arrives together, from several threads, is committed in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Work = Callable[[], None]


@dataclass(slots=True)
class _Entry:
    work: Work
    done: bool = False
    error: BaseException | None = None


class GroupCommit:
    """Call it with work; when it returns, the work is committed. Whoever comes first commits for all who wait."""

    __slots__ = ("_guard", "_leader", "_transaction", "_waiting")

    def __init__(self, transaction: Callable[[], AbstractContextManager[None]]) -> None:
        self._transaction = transaction
        self._waiting: list[_Entry] = []
        self._guard = threading.Lock()
        self._leader = threading.Lock()

    def __call__(self, work: Work) -> None:
        entry = _Entry(work)
        with self._guard:
            self._waiting.append(entry)
        with self._leader:
            if not entry.done:
                self._commit()
        if entry.error is not None:
            raise entry.error

    def _commit(self) -> None:
        with self._guard:
            entries, self._waiting = self._waiting, []
        try:
            with self._transaction():
                for entry in entries:
                    entry.work()
        except BaseException as error:  # noqa: BLE001 - each caller gets it in its own thread
            for entry in entries:
                entry.error = error
        for entry in entries:
            entry.done = True
