"""kill -9 at every boundary of a run that moves documents, then `erpoa resume`: as if nothing had happened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.conclusion import RunConclusion
from tests import depth
from tests.integration.documents import LINES, Documents, target
from tests.program import Forks

APPLY = ("apply", "the.erpoaplan", "--no-input")
RESUME = ("resume", "--no-input")
FEW = 12  # points that `make test` tries
LEAVES = {0, 5}  # a task is left over: 5


def contents(world: Documents) -> dict[str, Any]:
    """The business rows, and what the state remembers of the documents."""
    keys = ("generation", "agreed_state", "seen_state", "agreed_supplier")
    return {
        "orders": world.rows("SELECT id, req_no, supplier, status, cancelled FROM po ORDER BY id"),
        "lines": world.rows("SELECT id, order_id, line, item, qty FROM po_line ORDER BY id"),
        "base": {no: tuple(row[key] for key in keys) for no, row in world.base().items()},
        "batches": world.rows("SELECT count(*) FROM erpoa_ledger"),
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Documents, Path]:
    """Documents of every fate, planned: new, changed, lines changed, undone, deleted, a task."""
    root = tmp_path_factory.mktemp("documents") / "here"
    root.mkdir()
    world = Documents(root).build(target(lines=LINES))
    for n in range(2, 7):
        world.want(f"PR-{n}", "draft" if n == 4 else "confirmed")
        world.sql("oa", f"INSERT INTO requisition_line VALUES ('PR-{n}', 1, '轴承', '{n}.00')")
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    world.sql("erp", "UPDATE po SET received = 1 WHERE req_no = 'PR-6'")
    world.want("PR-1", "confirmed", supplier="新")
    world.want("PR-2", "confirmed", supplier="改")
    for n in (3, 4, 6):
        world.want(f"PR-{n}", "undo")
    world.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '螺母', '1.00');")
    world.sql("oa", "UPDATE requisition_line SET qty = '9.99' WHERE no = 'PR-5';")
    plan = world.plan()
    shutil.copy(plan.path, root / "the.erpoaplan")
    store = root.parent / "planned"
    shutil.copytree(root, store)
    return world, store


def restore(scene: tuple[Documents, Path]) -> None:
    world, store = scene
    shutil.rmtree(world.root)
    shutil.copytree(store, world.root)


@pytest.fixture(scope="module")
def undisturbed(scene: tuple[Documents, Path], forked: Forks) -> tuple[dict[str, Any], list[str]]:
    world, _ = scene
    ended, points = forked.points(*APPLY, directory=world.root)
    assert ended.exit == 5, ended
    found = contents(world)
    orders = [row[1:] for row in found["orders"]]
    assert orders == [
        ("PR-2", "改", "C", None), ("PR-3", "华信", "C", "B"), ("PR-5", "华信", "C", None),
        ("PR-6", "华信", "C", None), ("PR-1", "新", "C", None),
    ]  # fmt: skip
    assert [(row[1], row[4]) for row in found["lines"]] == [
        (1, "2.00"),
        (2, "3.00"),
        (4, "9.99"),
        (5, "6.00"),
        (6, "1.00"),
    ]
    return found, points


@pytest.mark.sampled("kill", seconds=300, least=30)
def test_killed_at_a_boundary(
    scene: tuple[Documents, Path], forked: Forks, undisturbed: tuple[dict[str, Any], list[str]]
) -> None:
    world, _ = scene
    wanted, points = undisturbed
    for point in depth.some(range(len(points)), FEW):
        restore(scene)
        print(f"killed at point {point}, {points[point]}")
        assert forked.run(*APPLY, directory=world.root, point=point).killed
        ended = forked.run(*RESUME, directory=world.root)
        if ended.exit == 3:  # there was no run yet, or it had reached its end
            ended = forked.run(*APPLY, directory=world.root)
        assert ended.exit in {*LEAVES, 6}, ended
        assert contents(world) == wanted
    again = forked.run(
        "plan", "--detailed-exitcode", "--no-input", "-o", "second.erpoaplan", directory=world.root
    )
    assert again.exit == 0, again


def test_killed_again_and_again(
    scene: tuple[Documents, Path], forked: Forks, undisturbed: tuple[dict[str, Any], list[str]]
) -> None:
    world, _ = scene
    wanted, points = undisturbed
    restore(scene)
    assert forked.run(*APPLY, directory=world.root, point=len(points) // 3).killed
    for kills in range(len(points)):
        ended = forked.run(*RESUME, directory=world.root, point=50 + kills % 7)
        if not ended.killed:
            assert ended.exit in {*LEAVES, 3}, ended
            break
    assert contents(world) == wanted
