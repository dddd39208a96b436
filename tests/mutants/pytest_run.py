"""Runs pytest with the plugin of `tests.mutants.session` on a tree, and reads what it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SEED = "20261130"  # of everything that tests draw: the same tests see the same with and without a mutation


def answers(place: Path, work: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What pytest answers to *work* about the tree at *place*, as it comes."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory(prefix="erpoa-pytest-") as temporary:
        asked, told = Path(temporary) / "work.json", Path(temporary) / "output"
        asked.write_text(json.dumps(work), encoding="utf-8")
        command = [
            sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "-p", "tests.mutants.session",
            f"--hypothesis-seed={SEED}", f"--mutants-work={asked}", f"--mutants-answers={writing}",
        ]  # fmt: skip
        with told.open("w") as output, subprocess.Popen(
            command, cwd=place, env=_environment(place, temporary), pass_fds=[writing], stdout=output,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        ) as running:  # fmt: skip
            os.close(writing)
            try:
                with os.fdopen(reading, encoding="utf-8") as lines:
                    yield from (json.loads(line) for line in lines)
            except BaseException:
                os.killpg(running.pid, signal.SIGTERM)  # it and its forks
                raise
        if running.returncode not in {0, 1}:  # 1: tests that could not be collected are left out
            raise RuntimeError(f"pytest ended with {running.returncode}:\n{told.read_text()[-4000:]}")


def _environment(place: Path, temporary: str) -> dict[str, str]:
    """That of the fast tests: no service is named, and what is imported is of the tree at *place*."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ERPOA_TEST_")}
    packages = [str(place), *(str(path.parent) for path in sorted(place.glob("plugins/*/erpoa_*")))]
    return {
        **ours,
        "PYTHONPATH": os.pathsep.join(packages),
        "TMPDIR": temporary,
        "ERPOA_TEST_DEPTH": "fast",
        "ERPOA_TEST_SEED": SEED,
    }
