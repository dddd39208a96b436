"""The walk of apply over a hand-made plan: SQLite written for real, the journal kept for real."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.core.conclusion import RunConclusion
from erpoa_cli.core.diagnostic import Failure, Location
from erpoa_cli.core.event import Event, Listener, Started, ignore
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.plan import Header
from erpoa_cli.core.project import Project, System
from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.core.situation import Outcome
from erpoa_cli.core.target import Column, OnStale, Reference, Target, TargetField
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.staging import Staging
from erpoa_cli.engine.writing.desk import desks
from erpoa_cli.engine.writing.walk import ApplyOptions, RunResult, Walk
from erpoa_cli.state import (
    FieldLayout,
    Journal,
    Layout,
    PlanFile,
    RunStatus,
    StateReader,
    open_reader,
    open_writer,
    write_plan,
)

AT = Location("targets/t.yml", 1, 1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DDL = """
CREATE TABLE dept (id INTEGER PRIMARY KEY, code TEXT UNIQUE NOT NULL, name TEXT, boss INTEGER REFERENCES emp(id));
CREATE TABLE emp (id INTEGER PRIMARY KEY, no INTEGER UNIQUE NOT NULL, name TEXT UNIQUE CHECK (name <> 'bad'),
                  dept INTEGER NOT NULL REFERENCES dept(id));
INSERT INTO dept (id, code, name) VALUES (7, '001', '财务部'), (8, '002', 'old');
INSERT INTO emp VALUES (70, 1, '张伟', 7), (71, 2, 'gone', 8);
"""


def _field(name: str, value: Any, type_: Any) -> TargetField:
    return TargetField(name, value, AT, type=type_)


DEPT = Target(
    name="dept",
    from_="d",
    system="oa",
    object="dept",
    key=("code",),
    at=AT,
    match=(("code",),),
    batch=2,
    fields=(
        _field("code", Column("code"), STRING),
        _field("name", Column("name"), STRING),
        _field("boss", Reference("emp", ("boss_no",), defer=True), INTEGER),
    ),
)
EMP = Target(
    name="emp",
    from_="e",
    system="oa",
    object="emp",
    key=("no",),
    at=AT,
    match=(("no",),),
    batch=2,
    fields=(
        _field("no", Column("no"), INTEGER),
        _field("name", Column("name"), STRING),
        _field("dept", Reference("dept", ("dept_code",)), INTEGER),
    ),
)
LAYOUTS = {
    "dept": Layout(
        target="dept",
        system="oa",
        object="dept",
        key={"code": STRING},
        id={"id": INTEGER},
        fields={
            "code": FieldLayout(STRING),
            "name": FieldLayout(STRING),
            "boss": FieldLayout(INTEGER, pending=True),
        },
    ),
    "emp": Layout(
        target="emp",
        system="oa",
        object="emp",
        key={"no": INTEGER},
        id={"id": INTEGER},
        fields={
            "no": FieldLayout(INTEGER),
            "name": FieldLayout(STRING),
            "dept": FieldLayout(INTEGER, pending=True),
        },
    ),
}


def _row(ordinal: int, action: str, wave: int, fields: list[str], **values: Any) -> dict[str, Any]:
    situation = {"create": "absent", "update": "confirmed", "delete": "source_gone"}[action]
    head = {"ordinal": ordinal, "action": action, "wave": wave, "fields": fields, "situation": situation}
    return {"step": 1, "cause": "data", "generation": 1, **head, **values}


ROWS = {
    "dept": [
        _row(0, "create", 1, ["code", "name"], k_code="003", d_code="003", d_name="采购部 🏭"),
        _row(1, "create", 1, ["code", "name"], k_code="004", d_code="004", d_name=""),
        _row(
            2,
            "update",
            1,
            ["name"],
            k_code="002",
            id_id=8,
            d_code="002",
            d_name="新",
            a_code="002",
            a_name="old",
        ),
        _row(
            3,
            "update",
            3,
            ["boss"],
            k_code="003",
            step=2,
            situation="absent",
            p_boss='["emp","{\\"no\\":\\"3\\"}",""]',
        ),
    ],
    "emp": [
        _row(
            0,
            "create",
            2,
            ["no", "name", "dept"],
            k_no=3,
            d_no=3,
            d_name="李娜",
            p_dept='["dept","{\\"code\\":\\"003\\"}",""]',
        ),
        _row(
            1,
            "create",
            2,
            ["no", "name", "dept"],
            k_no=4,
            d_no=4,
            d_name="bad",
            p_dept='["dept","{\\"code\\":\\"004\\"}",""]',
        ),
        _row(2, "create", 2, ["no", "name", "dept"], k_no=5, d_no=5, d_name="赵敏", d_dept=7),
        _row(3, "delete", 4, [], k_no=2, id_id=71, a_no=2, a_name="gone", a_dept=8),
    ],
}


class World:
    """A database, a plan for it, and the state beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "oa.db"
        with sqlite3.connect(self.database) as db:
            db.executescript(DDL)
        self.project = Project(
            name="walk",
            root=str(root),
            environment="dev",
            systems={"oa": System(name="oa", plugin="sqlite", config={"path": "oa.db"}, at=AT)},
        )
        self.file = root / "plan.erpoaplan"
        self.freeze(ROWS)

    def freeze(self, rows: Mapping[str, list[dict[str, Any]]]) -> None:
        """Write the plan file with these changes."""
        write_plan(
            self.file,
            Header(
                id="p1",
                created=NOW,
                expires=NOW + timedelta(days=1),
                as_of=NOW,
                project="walk",
                environment="dev",
                author="a",
                tool="t",
                lineage="",
                serial=0,
                effects_digest="e" * 64,
            ),
            inputs={"files": {}, "variables": [], "secrets": []},
            reads=(),
            targets={name: {"system": "oa", "identity": "x"} for name in LAYOUTS},
            guards=(),
            layouts=LAYOUTS,
            tables={
                ("changes", name): pa.Table.from_pylist(changes, LAYOUTS[name].plan_schema())
                for name, changes in rows.items()
            },
        )

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database) as db:
            return db.execute(text).fetchall()

    def apply(
        self, journal_of: Any = None, options: ApplyOptions | None = None, listener: Listener = ignore
    ) -> RunResult:
        with (
            open_writer(self.root, "dev", command="apply") as store,
            Connections(self.project) as connections,
        ):
            plan = PlanFile.open(self.file)
            journal = journal_of(store) if journal_of else store.open_run(plan)
            return self.walk(plan, store, journal, connections, options or ApplyOptions(), listener)

    def walk(
        self,
        plan: PlanFile,
        store: StateReader,
        journal: Journal,
        connections: Connections,
        options: ApplyOptions,
        listener: Listener = ignore,
    ) -> RunResult:
        with (
            Staging(self.root, as_of=NOW) as staging,
            desks(plan, {"dept": DEPT, "emp": EMP}, self.project, connections, staging, store) as opened,
        ):
            return Walk(plan, None, opened, journal, options, listener).run()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


AFTER = {
    "dept": [("001", "财务部", None), ("002", "新", None), ("003", "采购部 🏭", "李娜"), ("004", "", None)],
    "emp": [(1, "张伟", "001"), (3, "李娜", "003"), (5, "赵敏", "001")],
}


def _contents(world: World) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "dept": world.sql(
            "SELECT d.code, d.name, e.name FROM dept d LEFT JOIN emp e ON e.id = d.boss ORDER BY 1"
        ),
        "emp": world.sql("SELECT e.no, e.name, d.code FROM emp e JOIN dept d ON d.id = e.dept ORDER BY 1"),
    }


def test_everything_but_the_refused_row_is_written(world: World) -> None:
    result = world.apply()
    assert _contents(world) == AFTER
    assert result.status is RunStatus.PARTIAL
    assert result.conclusion is RunConclusion.PARTIAL
    assert result.outcomes == {
        "dept": {Outcome.APPLIED: 3},  # one of them in two steps
        "emp": {Outcome.APPLIED: 3, Outcome.REJECTED: 1},
    }
    with open_writer(world.root, "dev", command="look") as store:
        (rejection,) = store.rejected()
        assert (rejection.target, rejection.key) == ("emp", '{"no":"4"}')
        assert "CHECK" in rejection.reason
        base = {row["k_code"]: row for row in store.base(LAYOUTS["dept"]).read_all().to_pylist()}
        ((boss, own),) = world.sql("SELECT boss, id FROM dept WHERE code = '003'")
        assert (base["003"]["id_id"], base["003"]["agreed_boss"], base["003"]["seen_name"]) == (
            own,
            boss,
            "采购部 🏭",
        )


def test_a_create_refused_as_a_duplicate_is_tried_again_after_the_deletes(world: World) -> None:
    """The new person has the name of one who is deleted in a later wave."""
    with sqlite3.connect(world.database) as db:
        db.execute("UPDATE emp SET name = '赵敏' WHERE no = 2")
    rows = [{**row, "a_name": "赵敏"} if row["action"] == "delete" else row for row in ROWS["emp"]]
    world.freeze({**ROWS, "emp": rows})
    result = world.apply()
    assert _contents(world) == AFTER
    assert result.outcomes["emp"] == {Outcome.APPLIED: 3, Outcome.REJECTED: 1}


def test_a_stale_row_gives_the_run_up_where_the_target_says_so(world: World) -> None:
    with sqlite3.connect(world.database) as db:
        db.execute("UPDATE dept SET name = 'theirs' WHERE code = '002'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "DEPT", replace(DEPT, on_stale=OnStale.ABORT))
        result = world.apply()
    assert (result.status, result.conclusion) == (RunStatus.ABORTED, RunConclusion.PARTIAL)
    assert world.sql("SELECT count(*) FROM emp") == [(2,)]


def test_a_row_that_moved_since_the_plan_is_left_alone(world: World) -> None:
    with sqlite3.connect(world.database) as db:
        db.execute("UPDATE dept SET name = 'theirs' WHERE code = '002'")
        db.execute("UPDATE emp SET name = 'kept' WHERE no = 2")
    result = world.apply()
    assert world.sql("SELECT name FROM dept WHERE code = '002'") == [("theirs",)]
    assert world.sql("SELECT name FROM emp WHERE no = 2") == [("kept",)]
    assert result.outcomes["dept"][Outcome.STALE] == 1
    assert result.outcomes["emp"][Outcome.STALE] == 1


BOSS = '["emp","{\\"no\\":\\"3\\"}",""]'  # is created by this plan
THERE = {"k_code": "002", "id_id": 8, "d_code": "002", "a_code": "002", "a_name": "old"}
STEPS = {
    "one": [_row(2, "update", 3, ["boss"], step=2, p_boss=BOSS, d_name="old", **THERE)],
    "two": [
        _row(2, "update", 1, ["name"], d_name="新", p_boss=BOSS, **THERE),
        _row(4, "update", 3, ["boss"], step=2, d_name="新", p_boss=BOSS, **THERE),
    ],
}


@pytest.mark.parametrize(
    ("steps", "when", "change", "outcome"),
    [
        ("one", "before", "boss = 70", Outcome.STALE),
        ("one", "before", "name = 'theirs'", Outcome.STALE),
        ("one", "between", "name = 'theirs'", Outcome.STALE),
        ("one", "between", "boss = NULL", Outcome.APPLIED),
        ("two", "before", "name = 'theirs'", Outcome.BLOCKED),  # the first step is stale
        ("two", "before", "boss = 70", Outcome.BLOCKED),
        ("two", "between", "boss = 70", Outcome.STALE),
        ("two", "between", "code = '00X'", Outcome.STALE),
        ("two", "between", "name = 'theirs'", Outcome.APPLIED),  # the second step does not touch it
    ],
)
def test_a_row_that_moves_between_the_steps_is_left_alone(
    world: World, steps: str, when: str, change: str, outcome: Outcome
) -> None:
    """A department that was there gets a manager whom the plan creates. Somebody else writes to the same database,
    after the plan was made or after the first wave was written."""
    others = [row for row in ROWS["dept"] if row["ordinal"] != 2]
    world.freeze({**ROWS, "dept": [*others, *STEPS[steps]]})

    moments = iter(["write emp"] if when == "between" else [])  # once: people are deleted later

    def somebody() -> None:
        with sqlite3.connect(world.database) as db:
            db.execute(f"UPDATE dept SET {change} WHERE id = 8")

    def between(event: Event) -> None:
        if isinstance(event, Started) and event.task == "write emp" and next(moments, None):
            somebody()

    if when == "before":
        somebody()
    result = world.apply(listener=between)
    counts = result.outcomes["dept"]
    ours = world.sql("SELECT e.name FROM dept d JOIN emp e ON e.id = d.boss WHERE d.id = 8") == [("李娜",)]
    assert ours is (outcome is Outcome.APPLIED)
    assert counts[Outcome.STALE] == (
        outcome is not Outcome.APPLIED
    )  # the step that is blocked is the same row
    column, _, value = change.partition(" = ")
    kept = None if value == "NULL" else value.strip("'") if "'" in value else int(value)
    if (column, outcome) != ("boss", Outcome.APPLIED):
        assert world.sql(f"SELECT {column} FROM dept WHERE id = 8") == [(kept,)]
    assert world.sql("SELECT e.name FROM dept d JOIN emp e ON e.id = d.boss WHERE code = '003'") == [
        ("李娜",)
    ]


def test_a_row_that_somebody_created_since_the_plan_is_not_doubled(world: World) -> None:
    with sqlite3.connect(world.database) as db:
        db.execute("INSERT INTO dept (code, name) VALUES ('003', 'theirs')")
    result = world.apply()
    assert world.sql("SELECT name FROM dept WHERE code = '003'") == [("theirs",)]
    assert result.outcomes["dept"] == {Outcome.STALE: 1, Outcome.APPLIED: 2}
    assert result.outcomes["emp"][Outcome.BLOCKED] == 1  # its department was not created by us


def test_ctrl_c_stops_after_a_batch_and_resume_finishes(world: World) -> None:
    options = ApplyOptions()
    seen: list[int] = []

    class Stopping(Walk):
        def _write(self, batch: Any) -> Any:
            seen.append(1)
            if len(seen) == 2:
                options.stop.set()
            return super()._write(batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "Walk", Stopping)
        stopped = world.apply(options=options)
    assert stopped.status is RunStatus.INTERRUPTED
    assert len(seen) == 2
    resumed = world.apply(lambda store: store.resume(stopped.run))
    assert _contents(world) == AFTER
    assert resumed.status is RunStatus.PARTIAL


@contextmanager
def _losing_answers() -> Iterator[list[int]]:
    """Every second write is committed, but its answer never arrives."""
    from erpoa_cli.connectors.sqlite.session import SqliteSession
    from erpoa_cli.sdk.errors import InDoubt

    real, lost = SqliteSession.write, [0]

    def write(self: SqliteSession, batch: Any) -> Iterator[pa.RecordBatch]:
        answers = list(real(self, batch))
        lost[0] += 1
        if lost[0] % 2:
            raise InDoubt("connection lost")
        return iter(answers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteSession, "write", write)
        yield lost


def test_a_lost_answer_is_settled_by_looking(world: World) -> None:
    with _losing_answers() as writes:
        result = world.apply()
    assert writes[0] >= 5
    assert _contents(world) == AFTER
    assert result.outcomes["emp"][Outcome.REJECTED] + result.outcomes["emp"][Outcome.STALE] == 1


def test_a_plan_is_applied_once(world: World) -> None:
    world.apply()
    with pytest.raises(Failure) as refused:
        world.apply()
    assert (refused.value.kind, refused.value.diagnostics[0].code) == (FailureKind.STALE, "E0534")


def test_what_is_written_was_announced(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks into the journal while a batch is written finds what it was to write, and no result of it."""
    from erpoa_cli.connectors.sqlite.session import SqliteSession

    real = SqliteSession.write
    written = []

    def write(self: SqliteSession, batch: Any) -> Iterator[pa.RecordBatch]:
        with open_reader(world.root, "dev") as state:
            (found,) = [b for b in state.batches(batch.run) if b.intent.number == batch.number]
        assert found.results is None
        assert found.intent.ordinals.to_pylist() == batch.rows["ordinal"].to_pylist()
        written.append(batch.number)
        return real(self, batch)

    monkeypatch.setattr(SqliteSession, "write", write)
    world.apply()
    assert len(written) >= 5
