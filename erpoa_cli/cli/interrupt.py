"""Ctrl-C and SIGTERM: the first asks to stop after the batch, the second stops at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Exit

if TYPE_CHECKING:
    from erpoa_cli.engine.writing.walk import RunResult


class Terminated(KeyboardInterrupt):
    """SIGTERM ended the program at once; it exits with 143."""


class Stop(threading.Event):
    """Set by a signal, which it remembers."""

    number: int = signal.SIGINT

    def exit(self, result: RunResult) -> Exit:
        """The exit code of a run: the signal's where it left something undone."""
        from erpoa_cli.state import RunStatus

        if not self.is_set() or result.status is not RunStatus.INTERRUPTED:
            return result.exit
        return Exit.TERMINATED if self.number == signal.SIGTERM else Exit.INTERRUPTED


@contextmanager
def stopping() -> Iterator[Stop]:
    """An event that the first signal sets; a second one raises where the program is (the journal still knows)."""
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        stop.number = number
        stop.set()
        sys.stderr.write("\nStopping after the current batch; once more stops at once.\n")
        sys.stderr.flush()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
