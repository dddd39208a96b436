"""kill -9, cut connections and power failures while erpoa writes to PostgreSQL and MariaDB, then `erpoa resume`: the
systems agree, no row is lost, none is there twice, and the next plan is empty."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.program import Ended, Forks
from tests.faults.served import Served
from tests.faults.test_kill import APPLY, PLAN, next_step

pytestmark = pytest.mark.slow

WORKERS = 6  # tests that share the points, so that processes can share the work
BOUNDARIES = {"planned": 130, "fresh": 40}  # of the points passed, evenly spread
RANDOM = 30
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
    for moment in BOUNDARIES:
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


def points(undisturbed: dict[str, Undisturbed], *words: str) -> list[tuple[str, int]]:
    """(moment, number) of the points to disturb: as many as BOUNDARIES tell, or all whose label has one of *words*."""
    if words:
        labels = undisturbed["planned"].points
        return [("planned", n) for n, label in enumerate(labels) if any(w in label for w in words)]
    return [
        (moment, number * len(undisturbed[moment].points) // wanted)
        for moment, wanted in BOUNDARIES.items()
        for number in range(wanted)
    ]


def test_there_are_enough_points(undisturbed: dict[str, Undisturbed]):
    assert len(set(points(undisturbed))) + RANDOM >= 200
    labels = undisturbed["planned"].points
    assert labels.count("before target commit") == sum(undisturbed["planned"].batches.values()) - sum(
        undisturbed["fresh"].batches.values()
    )


@pytest.mark.parametrize("share", range(WORKERS))
def test_killed_at_a_boundary(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed], share: int):
    for moment, point in points(undisturbed)[share::WORKERS]:
        served.restore(moment)
        killed = forked.run(*APPLY, directory=served.root, point=point)
        print(f"killed at point {point} of {moment}, {undisturbed[moment].points[point]}")
        assert killed.killed, killed
        finish(served, forked)
        assert_as_undisturbed(served, forked, undisturbed[moment])


def test_killed_at_a_random_moment(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    wanted, seed = undisturbed["planned"], random.randrange(1 << 32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    for _ in range(RANDOM):
        served.restore("planned")
        after = moments.uniform(0, wanted.seconds)
        print(f"killed after {after:.4f} s")
        forked.run(*APPLY, directory=served.root, after=after)
        finish(served, forked)
        assert_as_undisturbed(served, forked, wanted)


def test_cut_off_at_every_write(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    """Every connection is ended while erpoa writes: it comes back by itself, or says so and resumes."""
    went_on = 0
    for moment, point in points(undisturbed, "target")[::7]:
        served.restore(moment)
        ended = forked.run(*APPLY, directory=served.root, point=point, action=served.cut)
        print(f"cut at point {point}, {undisturbed[moment].points[point]}: exit {ended.exit}")
        went_on += ended.exit == 0
        settle(served, forked, ended)
        assert_as_undisturbed(served, forked, undisturbed[moment])
    assert went_on


def test_a_power_failure_of_both_servers(served: Served, forked: Forks, undisturbed: dict[str, Undisturbed]):
    chosen = points(undisturbed, "target")
    for moment, point in (chosen[len(chosen) // 4], chosen[len(chosen) // 2], chosen[-2]):
        served.restore(moment)
        ended = forked.run(*APPLY, directory=served.root, point=point, action=served.restart)
        print(f"restarted at point {point}, {undisturbed[moment].points[point]}: exit {ended.exit}")
        settle(served, forked, ended)
        assert_as_undisturbed(served, forked, undisturbed[moment])


def settle(scene: Served, forked: Forks, ended: Ended) -> None:
    assert ended.exit in {0, *UNSETTLED}, ended
    if ended.exit:
        finish(scene, forked)
