"""The commands of an example's README, and two ways to run them: as a user does, and quickly."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Run
from tests.program import ERPOA, Ended
from tests.services import missing
from tests.tryton.databases import home_of_examples
from tests.tryton.environment import installed

IN_TURN = pytest.mark.in_turn("walkthroughs", of=3, seconds=150)  # the examples of Tryton


@dataclass(frozen=True, slots=True)
class Command:
    section: int
    text: str
    exit: int


def commands(readme: Path) -> list[Command]:
    """The lines of the README's `sh` blocks, with the section they stand in and the exit code they expect."""
    found: list[Command] = []
    section, inside = 0, False
    for line in readme.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (\d+) ", line):
            section = int(heading[1])
        elif line.startswith("```"):
            inside = line == "```sh"
        elif inside:
            text, _, code = re.sub(r" +# exit ", "\0", line).partition("\0")
            found.append(Command(section, text.strip(), int(code or 0)))
    return found


def copied(example: Path, into: Path) -> Path:
    """A copy of an example without what was made in it."""
    return Path(
        shutil.copytree(
            example,
            into / example.name,
            ignore=shutil.ignore_patterns(".erpoa*", "__pycache__", "*.erpoaplan"),
        )
    )


def with_tryton(kept: Path) -> None:
    """The shared Tryton is there, and the database *kept* that an example copies."""
    if not (installed() and kept.exists()):
        missing("TRYTON", f"{kept} is not there: `python -m tests.tryton` makes it")


def settings(**more: str) -> dict[str, str]:
    """What an example's commands are told: where Tryton is, and *more*."""
    return {"ERPOA_EXAMPLE_HOME": str(home_of_examples()), "PYTHONUTF8": "1", **more}


def run(text: str, directory: Path, told: Mapping[str, str]) -> Ended:
    """A line of a README, as a process."""
    program, *arguments = shlex.split(text)
    real = {"python": sys.executable, "erpoa": str(ERPOA)}[program]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ERPOA_")}
    done = subprocess.run(
        [real, *arguments], cwd=directory, env={**kept, **told}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def ask(text: str, directory: Path, told: Mapping[str, str], forked: Run) -> Ended:
    """An erpoa command that no README names, quickly."""
    name, *arguments = shlex.split(text)
    assert name == "erpoa"
    return forked(*arguments, cwd=directory, **told)
