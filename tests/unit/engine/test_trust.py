"""What is refused before it can hurt: without the key, with another system, another plan, or damaged memory."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.writing.gate import gate
from erpoa_cli.sdk.connector import READ, WriteBatch
from erpoa_cli.state import PlanFile, Sealer, open_reader, open_writer
from erpoa_cli.usecase import Workspace, backup, examine, open_workspace, query, restore
from tests import planning
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

KEY = "ab" * 32
SEALER = Sealer(bytes.fromhex(KEY))


@pytest.fixture
def world(tmp_path: Path) -> Small:
    """People whose identity card is sensitive, from an ERP to an OA."""
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        """
        sources:
          people:
            system: erp
            object: person
            key: [code]
            incremental: {cursor: changed}
            fields: {code: string, name: string, card: {type: string, class: sensitive}, changed: timestamp}
        """,
    )
    made.file(
        "targets/t.yml",
        """
        targets:
          people: {from: people, system: oa, object: person, key: [code], fields: [code, name, card],
                   on_source_gone: delete, guards: {max_delete: {count: 100, share: "100%"}}}
        """,
    )
    made.file(".erpoa/key", KEY)
    (tmp_path / ".erpoa/key").chmod(0o600)
    made.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, card TEXT, changed TEXT)")
    made.sql(
        "INSERT INTO person VALUES ('001', '张', '110', '2026-01-01 00:00:00'), ('002', '李', '220', '2026-01-02 00:00:00')"
    )
    made.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, card TEXT)", "oa.db")
    return made


def theirs(world: Small, database: str = "oa.db") -> list[tuple[str, ...]]:
    with sqlite3.connect(world.root / database) as db:
        return db.execute("SELECT * FROM person ORDER BY code").fetchall()


def opened(world: Small) -> Workspace:
    return open_workspace(world.root)


def refused(work: Callable[[], object]) -> Failure:
    with pytest.raises(Failure) as caught:
        work()
    return caught.value


def codes(failure: Failure) -> set[str]:
    return {d.code for d in failure.diagnostics}


# -- the sealing key ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "cd" * 32])
def test_without_the_key_that_sealed_the_plan_nothing_begins(world: Small, key: str | None) -> None:
    plan = world.plan()
    path = world.root / ".erpoa/key"
    path.unlink() if key is None else path.write_text(key)
    failure = refused(lambda: world.apply(plan))
    assert (codes(failure), failure.kind) == ({"E0513"} if key is None else {"E0514"}, FailureKind.INVALID)
    if key is None:
        assert "a new key opens nothing" in failure.diagnostics[0].remedy
    assert theirs(world) == []
    with open_reader(world.root, "default") as state:
        assert state.runs() == []
    path.write_text(KEY)
    path.chmod(0o600)
    world.apply(plan)
    assert [row[2] for row in theirs(world)] == ["110", "220"]


@pytest.mark.parametrize("key", [None, "cd" * 32])
def test_without_the_key_that_sealed_the_base_nothing_is_planned(world: Small, key: str | None) -> None:
    run = world.apply().run
    path = world.root / ".erpoa/key"
    path.unlink() if key is None else path.write_text(key)
    expected = {"E0513"} if key is None else {"E0514"}

    def rebuild() -> None:
        with opened(world).writing() as state:
            state.rebuild("people", opened(world).sealer)

    for work in (
        world.plan,
        lambda: planning.roll_back(world.bound(), run),
        lambda: query(opened(world), "SELECT card FROM people"),
        rebuild,
    ):
        failure = refused(work)
        assert (codes(failure), failure.kind) == (expected, FailureKind.INVALID)
        if key is None:
            assert "a new key opens nothing" in failure.diagnostics[0].remedy
    assert about_the_key(world)
    shutil.rmtree(world.root / ".erpoa/snapshots")
    assert "erpoa init" not in refused(world.plan).diagnostics[0].remedy
    path.write_text(KEY)
    path.chmod(0o600)
    shutil.rmtree(world.root / ".erpoa/snapshots", ignore_errors=True)  # the other key wrote them
    assert not about_the_key(world)


def about_the_key(world: Small) -> list[str]:
    return [check.problem for check in examine(opened(world)) if "key" in check.problem]


def test_where_nothing_is_sealed_yet_a_key_is_made(world: Small) -> None:
    (world.root / ".erpoa/key").unlink()
    for work in (world.plan, lambda: query(opened(world), "SELECT card FROM people", fresh=True)):
        assert "erpoa init" in refused(work).diagnostics[0].remedy


def test_a_snapshot_alone_needs_its_key(world: Small) -> None:
    world.plan()
    (world.root / ".erpoa/key").unlink()
    assert "a new key opens nothing" in refused(world.plan).diagnostics[0].remedy
    assert about_the_key(world)


# -- which system it is -------------------------------------------------------------------------------------------


def point(world: Small, system: str, database: str) -> None:
    file = world.root / "systems/s.yml"
    file.write_text(
        re.sub(
            rf"({system}: {{plugin: sqlite, config: {{path: )[\w.]+", rf"\g<1>{database}", file.read_text()
        )
    )


def other(world: Small, rows: str = "('001', 'typed here', '9')") -> None:
    world.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, card TEXT)", "other.db")
    world.sql(f"INSERT INTO person VALUES {rows}", "other.db")


def test_another_database_under_the_name_is_refused(world: Small) -> None:
    world.apply()
    other(world)
    point(world, "oa", "other.db")
    failure = refused(world.plan)
    assert (codes(failure), failure.kind) == ({"E0544"}, FailureKind.STALE)
    told = failure.diagnostics[0]
    assert "other.db" in told.summary
    assert "oa.db" in told.summary
    assert "state system oa" in told.remedy
    assert theirs(world, "other.db") == [("001", "typed here", "9")]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("system: oa2, object: person", "person in oa2"),
        ("system: oa, object: person2", "person2 in oa"),
    ],
)
def test_a_target_that_is_elsewhere_is_refused_until_it_is_forgotten(
    world: Small, change: str, place: str
) -> None:
    """Another system under another name, or another table: rows that people typed there are not ours."""
    other = "CREATE TABLE {} (code TEXT PRIMARY KEY, name TEXT, card TEXT); INSERT INTO {} VALUES ('001', '人', '1')"
    world.apply()
    world.sql(other.format("person2", "person2"), "oa.db").sql(other.format("person", "person"), "oa2.db")
    world.file("systems/more.yml", "systems: {oa2: {plugin: sqlite, config: {path: oa2.db}}}")
    target = (world.root / "targets/t.yml").read_text()
    world.file("targets/t.yml", target.replace("system: oa, object: person", change))
    failure = refused(world.plan)
    assert (codes(failure), failure.kind) == ({"E0545"}, FailureKind.STALE)
    assert place in failure.diagnostics[0].summary
    assert "state forget people" in failure.diagnostics[0].remedy
    with open_writer(world.root, "default") as store:
        store.forget("people", None, SEALER)
    assert {row["situation"] for row in planning.rows(world.plan(), "changes", "people")} == {"absent"}


def test_a_system_that_is_called_otherwise_is_the_same(world: Small) -> None:
    world.apply()
    world.file("systems/s.yml", (world.root / "systems/s.yml").read_text().replace("oa: {", "oa9: {"))
    world.file(
        "targets/t.yml", (world.root / "targets/t.yml").read_text().replace("system: oa,", "system: oa9,")
    )
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_the_same_data_that_moved_goes_on(world: Small) -> None:
    world.apply()
    shutil.copy(world.root / "oa.db", world.root / "other.db")
    point(world, "oa", "other.db")
    declare(world, "oa", "sqlite:other.db")
    assert world.plan().conclusion is PlanConclusion.UNCHANGED
    world.sql("DELETE FROM person WHERE code = '002'")
    world.apply(world.plan(full=True))
    assert [row[0] for row in theirs(world, "other.db")] == ["001"]


def test_a_copy_for_trial_is_planned_with_and_not_applied_to(world: Small) -> None:
    world.apply()
    shutil.copy(world.root / "oa.db", world.root / "other.db")
    world.sql("INSERT INTO person VALUES ('003', '王', '330', '2026-01-03 00:00:00')")
    point(world, "oa", "other.db")
    declare(world, "oa", "sqlite:other.db", trial=True)
    plan = world.plan()
    assert plan.conclusion is PlanConclusion.CHANGES
    assert codes(refused(lambda: world.apply(plan))) == {"E0544"}
    assert len(theirs(world, "other.db")) == 2
    point(world, "oa", "oa.db")
    world.apply()
    assert len(theirs(world)) == 3


def test_a_new_start_forgets_and_meets_as_for_the_first_time(world: Small) -> None:
    world.apply()
    other(world, "('003', 'typed here', '9')")
    point(world, "oa", "other.db")
    with open_writer(world.root, "default") as store:
        assert store.begin_anew("oa") == 2
        store.declare_system("oa", "sqlite:other.db")
    world.apply()
    assert [row[:2] for row in theirs(world, "other.db")] == [
        ("001", "张"),
        ("002", "李"),
        ("003", "typed here"),
    ]


def test_a_source_is_not_read_on_from_where_another_one_stood(world: Small) -> None:
    world.plan()  # nothing is applied: only the snapshot knows
    world.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, card TEXT, changed TEXT)", "other.db")
    world.sql("INSERT INTO person VALUES ('007', '赵', '7', '2020-01-01 00:00:00')", "other.db")
    point(world, "erp", "other.db")
    world.apply()
    assert [row[0] for row in theirs(world)] == ["007"]
    point(world, "erp", "erp.db")
    assert codes(refused(world.plan)) == {"E0544"}


def test_a_project_that_is_moved_as_a_whole_is_the_same(
    world: Small, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world.apply()
    moved = Small(tmp_path_factory.mktemp("elsewhere") / "project")
    shutil.copytree(world.root, moved.root)
    assert moved.plan().conclusion is PlanConclusion.UNCHANGED


def test_a_state_restored_beside_another_system_is_refused_by_name(
    world: Small, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The state of one machine on another, where the name stands for another database."""
    world.apply()
    elsewhere = Small(tmp_path_factory.mktemp("elsewhere") / "project")
    shutil.copytree(world.root, elsewhere.root, ignore=shutil.ignore_patterns(".erpoa", "oa.db"))
    elsewhere.file(".erpoa/key", KEY)
    (elsewhere.root / ".erpoa/key").chmod(0o600)
    other(elsewhere)
    point(elsewhere, "oa", "other.db")
    backup(opened(world), world.root / "state.tar")
    restore(opened(elsewhere), world.root / "state.tar")
    (told,) = refused(elsewhere.plan).diagnostics
    assert told.code == "E0544"
    assert "erpoa state system oa" in told.remedy
    assert theirs(elsewhere, "other.db") == [("001", "typed here", "9")]


def declare(world: Small, system: str, identity: str, *, trial: bool = False) -> None:
    with open_writer(world.root, "default") as store:
        store.declare_system(system, identity, trial=trial)


# -- what is remembered -------------------------------------------------------------------------------------------


def damage(path: Path, at: float) -> None:
    """Turn one bit, in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def only(world: Small, pattern: str) -> Path:
    (found,) = (world.root / ".erpoa").glob(pattern)
    return found


@pytest.mark.parametrize("at", [0.01, 0.3, 0.6, 0.95])
def test_a_damaged_base_is_refused_and_made_anew(world: Small, at: float) -> None:
    world.apply()
    world.sql("UPDATE person SET name = '章', changed = '2026-02-01 00:00:00' WHERE code = '001'")
    world.apply()
    with open_writer(world.root, "default") as store:
        store.forget("people", ['{"code":"002"}'], SEALER)
        before = store.base(store.targets()["people"], SEALER).read_all()
    for path in (world.root / ".erpoa/base").rglob("*.parquet"):
        damage(path, at)
    failure = refused(world.plan)
    assert codes(failure) == {"E0526"}
    assert "erpoa state rebuild people" in failure.diagnostics[0].remedy
    with open_writer(world.root, "default") as store:
        assert store.rebuild("people", SEALER) == 1
        after = store.base(store.targets()["people"], SEALER).read_all()
    assert after.sort_by("k_code").equals(before.sort_by("k_code"))


def test_a_base_is_made_anew_after_every_edit(world: Small) -> None:
    world.apply()
    key = SEALER
    with open_writer(world.root, "default") as store:
        layout = store.targets()["people"]
        store.rekey("people", {'{"code":"001"}': '{"code":"101"}'}, key)
        store.adopt(layout, {'{"code":"009"}': {"code": "002"}}, key)
        store.forget("people", ['{"code":"002"}'], key)
        before = store.base(layout, key).read_all().sort_by("k_code")
        gone = store.generations(layout, key).to_pylist()
        assert store.rebuild("people", key) == 2
        assert store.base(layout, key).read_all().sort_by("k_code").equals(before)
        assert sorted(map(str, store.generations(layout, key).to_pylist())) == sorted(map(str, gone))
        assert store.rebuild("nobody", key) is None


def test_a_damaged_archive_is_refused(world: Small) -> None:
    run = world.apply().run
    damage(only(world, "archive/*/*"), 0.5)
    with open_reader(world.root, "default") as state:
        assert codes(refused(lambda: state.plan(run))) == {"E0524"}


def test_a_damaged_snapshot_is_refused_and_read_anew(world: Small) -> None:
    world.apply()
    damage(only(world, "snapshots/default/people/*.parquet"), 0.5)
    failure = refused(world.plan)
    assert codes(failure) == {"E0505"}
    assert "--full-read" in failure.diagnostics[0].remedy
    assert world.plan(full=True).conclusion is PlanConclusion.UNCHANGED
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_what_describes_a_snapshot_is_not_believed_when_it_was_changed(world: Small) -> None:
    """A mark in the future would blind the source."""
    world.apply()
    file = only(world, "snapshots/default/people/latest.json")
    file.write_text(file.read_text().replace("2026-01-02", "2036-01-02"))
    world.sql("INSERT INTO person VALUES ('003', '王', '330', '2026-01-03 00:00:00')")
    failure = refused(world.plan)
    assert codes(failure) == {"E0505"}
    assert "--full-read" in failure.diagnostics[0].remedy
    world.apply(world.plan(full=True))
    assert len(theirs(world)) == 3


# -- which plan it is -----------------------------------------------------------------------------------------------


def test_what_is_checked_is_what_is_written(world: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another plan takes the name of the file while it is checked."""
    plan = world.plan()
    reviewed = plan.path.read_bytes()
    world.sql("UPDATE person SET name = 'smuggled', changed = '2026-02-01 00:00:00'")
    smuggled = world.plan().path.read_bytes()

    def exchanging(*arguments: Any) -> None:
        gate(*arguments)
        plan.path.write_bytes(smuggled)

    monkeypatch.setattr("erpoa_cli.engine.apply.gate", exchanging)
    world.apply(plan)
    assert [row[1] for row in theirs(world)] == ["张", "李"]
    assert plan.path.read_bytes() != reviewed


def test_a_plan_that_was_exchanged_before_it_is_archived_is_refused(world: Small) -> None:

    plan = world.plan()
    opened = PlanFile.open(plan.path)
    world.sql("UPDATE person SET name = 'smuggled', changed = '2026-02-01 00:00:00'")
    plan.path.write_bytes(world.plan().path.read_bytes())
    with open_writer(world.root, "default") as store:
        assert codes(refused(lambda: store.take(opened))) == {"E0506"}
        assert codes(refused(lambda: store.open_run(opened))) == {"E0506"}
    assert theirs(world) == []
    assert datetime.now(UTC) < opened.header.expires


# -- which row was made ---------------------------------------------------------------------------------------------


def test_a_row_that_is_read_back_with_another_key_is_in_doubt(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer gives each new row the identifier of the other: the values of one are not what their system made of
    the other's."""
    world.sql(
        "DROP TABLE person; CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT, name TEXT, card TEXT)",
        "oa.db",
    )
    write_rows = SqliteSession.write_rows

    def mistaken(self: SqliteSession, batch: WriteBatch) -> pa.RecordBatch:
        answer = write_rows(self, batch)
        told = [
            n for n in answer.schema.names if n != READ and not n.startswith("seen.")
        ]  # so it is read again
        answer = answer.select(told)
        at = answer.schema.get_field_index("id.id")
        return answer.set_column(at, "id.id", answer["id.id"].take(pa.array([1, 0])))

    monkeypatch.setattr(SqliteSession, "write_rows", mistaken)
    result = world.apply()
    assert (result.outcomes["people"], result.conclusion) == ({Outcome.IN_DOUBT: 2}, RunConclusion.IN_DOUBT)
    with open_reader(world.root, "default") as state:
        assert state.managed("people", sealer=SEALER) == 0


def test_who_declares_the_links_of_an_exchange_is_believed(world: Small) -> None:
    """Two people exchanged what they are recognised by, and that is right: their links are declared, and it is written."""
    target = (world.root / "targets/t.yml").read_text()
    world.file("targets/t.yml", target.replace("key: [code]", "key: [code], match: [[card]]"))
    world.apply()
    world.sql(
        "UPDATE person SET card = CASE card WHEN '110' THEN '220' ELSE '110' END, changed = '2026-02-01 00:00:00'"
    )
    held = planning.rows(world.plan(), "held", "people")
    assert [(row["k_code"], row["code"]) for row in held] == [("001", "E0416"), ("002", "E0416")]
    with open_writer(world.root, "default") as store:
        store.adopt(store.targets()["people"], {'{"code":"001"}': {"code": "001"}}, SEALER)
    world.apply()
    assert [row[2] for row in theirs(world)] == ["220", "110"]


def test_rows_that_were_created_are_taken_back_where_they_could_be_deactivated(world: Small) -> None:
    """What a create left in a field that only deactivating sets is their system's default, not somebody's change."""
    world.sql("ALTER TABLE person ADD COLUMN active INTEGER DEFAULT 1", "oa.db")
    target = (world.root / "targets/t.yml").read_text()
    active = "on_source_gone: deactivate, deactivate: {set: {active: false}, restore: {active: true}}"
    world.file("targets/t.yml", target.replace("on_source_gone: delete", active))
    run = world.apply().run
    taken = planning.roll_back(world.bound(), run)
    assert [row["action"] for row in planning.rows(taken, "changes", "people")] == ["delete", "delete"]


def test_without_its_control_store_nothing_goes_on(world: Small) -> None:
    world.apply()
    (world.root / ".erpoa/control.db").write_bytes(b"")
    assert codes(refused(world.plan)) == {"E0512"}
    assert [check for check in examine(opened(world)) if "control.db" in check.problem]
    assert [row[0] for row in theirs(world)] == ["001", "002"]
