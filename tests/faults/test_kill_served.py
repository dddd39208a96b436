"""kill -9, cut connections and power failures while erpoa writes to PostgreSQL and MariaDB, then `erpoa resume`: the
systems agree, no row is lost, none is there twice, and the next plan is empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests import depth
from tests.faults.served import Served
from tests.faults.test_kill import APPLY, PLAN, next_step
from tests.program import Ended, Forks

FEW = {"planned": 6, "fresh": 2}  # points that `make test` tries
RANDOM = 1000  # moments that `make test-deep` has at its disposal
UNSETTLED = {1, 8}  # the run stopped: a system failed, or an outcome is not known; `resume` goes on


@dataclass(frozen=True, slots=True)
class Undisturbed:
    contents: dict[str, Any]
    batches: dict[str, int]
    points: list[str]
    seconds: float


@pytest.fixture(scope="session")
def undisturbed(served: Served, forked: Forks) -> dict[str, Undisturbed]:
    found = {}
    for moment in FEW:
        served.restore(moment)
        ended, points = forked.points(*APPLY, directory=served.root)
        assert ended.exit == 0, ended
        assert served.disagreements() == {}
        found[moment] = Undisturbed(served.contents(), served.batches(), points, ended.seconds)
    return found


def finish(scene: Served, forked: Forks) -> None:
    if command := next_step(scene):
        ended = forked.run(*command, directory=scene.root)
        assert ended.exit == 0, ended


def assert_as_undisturbed(scene: Served, forked: Forks, wanted: Undisturbed) -> None:
    assert scene.disagreements() == {}
    assert scene.contents() == wanted.contents
    assert scene.batches() == wanted.batches
    second = forked.run(*PLAN, directory=scene.root)
    assert second.exit == 0, second


def writes(undisturbed: dict[str, Undisturbed]) -> list[int]:
    """The points of `planned` around what is written to the systems."""
    return [n for n, label in enumerate(undisturbed["planned"].points) if "target" in label]


def test_there_are_enough_points(undisturbed: dict[str, Undisturbed]):
    assert sum(len(wanted.points) for wanted in undisturbed.values()) >= 200
    labels = undisturbed["planned"].points
    assert labels.count("before target commit") == sum(undisturbed["planned"].batches.values()) - sum(
        undisturbed["fresh"].batches.values()
    )


@pytest.mark.sampled("kill-served", seconds=200, least=50)
@pytest.mark.parametrize("moment", FEW)
def test_killed_at_a_boundary(
    served: Served, forked: Forks, undisturbed: dict[str, Undisturbed], moment: str
):
    wanted = undisturbed[moment]
    for point in depth.some(range(len(wanted.points)), FEW[moment]):
        served.restore(moment)
        killed = forked.run(*APPLY, directory=served.root, point=point)
        print(f"killed at point {point} of {moment}, {wanted.points[point]}")
        assert killed.killed, killed
        finish(served, forked)
        assert_as_undisturbed(served, forked, wanted)


@pytest.mark.sampled("kill-served", seconds=200, least=40)
def test_killed_at_a_random_moment(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    wanted = undisturbed["planned"]
    for part in depth.some(range(RANDOM), 2):
        served.restore("planned")
        after = wanted.seconds * part / RANDOM
        print(f"killed after {after:.4f} s")
        forked.run(*APPLY, directory=served.root, after=after)
        finish(served, forked)
        assert_as_undisturbed(served, forked, wanted)


@pytest.mark.sampled("kill-served", seconds=200, least=50)
def test_cut_off_at_every_write(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    """Every connection is ended while erpoa writes: it comes back by itself, or says so and resumes."""
    wanted, went_on = undisturbed["planned"], 0
    for point in depth.some(writes(undisturbed), 5):
        served.restore("planned")
        ended = forked.run(*APPLY, directory=served.root, point=point, action=served.cut)
        print(f"cut at point {point}, {wanted.points[point]}: exit {ended.exit}")
        went_on += ended.exit == 0
        settle(served, forked, ended)
        assert_as_undisturbed(served, forked, wanted)
    assert went_on


@pytest.mark.sampled("kill-served", seconds=150, least=45)
def test_a_power_failure_of_both_servers(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    wanted = undisturbed["planned"]
    for point in depth.some(writes(undisturbed), 1):
        served.restore("planned")
        ended = forked.run(*APPLY, directory=served.root, point=point, action=served.restart)
        print(f"restarted at point {point}, {wanted.points[point]}: exit {ended.exit}")
        settle(served, forked, ended)
        assert_as_undisturbed(served, forked, wanted)


def settle(scene: Served, forked: Forks, ended: Ended) -> None:
    assert ended.exit in {0, *UNSETTLED}, ended
    if ended.exit:
        finish(scene, forked)
