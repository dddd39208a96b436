"""Which tests cover a line: recorded once for a tree, by running each of its tests that needs no service and no process."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverage import CoverageData

from tests.mutants import pytest_run, tree

LIMIT = 20.0  # seconds of the processor that a test may take while it is recorded


@dataclass(frozen=True)
class Cover:
    """The tests that passed, how long they took, what they share; those left out, with the reason; the lines of each."""

    seconds: dict[str, float]
    wide: dict[str, list[str]]
    left_out: dict[str, str]
    data: CoverageData
    root: str

    def tests(self, file: str, line: int) -> list[str]:
        """The tests that cover *line*, the quickest first."""
        covering = set(self.data.contexts_by_lineno(f"{self.root}/{file}").get(line, ()))
        found = [
            name for name in self.seconds if name in covering or not covering.isdisjoint(self.wide[name])
        ]
        return sorted(found, key=lambda name: self.seconds[name])

    def lines(self, file: str) -> set[int]:
        return {
            line for line, tests in self.data.contexts_by_lineno(f"{self.root}/{file}").items() if any(tests)
        }

    def reasons(self) -> Counter[str]:
        return Counter(self.left_out.values())


def home() -> Path:
    """Where recordings are kept."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ERPOA_TEST_CACHE") or Path(caches) / "erpoa-tests") / "mutants"


def cover(place: Path, at_once: int, tell: Callable[[str], None]) -> Cover:
    """The recording of the tree at *place*, which is made when there is none."""
    kept = home() / tree.digest(place)
    if not (kept / "tests.json").exists():
        home().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="new-", dir=home()) as new:
            _record(place, Path(new), at_once, tell)
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(new, kept)
    said = json.loads((kept / "tests.json").read_text(encoding="utf-8"))
    data = CoverageData(str(kept / "coverage"))
    data.read()
    return Cover(said["seconds"], said["wide"], said["left_out"], data, said["root"])


def _record(place: Path, new: Path, at_once: int, tell: Callable[[str], None]) -> None:
    tests: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="erpoa-covered-") as parts:
        for answer in pytest_run.answers(place, {"place": parts, "at_once": at_once, "limit": LIMIT}):
            if "test" in answer:
                tests.append(answer)
            else:
                tell(f"recorded {len(tests)} tests, {answer['left']} files are left")
        whole = CoverageData(str(new / "coverage"))
        for part in sorted(Path(parts).iterdir()):
            one = CoverageData(str(part))
            one.read()
            whole.update(one)
    said = {
        "root": str(place),
        "seconds": {t["test"]: t["seconds"] for t in tests if t["outcome"] == "passed"},
        "wide": {t["test"]: t["wide"] for t in tests if t["outcome"] == "passed"},
        "left_out": {t["test"]: t["outcome"] for t in tests if t["outcome"] != "passed"},
    }
    (new / "tests.json").write_text(json.dumps(said), encoding="utf-8")
