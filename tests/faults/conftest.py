"""A scene per worker, prepared once: `fresh` (nothing applied), `settled` (one apply behind it), `planned` (a day's
work later, a reviewed plan waits)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests import mariadb, postgres
from tests.faults.machines import can_be_elsewhere, elsewhere
from tests.faults.scene import Scene
from tests.faults.served import Served
from tests.program import Forks, forks
from tests.services import missing


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture(scope="session")
def everywhere(tmp_path_factory: pytest.TempPathFactory, forked: Forks) -> Iterator[Mapping[str, Forks]]:
    """Forks on this machine, and on one called `elsewhere` where machines may be made up."""
    if not can_be_elsewhere():
        yield {"": forked}
        return
    with forks(tmp_path_factory.mktemp("elsewhere"), *elsewhere("elsewhere")) as server:
        yield {"": forked, "elsewhere": server}


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, forked: Forks) -> Scene:
    """The scene with its moments saved."""
    home = tmp_path_factory.mktemp("scene")
    scene = Scene(home / "project", home / "saved")
    scene.prepare(forked)
    return scene


@pytest.fixture
def scene(prepared: Scene) -> Scene:
    """The scene at the moment `planned`."""
    prepared.restore("planned")
    return prepared


@pytest.fixture(scope="session")
def served(forked: Forks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The scene on a PostgreSQL and a MariaDB of its own, with its moments saved."""
    programs, others = postgres.binaries(), mariadb.binaries()
    if programs is None:
        missing("POSTGRES", "there is no initdb")
    if others is None:
        missing("MARIADB", "there is no mariadbd")
    home = tmp_path_factory.mktemp("served")
    with postgres.server(programs, postgres.QUICK) as erp, mariadb.server(others, mariadb.QUICK) as oa:
        scene = Served(home / "project", home / "saved", erp, oa)
        scene.prepare(forked)
        yield scene
