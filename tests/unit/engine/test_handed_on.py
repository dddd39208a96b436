"""Whether a write succeeds may depend on another write of the same plan: values that only one row may have, quotas, parents."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import READ, WriteBatch
from erpoa_cli.state import Journal, open_reader
from tests import depth, planning
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

HIDDEN = (
    "CREATE UNIQUE INDEX hidden ON person (locker || '')"  # discovery cannot tell which fields it is about
)
QUOTA = """CREATE TRIGGER quota BEFORE UPDATE ON person WHEN NEW.locker LIKE 'VIP%'
    AND (SELECT count(*) FROM person WHERE locker LIKE 'VIP%') >= 2 BEGIN SELECT RAISE(ABORT, 'at most two'); END"""


def lockers(root: Path, more: str, owners: dict[str, str | None]) -> Small:
    """An agreed state: who has which locker."""
    made = Small(root)
    made.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        "sources: {people: {system: erp, object: person, key: [code], fields: {code: string, locker: string}}}",
    )
    made.file(
        "targets/t.yml",
        """
        targets:
          lockers: {from: people, system: oa, object: person, key: [code], fields: [code, locker],
                    on_source_gone: delete, guards: {max_delete: {count: 100, share: "100%"}, max_change: {count: 9999, share: "100%"}}}
        """,
    )
    made.sql("CREATE TABLE person (code TEXT PRIMARY KEY, locker TEXT)")
    made.sql(f"CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT UNIQUE, locker TEXT); {more};", "oa.db")
    move(made, owners)
    assert made.apply().conclusion is RunConclusion.SUCCEEDED
    return made


def move(world: Small, owners: dict[str, str | None]) -> None:
    """What the source wants from now on."""
    with closing(sqlite3.connect(world.root / "erp.db")) as db, db:
        db.execute("DELETE FROM person")
        db.executemany("INSERT INTO person VALUES (?, ?)", owners.items())


def held(world: Small) -> dict[str, str | None]:
    with closing(sqlite3.connect(world.root / "oa.db")) as db:
        return dict(db.execute("SELECT code, locker FROM person"))


def settled(world: Small) -> bool:
    return world.plan().conclusion is PlanConclusion.UNCHANGED


@pytest.mark.parametrize("more", ["CREATE UNIQUE INDEX told ON person (locker)", HIDDEN])
def test_values_are_handed_on_in_chains(tmp_path: Path, more: str) -> None:
    """In both directions, to a new row and from one that is deleted; whether discovery knows that only one may have them or not."""
    world = lockers(
        tmp_path, more, {"A": "1", "B": "2", "C": "3", "D": "4", "E": "5", "F": "6", "G": None, "Z": "9"}
    )
    after = {"A": "2", "B": "3", "C": "9", "D": None, "E": "4", "F": "5", "G": "6", "N": "1"}
    move(world, after)
    done = world.apply()
    assert held(world) == after
    assert (done.conclusion, done.outcomes["lockers"]) == (RunConclusion.SUCCEEDED, {Outcome.APPLIED: 9})
    assert settled(world)


def test_a_quota_is_free_when_others_left_it(tmp_path: Path) -> None:
    world = lockers(tmp_path, QUOTA, {"A": "1", "B": "VIP1", "C": "VIP2"})
    move(world, {"A": "VIP3", "B": "2", "C": "VIP2"})
    done = world.apply()
    assert held(world) == {"A": "VIP3", "B": "2", "C": "VIP2"}
    assert done.outcomes["lockers"] == {Outcome.APPLIED: 2}


def test_rows_that_exchange_a_value_of_which_nothing_is_known_say_so(tmp_path: Path) -> None:
    world = lockers(tmp_path, HIDDEN, {"A": "1", "B": "2", "C": "3"})
    move(world, {"A": "2", "B": "1", "C": "4"})
    done = world.apply()
    assert held(world) == {"A": "1", "B": "2", "C": "4"}
    assert done.outcomes["lockers"] == {Outcome.APPLIED: 1, Outcome.REJECTED: 2}
    with open_reader(tmp_path, world.bound().project.environment) as state:
        told = {row.key: row.reason for row in state.rejected("lockers")}
    assert '{"code":"B"}' in told['{"code":"A"}']
    assert '{"code":"A"}' in told['{"code":"B"}']


def test_what_was_refused_because_of_a_neighbour_is_tried_when_that_gives_way(tmp_path: Path) -> None:
    world = lockers(tmp_path, HIDDEN, {"A": "1", "B": "2", "C": "3"})
    move(world, {"A": "2", "B": "2.", "C": "3"})
    with closing(sqlite3.connect(tmp_path / "oa.db")) as db, db:
        db.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON person WHEN NEW.locker = '2.' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    assert world.apply().outcomes["lockers"] == {Outcome.REJECTED: 2}
    assert len(planning.rows(world.plan(), "withheld", "lockers")) == 2
    move(world, {"A": "2", "B": "5", "C": "3"})
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert held(world) == {"A": "2", "B": "5", "C": "3"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The rows of every batch that reaches their system."""
    seen: list[list[int]] = []
    write = SqliteSession.write

    def counting(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        seen.append(batch.rows["ordinal"].to_pylist())
        return write(self, batch)

    monkeypatch.setattr(SqliteSession, "write", counting)
    return seen


def test_a_refused_row_is_tried_again_only_after_others_were_written(
    tmp_path: Path, sent: list[list[int]]
) -> None:
    refusing = "CREATE TRIGGER no BEFORE UPDATE ON person WHEN NEW.locker = 'no' BEGIN SELECT RAISE(ABORT, 'no'); END"
    world = lockers(tmp_path, refusing, {"A": "1", "B": "2"})
    sent.clear()
    move(world, {"A": "no", "B": "2"})
    assert world.apply().outcomes["lockers"] == {Outcome.REJECTED: 1}
    assert len(sent) == 1
    sent.clear()
    move(world, {"A": "no", "B": "3"})
    assert world.apply(world.plan(retry=True)).outcomes["lockers"] == {
        Outcome.APPLIED: 1,
        Outcome.REJECTED: 1,
    }
    assert [len(rows) for rows in sent] == [2, 1]


def test_a_long_chain_takes_few_passes(tmp_path: Path, sent: list[list[int]]) -> None:
    """Against the order in which its rows are written, where nothing is known of it."""
    codes = [f"P{at:02}" for at in range(20)]
    world = lockers(tmp_path, HIDDEN, {code: f"{at:02}" for at, code in enumerate(codes)})
    sent.clear()
    after: dict[str, str | None] = {code: f"{at + 1:02}" for at, code in enumerate(codes)}
    move(world, after)
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert held(world) == after
    assert [len(rows) for rows in sent] == [20, 19]


def test_what_was_answered_as_done_is_not_made_again(
    tmp_path: Path, sent: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new row is not found when it is read back; others are written after it."""
    write = SqliteSession.write

    def blind(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        for answer in write(self, batch):  # as one that does not look at its rows
            told = {n: answer[n] for n in answer.schema.names if n != READ and not n.startswith("seen.")}
            told["outcome"] = pa.array(["applied"] * answer.num_rows)
            told |= {n: pa.nulls(answer.num_rows, pa.utf8()) for n in ("error", "error_class")}
            if "id.id" in told:
                told["id.id"] = pa.array([999 if n is None else n for n in told["id.id"].to_pylist()])
            yield pa.RecordBatch.from_pydict(told)

    monkeypatch.setattr(SqliteSession, "write", blind)
    world = lockers(tmp_path, "CREATE TABLE none (n)", {"A": "1", "Z": "9"})
    gone = "CREATE TRIGGER gone AFTER INSERT ON person BEGIN DELETE FROM person WHERE code = 'N'; END"
    world.sql(gone, "oa.db")
    sent.clear()
    move(world, {"A": "2", "N": "3"})
    assert world.apply().outcomes["lockers"] == {Outcome.APPLIED: 2, Outcome.REJECTED: 1}
    assert len(sent) == 3


class Killed(BaseException):
    pass


@pytest.mark.sampled("kill", seconds=40, least=10)
def test_a_run_that_is_killed_between_two_tries_ends_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every entry of its journal, before it and after it; there and back."""
    here: dict[str, str | None] = {"A": "1", "B": "2", "C": "3", "D": "4", "Z": "9"}
    there: dict[str, str | None] = {"A": "2", "B": "3", "C": "9", "D": "5", "E": "1"}
    world = lockers(tmp_path, HIDDEN, here)
    entries = Entries(monkeypatch)
    for at in depth.some(range(20), 2):
        here, there = there, here
        move(world, here)
        entries.begin(stop=at)
        with contextlib.suppress(Killed):
            assert world.apply().conclusion is RunConclusion.SUCCEEDED
        entries.stop = -1
        with contextlib.suppress(Failure):  # it had ended
            assert planning.resume(world.bound()).conclusion is RunConclusion.SUCCEEDED
        assert (at, held(world)) == (at, here)
        assert settled(world), at


class Entries:
    """Kills the program at the entry *stop* of a journal, counted from 0: even ones before it is written, odd ones after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stop, self.count = -1, 0
        for name in ("intend", "record"):
            monkeypatch.setattr(Journal, name, self._killing(getattr(Journal, name)))

    def begin(self, stop: int) -> None:
        self.stop, self.count = stop, 0

    def _killing(self, write: Callable[..., None]) -> Callable[..., None]:
        def entry(journal: Journal, *facts: Any) -> None:
            self._point()
            write(journal, *facts)
            self._point()

        return entry

    def _point(self) -> None:
        self.count += 1
        if self.count - 1 == self.stop:
            raise Killed
