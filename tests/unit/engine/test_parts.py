"""A plan that is applied in parts: in the end all of it is written, and nothing twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli import usecase
from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import Transient
from erpoa_cli.state import RunStatus
from tests import depth, planning
from tests.unit.engine.orders import Orders
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

D = Decimal
NUMBERS = [f"PR-{n}" for n in range(7)]


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    """Two items and seven orders of them, which wait for what the items are called."""
    made = Orders(tmp_path)
    for number in NUMBERS:
        made.want(number, [(1, "A", D("2.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    return made


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[WriteBatch]:
    """What reaches the ERP."""
    made: list[WriteBatch] = []
    write = DuckdbSession.write

    def noting(self: DuckdbSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        made.append(batch)
        return write(self, batch)

    monkeypatch.setattr(DuckdbSession, "write", noting)
    return made


def written(orders: Orders) -> list[str]:
    return [no for (no,) in orders.run("erp", "SELECT no FROM purchase_order ORDER BY no") if no in NUMBERS]


def test_the_first_rows_are_written_and_then_the_rest(orders: Orders, calls: list[WriteBatch]) -> None:
    plan = orders.plan()
    first = orders.apply(plan, first=3)
    assert (first.status, first.conclusion) == (RunStatus.PAUSED, RunConclusion.SUCCEEDED)
    assert first.outcomes == {
        "materials": {Outcome.APPLIED: 2},
        "orders": {Outcome.APPLIED: 1},
        "orders.lines": {Outcome.APPLIED: 2},
    }
    assert len(written(orders)) == 1
    assert len(planning.rows(orders.plan(), "changes", "orders")) == 6
    rest = orders.apply(plan)
    assert (rest.run, rest.status) == (first.run, RunStatus.APPLIED)
    assert written(orders) == NUMBERS
    assert sum(batch.rows.num_rows for batch in calls) == 9
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED
    with pytest.raises(Failure, match="E0534"):
        orders.apply(plan)


def test_in_whatever_parts_the_end_is_the_same(orders: Orders, calls: list[WriteBatch]) -> None:
    chance, plan = depth.chance(), orders.plan()
    while True:
        targets = chance.choice([None, ("orders",), ("materials",), ("orders.lines",)])
        part: dict[str, Any] = {"targets": targets, "first": chance.choice([None, 1, 2, 3])}
        print(part)
        done = orders.apply(plan, **part)
        assert done.status in (RunStatus.PAUSED, RunStatus.APPLIED)
        if done.status is RunStatus.APPLIED:
            break
    assert written(orders) == NUMBERS
    assert sum(batch.rows.num_rows for batch in calls) == 9
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED


def test_what_the_rows_wait_for_goes_with_them(orders: Orders) -> None:
    done = orders.apply(targets=("orders",), first=4)
    assert {name: counts[Outcome.APPLIED] for name, counts in done.outcomes.items()} == {
        "materials": 2,
        "orders": 2,
        "orders.lines": 4,
    }


def test_a_part_that_was_broken_off_is_resumed_as_a_part(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, write = orders.plan(), DuckdbSession.write

    def failing(self: DuckdbSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if batch.object == "purchase_order":
            raise Transient("gone")
        return write(self, batch)

    with monkeypatch.context() as broken:
        broken.setattr(DuckdbSession, "write", failing)
        assert orders.apply(plan, first=4).conclusion is RunConclusion.FAILED
    with pytest.raises(Failure, match="E0538"):
        orders.apply(plan)
    assert planning.resume(orders.bound()).status is RunStatus.PAUSED
    assert len(written(orders)) == 2
    assert orders.apply(plan).status is RunStatus.APPLIED


def test_after_another_plan_the_rest_is_planned_anew(orders: Orders) -> None:
    plan = orders.plan()
    orders.apply(plan, first=4)
    orders.want("PR-9", None)
    assert orders.apply(first=1).status is RunStatus.PAUSED
    with pytest.raises(Failure, match="E0536"):
        orders.apply(plan)
    orders.apply()
    assert written(orders) == NUMBERS
    assert orders.plan().conclusion is PlanConclusion.UNCHANGED


def test_a_run_that_is_given_up_leaves_doubts_and_the_rest(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ERP is gone for good; what was sent last nobody knows."""
    write, gone = DuckdbSession.write, Exception("killed")

    def dying(self: DuckdbSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if batch.object == "purchase_order":
            list(write(self, batch))
            raise gone
        return write(self, batch)

    with monkeypatch.context() as broken:
        broken.setattr(DuckdbSession, "write", dying)
        with pytest.raises(Exception, match="killed"):
            orders.apply(first=4)
    done = planning.give_up(orders.bound())
    assert (done.status, done.conclusion) == (RunStatus.ABORTED, RunConclusion.IN_DOUBT)
    assert done.outcomes["orders"] == {Outcome.IN_DOUBT: 2}
    with pytest.raises(Failure, match="E0539"):
        planning.give_up(orders.bound())
    with usecase.open_workspace(orders.root).reading() as state:
        assert len(state.unsettled("orders")) == 2
    plan = orders.plan()
    assert {row["k_no"] for row in planning.rows(plan, "changes", "orders")} == set(NUMBERS[2:])
    orders.apply(plan)
    assert written(orders) == NUMBERS
    with usecase.open_workspace(orders.root).reading() as state:
        assert state.unsettled("orders") == []


def departments(root: Path) -> Small:
    """Whom a department is deleted under goes with it."""
    made = Small(root)
    made.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        """
        sources:
          depts: {system: erp, object: dept, key: [code], fields: {code: string}}
          people: {system: erp, object: person, key: [no], fields: {no: string, dept: string}}
        """,
    )
    guards = "guards: {max_delete: {count: 100}, max_change: {count: 100}}"
    made.file(
        "targets/t.yml",
        f"""
        targets:
          depts: {{from: depts, system: oa, object: dept, key: [code], on_source_gone: delete, fields: [code],
                  reach: {{person: delete}}, {guards}}}
          people: {{from: people, system: oa, object: person, key: ["no"], on_source_gone: delete, {guards},
                   fields: {{no: "no", dept_id: {{ref: depts, by: [dept]}}}}}}
        """,
    )
    made.sql(
        "CREATE TABLE dept (code TEXT PRIMARY KEY); CREATE TABLE person (no TEXT PRIMARY KEY, dept TEXT)"
    )
    made.sql(
        "INSERT INTO dept VALUES ('D1'), ('D2'); INSERT INTO person VALUES ('1', 'D1'), ('2', 'D2'), ('3', 'D2')"
    )
    made.sql(
        """CREATE TABLE dept (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
        CREATE TABLE person (id INTEGER PRIMARY KEY, no TEXT UNIQUE,
            dept_id INTEGER NOT NULL REFERENCES dept (id) ON DELETE CASCADE)""",
        "oa.db",
    )
    made.apply()
    return made


@pytest.mark.parametrize(
    "change", ["UPDATE person SET dept = 'D1' WHERE no > '1'", "DELETE FROM person WHERE no > '1'"]
)
def test_a_part_takes_along_what_its_deletes_rest_on(tmp_path: Path, change: str) -> None:
    """Who was in the department moved or went away in an earlier wave."""
    world = departments(tmp_path)
    world.sql(f"{change}; DELETE FROM dept WHERE code = 'D2'")
    plan = world.plan()
    done = world.apply(plan, targets=("depts",))
    assert done.conclusion is RunConclusion.SUCCEEDED
    world.apply(plan) if done.status is RunStatus.PAUSED else None
    with closing(sqlite3.connect(tmp_path / "oa.db")) as db:
        held = db.execute("SELECT no, code FROM person JOIN dept ON dept.id = dept_id ORDER BY 1").fetchall()
    assert held == ([("1", "D1"), ("2", "D1"), ("3", "D1")] if "UPDATE" in change else [("1", "D1")])
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_the_first_plan_of_a_target_that_owns_all_is_applied_whole(tmp_path: Path) -> None:
    world = departments(tmp_path)
    text = (tmp_path / "targets/t.yml").read_text(encoding="utf-8")
    more = "  new: {from: depts, system: oa, object: new, key: [code], fields: [code], owns: all}\n"
    world.file("targets/t.yml", text + more)
    world.sql("CREATE TABLE new (id INTEGER PRIMARY KEY, code TEXT UNIQUE)", "oa.db")
    with pytest.raises(Failure, match="E0537"):
        world.apply(first=1)
    assert world.apply().conclusion is RunConclusion.SUCCEEDED


def test_a_part_is_taken_back(orders: Orders) -> None:
    done = orders.apply(targets=("materials",))
    waived = Waiver("materials", "max_delete", 2, "test")
    back = planning.roll_back(orders.bound(), done.run, waived)
    assert orders.apply(back).outcomes == {"materials": {Outcome.APPLIED: 2}}
