"""Ctrl-C and SIGTERM: the first asks to stop after the batch, the second stops at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM ended the program at once; it exits with 143."""


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that the first signal sets; a second one raises where the program is (the journal still knows)."""
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        stop.set()
        sys.stderr.write("\nStopping after the current batch; once more stops at once.\n")
        sys.stderr.flush()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
