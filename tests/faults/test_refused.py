"""Plans that may not be applied: each is refused with its own code and exit code, and nothing is written."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from erpoa_cli.cli.exits import Exit
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.writing.gate import gate
from erpoa_cli.project import load
from erpoa_cli.state import PlanFile
from tests.faults.scene import Scene
from tests.program import Ended, Forks

APPLY = ("apply", "the.erpoaplan", "--no-input", "--format", "json")


def apply(scene: Scene, forked: Forks, *arguments: str) -> Ended:
    return forked.run(*APPLY, *arguments, directory=scene.root)


def codes(ended: Ended) -> set[str]:
    return {finding["code"] for finding in ended.json()["diagnostics"] if finding["severity"] == "error"}


def test_applied_twice(scene: Scene, forked: Forks):
    assert apply(scene, forked).exit == Exit.SUCCESS
    before = scene.contents()
    again = apply(scene, forked)
    assert (again.exit, codes(again)) == (Exit.STALE, {"E0534"}), again
    assert scene.contents() == before


def test_applied_twice_under_another_name(scene: Scene, forked: Forks):
    shutil.copy(scene.plan, scene.root / "copy.erpoaplan")
    assert apply(scene, forked).exit == Exit.SUCCESS
    again = forked.run("apply", "copy.erpoaplan", "--format", "json", directory=scene.root)
    assert (again.exit, codes(again)) == (Exit.STALE, {"E0534"}), again


def test_expired(scene: Scene):
    project = load(scene.root, None, {}, getenv=lambda name: None)
    plan = PlanFile.open(scene.plan)
    with Connections(project) as connections:
        gate(plan, project, connections, {}, plan.header.expires - timedelta(microseconds=1))
        with pytest.raises(Failure) as refused:
            gate(plan, project, connections, {}, plan.header.expires)
    assert refused.value.kind is FailureKind.STALE
    assert [d.code for d in refused.value.diagnostics] == ["E0533"]


@pytest.mark.parametrize(
    "file", ["targets/targets.yml", "sources/sources.yml", "transforms/orders.sql", "erpoa.yml"]
)
def test_older_than_the_project(scene: Scene, forked: Forks, file: str):
    path = scene.root / file
    comment = "\n-- other bytes\n" if file.endswith(".sql") else "\n# other bytes\n"
    path.write_text(path.read_text(encoding="utf-8") + comment, encoding="utf-8")
    before = scene.contents()
    refused = apply(scene, forked)
    assert (refused.exit, codes(refused)) == (Exit.STALE, {"E0531"}), refused
    assert file in refused.err
    assert scene.contents() == before


def test_a_file_more_in_the_project(scene: Scene, forked: Forks):
    (scene.root / "sources" / "more.yml").write_text("sources: {}\n")
    refused = apply(scene, forked)
    assert (refused.exit, codes(refused)) == (Exit.STALE, {"E0531"}), refused


def test_every_damaged_byte_is_noticed(scene: Scene, tmp_path: Path):
    """Each byte of a real plan, one at a time: never opened, always stale or (no plan at all) invalid."""
    whole = scene.plan.read_bytes()
    damaged = tmp_path / "damaged.erpoaplan"
    seen: dict[tuple[str, FailureKind], int] = {}
    step = max(1, len(whole) // 4000)
    places = [*range(0, len(whole), step), *range(max(0, len(whole) - 400), len(whole))]
    for at in places:
        bad = bytearray(whole)
        bad[at] ^= 1 + at % 255
        damaged.write_bytes(bad)
        with pytest.raises(Failure) as refused:
            PlanFile.open(damaged)
        finding = refused.value.diagnostics[0].code, refused.value.kind
        seen[finding] = seen.get(finding, 0) + 1
    assert set(seen) <= {("E0502", FailureKind.STALE), ("E0501", FailureKind.INVALID)}
    assert seen[("E0502", FailureKind.STALE)] > 0.99 * len(places)


@pytest.mark.parametrize("size", [0, 1, 100, 0.5, 0.99, -1])
def test_truncated(scene: Scene, tmp_path: Path, size: float):
    whole = scene.plan.read_bytes()
    kept = int(len(whole) * size) if 0 < size < 1 else int(size) if size >= 0 else len(whole) - 1
    short = tmp_path / "short.erpoaplan"
    short.write_bytes(whole[:kept])
    with pytest.raises(Failure) as refused:
        PlanFile.open(short)
    assert refused.value.kind in {FailureKind.STALE, FailureKind.INVALID}


def test_damaged_through_the_program(scene: Scene, forked: Forks):
    whole = scene.plan.read_bytes()
    before = scene.contents()
    for at in (0, len(whole) // 3, len(whole) // 2, len(whole) - 20):
        bad = bytearray(whole)
        bad[at] ^= 0x40
        scene.plan.write_bytes(bad)
        refused = apply(scene, forked)
        assert (refused.exit, codes(refused)) == (Exit.STALE, {"E0502"}), refused
        assert scene.contents() == before
    scene.plan.write_bytes(whole)
    assert apply(scene, forked).exit == Exit.SUCCESS


def test_no_plan_at_all(scene: Scene, forked: Forks):
    scene.plan.write_text("hello\n")
    refused = apply(scene, forked)
    assert (refused.exit, codes(refused)) == (Exit.INVALID, {"E0501"}), refused
