"""A scene per worker, prepared once: `fresh` (nothing applied), `settled` (one apply behind it), `planned` (a day's
work later, a reviewed plan waits)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import mariadb, postgres
from tests.faults.program import Forks, forks
from tests.faults.scene import Scene
from tests.faults.served import Served
from tests.services import missing


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, forked: Forks) -> Iterator[Scene]:
    """The scene with its moments saved."""
    home = _quick_directory(tmp_path_factory.mktemp("scene"))
    scene = Scene(home / "project", home / "saved")
    scene.prepare(forked)
    yield scene
    shutil.rmtree(home, ignore_errors=True)


def _quick_directory(otherwise: Path) -> Path:
    """In memory where the machine offers it: syncing costs nothing there, and a kill needs no real disk."""
    try:
        return Path(tempfile.mkdtemp(prefix="erpoa-faults-", dir="/dev/shm"))
    except OSError:
        return otherwise


@pytest.fixture
def scene(prepared: Scene) -> Scene:
    """The scene at the moment `planned`."""
    prepared.restore("planned")
    return prepared


@pytest.fixture(scope="session")
def served(forked: Forks) -> Iterator[Served]:
    """The scene on a PostgreSQL and a MariaDB of its own, with its moments saved."""
    programs, others = postgres.binaries(), mariadb.binaries()
    if programs is None:
        missing("POSTGRES", "there is no initdb")
    if others is None:
        missing("MARIADB", "there is no mariadbd")
    home = Path(tempfile.mkdtemp(prefix="erpoa-served-"))
    with postgres.server(programs) as erp, mariadb.server(others) as oa:
        scene = Served(home / "project", home / "saved", erp, oa)
        scene.prepare(forked)
        yield scene
    shutil.rmtree(home, ignore_errors=True)
