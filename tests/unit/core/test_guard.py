"""Guards: limits, floors, waivers, freezes; with the numbers in the message."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.guard import Measure, Waiver, frozen, idle_waivers, judge
from erpoa_cli.core.plan import GuardVerdict
from erpoa_cli.core.project import Freeze
from erpoa_cli.core.target import Limit


def verdict(guard: str, measure: Measure, own=None, common=None, waivers=()) -> GuardVerdict:
    found = judge([measure], {measure.target: own or {}}, common or {}, waivers)
    return next(v for v in found if v.guard == guard)


@pytest.mark.parametrize(
    ("removals", "base", "blocks"),
    [(0, 0, False), (20, 400, False), (21, 10_000, True), (5, 100, False), (6, 100, True), (1, 0, True)],
)
def test_the_default_brake_on_removals(removals: int, base: int, blocks: bool):
    found = verdict("max_delete", Measure(target="t", base=base, removals=removals))
    assert found.blocks is blocks
    assert str(removals) in found.message


@pytest.mark.parametrize(
    ("updates", "removals", "actual", "blocks"),
    [
        (99, 0, 100, False),
        (100, 0, 100, True),
        (20, 20, 100, False),
        (290, 11, 1000, True),
        (300, 0, 1000, False),
    ],
)
def test_changes_below_the_floor_may_be_any_share(updates: int, removals: int, actual: int, blocks: bool):
    found = verdict("max_change", Measure(target="t", actual=actual, updates=updates, removals=removals))
    assert found.blocks is blocks


def test_the_targets_own_limit_goes_before_the_projects_and_that_before_the_default():
    m = Measure(target="t", base=100, removals=30)
    loose = {"max_delete": Limit(count=50)}
    assert verdict("max_delete", m).blocks
    assert not verdict("max_delete", m, common=loose).blocks
    assert verdict("max_delete", m, own={"max_delete": Limit(count=29)}, common=loose).blocks


def test_creates_are_only_limited_where_it_is_written():
    m = Measure(target="t", creates=1000)
    assert "max_create" not in {v.guard for v in judge([m], {}, {})}
    assert verdict("max_create", m, own={"max_create": Limit(count=999)}).blocks


def test_too_few_wanted_rows_block():
    assert verdict("min_rows", Measure(target="t", desired=9), own={"min_rows": Limit(count=10)}).blocks
    assert not verdict("min_rows", Measure(target="t", desired=10), own={"min_rows": Limit(count=10)}).blocks


def test_references_and_foreign_fields_block_from_the_first_row():
    assert verdict("referential", Measure(target="t", referenced=1)).blocks
    assert verdict("forbidden_field", Measure(target="t", forbidden=1)).blocks
    assert not verdict("referential", Measure(target="t")).blocks


def test_calls_are_counted_over_all_targets():
    found = judge(
        [Measure(target="a", calls=6), Measure(target="b", calls=5)], {}, {"max_calls": Limit(count=10)}
    )
    (calls,) = [v for v in found if v.guard == "max_calls"]
    assert (calls.measured, calls.target, calls.blocks) == (11, "", True)


def test_a_waiver_is_for_exactly_one_count():
    m = Measure(target="t", base=100, removals=30)
    waived = verdict("max_delete", m, waivers=[Waiver("t", "max_delete", 30, "年度清理")])
    assert (waived.blocks, waived.waived) == (False, "年度清理")
    other = verdict("max_delete", m, waivers=[Waiver("t", "max_delete", 31, "x")])
    assert other.blocks
    assert "exactly 31" in other.message


def test_a_waiver_that_lets_nothing_pass_is_named():
    needless = Waiver("t", "max_delete", 1, "x")
    assert idle_waivers(
        [needless], judge([Measure(target="t", base=100, removals=1)], {}, {}, [needless])
    ) == [needless]


def test_limits_read_like_sentences():
    assert verdict("max_delete", Measure(target="t")).limit == "20 rows or 5 %"
    own = {"max_delete": Limit(share=Decimal("0.125"), floor=7)}
    assert verdict("max_delete", Measure(target="t"), own=own).limit == "12.5 % from 7 rows on"


def test_a_freeze_blocks_only_in_its_time_and_only_what_it_selects():
    start, until = datetime(2026, 12, 30, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC)
    freeze = Freeze("month_end", start, until, "tag:finance", Location("p.yml", 1, 1))

    def blocked(at: datetime, rows: dict[str, int]) -> bool:
        return any(
            v.blocks
            for v in frozen([freeze], at, rows, lambda text: ["ledger"] if text == "tag:finance" else [])
        )

    assert blocked(start, {"ledger": 1})
    assert not blocked(until, {"ledger": 1})
    assert not blocked(start, {"ledger": 0, "other": 5})
