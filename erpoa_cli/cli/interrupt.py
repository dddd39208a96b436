"""Ctrl-C and SIGTERM: the first ends the program in order, while rows are written after the batch; the second at once.

Imports next to nothing: it is there before everything else."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from erpoa_cli.core.interrupt import interrupt_behind, strike

if TYPE_CHECKING:
    from erpoa_cli.cli.exits import Exit
    from erpoa_cli.usecase import RunResult

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM ended the program at once; it exits with 143."""


class Stop(threading.Event):
    """Set by a signal, which it remembers."""

    number: int = signal.SIGINT

    def exit(self, result: RunResult) -> Exit:
        """The exit code of a run: the signal's where it left something undone."""
        from erpoa_cli.cli.exits import OF_RUN, Exit
        from erpoa_cli.usecase import RunStatus

        if not self.is_set() or result.status is not RunStatus.INTERRUPTED:
            return OF_RUN[result.conclusion]
        return Exit.TERMINATED if self.number == signal.SIGTERM else Exit.INTERRUPTED


def heed() -> None:
    """From now on a signal is raised where the program is; once more, and nothing that is under way is waited for."""
    before: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if before:
            os._exit(128 + number)
        before.append(number)
        _say("Stopping; once more stops at once.")
        strike(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())

    for number in _SIGNALS:
        signal.signal(number, handle)


def struck(error: BaseException | None) -> int | None:
    """The exit code of the signal that *error* came from, whatever libraries made of it; None: from none."""
    interrupt = interrupt_behind(error)
    if interrupt is None:
        return None
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


@contextmanager
def stopping() -> Iterator[Stop]:
    """An event that the first signal sets; a second one raises where the program is (the journal still knows)."""
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            strike(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        stop.number = number
        stop.set()
        _say("Stopping after the current batch; once more stops at once.")

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(words: str) -> None:
    sys.stderr.write(f"\n{words}\n")
    sys.stderr.flush()
