"""Rolling a run back: a reviewed plan like any other, and afterwards the systems hold what they held before."""

from __future__ import annotations

import json
from typing import Any

from tests.faults.scene import Scene
from tests.program import Forks


def _last_run(scene: Scene) -> str:
    ((run,),) = scene.control("SELECT run FROM runs ORDER BY opened DESC LIMIT 1")
    return str(run)


def _roll_back(scene: Scene, forked: Forks, run: str) -> Any:
    said = forked.run("rollback", run, "-o", "back.erpoaplan", "--format", "json", directory=scene.root)
    assert said.exit == (4 if json.loads(said.out)["withheld"] else 0), said
    applied = forked.run("apply", "back.erpoaplan", "--format", "json", directory=scene.root)
    told = json.loads(said.out)
    assert applied.exit == (5 if told["held"] or told["withheld"] else 0), applied
    return told


def _without_ids(scene: Scene) -> dict[str, list[tuple[Any, ...]]]:
    """What the databases hold, rows told apart by their codes: a row that is created again has another id."""
    queries = {
        (
            "oa",
            "dept",
        ): """SELECT d.code, d.name, p.code, m.code, d.remark FROM dept d LEFT JOIN dept p ON p.id = d.parent_id
            LEFT JOIN person m ON m.id = d.manager_id ORDER BY 1""",
        ("oa", "person"): """SELECT p.code, p.name, d.code, p.id_card, p.phone, p.remark FROM person p
            LEFT JOIN dept d ON d.id = p.dept_id ORDER BY 1""",
        ("oa", "requisition"): "SELECT req_no, order_number IS NULL FROM requisition ORDER BY 1",
        ("erp", "order"): "SELECT req_no, supplier, needed_by FROM purchase_order ORDER BY 1",
        ("erp", "line"): """SELECT o.req_no, l.line_no, l.item, l.qty, l.price FROM purchase_order_line l
            JOIN purchase_order o ON o.id = l.order_id ORDER BY 1, 2""",
    }
    return {name: scene.rows(system, query) for (system, name), query in queries.items()}


def test_the_first_run_is_taken_back_whole(scene: Scene, forked: Forks) -> None:
    scene.restore("fresh")
    before = _without_ids(scene)
    applied = forked.run("apply", "--yes", directory=scene.root)
    assert applied.exit == 0, applied
    assert _without_ids(scene) != before
    _roll_back(scene, forked, _last_run(scene))
    assert _without_ids(scene) == before


def test_a_day_of_edits_is_taken_back(scene: Scene, forked: Forks) -> None:
    before = _without_ids(scene)
    applied = forked.run("apply", scene.plan.name, directory=scene.root)
    assert applied.exit == 0, applied
    assert _without_ids(scene) != before
    _roll_back(scene, forked, _last_run(scene))
    assert _without_ids(scene) == before


def test_what_somebody_changed_since_is_left_alone(scene: Scene, forked: Forks) -> None:
    applied = forked.run("apply", scene.plan.name, directory=scene.root)
    assert applied.exit == 0, applied
    shown = forked.run("show", scene.plan.name, "--full", "--format", "json", directory=scene.root)
    updates = [
        change
        for change in json.loads(shown.out)["changes"]
        if change["target"] == "oa_employees" and change["action"] == "update" and "name" in change["fields"]
    ]
    code = updates[0]["key"]["code"]
    scene.sql("oa", f"UPDATE person SET name = '改过' WHERE code = '{code}'")
    told = _roll_back(scene, forked, _last_run(scene))
    assert f"oa_employees/code={code}" in {w["address"] for w in told["withheld"]}
    assert scene.rows("oa", f"SELECT name FROM person WHERE code = '{code}'") == [("改过",)]


def test_an_unknown_run_is_refused(scene: Scene, forked: Forks) -> None:
    said = forked.run("rollback", "nobody", directory=scene.root)
    assert said.exit == 3
    assert "E0542" in said.err
