"""A source that is empty, cut short or broken proves nothing: no row is removed, and it is shown what was held back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from erpoa_cli.cli.exits import Exit
from tests.faults.scene import Scene
from tests.program import Ended, Forks

Spoil = Callable[[Scene], None]


def emptied(scene: Scene) -> None:
    scene.sql("erp", "DELETE FROM employee")


def table_gone(scene: Scene) -> None:
    scene.sql("erp", "ALTER TABLE employee RENAME TO employee_old")


def view_that_fails(scene: Scene) -> None:
    """The read begins well and fails in the middle."""
    scene.sql(
        "erp",
        """ALTER TABLE employee RENAME TO employee_old;
        CREATE VIEW employee AS SELECT code, CASE WHEN code = 'E003' THEN abs(-9223372036854775808) ELSE name END AS name,
            department_code, id_card, phone FROM employee_old WHERE code < 'E010'""",
    )


def under_the_floor(scene: Scene) -> None:
    declare(scene, "{min_rows: 10}")
    scene.sql("erp", "DELETE FROM employee WHERE code > 'E006'")


def dropped_too_far(scene: Scene) -> None:
    declare(scene, "{max_drop: 20%}")
    scene.sql("erp", "DELETE FROM employee WHERE code > 'E006'")


def damaged_pages(scene: Scene) -> None:
    """A copy of the file that was cut short in the middle."""
    path = scene.root / "erp.db"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff" * (len(whole) - len(whole) // 2))


def declare(scene: Scene, complete: str) -> None:
    path = scene.root / "sources" / "sources.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("    object: employee\n", f"    object: employee\n    complete: {complete}\n"),
        encoding="utf-8",
    )


def plan(scene: Scene, forked: Forks, *arguments: str) -> Ended:
    return forked.run(
        "plan", "--format", "json", "--full", "-o", "again.erpoaplan", *arguments, directory=scene.root
    )


@pytest.mark.parametrize("spoil", [emptied, view_that_fails, under_the_floor, dropped_too_far])
def test_nothing_is_deleted_and_what_was_held_back_is_shown(prepared: Scene, forked: Forks, spoil: Spoil):
    prepared.restore("settled")
    people = {code for (code,) in prepared.rows("oa", "SELECT code FROM person WHERE code <> 'X001'")}
    spoil(prepared)
    ended = plan(prepared, forked)
    assert ended.exit == Exit.BLOCKED, ended
    report = ended.json()
    assert [c["address"] for c in report["changes"] if c["action"] == "delete"] == []
    withheld = {row["address"] for row in report["withheld"] if row["address"].startswith("oa_employees/")}
    gone = {code for code in people if spoil in {emptied, view_that_fails} or code > "E006"}
    assert withheld >= {f"oa_employees/code={code}" for code in gone}, ended
    read = next(r for r in report["reads"] if r["relation"] == "erp_employees")
    assert spoil is emptied or read["verdict"] in {"partial", "failed"}, read
    # the person who reviews text sees it too, and an apply of that plan removes nothing
    told = forked.run("show", "again.erpoaplan", directory=prepared.root)
    assert "withheld" in told.out
    forked.run("apply", "again.erpoaplan", "--no-input", directory=prepared.root)
    assert {code for (code,) in prepared.rows("oa", "SELECT code FROM person WHERE code <> 'X001'")} == people


@pytest.mark.parametrize("spoil", [table_gone, damaged_pages])
def test_a_source_that_cannot_be_read_deletes_nothing(prepared: Scene, forked: Forks, spoil: Spoil):
    prepared.restore("settled")
    before = {
        "person": prepared.rows("oa", "SELECT * FROM person"),
        "dept": prepared.rows("oa", "SELECT * FROM dept"),
    }
    spoil(prepared)
    ended = plan(prepared, forked)
    assert ended.exit in {Exit.BLOCKED, Exit.FAILURE, Exit.INVALID}, ended
    assert ended.exit != Exit.FAILURE or "E0600" not in ended.err, ended
    report = ended.json()
    assert [c for c in report.get("changes", ()) if c["action"] == "delete"] == []
    applied = forked.run("apply", "--yes", "--no-input", directory=prepared.root)
    assert applied.exit not in {Exit.SUCCESS, Exit.CHANGES}, applied
    assert before == {table: prepared.rows("oa", f"SELECT * FROM {table}") for table in before}


def test_a_complete_read_does_delete(prepared: Scene, forked: Forks):
    """The tests above can fail: with three people fewer, read completely, three are deleted."""
    prepared.restore("settled")
    prepared.sql("erp", "DELETE FROM employee WHERE code IN ('E010', 'E011', 'E012')")
    ended = plan(prepared, forked)
    assert ended.exit == Exit.SUCCESS, ended
    deleted = {c["address"] for c in ended.json()["changes"] if c["action"] == "delete"}
    assert deleted == {f"oa_employees/code=E0{n}" for n in (10, 11, 12)}
