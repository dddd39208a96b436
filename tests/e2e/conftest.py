"""A company to run the program on; and the program, as forks of a warm process: those whose subject is the process itself,
what it loads, prints on a terminal or does with a signal, start the installed one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.program import Ended, environment, forks

Run = Callable[..., Ended]
"""Runs `erpoa` with arguments, in `cwd`, with more in its environment; without a terminal."""

AUTHOR = "陈杰"


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with forks(tmp_path_factory.mktemp("forks")) as server:

        def run(*arguments: str | Path, cwd: Path | None = None, **more: str) -> Ended:
            return server.run(
                *map(str, arguments),
                directory=cwd or Path.cwd(),
                env=environment(**{"ERPOA_AUTHOR": AUTHOR, **more}),
            )

        yield run


@pytest.fixture
def erpoa(forked: Run) -> Run:
    return forked


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory, forked: Run) -> Path:
    """A project whose first plan was applied, in a directory with spaces and Chinese in its name. Read only."""
    place = tmp_path_factory.mktemp("e2e") / "华信 demo (1)"
    for arguments, expected in ((("init", place), 0), (("-C", place, "apply", "--yes"), 5)):
        done = forked(*arguments)
        assert done.exit == expected, done.err
    return place


@pytest.fixture
def company(settled: Path, tmp_path: Path) -> Path:
    """A copy of the settled project to do things to."""
    return shutil.copytree(settled, tmp_path / settled.name)
