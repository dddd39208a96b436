"""Named tests, run in a copy of the tree, and what came of each."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.teeth.tree import PLUGIN, Tree

LIMIT = 900  # seconds; no tests of one breakage take a tenth of it
FAILED, PASSED = "FAILED|ERROR", "PASSED"
TESTS_FAILED = 1  # an exit code of pytest; what is above it is no answer


@dataclass(frozen=True, slots=True)
class Ran:
    """`exit`: of pytest; None when it did not end in time."""

    exit: int | None
    said: str
    seconds: float

    def told(self, test: str, word: str) -> bool:
        """Whether the summary says *word* of *test*, or of a case of it."""
        return bool(re.search(rf"^(?:{word}) {re.escape(test)}(?=$|\[|::| )", self.said, re.MULTILINE))


def run(tree: Tree, tests: Iterable[str], limit: float = LIMIT) -> Ran:
    """Run *tests* one after the other. Servers that they started are given the time to end."""
    # plain: how two long lists differ takes minutes to tell, and nobody reads it
    asked = [
        f"--basetemp={tree.rest / 'tmp'}", "-p", PLUGIN, f"--hypothesis-profile={PLUGIN}", "--assert=plain", "--tb=short",
        "-rpfE", *tests,
    ]  # fmt: skip
    began = time.monotonic()
    exit_, said = _pytest(tree, asked, limit)
    return Ran(exit_, said, time.monotonic() - began)


def collected(tree: Tree, files: Iterable[str]) -> frozenset[str]:
    """The node ids of those *files* that there are: of cases of parameters, of tests, of classes, of the files."""
    there = [file for file in files if (tree.root / file).is_file()]
    exit_, said = _pytest(tree, ["--collect-only", "-q", *there], LIMIT)
    if exit_ not in (0, 5):
        raise RuntimeError(f"the tests cannot be collected:\n{said}")
    cases = {line for line in said.splitlines() if "::" in line}
    ids = {case.partition("[")[0] for case in cases}
    return frozenset({*cases, *ids, *(i.rpartition("::")[0] for i in ids), *there})


def _pytest(tree: Tree, arguments: list[str], limit: float) -> tuple[int | None, str]:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *arguments]
    out = tree.rest / "said"
    with out.open("wb") as said:
        running = subprocess.Popen(
            command, cwd=tree.root, env=tree.environment(), stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            exit_: int | None = running.wait(limit)
        except subprocess.TimeoutExpired:
            exit_ = None
        finally:
            _end(running)
    return exit_, _text(out)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _end(running: subprocess.Popen[bytes]) -> None:
    """An interrupt first: fixtures end what they started. What is left of the session is killed."""
    with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
            running.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()
