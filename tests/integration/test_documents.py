"""Documents with a lifecycle in a database: created, moved, changed where they can be, undone by their real state."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.engine.doctor import missing_objects
from erpoa_cli.state import PlanFile, open_reader, open_writer
from tests.integration.documents import LIFECYCLE, LINES, Documents, steps, target, tasks, told

pytestmark = [pytest.mark.slow, pytest.mark.in_turn("documents", of=3, seconds=5)]


@pytest.fixture
def world(tmp_path: Path) -> Documents:
    return Documents(tmp_path).build()


def test_a_document_is_made_and_moved_step_by_step(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    plan = world.plan()
    assert plan.header.counts == {"orders": {"create": 1, "move": 1}}
    assert steps(plan) == [
        ("PR-1", 1, "create", None, None, "draft"),
        ("PR-1", 2, "move", None, "draft", "submitted"),
        ("PR-1", 3, "move", None, "submitted", "confirmed"),
    ]
    run = world.apply(plan)
    assert run.conclusion is RunConclusion.SUCCEEDED
    assert run.outcomes == {"orders": {"applied": 1}}
    assert world.orders() == [("PR-1", "华信", "C", None)]
    base = world.base()["PR-1"]
    assert (base["agreed_state"], base["seen_state"]) == ("confirmed", "confirmed")
    second = world.plan()
    assert second.conclusion is PlanConclusion.UNCHANGED
    assert second.header.counts == {"orders": {}}


def test_a_number_given_on_the_way_comes_back_in_the_same_run(tmp_path: Path) -> None:
    numbers = """
  numbers:
    description: The number of the order, back on the form
    from: requested
    system: oa
    object: requisition_number
    key: [no]
    mode: update_only
    guards: {max_change: {share: 100%}}
    fields: {no: no, number: {result: orders.number, by: [no]}}
"""
    world = Documents(tmp_path).build(target(returns="[number]") + numbers)
    world.sql(
        "erp",
        "ALTER TABLE po ADD COLUMN number TEXT;"
        "CREATE TRIGGER given AFTER UPDATE OF status ON po WHEN new.status = 'S' AND new.number IS NULL "
        "BEGIN UPDATE po SET number = printf('采购%03d', new.id) WHERE id = new.id; END;",
    )
    world.sql(
        "oa",
        "CREATE TABLE requisition_number (id INTEGER PRIMARY KEY, no TEXT, number TEXT);"
        "INSERT INTO requisition_number (no) VALUES ('PR-1');",
    )
    world.want("PR-1", "confirmed")
    run = world.apply()
    assert run.outcomes == {"orders": {"applied": 1}, "numbers": {"applied": 1}}
    assert run.conclusion is RunConclusion.SUCCEEDED
    assert world.rows("SELECT no, number FROM requisition_number", "oa") == [("PR-1", "采购001")]
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_an_identifier_that_is_given_again_is_that_of_the_new_row(world: Documents) -> None:
    """SQLite gives the id of the last row that was deleted to the next one."""
    for no in ("PR-1", "PR-2"):
        world.want(no, "draft")
    world.apply()
    world.sql("erp", "DELETE FROM po WHERE req_no = 'PR-2'")
    world.want("PR-3", "draft")
    world.apply()
    assert world.rows("SELECT id, req_no FROM po ORDER BY 1") == [(1, "PR-1"), (2, "PR-3")]
    world.want("PR-2", "confirmed", supplier="另一家")
    plan = world.plan()
    assert steps(plan) == []
    assert [(row[0], row[2]) for row in steps(plan, "drift")] == [
        ("PR-2", None)
    ]  # removed by them: only told
    world.sql("erp", "UPDATE po SET supplier = '改' WHERE req_no = 'PR-3'")  # now nobody's values are there
    world.want("PR-3", "confirmed")
    plan = world.plan()
    assert {row[0] for row in steps(plan)} == {"PR-3"}
    world.apply(plan)
    assert world.rows("SELECT req_no, supplier, status FROM po ORDER BY id") == [
        ("PR-1", "华信", "D"),
        ("PR-3", "改", "C"),
    ]


def test_content_is_changed_where_it_can_be(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.want("PR-1", "confirmed", supplier="Ａcme")
    plan = world.plan()
    assert [step[2:] for step in steps(plan)] == [
        ("move", None, "confirmed", "draft"),
        ("update", None, "confirmed", "confirmed"),
        ("move", None, "draft", "submitted"),
        ("move", None, "submitted", "confirmed"),
    ]
    assert world.apply(plan).outcomes == {"orders": {"applied": 1}}
    assert world.orders() == [("PR-1", "Ａcme", "C", None)]
    assert world.plan().header.counts == {"orders": {}}


def test_approve_revoke_approve_ends_in_one_living_document(world: Documents) -> None:
    for wanted in ("confirmed", "undo", "confirmed"):
        world.want("PR-1", wanted)
        assert world.apply().conclusion is RunConclusion.SUCCEEDED
        again = world.plan()
        assert (again.conclusion, again.header.counts) == (PlanConclusion.UNCHANGED, {"orders": {}})
    assert world.orders() == [("PR-1", "华信", "C", "B"), ("PR-1", "华信", "C", None)]
    assert world.base()["PR-1"]["generation"] == 2


def test_a_draft_is_deleted(world: Documents) -> None:
    world.want("PR-1", "draft")
    world.apply()
    world.want("PR-1", "undo")
    plan = world.plan()
    assert plan.header.counts == {"orders": {"delete": 1}}
    assert world.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert world.orders() == []
    assert world.plan().header.counts == {"orders": {}}


def test_what_was_received_is_a_task(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.sql("erp", "UPDATE po SET received = 5")
    plan = world.plan()
    assert plan.header.counts == {"orders": {"accept": 1}}  # it went on by itself
    world.apply(plan)
    assert world.plan().header.counts == {"orders": {}}
    world.want("PR-1", "undo", supplier="")
    plan = world.plan()
    assert tasks(plan) == [("PR-1", "E0450")]
    assert steps(plan) == []
    world.want("PR-1", "draft")
    assert tasks(world.plan()) == [("PR-1", "E0451")]  # no move leads back
    world.want("PR-1", "confirmed", supplier="改")
    assert tasks(world.plan()) == [("PR-1", "E0452")]  # nor to where content can be written


def test_where_no_state_is_wanted_a_document_stays_where_it_is(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.want("PR-1", None)
    assert world.plan().header.counts == {"orders": {}}
    world.sql("erp", "UPDATE po SET status = 'D'")
    plan = world.plan()
    assert (steps(plan), steps(plan, "drift"), tasks(plan)) == ([], [], [])


def test_nothing_is_made_to_be_undone(world: Documents) -> None:
    world.want("PR-1", "undo")
    plan = world.plan()
    assert (plan.conclusion, steps(plan), tasks(plan)) == (PlanConclusion.UNCHANGED, [], [])


def test_what_went_on_by_itself_is_as_it_is_wanted(tmp_path: Path) -> None:
    """A system that takes orders on as soon as they are confirmed."""
    fulfils = LIFECYCLE.replace("dead:", "fulfils: {received: [confirmed]}\n      dead:")
    world = Documents(tmp_path).build(target(fulfils))
    world.sql(
        "erp",
        "CREATE TRIGGER t AFTER UPDATE OF status ON po WHEN NEW.status = 'C' "
        "BEGIN UPDATE po SET received = 1 WHERE id = NEW.id; END",
    )
    world.want("PR-1", "draft")
    world.apply()
    world.want("PR-2", "confirmed")
    run = world.apply()
    assert (run.conclusion, run.outcomes) == (RunConclusion.SUCCEEDED, {"orders": {"applied": 1}})
    base = world.base()["PR-2"]
    assert (base["agreed_state"], base["seen_state"]) == ("confirmed", "received")
    assert world.plan().conclusion is PlanConclusion.UNCHANGED
    world.sql("erp", "UPDATE po SET status = 'C' WHERE req_no = 'PR-1'")  # somebody was faster
    world.want("PR-1", "confirmed")
    plan = world.plan()
    assert (tasks(plan), plan.header.counts) == ([], {"orders": {"converge": 1}})
    world.apply(plan)
    for no in ("PR-1", "PR-2"):
        world.want(no, "undo")
    plan = world.plan()
    assert (tasks(plan), steps(plan)) == ([("PR-1", "E0450"), ("PR-2", "E0450")], [])


def test_a_state_that_conditions_tell_is_no_missing_field(world: Documents) -> None:
    assert missing_objects(world.bound()) == []


def test_somebody_took_it_back(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.sql("erp", "UPDATE po SET status = 'D'")
    assert steps(world.plan(), "drift") == [("PR-1", 1, None, None, "draft", "confirmed")]
    (world.root / "targets/t.yml").write_text(target(on_drift="revert"))
    assert [step[2:] for step in steps(world.plan())] == [
        ("move", None, "draft", "submitted"),
        ("move", None, "submitted", "confirmed"),
    ]
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert world.orders() == [("PR-1", "华信", "C", None)]


def test_a_document_made_by_hand_is_adopted_with_its_state(world: Documents) -> None:
    world.sql(
        "erp",
        "INSERT INTO po (req_no, supplier, status, received) VALUES ('PR-1', '华信', 'C', 0), "
        "('PR-2', '华信', 'D', 0), ('PR-3', '华信', 'C', 7), ('PR-4', '华信', 'C', 0)",
    )
    for no, wanted in (("PR-1", "confirmed"), ("PR-2", "confirmed"), ("PR-3", "confirmed"), ("PR-4", None)):
        world.want(no, wanted)
    plan = world.plan()
    assert sorted(step[:3] for step in steps(plan, "state")) == [
        ("PR-1", 1, "adopt"),
        ("PR-3", 1, "adopt"),  # received already: nothing leads back
        ("PR-4", 1, "adopt"),  # its state is left alone
    ]
    assert [step[0] for step in steps(plan, "drift")] == ["PR-2"]
    (world.root / "targets/t.yml").write_text(target(on_first_contact="write"))
    plan = world.plan()
    assert [step[:3] for step in steps(plan)] == [("PR-2", 1, "move"), ("PR-2", 2, "move")]
    assert world.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert len(world.orders()) == 4
    assert world.plan().header.counts == {"orders": {}}


def test_a_state_nobody_declared_holds_the_document(world: Documents) -> None:
    world.want("PR-1", "confrmed")
    plan = world.plan()
    held = steps(plan, "held")
    assert [row[0] for row in held] == ["PR-1"]


def test_a_state_of_theirs_that_nobody_declared_holds_the_document(tmp_path: Path) -> None:
    world = Documents(tmp_path).build(target(LIFECYCLE.replace('"true"', "\"status = 'D'\"")))
    world.want("PR-1", "draft")
    world.apply()
    world.sql("erp", "UPDATE po SET status = 'X'")
    world.want("PR-1", "submitted", supplier="改")
    plan = world.plan()
    assert steps(plan) == []
    assert [r["code"] for r in PlanFile.open(plan.path).table("held", "orders").to_pylist()] == ["E0454"]


def test_gone_from_the_source_is_undone(tmp_path: Path) -> None:
    world = Documents(tmp_path).build(target(on_source_gone="undo"))
    world.want("PR-1", "confirmed")
    world.want("PR-2", "confirmed")
    world.apply()
    world.sql("oa", "DELETE FROM requisition WHERE no = 'PR-1'")
    unproven = world.plan()
    assert (unproven.conclusion, steps(unproven)) == (PlanConclusion.BLOCKED, [])  # no lines were read at all
    assert steps(unproven, "withheld") == [("PR-1", 1, "move", None, "confirmed", "undo")]
    world.sql("oa", "INSERT INTO requisition_line VALUES ('PR-2', 1, '轴承', '2.00')")
    plan = world.plan()
    assert steps(plan) == [("PR-1", 1, "move", None, "confirmed", "cancelled")]
    assert [(g.guard, g.measured) for g in PlanFile.open(plan.path).guards if g.guard == "max_undo"] == [
        ("max_undo", 1)
    ]
    assert world.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert world.orders()[0] == ("PR-1", "华信", "C", "B")
    assert set(world.base()) == {"PR-2"}


def test_lines_are_written_before_the_document_is_moved(tmp_path: Path) -> None:
    world = Documents(tmp_path).build(target(lines=LINES))
    world.want("PR-1", "confirmed")
    world.sql(
        "oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '轴承', '2.00'), ('PR-1', 2, '螺母', '100.00')"
    )
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert world.orders() == [("PR-1", "华信", "C", None)]
    assert len(world.rows("SELECT * FROM po_line")) == 2
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_a_document_that_did_not_move_is_not_told_as_moved(world: Documents) -> None:
    """Their system answers every update as done, and puts the state back."""
    world.want("PR-1", "draft")
    world.apply()
    back = "UPDATE po SET status = old.status WHERE id = old.id"
    world.sql("erp", f"CREATE TRIGGER stays AFTER UPDATE OF status ON po BEGIN {back}; END;")
    world.want("PR-1", "submitted")
    assert world.apply().outcomes == {"orders": {"rejected": 1}}
    assert world.orders() == [("PR-1", "华信", "D", None)]


def test_a_refused_move_is_not_tried_again_until_something_else_is_wanted(world: Documents) -> None:
    world.sql(
        "erp",
        "CREATE TRIGGER t BEFORE UPDATE OF status ON po WHEN NEW.status = 'C' BEGIN SELECT RAISE(ABORT, '供应商已冻结'); END",
    )
    world.want("PR-1", "confirmed")
    run = world.apply()
    assert (run.conclusion, run.outcomes) == (RunConclusion.PARTIAL, {"orders": {"rejected": 1}})
    assert world.orders() == [("PR-1", "华信", "S", None)]
    base = world.base()["PR-1"]
    assert (base["agreed_state"], base["seen_state"]) == ("submitted", "submitted")
    again = world.plan()
    assert steps(again) == []
    assert steps(again, "withheld") == [("PR-1", 1, "move", None, "submitted", "confirmed")]
    assert [step[2:] for step in steps(world.plan(retry=True))] == [("move", None, "submitted", "confirmed")]
    world.want("PR-1", "undo")
    assert [step[2:] for step in steps(world.plan())] == [("move", None, "submitted", "cancelled")]


@pytest.fixture
def lined(tmp_path: Path) -> Documents:
    """An order of two lines, confirmed."""
    world = Documents(tmp_path).build(target(lines=LINES))
    world.want("PR-1", "confirmed")
    world.sql(
        "oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '轴承', '2.00'), ('PR-1', 2, '螺母', '100.00')"
    )
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    return world


def test_a_document_is_opened_for_its_lines(lined: Documents) -> None:
    lined.sql("oa", "UPDATE requisition_line SET qty = '3.00' WHERE line = 1")
    plan = lined.plan()
    assert plan.header.counts == {"orders": {"move": 1}, "orders.lines": {"update": 1}}
    assert [step[2:] for step in steps(plan)] == [
        ("move", None, "confirmed", "draft"),
        ("move", None, "draft", "submitted"),
        ("move", None, "submitted", "confirmed"),
    ]
    assert lined.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert lined.orders() == [("PR-1", "华信", "C", None)]
    assert lined.rows("SELECT qty FROM po_line ORDER BY line") == [("3.00",), ("100.00",)]
    assert lined.plan().conclusion is PlanConclusion.UNCHANGED


def test_lines_of_what_was_received_wait_for_a_person(lined: Documents) -> None:
    lined.sql("erp", "UPDATE po SET received = 1")
    lined.apply()
    lined.sql("oa", "UPDATE requisition_line SET qty = '3.00' WHERE line = 1")
    plan = lined.plan()
    assert tasks(plan) == [("PR-1", "E0452")]
    withheld = PlanFile.open(plan.path).table("withheld", "orders.lines").to_pylist()
    assert [(row["k_line"], row["code"]) for row in withheld] == [(1, "E0455")]
    assert plan.header.counts == {"orders": {}, "orders.lines": {}}


def test_a_revoked_form_with_an_empty_table_undoes_the_document_and_leaves_its_lines(
    lined: Documents,
) -> None:
    lined.want("PR-1", "undo", supplier="")
    lined.want("PR-2", "draft")
    lined.sql(
        "oa", "DELETE FROM requisition_line; INSERT INTO requisition_line VALUES ('PR-2', 1, '螺母', '1.00')"
    )
    plan = lined.plan()
    assert plan.header.counts["orders.lines"] == {"create": 1}
    assert lined.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert lined.orders()[0] == ("PR-1", "华信", "C", "B")
    assert lined.rows("SELECT count(*) FROM po_line WHERE order_id = 1") == [(2,)]
    after = lined.plan()
    assert after.header.counts == {"orders": {}, "orders.lines": {"forget": 2}}
    lined.apply(after)
    lined.want("PR-1", "confirmed")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '轴承', '5.00')")
    assert lined.apply().conclusion is RunConclusion.SUCCEEDED
    assert [row[2:] for row in lined.orders()] == [("C", "B"), ("D", None), ("C", None)]
    assert lined.rows("SELECT order_id, item, qty FROM po_line ORDER BY id") == [
        (1, "轴承", "2.00"), (1, "螺母", "100.00"), (2, "螺母", "1.00"), (3, "轴承", "5.00"),
    ]  # fmt: skip
    assert lined.plan().header.counts == {"orders": {}, "orders.lines": {}}


def test_approved_again_at_once_the_new_document_has_lines_of_its_own(lined: Documents) -> None:
    lined.want("PR-1", "undo")
    lined.apply()
    lined.want("PR-1", "confirmed")
    assert lined.apply().conclusion is RunConclusion.SUCCEEDED
    assert lined.rows("SELECT order_id, line FROM po_line ORDER BY id") == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert lined.plan().header.counts == {"orders": {}, "orders.lines": {}}


def test_a_draft_goes_with_its_lines(tmp_path: Path) -> None:
    world = Documents(tmp_path).build(target(lines=LINES))
    world.want("PR-1", "draft")
    world.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '轴承', '2.00')")
    world.apply()
    world.want("PR-1", "undo")
    plan = world.plan()
    assert plan.header.counts == {"orders": {"delete": 1}, "orders.lines": {"delete": 1}}
    assert world.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert (world.orders(), world.rows("SELECT * FROM po_line")) == ([], [])
    assert world.plan().header.counts == {"orders": {}, "orders.lines": {}}


def test_a_document_is_not_confirmed_without_a_line_that_was_refused(lined: Documents) -> None:
    lined.sql(
        "erp",
        "CREATE TRIGGER t BEFORE INSERT ON po_line WHEN NEW.item = '违禁' BEGIN SELECT RAISE(ABORT, '物料已停用'); END",
    )
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 3, '违禁', '1.00')")
    run = lined.apply()
    assert run.outcomes == {"orders": {"blocked": 1}, "orders.lines": {"rejected": 1}}
    assert lined.orders() == [("PR-1", "华信", "D", None)]
    again = lined.plan()
    assert steps(again) == []
    assert [row[:3] for row in steps(again, "withheld")] == [("PR-1", 1, "move")]
    lined.sql("oa", "DELETE FROM requisition_line WHERE line = 3")
    assert lined.apply().conclusion is RunConclusion.SUCCEEDED
    assert lined.orders() == [("PR-1", "华信", "C", None)]


def remembered(world: Documents) -> list[tuple[str, str, str]]:
    with open_reader(world.root, "default") as state:
        return [(task.key, task.code, task.reason) for task in state.tasks()]


def test_tasks_are_remembered_until_nobody_wants_them(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.sql("erp", "UPDATE po SET received = 5")
    world.want("PR-1", "undo")
    plan = world.plan()
    assert (plan.conclusion, plan.header.applyable) == (PlanConclusion.CHANGES, True)
    text = told(world.root, plan)
    assert (
        "# task no=PR-1  would move: it must no longer be, and is received, which only a person can undo"
        in text
    )
    assert world.apply(plan).conclusion is RunConclusion.PARTIAL
    said = "it must no longer be, and is received, which only a person can undo"
    assert remembered(world) == [('{"no":"PR-1"}', "E0450", said)]
    again = world.plan()
    assert (again.conclusion, again.header.applyable, tasks(again)) == (
        PlanConclusion.UNCHANGED,
        False,
        [("PR-1", "E0450")],
    )
    world.sql("erp", "UPDATE po SET received = 0, cancelled = 'B'")  # the person sent it back
    over = world.plan()
    assert (tasks(over), over.header.counts) == ([], {"orders": {"forget": 1}})
    world.apply(over)
    assert remembered(world) == []


def test_a_way_is_told_as_one(world: Documents) -> None:
    for n in range(3):
        world.want(f"PR-{n}", "confirmed")
    text = told(world.root, world.plan())
    assert "+ 3 create  > 3 move" in text
    assert text.count("> move no=PR-1  draft → confirmed") == 1
    assert text.index("+ create no=PR-0") < text.index("> move no=PR-0") < text.index("+ create no=PR-1")
    few = told(world.root, world.plan(), limit=2)
    assert "> move state: draft → confirmed · 3 rows" in few


def test_the_same_wish_gives_the_same_digest(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    first = world.plan()
    assert world.plan().header.effects_digest == first.header.effects_digest
    world.want("PR-1", "submitted")
    assert world.plan().header.effects_digest != first.header.effects_digest


def test_a_document_that_moved_since_the_plan_stays_as_it_is(world: Documents) -> None:
    world.want("PR-1", "draft")
    world.apply()
    world.want("PR-1", "confirmed")
    plan = world.plan()
    world.sql("erp", "UPDATE po SET cancelled = 'B'")
    run = world.apply(plan)
    assert run.outcomes == {"orders": {"stale": 1}}
    assert world.orders() == [("PR-1", "华信", "D", "B")]


def test_links_are_cared_for_by_hand(world: Documents) -> None:
    """Adopting, rekeying, forgetting and protecting know nothing of states, and the next plan does."""
    world.sql("erp", "INSERT INTO po (id, req_no, supplier, status) VALUES (7, 'by hand', '华信', 'C')")
    world.want("PR-0", "confirmed")
    world.apply()
    world.want("PR-1", "confirmed")
    with open_writer(world.root, "default", command="test") as store:
        layout = store.targets()["orders"]
        store.adopt(layout, {'{"no":"PR-1"}': {"id": "7"}})
        assert store.rekey("orders", {'{"no":"PR-0"}': '{"no":"PR-9"}'})
        store.protect("orders", {'{"no":"PR-9"}': "lawsuit"})
    plan = world.plan()
    assert [
        step[2:] for step in steps(plan) if step[0] == "PR-1"
    ] == [  # it is opened for its number and closed again
        ("move", None, "confirmed", "draft"),
        ("update", None, "confirmed", "confirmed"),
        ("move", None, "draft", "submitted"),
        ("move", None, "submitted", "confirmed"),
    ]
    world.sql("oa", "DELETE FROM requisition WHERE no = 'PR-0'")
    world.want("PR-9", "undo")
    kept = PlanFile.open(world.plan().path).table("withheld", "orders").to_pylist()
    assert [(r["k_no"], r["code"]) for r in kept] == [("PR-9", "E0422")]


def test_an_undone_draft_takes_lines_with_it_that_are_kept_when_they_are_missing(tmp_path: Path) -> None:
    keep = LINES.replace("key: [line]", "key: [line]\n        on_missing_line: keep")
    world = Documents(tmp_path).build(target(lines=keep))
    world.want("PR-1", "draft")
    world.want("PR-2", "draft")
    world.sql(
        "oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, '轴承', '2.00'), ('PR-2', 1, '螺母', '1.00')"
    )
    world.apply()
    world.want("PR-1", "undo")
    world.sql("oa", "DELETE FROM requisition_line WHERE no = 'PR-1'")
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert world.rows("SELECT req_no FROM po") == [("PR-2",)]
    assert world.rows("SELECT item FROM po_line") == [("螺母",)]
    assert world.plan().conclusion is PlanConclusion.UNCHANGED
