"""A scene per worker, prepared once: `fresh` (nothing applied), `settled` (one apply behind it), `planned` (a day's
work later, a reviewed plan waits)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.program import Forks, forks
from tests.faults.scene import Scene


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, forked: Forks) -> Scene:
    """The scene with its moments saved."""
    home = tmp_path_factory.mktemp("scene")
    scene = Scene(home / "project", home / "saved")

    def run(*arguments: str) -> None:
        ended = forked.run(*arguments, directory=scene.root)
        assert ended.exit == 0, ended

    scene.build()
    run("plan", "-o", scene.plan.name)
    scene.save("fresh")
    run("apply", scene.plan.name)
    assert scene.disagreements() == {}
    scene.plan.unlink()
    scene.save("settled")
    scene.edit()
    assert scene.disagreements()
    run("plan", "-o", scene.plan.name)
    scene.save("planned")
    return scene


@pytest.fixture
def scene(prepared: Scene) -> Scene:
    """The scene at the moment `planned`."""
    prepared.restore("planned")
    return prepared
