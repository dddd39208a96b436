"""Ours is ours: what others do is never taken for what their system made of our writes, and what we wrote is found again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import InDoubt
from erpoa_cli.state import PlanFile
from tests.unit.engine.small import Small

TRIGGER = "CREATE TRIGGER form AFTER {event} ON person BEGIN UPDATE person SET {field} = upper({field}) WHERE {by} = new.{by}; END"
SWALLOW = "CREATE TRIGGER swallow BEFORE UPDATE ON person BEGIN SELECT RAISE(IGNORE); END"


@pytest.fixture
def world(tmp_path: Path) -> Small:
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
          people: {system: erp, object: person, key: [no], fields: {no: integer, login: string, name: string}}
        """,
    )
    target(made)
    made.sql("CREATE TABLE person (no INTEGER PRIMARY KEY, login TEXT, name TEXT)")
    made.sql("INSERT INTO person VALUES (1, 'ann', 'Ann'), (2, 'bob', 'Bob')")
    return made


def target(world: Small, more: str = "", match: str = "") -> None:
    world.file(
        "targets/t.yml",
        f"""
        targets:
          people: {{from: people, system: oa, object: person, key: [no], fields: {{login: login, name: name, no: no}},
                   on_source_gone: delete, guards: {{max_delete: {{count: 100, share: "100%"}}}}{more}}}
        """,
    )


def keyed(world: Small) -> None:
    """Their rows are identified by a field that we write."""
    world.sql("CREATE TABLE person (login TEXT PRIMARY KEY, name TEXT, no INTEGER)", "oa.db")


def numbered(world: Small) -> None:
    """Their rows have a number of their own."""
    world.sql(
        "CREATE TABLE person (id INTEGER PRIMARY KEY, login TEXT UNIQUE, name TEXT, no INTEGER)", "oa.db"
    )


def theirs(world: Small, what: str = "login, name, no") -> list[tuple[Any, ...]]:
    with sqlite3.connect(world.root / "oa.db") as db:
        return db.execute(f"SELECT {what} FROM person ORDER BY no, login").fetchall()


def planned(world: Small) -> PlanFile:
    return PlanFile.open(world.plan().path)


def counts(world: Small) -> dict[str, int]:
    """What the next plan holds."""
    header = planned(world).header
    return {name: n for name, n in header.counts.get("people", {}).items() if n}


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """What happens between a commit and whatever comes after it, once."""
    waiting: list[Callable[[], object]] = []
    write = SqliteSession.write

    def committed(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        answers = list(write(self, batch))
        if waiting:
            waiting.pop()()
        yield from answers

    monkeypatch.setattr(SqliteSession, "write", committed)
    return waiting.append


@pytest.mark.parametrize("make", [keyed, numbered])
def test_an_edit_right_after_the_commit_stays_theirs(
    world: Small, make: Callable[[Small], None], between: Callable[[Callable[[], object]], None]
) -> None:
    make(world)
    between(lambda: world.sql("UPDATE person SET name = 'typed' WHERE no = 1", "oa.db"))
    world.apply()
    assert planned(world).members(Member.DRIFT) == ("people",)
    world.sql("UPDATE person SET name = 'Bo' WHERE no = 2")
    between(lambda: world.sql("UPDATE person SET name = 'typed too' WHERE no = 2", "oa.db"))
    world.apply()
    found = planned(world)
    assert found.table(Member.DRIFT, "people").num_rows == 2
    assert [row[1] for row in theirs(world)] == ["typed", "typed too"]


def test_a_row_gone_right_after_the_commit_was_written_all_the_same(
    world: Small, between: Callable[[Callable[[], object]], None]
) -> None:
    numbered(world)
    between(lambda: world.sql("DELETE FROM person WHERE no = 1", "oa.db"))
    assert world.apply().outcomes["people"] == {Outcome.APPLIED: 2}
    world.sql("DELETE FROM person WHERE no = 2")
    back = "INSERT INTO person (login, name, no) VALUES ('bob', 'theirs', 2)"
    between(lambda: world.sql(back, "oa.db"))
    assert world.apply().outcomes["people"] == {Outcome.APPLIED: 1}
    assert theirs(world) == [("bob", "theirs", 2)]


def test_a_changed_identifier_is_found_again(world: Small) -> None:
    keyed(world)
    world.apply()
    world.sql("UPDATE person SET login = 'ann.lee' WHERE no = 1")
    assert world.apply().outcomes["people"] == {Outcome.APPLIED: 1}
    assert counts(world) == {}
    world.sql(
        "UPDATE person SET name = 'Ann Lee', login = 'lee' WHERE no = 1; DELETE FROM person WHERE no = 2"
    )
    assert world.apply().outcomes["people"] == {Outcome.APPLIED: 2}
    assert theirs(world) == [("lee", "Ann Lee", 1)]


@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
def test_an_identifier_that_a_trigger_changes_is_never_lost(world: Small, event: str) -> None:
    """Where nothing else tells which row it is, nothing is written, and it is told each time."""
    keyed(world)
    if event == "UPDATE":
        world.apply()
    world.sql(TRIGGER.format(event=event, field="login", by="no"), "oa.db")
    before = theirs(world)
    for number in range(2):
        world.sql(f"UPDATE person SET login = 'ann{number}' WHERE no = 1")
        assert world.apply().outcomes["people"].get(Outcome.REJECTED)
        assert theirs(world) == before


def test_a_key_that_a_trigger_changes_is_one_row(world: Small) -> None:
    numbered(world)
    target(world, ", match: [[login]]")
    world.sql(TRIGGER.format(event="INSERT", field="login", by="id"), "oa.db")
    done = world.apply()
    assert done.outcomes["people"] == {Outcome.APPLIED: 2}
    assert [remark.code for remark in done.remarks] == ["E0546"]
    assert "people/no=1 (login)" in done.remarks[0].detail
    assert counts(world) == {}
    world.sql("UPDATE person SET name = 'Anna' WHERE no = 1")
    world.apply()
    assert theirs(world) == [("ANN", "Anna", 1), ("BOB", "Bob", 2)]


def test_what_a_trigger_makes_of_a_value_is_told_once(world: Small) -> None:
    keyed(world)
    world.apply()
    world.sql(TRIGGER.format(event="UPDATE OF name", field="name", by="no"), "oa.db")
    world.sql("UPDATE person SET name = 'Anna' WHERE no = 1")
    done = world.apply()
    assert [remark.code for remark in done.remarks] == ["E0546"]
    assert theirs(world)[0] == ("ann", "ANNA", 1)
    assert counts(world) == {}
    assert planned(world).members(Member.DRIFT) == ()


def test_a_write_that_a_trigger_swallows_is_rejected(world: Small) -> None:
    keyed(world)
    world.apply()
    world.sql(SWALLOW, "oa.db")
    world.sql("UPDATE person SET name = 'Anna' WHERE no = 1")
    assert world.apply().outcomes["people"] == {Outcome.REJECTED: 1}
    assert planned(world).members(Member.WITHHELD) == ("people",)
    assert theirs(world)[0] == ("ann", "Ann", 1)


def test_a_write_that_a_trigger_undoes_is_rejected(world: Small) -> None:
    keyed(world)
    world.apply()
    undo = "CREATE TRIGGER undo AFTER UPDATE ON person WHEN new.name <> old.name BEGIN UPDATE person SET name = old.name WHERE no = new.no; END"
    world.sql(undo, "oa.db")
    world.sql("UPDATE person SET name = 'Anna' WHERE no = 1")
    assert world.apply().outcomes["people"] == {Outcome.REJECTED: 1}
    assert planned(world).members(Member.WITHHELD) == ("people",)


def test_a_row_that_is_there_again_after_it_was_deleted_is_rejected(world: Small) -> None:
    keyed(world)
    world.apply()
    back = "CREATE TRIGGER back AFTER DELETE ON person BEGIN INSERT INTO person VALUES (old.login, old.name, old.no); END"
    world.sql(back, "oa.db")
    world.sql("DELETE FROM person WHERE no = 1")
    assert world.apply().outcomes["people"] == {Outcome.REJECTED: 1}
    assert len(theirs(world)) == 2


def test_a_row_committed_under_another_key_is_in_doubt_and_never_made_twice(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program dies between the commit and the journal."""
    numbered(world)
    target(world, ", match: [[login]]")
    world.sql(TRIGGER.format(event="INSERT", field="login", by="id"), "oa.db")
    write = SqliteSession.write

    def dies(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        list(write(self, batch))
        if batch.run:
            raise InDoubt("the answer is lost")
        yield

    with monkeypatch.context() as lost:
        lost.setattr(SqliteSession, "write", dies)
        assert world.apply().outcomes["people"] == {Outcome.IN_DOUBT: 2}
    assert planned(world).members(Member.WITHHELD) == ("people",)
    assert len(theirs(world)) == 2


def test_an_edit_before_a_lost_answer_is_settled_stays_theirs(
    world: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed(world)
    world.apply()
    world.sql(
        "UPDATE person SET name = 'Anna', login = 'anna' WHERE no = 1; UPDATE person SET name = 'Bo' WHERE no = 2"
    )
    write = SqliteSession.write

    def dies(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        list(write(self, batch))
        world.sql("UPDATE person SET name = 'typed' WHERE no = 2", "oa.db")
        if batch.run:
            raise InDoubt("the answer is lost")
        yield

    with monkeypatch.context() as lost:
        lost.setattr(SqliteSession, "write", dies)
        assert world.apply().outcomes["people"] == {Outcome.APPLIED: 1, Outcome.STALE: 1}
    assert planned(world).members(Member.CONFLICTS) == ("people",)
    assert theirs(world) == [("anna", "Anna", 1), ("bob", "typed", 2)]


# -- settings that contradict each other --


@pytest.mark.parametrize(
    "more",
    [
        ", filter: {active: 1}, on_source_gone: deactivate, deactivate: {set: {active: false}, restore: {active: true}}",
        ", filter: {active: [1, 2]}, on_source_gone: deactivate, deactivate: {set: {active: 3}, restore: {active: 1}}",
    ],
)
def test_a_target_that_would_not_see_what_it_writes_is_refused(world: Small, more: str) -> None:
    world.sql("CREATE TABLE person (login TEXT PRIMARY KEY, name TEXT, no INTEGER, active INTEGER)", "oa.db")
    world.file(
        "targets/t.yml",
        f"""
        targets:
          people: {{from: people, system: oa, object: person, key: [no], fields: {{login: login, name: name, no: no}}{more}}}
        """,
    )
    assert [d.code for d in world.findings()] == ["E0442"]


def test_a_row_that_the_target_would_not_see_is_held(world: Small) -> None:
    keyed(world)
    target(world, ", filter: {name: [Ann, Anna]}")
    plan = world.plan()
    held = PlanFile.open(plan.path).table(Member.HELD, "people")
    assert (held["code"].to_pylist(), held["k_no"].to_pylist()) == (["E0443"], [2])
    world.apply(plan)
    assert theirs(world) == [("ann", "Ann", 1)]
