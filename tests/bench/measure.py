"""Interleaved repetitions, their medians, and ratios to a limit measured in the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# A small process starts the one that is measured: what a child had before its exec counts as its memory too.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
with open(sys.argv[1], "w") as file:
    worked = usage.ru_utime + usage.ru_stime
    file.write(f"{os.waitstatus_to_exitcode(status)} {seconds} {usage.ru_maxrss} {worked}")
"""
ERPOA = str(Path(sys.executable).with_name("erpoa"))


@dataclass(frozen=True, slots=True)
class Spent:
    """One measurement: seconds of the clock, the largest resident set (MB) where a process of its own ran, and
    seconds of all processors."""

    seconds: float
    megabytes: float | None = None
    processor: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `limit` is the name of the line it is compared with; `aim` what engine.md asks."""

    name: str
    spent: Sequence[Spent]
    limit: str = ""
    aim: str = ""
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(s.seconds for s in self.spent)

    @property
    def processor(self) -> float | None:
        found = [s.processor for s in self.spent if s.processor is not None]
        return statistics.median(found) if found else None

    @property
    def peak(self) -> float | None:
        return max((s.megabytes for s in self.spent if s.megabytes is not None), default=None)


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    words: str
    rows: Sequence[Row]
    facts: Mapping[str, str] = field(default_factory=dict)


def interleaved(runs: Mapping[str, Callable[[], Spent]], times: int) -> dict[str, list[Spent]]:
    """Every run *times* times, in turns, so that a slow moment of the machine meets all of them."""
    spent: dict[str, list[Spent]] = {name: [] for name in runs}
    for _ in range(times):
        for name, run in runs.items():
            spent[name].append(run())
    return spent


def timed(run: Callable[[], object]) -> Spent:
    start, worked = time.perf_counter(), time.process_time()
    run()
    return Spent(time.perf_counter() - start, processor=time.process_time() - worked)


def process(
    arguments: Sequence[str],
    directory: Path,
    *,
    exits: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
) -> Spent:
    """One process to its end; RuntimeError with its words when it ends otherwise than with one of *exits*."""
    told, spent = directory / ".bench-output", directory / ".bench-spent"
    with told.open("wb") as file:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, spent, *arguments],
            cwd=directory, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=True,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
    code, seconds, kilobytes, worked = spent.read_text().split()
    if int(code) not in exits:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}:\n{told.read_text(errors='replace')}")
    told.unlink()
    spent.unlink()
    return Spent(float(seconds), int(kilobytes) / 1024, float(worked))


def process_output(arguments: Sequence[str], directory: Path) -> str:
    """What one process says on stdout; its stderr is ours."""
    return subprocess.run(
        arguments, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
