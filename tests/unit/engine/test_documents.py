"""Documents whose lines live inside them: read, compared line by line, written in one call, whatever happens on the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import READ, WriteBatch
from erpoa_cli.state import PlanFile, open_reader
from tests.unit.engine.orders import Orders, changes

pytestmark = [pytest.mark.slow, pytest.mark.in_turn("documents", of=3, seconds=5)]

D = Decimal
HOSTILE = "'; DROP TABLE purchase_order; --\u202e😀\t\"{}[],"


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path)


def two(orders: Orders) -> Orders:
    """One order of two lines, agreed on."""
    orders.want("PR-1", [(1, "A", D("2.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    outcomes = orders.apply().outcomes
    assert outcomes["orders"] == {Outcome.APPLIED: 1}
    assert outcomes["orders.lines"] == {Outcome.APPLIED: 2}
    return orders


def outcomes(orders: Orders) -> dict[str, dict[str, int]]:
    return {t: {o.value: n for o, n in c.items()} for t, c in orders.apply().outcomes.items()}


def assert_settled(orders: Orders) -> None:
    again = orders.plan()
    assert again.conclusion is PlanConclusion.UNCHANGED
    assert not any(again.header.counts.values())


def tasks(orders: Orders) -> list[tuple[str, str]]:
    with open_reader(orders.root, "default") as state:
        return [(task.target, task.code) for task in state.tasks()]


def summary(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["k_no"], r["k_line_no"], r["action"], r["fields"]) for r in rows]


# -- one call per document -----------------------------------------------------------------------------------------


def test_a_created_document_carries_its_lines(orders: Orders, calls: list[WriteBatch]):
    """The items are created in the same plan: what they are called there is known only when the order is written."""
    orders.want("PR-1", [(1, "A", D("2.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))], buyer=HOSTILE)
    orders.want("PR-2", [])
    orders.want("PR-3", None)
    result = orders.plan()
    created = {row["k_no"]: row["fields"] for row in changes(result, "orders")}
    assert created == {"PR-1": ["no", "buyer", "lines"], "PR-2": ["no", "buyer"], "PR-3": ["no", "buyer"]}
    waves = [{row["wave"] for row in changes(result, t)} for t in ("materials", "orders", "orders.lines")]
    assert waves == [{1}, {2}, {2}]
    measured = {name: target["measure"] for name, target in PlanFile.open(result.path).targets.items()}
    assert (measured["orders"]["calls"], measured["orders.lines"]["calls"]) == (2, 0)
    assert orders.apply(result).outcomes["orders.lines"] == {Outcome.APPLIED: 2}
    assert orders.held("PR-1") == [
        (None, 1, "A", D("2.000"), D("1.50"), None),
        (None, 2, "B", D("3.000"), D("2.50"), None),
    ]
    assert sorted(b.object for b in calls) == ["material", "purchase_order", "purchase_order"]
    assert_settled(orders)


def test_an_update_of_a_line_writes_the_whole_list_and_loses_nothing(orders: Orders, calls: list[WriteBatch]):
    two(orders)
    item = orders.run("erp", "SELECT id FROM material WHERE code = 'B'")[0][0]
    by_hand = (77, None, item, D("1.000"), D("3.00"), HOSTILE)
    mine = orders.run("erp", "SELECT id FROM material WHERE code = 'A'")[0][0]
    orders.hold(
        "PR-1",
        [
            (None, 1, mine, D("2.000"), D("1.45"), "theirs"),
            by_hand,
            (None, 2, item, D("3.000"), D("2.50"), None),
        ],
    )
    orders.want("PR-1", [(1, "A", D("5.000"), D("9.99")), (3, "A", D("7.000"), D("4.00"))])
    result = orders.plan()
    assert summary(changes(result, "orders.lines")) == [
        ("PR-1", 1, "update", ["qty"]),
        ("PR-1", 2, "delete", []),
        ("PR-1", 3, "create", ["document", "src_line", "item", "qty", "price"]),
    ]
    (document,) = changes(result, "orders")
    assert (document["action"], document["fields"]) == ("update", ["lines"])
    calls.clear()
    orders.apply(result)
    (call,) = calls
    assert (call.columns("set"), call.rows.num_rows) == (("lines",), 1)
    assert call.columns("was") == ("no", "buyer", "lines")
    assert orders.held("PR-1") == [
        (None, 1, "A", D("5.000"), D("1.45"), "theirs"),  # the price is theirs, the remark nobody's
        (77, None, "B", D("1.000"), D("3.00"), HOSTILE),
        (None, 3, "A", D("7.000"), D("4.00"), None),
    ]
    assert_settled(orders)


def test_a_change_of_the_document_alone_leaves_its_lines_alone(orders: Orders, calls: list[WriteBatch]):
    two(orders)
    orders.want("PR-1", [(1, "A", D("2.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))], buyer="李")
    calls.clear()
    assert outcomes(orders) == {"orders": {"applied": 1}}
    assert [b.columns("set") for b in calls] == [("buyer",)]
    assert_settled(orders)


def test_document_and_line_change_in_one_call(orders: Orders, calls: list[WriteBatch]):
    two(orders)
    orders.want("PR-1", [(2, "B", D("3.000"), D("2.50"))], buyer="李")
    calls.clear()
    assert outcomes(orders) == {"orders": {"applied": 1}, "orders.lines": {"applied": 1}}
    assert [b.columns("set") for b in calls] == [("buyer", "lines")]
    assert orders.held("PR-1") == [(None, 2, "B", D("3.000"), D("2.50"), None)]
    assert_settled(orders)


def test_all_lines_may_go(orders: Orders):
    two(orders)
    orders.want("PR-1", [])
    orders.want("PR-2", [(1, "A", D(1), D(1))])  # else nothing at all is wanted, which proves nothing
    orders.apply()
    assert orders.held("PR-1") == []
    assert_settled(orders)


def test_a_line_that_is_missing_may_stay(tmp_path: Path):
    orders = two(Orders(tmp_path, lines="on_missing_line: keep"))
    orders.want("PR-1", [(1, "A", D("9.000"), D("1.50"))])
    orders.apply()
    assert [line[1] for line in orders.held("PR-1") or []] == [1, 2]
    assert_settled(orders)


def test_a_line_that_is_missing_may_be_left_to_a_person(tmp_path: Path):
    orders = two(Orders(tmp_path, lines="on_missing_line: task"))
    orders.want("PR-1", [(1, "A", D("9.000"), D("1.50"))])
    result = orders.plan()
    assert summary(changes(result, "orders.lines")) == [("PR-1", 1, "update", ["qty"])]
    (task,) = PlanFile.open(result.path).table("tasks", "orders.lines").to_pylist()
    assert (task["k_line_no"], task["code"]) == (2, "E0456")
    orders.apply(result)
    assert [(line[1], line[3]) for line in orders.held("PR-1") or []] == [(1, D("9.000")), (2, D("3.000"))]
    assert tasks(orders) == [("orders.lines", "E0456")]
    again = orders.plan()
    assert (again.conclusion, again.header.applyable) == (PlanConclusion.UNCHANGED, False)

    orders.run(
        "erp", "UPDATE purchase_order SET lines = list_filter(lines, lambda x: x.src_line = 1)"
    )  # the person did it
    orders.apply()
    assert tasks(orders) == []
    assert_settled(orders)


def test_a_document_that_is_deleted_takes_its_lines_with_it(tmp_path: Path, calls: list[WriteBatch]):
    orders = two(Orders(tmp_path, manner="on_source_gone: delete"))
    orders.want("PR-2", [(1, "A", D(1), D(1))])
    orders.apply()
    orders.run("oa", "DELETE FROM requisition WHERE no = 'PR-1'")
    calls.clear()
    assert outcomes(orders) == {"orders": {"applied": 1}, "orders.lines": {"applied": 2}}
    assert [b.action.value for b in calls] == ["delete"]
    assert orders.run("erp", "SELECT no FROM purchase_order") == [("PR-2",)]
    assert_settled(orders)


def test_lines_go_with_their_document_whatever_is_unknown_of_others(tmp_path: Path):
    """A line without a key of its own may be any line of its document, and none of another."""
    manner = "on_source_gone: delete"
    orders = two(Orders(tmp_path, manner=manner, lines="on_line_problem: hold_line"))
    orders.want("PR-2", [(1, "A", D(1), D(1)), (None, "A", D(1), D(1))])
    orders.apply()
    orders.run("oa", "DELETE FROM requisition WHERE no = 'PR-1'")
    result = orders.plan()
    assert changes(result, "orders.lines", "withheld") == []
    assert summary(changes(result, "orders.lines")) == [
        ("PR-1", 1, "delete", []),
        ("PR-1", 2, "delete", []),
    ]
    orders.apply(result)
    assert orders.run("erp", "SELECT no FROM purchase_order") == [("PR-2",)]
    assert not any(orders.plan().header.counts.values())


def test_lines_that_may_be_missing_go_with_their_document(tmp_path: Path):
    orders = two(Orders(tmp_path, manner="on_source_gone: delete", lines="on_missing_line: keep"))
    orders.want("PR-2", [(1, "A", D(1), D(1))])
    orders.apply()
    orders.run("oa", "DELETE FROM requisition WHERE no = 'PR-1'")
    assert outcomes(orders) == {"orders": {"applied": 1}, "orders.lines": {"applied": 2}}
    assert orders.run("erp", "SELECT no FROM purchase_order") == [("PR-2",)]
    assert_settled(orders)


def test_a_line_that_they_named_otherwise_goes_with_its_document(tmp_path: Path, numbering: None):
    orders = two(Orders(tmp_path, manner="on_source_gone: delete", lines="id: [line_id]"))
    orders.want("PR-2", [(1, "A", D(1), D(1))])
    orders.apply()
    orders.run(
        "erp",
        "UPDATE purchase_order SET lines = list_transform(lines, lambda x: struct_update(x, src_line := 9)) WHERE no = 'PR-1'",
    )
    orders.run("oa", "DELETE FROM requisition WHERE no = 'PR-1'")
    result = orders.plan()
    assert changes(result, "orders.lines", "withheld") == []
    assert result.conclusion is not PlanConclusion.BLOCKED
    orders.apply(result)
    assert orders.run("erp", "SELECT no FROM purchase_order") == [("PR-2",)]
    assert_settled(orders)


# -- what they do ----------------------------------------------------------------------------------------------------


def test_what_they_changed_in_a_line_is_drift_of_that_line(orders: Orders):
    two(orders)
    ids = dict(orders.run("erp", "SELECT code, id FROM material"))
    orders.hold(
        "PR-1",
        [(None, 1, ids["A"], D("8.000"), D("7.00"), None), (None, 2, ids["B"], D("3.000"), D("2.50"), None)],
    )
    result = orders.plan()
    assert [(r["k_line_no"], r["drifted"]) for r in changes(result, "orders.lines", "drift")] == [
        (1, ["qty"])
    ]
    assert changes(result, "orders") == changes(result, "orders.lines") == []


def test_a_line_that_they_changed_is_put_back(tmp_path: Path):
    orders = two(Orders(tmp_path, manner="on_drift: revert"))
    ids = dict(orders.run("erp", "SELECT code, id FROM material"))
    orders.hold(
        "PR-1",
        [(None, 2, ids["B"], D("3.000"), D("2.50"), None), (None, 1, ids["A"], D("8.000"), D("7.00"), "x")],
    )
    orders.apply()
    assert orders.held("PR-1") == [
        (None, 2, "B", D("3.000"), D("2.50"), None),
        (None, 1, "A", D("2.000"), D("7.00"), "x"),
    ]
    assert_settled(orders)


def test_their_numbers_of_lines_and_their_rounding_are_known_afterwards(tmp_path: Path, numbering: None):
    orders = Orders(tmp_path, lines="id: [line_id]")
    orders.want("PR-1", [(1, "A", D("2.044"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    orders.apply()
    first = orders.held("PR-1")
    assert first is not None
    assert [(line[1], line[3]) for line in first] == [(1, D("2.0")), (2, D("3.0"))]
    assert_settled(orders)
    orders.want("PR-1", [(2, "B", D("3.000"), D("2.50")), (3, "A", D("1.000"), D("1.00"))])
    rows = changes(orders.plan(), "orders.lines")
    assert [(r["k_line_no"], r["id_line_id"]) for r in rows] == [(1, first[0][0]), (3, None)]
    orders.apply(verify=False)
    assert [line[:2] for line in orders.held("PR-1") or []] == [first[1][:2], (first[1][0] + 1, 3)]
    assert_settled(orders)


@pytest.mark.parametrize("what", ["a line", "its list"])
def test_a_document_whose_lines_moved_since_the_plan_is_stale(orders: Orders, what: str):
    two(orders)
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    result = orders.plan()
    ids = dict(orders.run("erp", "SELECT code, id FROM material"))
    lines: list[tuple[Any, ...]] = [
        (None, 1, ids["A"], D("2.000"), D("1.50"), None),
        (None, 2, ids["B"], D("3.000"), D("2.50"), None),
    ]
    lines = (
        [lines[0], (*lines[1][:4], D("8.88"), None)]
        if what == "a line"
        else [*lines, (5, None, None, None, None, None)]
    )
    orders.hold("PR-1", lines)
    before = orders.held("PR-1")
    told = orders.apply(result).outcomes
    assert told["orders"] == {Outcome.STALE: 1}
    assert told["orders.lines"] == {Outcome.STALE: 1}
    assert orders.held("PR-1") == before


# -- what is held and refused ------------------------------------------------------------------------------------------


def test_a_line_that_cannot_be_resolved_holds_its_document(orders: Orders):
    orders.want("PR-1", [(1, "A", D(1), D(1)), (2, "no such item", D(1), D(1))])
    orders.want("PR-2", [(1, "A", D(1), D(1))])
    result = orders.plan()
    assert [r["k_no"] for r in changes(result, "orders")] == ["PR-2"]
    assert [(r["k_no"], r["code"]) for r in changes(result, "orders", "held")] == [("PR-1", "E0412")]
    assert [(r["k_line_no"], r["code"]) for r in changes(result, "orders.lines", "held")] == [
        (1, "E0413"),
        (2, "E0405"),
    ]


def test_or_only_the_line_is_held(tmp_path: Path):
    orders = Orders(tmp_path, lines="on_line_problem: hold_line")
    orders.want("PR-1", [(1, "A", D(1), D(1)), (2, "no such item", D(1), D(1))])
    orders.apply()
    assert [line[1] for line in orders.held("PR-1") or []] == [1]


@pytest.mark.parametrize("keys", [(1, 1), (1, None)], ids=["repeated", "empty"])
def test_lines_without_a_key_of_their_own_hold_their_document(orders: Orders, keys: tuple[int | None, ...]):
    orders.want("PR-1", [(key, "A", D(1), D(1)) for key in keys])
    result = orders.plan()
    assert changes(result, "orders") == changes(result, "orders.lines") == []
    assert [(r["k_no"], r["code"]) for r in changes(result, "orders", "held")] == [("PR-1", "E0412")]


def test_two_lines_of_theirs_that_could_be_ours_hold_the_document(orders: Orders):
    two(orders)
    ids = dict(orders.run("erp", "SELECT code, id FROM material"))
    twice = (None, 1, ids["A"], D("2.000"), D("1.50"), None)
    orders.hold("PR-1", [twice, twice])
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50")), (2, "B", D("4.000"), D("2.50"))], buyer="李")
    result = orders.plan()
    assert changes(result, "orders") == changes(result, "orders.lines") == []
    assert [r["code"] for r in changes(result, "orders", "held")] == ["E0412"]


def test_a_line_that_they_have_twice_already_is_not_made_a_third_time(orders: Orders):
    two(orders)
    mine = orders.run("erp", "SELECT id FROM material WHERE code = 'A'")[0][0]
    by_hand = (None, 3, mine, D("7.000"), D("4.00"), None)
    orders.hold("PR-1", [by_hand, by_hand])
    orders.want("PR-1", [(3, "A", D("7.000"), D("4.00"))])
    result = orders.plan()
    assert changes(result, "orders.lines") == []
    held = changes(result, "orders.lines", "held")
    assert [(r["k_line_no"], r["code"]) for r in held] == [(3, "E0403")]


def test_a_document_that_is_refused_waits_until_it_or_a_line_of_it_changes(orders: Orders):
    orders.run("erp", "DROP TABLE purchase_order")
    orders.run(
        "erp",
        """CREATE TABLE purchase_order (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), no VARCHAR, buyer VARCHAR,
        lines STRUCT(line_id BIGINT, src_line BIGINT, item BIGINT, qty DECIMAL(12,3), price DECIMAL(12,2), remark VARCHAR)[]
        CHECK (lines[1].qty < 10))""",
    )
    orders.want("PR-1", [(1, "A", D("20.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    told = orders.apply().outcomes
    assert told["orders"] == {Outcome.REJECTED: 1}
    assert told["orders.lines"] == {Outcome.BLOCKED: 2}
    again = orders.apply().outcomes if (first := orders.plan()).header.applyable else {}
    assert again.get("orders", {}).get(Outcome.REJECTED) == (1 if first.header.applyable else None)
    waits = orders.plan()
    assert changes(waits, "orders") == changes(waits, "orders.lines") == []
    assert [r["code"] for r in changes(waits, "orders", "withheld")] == ["E0423"]
    orders.want("PR-1", [(1, "A", D("9.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))])
    assert outcomes(orders) == {"orders": {"applied": 1}, "orders.lines": {"applied": 2}}
    assert_settled(orders)


# -- when it breaks off ------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[WriteBatch]:
    """What the connector is asked to write."""
    seen: list[WriteBatch] = []
    real = DuckdbSession.write_rows

    def watched(self: DuckdbSession, batch: WriteBatch) -> pa.RecordBatch:
        seen.append(batch)
        return real(self, batch)

    monkeypatch.setattr(DuckdbSession, "write_rows", watched)
    return seen


@pytest.fixture
def numbering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their system numbers lines, and rounds quantities to one digit, whenever it saves an order."""
    real = DuckdbSession.write_rows

    def saved(self: DuckdbSession, batch: WriteBatch) -> pa.RecordBatch:
        answer = real(self, batch)
        if batch.object == "purchase_order":
            for id_, lines in self.rows("SELECT id, lines FROM purchase_order"):
                highest = max([x["line_id"] or 0 for x in lines or []], default=0)
                for line in lines or []:
                    if line["line_id"] is None:
                        highest += 1
                        line["line_id"] = highest
                    line["qty"] = round(line["qty"], 1)
                self.execute("UPDATE purchase_order SET lines = ? WHERE id = ?", (lines, id_))
        # what it does is done after DuckDB has answered
        return answer.select([n for n in answer.schema.names if n != READ and not n.startswith("seen.")])

    monkeypatch.setattr(DuckdbSession, "write_rows", saved)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("numbered", [False, True])
def test_an_apply_that_breaks_off_is_finished(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    moment: str,
    numbered: bool,
):
    if numbered:
        request.getfixturevalue("numbering")
    orders = Orders(tmp_path, lines="id: [line_id]" if numbered else "")
    orders.want("PR-1", [(1, "A", D("2.000"), D("1.50"))])
    orders.apply()
    orders.want("PR-1", [(1, "A", D("4.000"), D("1.50")), (2, "B", D("3.000"), D("2.50"))], buyer="李")
    orders.want("PR-2", [(1, "B", D("3.000"), D("2.50"))])
    result = orders.plan()
    with monkeypatch.context() as broken:
        real = DuckdbSession.commit

        def commit(self: DuckdbSession) -> None:
            if moment == "after":
                real(self)
            raise KeyboardInterrupt

        broken.setattr(DuckdbSession, "commit", commit)
        with pytest.raises(KeyboardInterrupt):
            orders.apply(result)
    told = orders.resume().outcomes
    assert told["orders"] == {Outcome.APPLIED: 2}
    assert told["orders.lines"] == {Outcome.APPLIED: 3}
    assert [(line[1:4]) for line in orders.held("PR-1") or []] == [(1, "A", D(4)), (2, "B", D(3))]
    assert [(line[1:4]) for line in orders.held("PR-2") or []] == [(1, "B", D(3))]
    assert_settled(orders)


# -- what their object must have -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("", "target orders.lines: purchase_order has no field 'lines' to hold the lines"),
        (", lines VARCHAR[]", "target orders.lines: purchase_order.lines keeps list<string> (VARCHAR[]), which is no list of lines"),
        (
            ", lines STRUCT(src_line BIGINT, item BIGINT, price DECIMAL(12,2))[]",
            "target orders.lines: purchase_order.lines has no field 'qty'",
        ),
        (
            ', lines STRUCT(src_line BIGINT, item BIGINT, qty BIGINT, price BIGINT, "数 量" BIGINT)[]',
            "target orders.lines: purchase_order.lines has members that no type can name: '数 量'",
        ),
    ],
)  # fmt: skip
def test_an_object_that_cannot_hold_the_lines(orders: Orders, column: str, said: str):
    orders.run("erp", "DROP TABLE purchase_order")
    orders.run(
        "erp", f"CREATE TABLE purchase_order (id BIGINT PRIMARY KEY, no VARCHAR, buyer VARCHAR{column})"
    )
    with pytest.raises(Failure) as failure:
        orders.plan()
    assert [d.summary for d in failure.value.diagnostics] == [said]
    assert failure.value.diagnostics[0].remedy


def test_a_plan_of_either_is_a_plan_of_both(orders: Orders):
    orders.want("PR-1", [(1, "A", D(1), D(1))])
    orders.run("erp", "INSERT INTO material (code, name) VALUES ('A', '螺丝'), ('B', '螺母')")
    for chosen in ("orders", "orders.lines"):
        result = orders.plan(targets=frozenset([chosen]))
        assert PlanFile.open(result.path).members("changes") == ("orders", "orders.lines")


def test_a_run_is_taken_back_with_its_lines(orders: Orders):
    two(orders)
    before = orders.held("PR-1")
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50")), (3, "A", D("7.000"), D("4.00"))], buyer="李")
    orders.want("PR-2", [(1, "B", D("3.000"), D("2.50"))])
    run = orders.apply().run
    orders.apply(orders.rollback(run))
    assert orders.held("PR-1") == before
    assert orders.run("erp", "SELECT no, buyer FROM purchase_order") == [("PR-1", "王")]


def test_a_document_whose_lines_moved_since_is_not_taken_back(orders: Orders):
    two(orders)
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50")), (3, "A", D("7.000"), D("4.00"))])
    run = orders.apply().run
    orders.run("erp", "UPDATE purchase_order SET lines = lines[1:1]")
    result = orders.rollback(run)
    assert [r["code"] for r in changes(result, "orders", "withheld")] == ["E0543"]
    assert changes(result, "orders") == changes(result, "orders.lines") == []


# -- documents that are moved through states -------------------------------------------------------------------------------

LIFECYCLE = """lifecycle:
                  states: [draft, confirmed, closed]
                  moves:
                    - {from: draft, to: confirmed, set: {state: confirmed}}
                    - {from: confirmed, to: draft, set: {state: draft}}
                  editable: [draft]"""


def of_state(tmp_path: Path, state: str) -> Orders:
    """One order of a line, which their side has moved to *state*."""
    orders = Orders(tmp_path, manner=LIFECYCLE, more="state: {value: null}")
    orders.run("erp", "ALTER TABLE purchase_order ADD COLUMN state VARCHAR DEFAULT 'draft'")
    orders.run("erp", "ALTER TABLE purchase_order ADD COLUMN remark VARCHAR")
    orders.want("PR-1", [(1, "A", D("2.000"), D("1.50"))])
    orders.apply()
    orders.run("erp", "UPDATE purchase_order SET state = ?", [state])
    return orders


@pytest.mark.parametrize("state", ["draft", "confirmed"])
def test_a_document_is_opened_for_its_lines_and_closed_after_them(tmp_path: Path, state: str):
    orders = of_state(tmp_path, state)
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50")), (2, "B", D("1.000"), D("1.00"))])
    result = orders.plan()
    acts = [r["action"] for r in sorted(changes(result, "orders"), key=lambda r: r["wave"])]
    assert acts == (["update"] if state == "draft" else ["move", "update", "move"])
    assert orders.apply(result).outcomes["orders.lines"] == {Outcome.APPLIED: 2}
    assert [line[1:4] for line in orders.held("PR-1") or []] == [(1, "A", D(5)), (2, "B", D(1))]
    assert orders.run("erp", "SELECT state FROM purchase_order") == [(state,)]
    assert_settled(orders)


def test_lines_of_a_document_that_cannot_be_opened_wait_for_a_person(tmp_path: Path):
    orders = of_state(tmp_path, "closed")
    orders.want("PR-1", [(1, "A", D("5.000"), D("1.50"))])
    result = orders.plan()
    assert changes(result, "orders") == changes(result, "orders.lines") == []
    assert [r["code"] for r in changes(result, "orders.lines", "withheld")] == ["E0455"]
