"""What every command imports is what `may_import` lists. How long starting takes is a matter of tests/bench."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

import erpoa_cli
from erpoa_cli.cli.commands import ENTRIES
from tests.e2e.may_import import ANY, HEAVY, MANY, MAY, May
from tests.program import environment

ROOM = Path(erpoa_cli.__file__).parent
Bare = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    """Runs a command in a process that had imported nothing, and tells how it ended and what it imported."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("bare.py")],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as server:
        assert server.stdin
        assert server.stdout

        def run(*arguments: str, directory: Path) -> dict[str, Any]:
            assert server.stdin
            assert server.stdout
            server.stdin.write(json.dumps({"arguments": arguments, "directory": str(directory)}) + "\n")
            server.stdin.flush()
            told: dict[str, Any] = json.loads(server.stdout.readline())
            return told

        yield run
        server.stdin.close()


@pytest.fixture(scope="module")
def saved(forked, settled, tmp_path_factory) -> tuple[Path, Path, str]:
    """A settled company with something to write and a plan of it in a file, its files judged; a copy of it; its run.
    What was judged is remembered for that place alone."""
    place = shutil.copytree(settled, tmp_path_factory.mktemp("judged") / "p")
    with closing(sqlite3.connect(place / "data" / "erp.db")) as erp, erp:
        erp.execute("UPDATE supplier SET name = '新名称' WHERE code = 'S0001'")
    for arguments in (("validate",), ("plan", "-o", "the.erpoaplan")):
        assert forked(*arguments, cwd=place).exit == 0
    run = forked("runs", "ls", "--format", "json", cwd=place).json()["runs"][0]["id"]
    return place, shutil.copytree(place, tmp_path_factory.mktemp("saved") / "p"), run


def commands() -> set[str]:
    """Every command of the program as it is typed."""
    found = set()
    for entry in ENTRIES.values():
        inner = getattr(typer.main.get_command(import_module(entry.module).app), "commands", None)
        found |= {f"{entry.name} {name}" for name in inner} if inner else {entry.name}
    return found


def test_every_command_is_listed():
    lines = [f"{may.line} " for may in MAY]
    assert [
        name for name in sorted(commands()) if not any(line.startswith(f"{name} ") for line in lines)
    ] == []


@pytest.mark.in_turn("startup", of=2, seconds=2)
@pytest.mark.parametrize("may", MAY, ids=lambda may: may.line)
def test_a_command_imports_what_it_may(bare: Bare, saved, may: May):
    place, copy, run = saved
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    words = may.line.format(run=run).split()
    told = bare(*(word.replace("SELECT_1", "SELECT 1") for word in words), directory=place)
    assert may.exit in {None, told["exit"]}, told["err"]
    assert "Traceback" not in told["err"]
    libraries, rooms = heavy(told["modules"]), rooms_of(told["modules"])
    allowed, open_ = set(may.libraries.split()), {"cli", "core", *may.rooms.split()}
    assert may.libraries == ANY or libraries <= allowed, libraries - allowed
    assert rooms <= open_, rooms - open_
    if may.exit is not None and may.libraries != ANY:  # the table says no more than what is so
        assert allowed - libraries <= sys.stdlib_module_names  # what that imports is its own matter
        assert open_ == rooms


def heavy(modules: list[str]) -> set[str]:
    """The heavy libraries among *modules*: those known to be, plugins, and whatever has many modules."""
    count = Counter(name.partition(".")[0] for name in modules)
    ours = {"erpoa_cli", *sys.stdlib_module_names}
    return {
        top
        for top, number in count.items()
        if top in HEAVY
        or (top.startswith("erpoa_") and top not in ours)
        or (number >= MANY and top not in ours)
    }


def rooms_of(modules: list[str]) -> set[str]:
    """The packages of `erpoa_cli` that *modules* are in."""
    found = set()
    for name in modules:
        parts = name.split(".")[1:] if name.startswith("erpoa_cli.") else []
        found |= {
            ".".join(parts[: n + 1]) for n in range(len(parts)) if ROOM.joinpath(*parts[: n + 1]).is_dir()
        }
    return found
