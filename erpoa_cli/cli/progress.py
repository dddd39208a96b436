"""Progress on stderr: one live line per task on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from erpoa_cli.cli.options import Format, Options, no_color
from erpoa_cli.core.event import Event, Finished, Listener, Progressed, Started
from erpoa_cli.render import clean
from erpoa_cli.render.words import count, rows

_EVERY = 0.1  # seconds between redraws


class _Lines:
    """A line when a task took long enough to be worth one, or always with -v."""

    def __init__(self, *, always: bool) -> None:
        self._always = always
        self._since: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._since[event.task] = time.monotonic()
            case Finished():
                took = time.monotonic() - self._since.pop(event.task, time.monotonic())
                if self._always or took > 2:
                    print(_done(event, took), file=sys.stderr, flush=True)
            case Progressed():
                pass


class _Live:
    """The running tasks on one line that is redrawn; each finished task leaves nothing behind."""

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._lock = threading.Lock()
        self._running: dict[str, tuple[float, int, int | None]] = {}
        self._drawn = 0.0

    def __call__(self, event: Event) -> None:
        with self._lock:
            now = time.monotonic()
            match event:
                case Started():
                    self._running[event.task] = (now, 0, event.total)
                case Progressed():
                    since, _, total = self._running.get(event.task, (now, 0, None))
                    self._running[event.task] = (since, event.rows, total)
                case Finished():
                    self._running.pop(event.task, None)
            if now - self._drawn > _EVERY:
                self._drawn = now
                self._draw(now)

    def _draw(self, now: float) -> None:
        from erpoa_cli.render.layout import elide

        told = " · ".join(_under_way(task, *state, now) for task, state in self._running.items())
        sys.stderr.write("\r\x1b[2K" + elide(told, self._cells - 1))
        sys.stderr.flush()

    def wipe(self) -> None:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def _under_way(task: str, since: float, done: int, total: int | None, now: float) -> str:
    text = clean.terminal(task)
    if done:
        rate = done / max(now - since, 0.001)
        text += f" {count(done)}" + (f" of {count(total)}" if total else "") + f" ({count(int(rate))}/s"
        text += f", {int((total - done) / rate)} s left)" if total and total > done else ")"
    return text


def _done(event: Finished, took: float) -> str:
    note = f", {clean.terminal(event.note)}" if event.note else ""
    read = f" {rows(event.rows)}," if event.rows else ""
    return f"{clean.terminal(event.task)}:{read} {took:.1f} s{note}"


@contextmanager
def listener(options: Options) -> Iterator[Listener]:
    """Whoever shows what happens, as the options ask."""
    if options.quiet:
        yield _silent
    elif sys.stderr.isatty() and not no_color(options, terminal=True) and options.format is Format.TEXT:
        from erpoa_cli.cli.ending import width_of

        live = _Live(width_of(sys.stderr))
        try:
            yield live
        finally:
            live.wipe()
    else:
        yield _Lines(always=options.verbose > 0)


def _silent(event: Event) -> None:
    """Nobody is listening."""
