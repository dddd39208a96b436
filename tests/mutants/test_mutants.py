"""The tool tells what tests notice from what they do not, on a package small enough to know."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.mutants import bodies, tree
from tests.mutants.__main__ import judged
from tests.mutants.mutations import at, choose

PACKAGE = """\
from __future__ import annotations

import functools

LIMIT = 1 + 1


@functools.cache
def checked(amount: int | None) -> bool:
    return amount is not None and amount > LIMIT


def unchecked(amount: int) -> int:
    return amount * 2


def in_a_loop() -> bool:
    done = False
    while not done:
        done = True
    return done


def nobody_comes_by(amount: int) -> int:
    return amount + 1


class Box:
    def __init__(self, amount: int) -> None:
        self.amount = amount + 1
"""
TESTS = """\
import subprocess
import sys
import pytest
import erpoa_tiny

assert not erpoa_tiny.checked(2)  # what was worked out before the mutation is forgotten


def test_checked():
    assert [erpoa_tiny.checked(n) for n in (None, 1, 2, 3)] == [False, False, False, True]


def test_unchecked():
    erpoa_tiny.unchecked(1)


def test_in_a_loop():
    assert erpoa_tiny.in_a_loop()


def test_that_starts_a_process():
    assert subprocess.call([sys.executable, "-c", ""]) == 0
    assert erpoa_tiny.nobody_comes_by(3) == 4


@pytest.fixture(scope="module")
def box():
    return erpoa_tiny.Box(3)


def test_of_something_shared(box):
    pass


def test_of_something_shared_that_looks(box):
    assert box.amount == 4
"""


def written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=root, check=True)


@pytest.mark.process
def test_what_is_noticed_is_told_from_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ERPOA_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tests.mutants.__main__.PATIENCE", 5.0)
    root = tmp_path / "tiny"
    written(
        root, {"erpoa_tiny/__init__.py": PACKAGE, "tests/test_tiny.py": TESTS, "pytest.ini": "[pytest]\n"}
    )
    git(root, "init", "-q")
    told: list[str] = []
    results = judged(root, 1, 100, 2, None, told.append)
    of = "tests/test_tiny.py::test_"
    assert {m.before: (outcome, test) for m, outcome, test in results} == {
        "return amount is not None and amount > LIMIT": ("killed", f"{of}checked"),
        "return amount * 2": ("survived", f"{of}unchecked"),
        "done = False": ("survived", f"{of}in_a_loop"),
        "while not done:": ("killed", f"{of}in_a_loop"),
        "done = True": ("time-out", f"{of}in_a_loop"),
        "return amount + 1": ("uncovered", ""),
        "self.amount = amount + 1": ("killed", f"{of}of_something_shared_that_looks"),
    }
    assert "5 tests judge; left out: 1 (starts a process)" in told
    assert "erpoa_tiny/__init__.py: 1 of 8 lines that run in functions are covered by none" in told


@pytest.mark.process
def test_the_tests_of_another_commit_judge_the_source_that_is_there(tmp_path: Path):
    root, place = tmp_path / "tiny", tmp_path / "place"
    then = {
        "erpoa_tiny/__init__.py": "then",
        "tests/test_tiny.py": "then",
        "plugins/a/tests/test_a.py": "then",
    }
    now = {
        "erpoa_tiny/__init__.py": "now",
        "tests/test_tiny.py": "now",
        "tests/test_new.py": "now",
        "plugins/conftest.py": "now",
        "plugins/a/erpoa_a/__init__.py": "now",
    }
    written(root, then)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "then")
    written(root, now)
    tree.lay(root, place, "HEAD")
    laid = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in laid.items() if not name.startswith(tree.TOOL)} == {
        "erpoa_tiny/__init__.py": "now",
        "tests/test_tiny.py": "then",
        "plugins/a/tests/test_a.py": "then",
        "plugins/a/erpoa_a/__init__.py": "now",
    }
    assert f"{tree.TOOL}/session.py" in laid


def test_the_same_seed_makes_the_same_mutations(tmp_path: Path):
    written(tmp_path, {"erpoa_tiny/__init__.py": PACKAGE})
    drawn = [choose(tmp_path, seed, 4) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({m.line for m in drawn[0]}) == 4


def test_a_change_elsewhere_leaves_the_draws_as_they_are(tmp_path: Path):
    written(tmp_path, {"erpoa_tiny/__init__.py": PACKAGE})
    before = choose(tmp_path, 1, 4)
    written(tmp_path, {"erpoa_tiny/__init__.py": PACKAGE.replace("LIMIT = 1 + 1", "LIMIT = 1 +\\\n    1")})
    assert [(m.before, m.after) for m in choose(tmp_path, 1, 4)] == [(m.before, m.after) for m in before]


@pytest.mark.parametrize(
    "line",
    ["kept: int | None", "def inner(a: int | None) -> int | str: ...", "pass", "return None", "'1 + 1'"],
)
def test_what_says_a_type_or_nothing_is_not_changed(line: str):
    assert at(f"def f():\n    {line}\n", "f.py", 2, random.Random(1)) is None


def test_every_change_of_a_line_can_be_drawn():
    text = "def f(a):\n    return a == 1\n"
    drawn = {at(text, "f.py", 2, random.Random(seed)) for seed in range(100)}
    assert {m.after.replace("  ", " ") for m in drawn if m} == {
        *(f"return a {sign} 1" for sign in ("!=", "<", "<=", ">", ">=")), "return a == 0", "return a == 2",
    }  # fmt: skip


def test_only_what_runs_in_functions_is_changed():
    text = "A = [n + 1 for n in ()]\nclass B:\n    c = 1\n    def d(self, e=2):\n        return 3\n"
    assert bodies.lines(text, "f.py") == {5}
