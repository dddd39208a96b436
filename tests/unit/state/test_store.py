"""The store: what runs do to the state, and what cannot happen to it."""

import json
import os
import sqlite3
import stat
import tarfile
import threading
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.schema import STRING, decimal
from erpoa_cli.core.situation import Action
from erpoa_cli.state import FieldLayout, Intent, Layout, RunStatus, desired_digests, open_records
from erpoa_cli.state.backup import backup
from tests.shared_state import connect
from tests.unit.state.samples import (
    CREATES,
    HOSTILE,
    READ,
    SEALER,
    SUPPLIERS,
    Place,
    apply,
    carry_out,
    failure,
    make_plan,
    row,
)


def test_a_missing_store_reads_as_empty_and_stays_missing(tmp_path, place):
    with place.reader() as state:
        assert (state.lineage, state.serial, state.runs(), state.lock_holder()) == ("", 0, [], None)
        assert state.base(SUPPLIERS).read_all().num_rows == 0
        assert state.generations(SUPPLIERS).num_rows == 0
        assert (state.bookmarks(), state.reads(), state.definitions(), state.targets()) == ({}, {}, {}, {})
        assert (state.rejected(), state.in_doubt(), state.protected()) == ([], [], [])
    assert list(tmp_path.iterdir()) == []


def test_a_reader_has_no_way_to_write(writer, place):
    with place.reader() as state:
        assert not any(
            hasattr(state, name) for name in ("open_run", "resume", "protect", "forget", "retry", "adopt")
        )
        with pytest.raises((sqlite3.OperationalError, Failure), match=r"readonly|read-only"):
            state._control.run("DELETE FROM runs")


def test_a_run_from_journal_to_base(tmp_path, place, writer):
    plan = make_plan(tmp_path / "p1.erpoaplan", CREATES, lineage=writer.lineage)
    journal = writer.open_run(plan, SEALER)
    carry_out(
        journal,
        {
            0: {"id_id": 7, "deviated": ["name"], "s_name": "张三 "},
            1: {"outcome": "rejected", "error_class": "rejected"},
        },
    )
    expected = {
        "k_code": "001", "id_id": 7, "generation": 1, "known": ["iban", "name"],
        "agreed_name": "张三", "agreed_iban": "DE02 1203", "agreed_amount": None, "agreed_at": None, "agreed_dep": None,
        "seen_name": "张三 ", "seen_iban": "DE02 1203", "seen_amount": None, "seen_at": None, "seen_dep": None,
    }  # fmt: skip
    assert place.base() == {"001": expected}  # as if the process died here: nothing is folded yet
    assert journal.close(RunStatus.PARTIAL) == 1
    assert place.base() == {"001": expected}
    with place.reader() as state:
        (run,) = state.runs()
        assert (run.status, run.serial, run.plan) == (RunStatus.PARTIAL, 1, "p1")
        assert state.reads() == {READ.relation: READ}
        assert state.bookmarks() == {READ.relation: "2026-07-01"}
        assert state.definitions() == {"target:suppliers": "cd" * 32}
        assert state.targets() == {"suppliers": SUPPLIERS}
        assert state.plan(run.id).header == plan.header


def test_sensitive_values_are_in_no_file(tmp_path, writer, place):
    outcomes: dict[int, dict[str, Any]] = {
        0: {"deviated": ["iban"], "s_iban": "DE02 1203 ROUNDED"},
        1: {"outcome": "rejected", "error_class": "rejected", "error": "duplicate key (iban)=(DE99 4711)"},
    }
    apply(writer, tmp_path, "p1", CREATES, outcomes=outcomes, status=RunStatus.PARTIAL)
    (rejection,) = writer.rejected()
    assert rejection.reason == "duplicate key (iban)=((sensitive))"
    assert place.base()["001"]["seen_iban"] == "DE02 1203 ROUNDED"
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert b"DE02" not in content, path
        assert b"DE99" not in content, path
    if place.url:
        with connect(place.url) as server:
            tables = [
                name
                for (name,) in server.execute(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
                )
            ]
            rows = {
                table: repr(server.execute(f"SELECT * FROM {table}", binary=True).fetchall())
                for table in tables
            }
        assert "suppliers" in rows["images"]
        assert [table for table in tables if "DE02" in rows[table] or "DE99" in rows[table]] == []


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_everything_is_private(tmp_path, writer):
    apply(writer, tmp_path, "p1", CREATES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_plan_is_applied_once(tmp_path, writer):
    journal = apply(writer, tmp_path, "p1", CREATES)
    assert failure(lambda: writer.open_run(journal.plan, SEALER)) == ("E0534", FailureKind.STALE)
    found = writer.consumed_by("p1")
    assert found is not None
    assert found.id == journal.run
    assert writer.consumed_by("p2") is None


def test_a_plan_of_another_state_is_refused(tmp_path, writer):
    plan = make_plan(tmp_path / "p1.erpoaplan", CREATES, lineage="other")
    assert failure(lambda: writer.open_run(plan, SEALER)) == ("E0535", FailureKind.STALE)
    assert writer.runs() == []


def test_only_rows_touched_since_make_a_plan_stale(tmp_path, writer):
    same = make_plan(tmp_path / "same.erpoaplan", CREATES[:1], lineage=writer.lineage)
    other = make_plan(tmp_path / "other.erpoaplan", [{**CREATES[0], "k_code": "999"}], lineage=writer.lineage)
    apply(writer, tmp_path, "p1", CREATES)
    assert failure(lambda: writer.open_run(same, SEALER)) == ("E0536", FailureKind.STALE)
    writer.open_run(other, SEALER)


def test_edits_by_hand_make_a_plan_stale(tmp_path, writer):
    apply(writer, tmp_path, "p1", CREATES)
    rows = [
        row(0, "001", "update", fields=["name"], d_name="c"),
        row(1, "005", "create", fields=["name"], d_name="c"),
    ]
    plans = [
        make_plan(tmp_path / f"q{i}.erpoaplan", [r], lineage=writer.lineage, serial=writer.serial)
        for i, r in enumerate(rows)
    ]
    assert writer.forget("suppliers", ['{"code":"001"}'], SEALER) == 1
    assert failure(lambda: writer.open_run(plans[0], SEALER)) == ("E0536", FailureKind.STALE)
    writer.open_run(plans[1], SEALER)


def test_a_second_run_folds_onto_the_first(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES)
    apply(writer, tmp_path, "p2", [row(0, "001", "update", fields=["name"], d_name="new", a_name="张三")])
    now = place.base()
    assert (now["001"]["agreed_name"], now["001"]["agreed_iban"]) == ("new", "DE02 1203")
    assert now["001"]["seen_name"] == "张三"  # not read back: what they had before stays seen
    assert now["002"]["agreed_name"] == "b"


def test_generations_outlive_rows(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES)
    apply(writer, tmp_path, "p2", [row(0, "001", "delete")], [row(1, "002", "forget")])
    assert place.base() == {}
    dead = writer.generations(SUPPLIERS, SEALER)
    assert dead.sort_by("k_code").to_pylist() == [{"k_code": c, "generation": 1} for c in ("001", "002")]
    apply(writer, tmp_path, "p3", CREATES[:1])
    assert place.base()["001"]["generation"] == 2
    assert writer.generations(SUPPLIERS, SEALER)["k_code"].to_pylist() == ["002"]


def test_rejections_are_counted_until_the_row_changes(tmp_path, writer):
    refused = {0: {"outcome": "rejected", "error_class": "rejected", "error": "期间已关闭"}}
    for name in ("p1", "p2"):
        apply(writer, tmp_path, name, CREATES[:1], outcomes=refused, status=RunStatus.PARTIAL)
    (one,) = writer.rejected("suppliers")
    assert (one.key, one.reason, one.attempts) == ('{"code":"001"}', "期间已关闭", 2)
    rows = pa.Table.from_pylist([CREATES[0]], SUPPLIERS.plan_schema())
    assert desired_digests(SUPPLIERS, rows, SEALER) == [one.digest]
    changed = {**CREATES[0], "d_name": "李四"}
    apply(writer, tmp_path, "p3", [changed], outcomes=refused, status=RunStatus.PARTIAL)
    (two,) = writer.rejected("suppliers")
    assert (two.attempts, two.digest != one.digest) == (1, True)
    apply(writer, tmp_path, "p4", [changed])
    assert writer.rejected() == []


def test_retry_forgets_rejections(tmp_path, writer):
    apply(writer, tmp_path, "p1", CREATES, outcomes={0: {"outcome": "rejected"}, 1: {}})
    assert writer.retry("departments") == 0
    assert writer.retry() == 1
    assert writer.rejected() == []


def test_doubt_until_it_is_settled(tmp_path, writer, place):
    journal = writer.open_run(make_plan(tmp_path / "p1.erpoaplan", CREATES, lineage=writer.lineage), SEALER)
    journal.intend(Intent(0, "suppliers", Action.CREATE, pa.array([0, 1], pa.int64())))
    with place.reader() as state:  # as after a kill
        assert {doubt.key for doubt in state.in_doubt()} == {'{"code":"001"}', '{"code":"002"}'}
        assert [run.id for run in state.unfinished()] == [journal.run]
        (batch,) = state.batches(journal.run)
        assert batch.results is None
        assert batch.intent.ordinals.to_pylist() == [0, 1]
    results = pa.table({"ordinal": [0, 1], "outcome": ["applied", "in_doubt"], "error": [None, "timeout"]})
    journal.record(0, results)
    journal.close(RunStatus.IN_DOUBT)
    assert [(d.key, d.reason) for d in writer.in_doubt("suppliers")] == [('{"code":"002"}', "timeout")]
    assert set(place.base()) == {"001"}
    again = writer.resume(journal.run, SEALER)
    again.record(0, pa.table({"ordinal": [1], "outcome": ["applied"], "id_id": [5]}))
    again.close(RunStatus.APPLIED)
    assert (writer.in_doubt(), writer.unfinished()) == ([], [])
    assert place.base()["002"]["id_id"] == 5
    (batch,) = writer.batches(journal.run)
    assert batch.results is not None
    assert batch.results["outcome"].to_pylist() == ["applied", "applied"]


@pytest.mark.parametrize(
    ("changes", "state", "left"),
    [
        ([], [row(0, "001", "converge", settled=["name"], links=True)], ["002"]),
        ([row(0, "001", "update", fields=["name"], d_name="c")], [], ["002"]),
        ([row(0, "002", "update", fields=["name"], d_name="c")], [], []),
    ],
)
def test_what_a_later_plan_saw_or_wrote_is_in_doubt_no_more(tmp_path, writer, changes, state, left):
    """001 was updated, 002 created: what differs in nothing happened, or did not need to; what was created may be elsewhere."""
    for code, action in (("002", Action.CREATE), ("001", Action.UPDATE)):
        plan = make_plan(
            tmp_path / f"{code}.erpoaplan",
            [row(0, code, action.value, fields=["name"], d_name="b")],
            lineage=writer.lineage,
            serial=writer.serial,
        )
        journal = writer.open_run(plan, SEALER)
        journal.intend(Intent(0, "suppliers", action, pa.array([0], pa.int64())))
        journal.record(0, pa.table({"ordinal": [0], "outcome": ["in_doubt"]}))
        journal.close(RunStatus.PARTIAL)
    assert len(writer.unsettled()) == 2
    apply(writer, tmp_path, "later", changes, state)
    assert [json.loads(doubt.key)["code"] for doubt in writer.unsettled()] == left


@pytest.mark.parametrize("applied", [True, False])
def test_a_person_settles_what_no_look_could(tmp_path, writer, place, applied):
    journal = writer.open_run(make_plan(tmp_path / "p1.erpoaplan", CREATES, lineage=writer.lineage), SEALER)
    journal.intend(Intent(0, "suppliers", Action.CREATE, pa.array([0, 1], pa.int64())))
    answers = {
        "ordinal": [0, 1],
        "outcome": ["applied", "in_doubt"],
        "error": [None, "超时 timeout"],
        "id_id": [4, None],
    }
    journal.record(0, pa.table(answers))
    serial = journal.close(RunStatus.PARTIAL)
    assert writer.unfinished() == []
    (doubt,) = writer.unsettled()
    assert writer.in_doubt("suppliers") == [doubt]
    assert (doubt.key, doubt.run, doubt.action, doubt.reason) == (
        '{"code":"002"}',
        journal.run,
        "create",
        "超时 timeout",
    )
    with pytest.raises(KeyError):
        writer.resolve(doubt, applied=True, id={}, reason="nobody said which")
    assert writer.unsettled() == [doubt]
    writer.resolve(
        doubt, applied=applied, id={"id": "5"} if applied else {}, reason="looked at it", sealer=SEALER
    )
    assert (writer.unsettled(), writer.in_doubt()) == ([], [])
    assert writer.serial == serial + 1
    base = place.base()
    assert set(base) == ({"001", "002"} if applied else {"001"})
    if applied:
        assert (base["002"]["id_id"], base["002"]["agreed_name"]) == (5, CREATES[1]["d_name"])
    (record,) = [r for r in writer.audit() if r.event == "resolve"]
    assert json.loads(record.detail) == {
        "target": "suppliers",
        "key": doubt.key,
        "applied": applied,
        "reason": "looked at it",
    }


def test_a_deferred_reference_completes_its_create(tmp_path, writer, place):
    later = row(1, "001", "update", step=2, fields=["dep"], p_dep='["departments","{}",""]')
    plan = make_plan(tmp_path / "p1.erpoaplan", [CREATES[0], later], lineage=writer.lineage)
    journal = writer.open_run(plan, SEALER)
    carry_out(journal, {0: {"id_id": 1}}, 0)
    carry_out(journal, {1: {"d_dep": 42, "deviated": []}}, 1)
    journal.close(RunStatus.APPLIED)
    found = place.base()["001"]
    assert (found["agreed_dep"], found["seen_dep"], found["id_id"], found["generation"]) == (42, 42, 1, 1)
    assert found["known"] == ["dep", "iban", "name"]


def test_adopt_rekey_forget_protect(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES)
    writer.adopt(SUPPLIERS, {'{"code":"张"}': {"id": "99"}}, SEALER)
    assert place.base()["张"]["id_id"] == 99
    assert place.base()["张"]["known"] == []
    assert writer.rekey("suppliers", {'{"code":"001"}': '{"code":"100"}'}, SEALER)
    assert not writer.rekey("suppliers", {'{"code":"001"}': '{"code":"101"}'}, SEALER)
    assert not writer.rekey("suppliers", {'{"code":"100"}': '{"code":"002"}'}, SEALER)
    assert set(place.base()) == {"100", "002", "张"}
    assert place.base()["100"]["agreed_iban"] == "DE02 1203"
    assert writer.forget("suppliers", ['{"code":"nobody"}'], SEALER) == 0
    assert writer.forget("suppliers", None, SEALER) == 3
    assert place.base() == {}
    assert writer.generations(SUPPLIERS, SEALER).num_rows == 3
    assert writer.forget("unknown", None, SEALER) == 0
    writer.protect("suppliers", {'{"code":"002"}': "审计"})
    assert [(p.key, p.reason) for p in writer.protected("suppliers")] == [('{"code":"002"}', "审计")]
    assert writer.unprotect("suppliers", '{"code":"002"}')
    assert not writer.unprotect("suppliers", '{"code":"002"}')
    events = [record.event for record in writer.audit()]
    assert events == [
        "run opened",
        "run applied",
        "adopt",
        "rekey",
        "rekey",
        "forget",
        "protect",
        "unprotect",
        "unprotect",
    ]


def test_a_row_can_be_forgotten_and_found_again(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES)
    writer.forget("suppliers", ['{"code":"001"}'], SEALER)
    apply(
        writer,
        tmp_path,
        "p2",
        (),
        [row(0, "001", "adopt", settled=["name"], d_name="n", a_name="N", id_id=3)],
    )
    found = place.base()["001"]
    assert (found["agreed_name"], found["seen_name"], found["known"], found["id_id"]) == (
        "n",
        "N",
        ["name"],
        3,
    )
    assert found["agreed_iban"] is None


def test_fields_that_changed_their_declaration(tmp_path, writer, place):
    rows = [
        row(
            0,
            "001",
            "create",
            fields=["name", "iban", "amount"],
            d_name="12.50",
            d_iban="DE1",
            d_amount=Decimal("1.5"),
        )
    ]
    apply(writer, tmp_path, "p1", rows)
    fields = {
        "name": FieldLayout(decimal(9, 2)),  # was string
        "iban": FieldLayout(STRING),  # was sealed
        "amount": FieldLayout(STRING, SUPPLIERS.fields["iban"].sensitivity),  # was a decimal in the open
        "phone": FieldLayout(STRING),  # is new
    }
    now = Layout(
        target="suppliers",
        system="oa",
        object="supplier",
        key={"code": STRING},
        id=SUPPLIERS.id,
        fields=fields,
    )
    found = place.base(now)["001"]
    assert (found["agreed_name"], found["agreed_iban"], found["agreed_amount"]) == (
        Decimal("12.50"),
        "DE1",
        "1.500000000",
    )
    assert (found["agreed_phone"], found["known"]) == (None, ["amount", "iban", "name"])
    apply(writer, tmp_path, "p2", [row(0, "001", "update", fields=["phone"], d_phone="1")], layout=now)
    after = place.base(now)["001"]
    assert after["known"] == ["amount", "iban", "name", "phone"]
    assert after["agreed_amount"] == "1.500000000"
    odd = Layout(
        **{**{f: getattr(now, f) for f in Layout.__slots__}, "fields": {"iban": FieldLayout(decimal(9, 2))}}
    )
    assert place.base(odd)["001"]["known"] == []  # DE1 is no number
    keyed = Layout(**{**{f: getattr(now, f) for f in Layout.__slots__}, "key": {"no": STRING}})
    with place.reader() as state:
        assert failure(lambda: state.base(keyed, SEALER).read_all()) == ("E0527", FailureKind.INVALID)


def test_environments_do_not_meet(tmp_path, place, writer):
    apply(writer, tmp_path, "p1", CREATES)
    with place.writer("prod") as prod:
        assert prod.lineage not in ("", writer.lineage)
        assert (prod.serial, prod.runs(), prod.targets()) == (0, [], {})
        assert prod.base(SUPPLIERS, SEALER).read_all().num_rows == 0


def test_a_transaction_is_all_or_nothing(writer):
    before = writer.lineage

    def broken_off():
        with writer._control.transaction():
            writer._control.run("UPDATE environments SET lineage = 'other'")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert writer.lineage == before


def test_a_state_that_was_put_back_under_the_lock_is_not_written(tmp_path, writer):
    apply(writer, tmp_path, "p1", CREATES[:1])
    writer._control.run("UPDATE environments SET serial = serial - 1")
    assert failure(lambda: apply(writer, tmp_path, "p2", CREATES[1:])) == ("E0529", FailureKind.STALE)
    assert writer.serial == 0


def test_a_reader_sees_one_moment(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES[:1])
    with place.reader() as state:
        apply(writer, tmp_path, "p2", CREATES[1:])
        assert state.serial == 1
        assert state.base(SUPPLIERS, SEALER).read_all()["k_code"].to_pylist() == ["001"]
    assert set(place.base()) == {"001", "002"}


def test_hostile_keys(tmp_path, writer, place):
    rows = [row(i, f"{i}{text}", "create", fields=["name"], d_name=text) for i, text in enumerate(HOSTILE)]
    apply(writer, tmp_path, "p1", rows)
    assert {key: found["agreed_name"] for key, found in place.base().items()} == {
        f"{i}{text}": text for i, text in enumerate(HOSTILE)
    }


def test_a_backup_is_the_state_again(tmp_path, writer, place):
    apply(writer, tmp_path, "p1", CREATES)
    made = tmp_path / "state.tar"
    assert backup(tmp_path, made, place.url) == 3
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    apply(writer, tmp_path, "p2", [row(0, "001", "delete")])
    restored = Place(tmp_path / "restored")
    with tarfile.open(made) as tar:
        tar.extractall(restored.root, filter="data")
    assert set(restored.base()) == {"001", "002"}
    with restored.reader() as state:
        assert (state.lineage, state.serial) == (writer.lineage, 1)
        assert state.plan(state.runs()[0].id).header.id == "p1"
        assert state.lock_holder() is None
    assert not list(restored.root.rglob("key"))


KILLED = """
import os, sys
from erpoa_cli.state import RunStatus, control
from tests.unit.state.samples import CREATES, SEALER, carry_out, make_plan
root, point = place.root, int(sys.argv[1])
count = 0

def die(*args, **kwargs):
    global count
    count += 1
    if count == point:
        os._exit(9)

def before_and_after(owner, name):
    plain = getattr(owner, name)
    def wrapped(*args, **kwargs):
        die()
        answer = plain(*args, **kwargs)
        die()
        return answer
    setattr(owner, name, wrapped)

state = place.writer()
plan = make_plan(root / "p1.erpoaplan", CREATES, lineage=state.lineage)
for owner, name in ((control.Control, "run"), (control.Control, "run_many"), (os, "fsync"), (os, "replace")):
    before_and_after(owner, name)
journal = state.open_run(plan, SEALER)
print("opened", journal.run, flush=True)
carry_out(journal, {0: {"id_id": 1}, 1: {"id_id": 2}})
print("recorded", flush=True)
journal.close(RunStatus.APPLIED)
print("closed", flush=True)
os._exit(0)
"""


@pytest.mark.process
def test_killed_anywhere_it_heals(tmp_path, place, request):
    """A process killed at every step of a run: the state is whole, and resuming ends in the same base."""
    survived = 0
    for point in range(1, 400, 17 if place.url else 7):
        root = tmp_path / str(point)
        root.mkdir()
        where = Place(root, place.url and request.getfixturevalue("schema_url")())
        program = where.program(KILLED, str(point))
        out, err = program.communicate(timeout=60)
        ended = program.returncode
        assert ended in (0, 9), err
        said = out.split()
        with where.writer() as state:  # the dead process' lock is taken over at once
            state.verify_audit()
            runs = state.unfinished()
            if "closed" in said or "opened" not in said:
                survived += ended == 0
                assert len(runs) <= ("opened" not in said)
            if not state.runs():
                continue
            if "recorded" in said:
                assert set(where.base()) == {"001", "002"}
            for run in runs:
                journal = state.resume(run.id, SEALER)
                if not journal.batches():
                    carry_out(journal, {0: {"id_id": 1}, 1: {"id_id": 2}})
                elif journal.batches()[0].results is None:
                    journal.record(
                        0, pa.table({"ordinal": [0, 1], "outcome": ["applied"] * 2, "id_id": [1, 2]})
                    )
                journal.close(RunStatus.APPLIED)
            assert state.serial == 1
        assert {code: r["id_id"] for code, r in where.base().items()} == {"001": 1, "002": 2}
        if ended == 0:
            break
    assert survived == 1


def test_stores_made_at_the_same_moment(tmp_path, local):
    """Turning the log on is refused while another process is doing so; that is waited for."""
    (tmp_path / ".erpoa").mkdir()
    other = sqlite3.connect(tmp_path / ".erpoa" / "control.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE made_elsewhere (x)")
    other.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    timer.start()
    with local.writer() as state:
        assert state.serial == 0
    timer.join()
    other.close()


def test_an_altered_audit_trail_is_found(writer):
    for reason in ("a", "b", "c"):
        writer.protect("t", {"{}": reason})
    head = writer.verify_audit()
    assert head is not None
    assert head.number == 3
    writer._control.run("UPDATE audit SET who = 'nobody' WHERE number = 2")
    assert failure(writer.verify_audit) == ("E0525", FailureKind.DAMAGED)
    writer._control.run("DELETE FROM audit WHERE number = 2")
    assert failure(writer.verify_audit) == ("E0525", FailureKind.DAMAGED)


def test_a_record_that_is_no_text_is_an_altered_one(writer):
    if writer._control.shared:
        pytest.skip("a server keeps types")
    writer.protect("t", {"{}": "a"})
    writer._control.run("UPDATE audit SET detail = ? WHERE number = 1", b"\xff\x00")
    assert failure(writer.verify_audit) == ("E0525", FailureKind.DAMAGED)


def test_a_trail_without_a_record_of_a_run_is_no_empty_one(place, writer):
    writer._control.run(
        "INSERT INTO runs (environment, run, plan, blob, status, who, command, opened, serial, sequence) "
        "VALUES (?, 'r1', 'p', 'b', 'applied', 'w', 'c', '2026-11-30T00:00:00+00:00', 1, 1)",
        writer.environment,
    )
    assert failure(writer.verify_audit) == ("E0525", FailureKind.DAMAGED)


def test_formats_are_refused(place, writer):
    writer._control.run("UPDATE meta SET value = '99' WHERE name = 'format'")
    for opened in (place.reader, place.writer):
        assert failure(opened) == ("E0522", FailureKind.INVALID)


def test_a_damaged_store_is_told(tmp_path, local):
    (tmp_path / ".erpoa").mkdir()
    (tmp_path / ".erpoa" / "control.db").write_bytes(b"not a database at all" * 100)
    for opened in (local.reader, local.writer):
        assert failure(opened) == ("E0523", FailureKind.DAMAGED)


def test_an_id_is_linked_to_one_key(tmp_path, writer):
    apply(writer, tmp_path, "p1", CREATES)
    writer.adopt(SUPPLIERS, {'{"code":"001"}': {"id": "7"}}, SEALER)
    assert writer.linked("suppliers", [("7",)], SEALER) == {("7",): '{"code":"001"}'}
    assert writer.linked("suppliers", [("8",)], SEALER) == writer.linked("unknown", [("7",)]) == {}
    writer.forget("suppliers", ['{"code":"001"}'], SEALER)
    assert writer.linked("suppliers", [("7",)], SEALER) == {}


@pytest.mark.parametrize("how", ["gone", "empty", "new"])
def test_a_store_that_is_gone_is_no_first_contact(tmp_path, local, how):
    with local.writer() as state:
        apply(state, tmp_path, "p1", CREATES)
    store = tmp_path / ".erpoa" / "control.db"
    kept = store.read_bytes()
    store.unlink() if how != "empty" else store.write_bytes(b"")
    if how == "new":
        local.writer("another").close()
    for door in (local.reader, local.writer, lambda: open_records(tmp_path, "dev")):
        with pytest.raises(Failure) as caught:
            door()
        (told,) = caught.value.diagnostics
        assert (told.code, caught.value.kind) == ("E0512", FailureKind.INVALID)
        assert "erpoa state restore" in told.remedy
    local.reader("elsewhere").close()  # of which nothing was remembered
    store.write_bytes(kept)
    assert set(local.base()) == {"001", "002"}
    store.unlink()
    (tmp_path / ".erpoa" / "base").rename(tmp_path / "aside")
    assert local.base() == {}


def test_copies_of_a_shared_store_are_no_lost_state(tmp_path, shared):
    (tmp_path / ".erpoa" / "base" / "dev" / "suppliers").mkdir(parents=True)
    (tmp_path / ".erpoa" / "base" / "dev" / "suppliers" / "x.parquet").touch()
    shared.reader().close()
    shared.writer().close()
