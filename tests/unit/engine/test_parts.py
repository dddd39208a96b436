"""A plan that is applied in parts: in the end all of it is written, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli import usecase
from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import Transient
from erpoa_cli.state import RunStatus
from tests import depth, planning
from tests.unit.engine.orders import Orders

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
