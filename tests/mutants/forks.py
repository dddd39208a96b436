"""Work in forks of a process that has loaded everything: each begins in a moment and leaves nothing behind."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

_STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")

T = TypeVar("T")

started: list[str] = []  # what this fork would have started: it was refused


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """A fork's work, what it wrote, and the signal that ended it (0: none did)."""

    work: T
    written: list[str]
    signal: int


def each(
    waiting: list[T], at_once: int, do: Callable[[T, Callable[[str], None]], None]
) -> Iterator[Ended[T]]:
    """Do each work of *waiting* in a fork of its own; more may be added while the answers are taken.

    *do* gets the work and a function that writes a line, which is there however the fork ends.
    """
    running: dict[int, tuple[T, Path]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                work = waiting.pop(0)
                place = Path(tempfile.mkdtemp(prefix="fork-"))
                sys.stdout.flush()
                sys.stderr.flush()
                parent = os.getpid()
                child = os.fork()
                if not child:
                    _be(place, parent, functools.partial(do, work))
                running[child] = work, place
            child, status = os.wait()
            work, place = running.pop(child)
            if (failure := place / "failure").exists():
                raise RuntimeError(failure.read_text(encoding="utf-8"))
            written = (place / "written").read_text(encoding="utf-8").splitlines()
            shutil.rmtree(place, ignore_errors=True)
            yield Ended(work, written, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
    finally:
        for child in running:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _be(place: Path, parent: int, do: Callable[[Callable[[str], None]], None]) -> NoReturn:
    """Be the fork: silent, with temporary files that its parent removes, and without processes of its own."""

    def write(line: str) -> None:
        if os.getppid() != parent:  # it was killed: nobody waits for the rest
            shutil.rmtree(place, ignore_errors=True)
            os._exit(1)
        print(line, file=file, flush=True)

    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        for name in ("TMPDIR", "PYTEST_DEBUG_TEMPROOT", "HYPOTHESIS_STORAGE_DIRECTORY"):
            os.environ[name] = str(place)
        tempfile.tempdir = None
        sys.addaudithook(_refuse)
        with (place / "written").open("w", encoding="utf-8", buffering=1) as file:
            do(write)
    except BaseException:  # noqa: BLE001 - its parent raises it
        (place / "failure").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(0)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event in _STARTS:
        started.append(f"{event}: {arguments[:1]!r}")
        raise RuntimeError(f"no process of its own: {event}")
