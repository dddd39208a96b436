"""kill -9 at every boundary and at random moments, then `erpoa resume`: as if nothing had happened."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests import depth
from tests.faults.scene import Scene
from tests.program import Ended, Forks, erpoa, start

APPLY = ("apply", "the.erpoaplan", "--no-input")
RESUME = ("resume", "--no-input")
PLAN = ("plan", "--detailed-exitcode", "--no-input", "-o", "second.erpoaplan")

FEW = {"planned": 12, "fresh": 4}  # points that `make test` tries; on first contact ledgers are made
RANDOM = 1000  # moments that `make test-deep` has at its disposal


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What an apply does when nobody interferes: what it leaves, the points it passes, its seconds."""

    contents: dict[str, Any]
    memory: dict[str, Any]
    batches: dict[str, int]
    points: list[str]
    seconds: float


@pytest.fixture(scope="session")
def undisturbed(prepared: Scene, forked: Forks) -> dict[str, Undisturbed]:
    found = {}
    for moment in FEW:
        prepared.restore(moment)
        ended, points = forked.points(*APPLY, directory=prepared.root)
        assert ended.exit == 0, ended
        assert prepared.disagreements() == {}
        found[moment] = Undisturbed(
            prepared.contents(), prepared.remembered(), prepared.batches(), points, ended.seconds
        )
    return found


def next_step(scene: Scene) -> tuple[str, ...]:
    """What a person types after a kill; nothing when the run had reached its end."""
    match scene.run_status():
        case None:
            return APPLY
        case "applied":
            return ()
        case _:
            return RESUME


def finish(scene: Scene, forked: Forks) -> None:
    if command := next_step(scene):
        ended = forked.run(*command, directory=scene.root)
        assert ended.exit == 0, ended


def assert_as_undisturbed(scene: Scene, wanted: Undisturbed) -> None:
    assert scene.disagreements() == {}
    assert scene.contents() == wanted.contents
    assert scene.batches() == wanted.batches
    assert scene.remembered() == wanted.memory


def assert_nothing_left_to_do(scene: Scene, forked: Forks) -> None:
    """Once per test: the databases and the state, which are all a plan sees, are the same at every point."""
    second = forked.run(*PLAN, directory=scene.root)
    assert second.exit == 0, second


def test_there_are_enough_points(undisturbed: dict[str, Undisturbed]):
    assert sum(len(wanted.points) for wanted in undisturbed.values()) >= 200
    for boundary in ("journal intend", "journal record", "journal close", "target commit", "file replace"):
        assert f"before {boundary}" in undisturbed["planned"].points
        assert f"after {boundary}" in undisturbed["planned"].points


@pytest.mark.sampled("kill", seconds=400, least=30)
@pytest.mark.parametrize("moment", FEW)
def test_killed_at_a_boundary(
    prepared: Scene, forked: Forks, undisturbed: dict[str, Undisturbed], moment: str
):
    wanted = undisturbed[moment]
    for point in depth.some(range(len(wanted.points)), FEW[moment]):
        prepared.restore(moment)
        killed = forked.run(*APPLY, directory=prepared.root, point=point)
        print(f"killed at point {point}, {wanted.points[point]}")
        assert killed.killed, killed
        finish(prepared, forked)
        assert_as_undisturbed(prepared, wanted)
    assert_nothing_left_to_do(prepared, forked)


@pytest.mark.sampled("kill", seconds=150, least=45)
def test_killed_again_while_it_resumes(prepared: Scene, forked: Forks, undisturbed: dict[str, Undisturbed]):
    """Each resume is killed a few steps on, until one reaches the end."""
    wanted = undisturbed["planned"]
    # opening and closing a run take 40 points, which must be passed in one go
    for steps in depth.some(range(45, 90), 1):
        prepared.restore("planned")
        assert forked.run(*APPLY, directory=prepared.root, point=len(wanted.points) // 5).killed
        for kills in range(len(wanted.points)):
            command = next_step(prepared)
            if not command:
                break
            ended = forked.run(*command, directory=prepared.root, point=steps + kills % 3)
            assert ended.killed or ended.exit == 0, ended
        else:
            pytest.fail("resume never reached the end")
        assert_as_undisturbed(prepared, wanted)
    assert_nothing_left_to_do(prepared, forked)


@pytest.mark.sampled("kill", seconds=150, least=15)
def test_killed_at_a_random_moment(prepared: Scene, forked: Forks, undisturbed: dict[str, Undisturbed]):
    wanted = undisturbed["planned"]
    for part in depth.some(range(RANDOM), 6):
        prepared.restore("planned")
        after = wanted.seconds * part / RANDOM
        print(f"killed after {after:.4f} s")
        forked.run(*APPLY, directory=prepared.root, after=after)
        finish(prepared, forked)
        assert_as_undisturbed(prepared, wanted)
    assert_nothing_left_to_do(prepared, forked)


@pytest.mark.sampled("kill", seconds=100, least=25)
def test_the_real_program_killed_at_a_random_moment(
    prepared: Scene, forked: Forks, undisturbed: dict[str, Undisturbed]
):
    """From outside, as `kill -9` does; resumed by the real program too."""
    wanted = undisturbed["planned"]
    prepared.restore("planned")
    begun = time.monotonic()
    assert erpoa(*APPLY, directory=prepared.root).exit == 0
    whole = time.monotonic() - begun
    first = max(0.0, whole - 2 * wanted.seconds)  # most of its time it only starts
    for part in depth.some(range(RANDOM), 3):
        prepared.restore("planned")
        after = first + (whole - first) * part / RANDOM
        print(f"killed after {after:.4f} s")
        _killed_after(prepared, after)
        if command := next_step(prepared):
            ended = erpoa(*command, directory=prepared.root)
            assert ended.exit == 0, ended
        assert_as_undisturbed(prepared, wanted)
    assert_nothing_left_to_do(prepared, forked)


def _killed_after(scene: Scene, seconds: float) -> Ended:
    with start(*APPLY, directory=scene.root) as program:
        try:
            out, err = program.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            out, err = program.communicate()
    return Ended(program.returncode, out.decode(), err.decode())
