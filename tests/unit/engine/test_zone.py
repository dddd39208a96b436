"""`zone`: local times of one system arrive as the right moments, and as the right local times of another.

The oracle is Python's zoneinfo, over databases that are read without erpoa.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from erpoa_cli.core.diagnostic import Exit, Failure, Severity
from erpoa_cli.engine.apply import ApplyOptions, RunResult, apply
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.plan import PlanOptions, PlanResult, make_plan
from erpoa_cli.state import PlanFile, open_reader, open_writer
from tests.unit.engine.small import AS_OF, Small

HERE, THERE = "Asia/Shanghai", "America/New_York"
LOCAL = {  # of the source; New York's clocks go back on 2024-11-03 at 06:00 UTC
    "summer": "2024-07-01 12:00:00",
    "winter": "2024-12-31 00:30:00.123456",
    "before": "2024-11-03 12:59:59",  # 00:59:59 in New York
    "after": "2024-11-03 15:00:00",  # 02:00:00 in New York
    "empty": None,
}
TWICE = "2024-11-03 13:30:00"  # 01:30 in New York, which comes again an hour later


def there(local: str | None, zone: str = THERE) -> str | None:
    if local is None:
        return None
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(HERE)).astimezone(ZoneInfo(zone))
    return moment.replace(tzinfo=None).isoformat(" ")


class World(Small):
    """A table `note(code, moment)` at both ends, each in its own kind of database and its own zone."""

    def __init__(self, root: Path, kind: str) -> None:
        super().__init__(root)
        self.kind = kind
        column = {"sqlite": "TEXT", "duckdb": "TIMESTAMP"}[kind]
        self.write("erp", f"CREATE TABLE note (code VARCHAR PRIMARY KEY, moment {column})")
        identifier = "INTEGER PRIMARY KEY"
        if kind == "duckdb":
            self.write("oa", "CREATE SEQUENCE number")
            identifier += " DEFAULT nextval('number')"
        self.write("oa", f"CREATE TABLE note (id {identifier}, code VARCHAR UNIQUE, moment {column})")
        for code, at in LOCAL.items():
            self.put(code, at)
        self.file("erpoa.yml", "format: 1\nname: small\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            f"systems: {{erp: {{plugin: {kind}, config: {{path: erp.db}}}}, oa: {{plugin: {kind}, config: {{path: oa.db}}}}}}",
        )
        self.declare(HERE, THERE)

    def declare(self, source: str, target: str, more: str = "") -> None:
        self.file(
            "sources/s.yml",
            f"""
            sources:
              notes: {{system: erp, object: note, key: [code], fields: {{code: string, moment: {{type: timestamp, zone: {source}}}}}{more}}}
            """,
        )
        zone = f", zone: {target}" if target else ""
        self.file(
            "targets/t.yml",
            f"targets: {{t: {{from: notes, system: oa, object: note, key: [code], fields: {{code: code, moment: {{from: moment{zone}}}}}}}}}\n",
        )

    def write(self, name: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        if self.kind == "duckdb":
            with duckdb.connect(self.root / f"{name}.db") as other:
                return other.execute(sql, list(values)).fetchall()
        with sqlite3.connect(self.root / f"{name}.db") as db:
            return db.execute(sql, values).fetchall()

    def put(self, code: str, at: str | None) -> None:
        self.write("erp", "INSERT INTO note VALUES (?, ?)", code, at)

    def held(self) -> dict[str, str | None]:
        rows = self.write("oa", "SELECT code, CAST(moment AS VARCHAR) FROM note")
        return {str(code): None if at is None else str(at).replace("T", " ") for code, at in rows}

    def plan(self) -> PlanResult:
        bound = self.bound()
        asked = PlanOptions(as_of=AS_OF, author="a")
        with Connections(bound.project) as connections, open_reader(self.root, "default") as state:
            return make_plan(bound, connections, state, asked)

    def apply(self) -> RunResult:
        plan = self.plan()
        bound = self.bound()
        with Connections(bound.project) as connections, open_writer(self.root, "default") as store:
            return apply(PlanFile.open(plan.path), bound, connections, store, ApplyOptions())

    def aside(self, member: str) -> dict[str, tuple[str, str]]:
        plan = PlanFile.open(self.plan().path)
        if "t" not in plan.members(member):
            return {}
        rows = plan.table(member, "t").to_pylist()
        return {row["k_code"]: (row["code"], row["reason"]) for row in rows}


@pytest.fixture(params=["sqlite", "duckdb"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return World(tmp_path, request.param)


@pytest.mark.parametrize("zone", [THERE, "UTC", HERE, "Europe/Berlin", "Asia/Kolkata"])
def test_local_times_become_those_of_the_other_zone(world: World, zone: str) -> None:
    world.declare(HERE, zone)
    assert world.apply().exit is Exit.SUCCESS
    assert world.held() == {code: there(at, zone) for code, at in LOCAL.items()}
    assert world.plan().exit is Exit.SUCCESS  # what was written reads as what was wanted
    world.write("erp", "UPDATE note SET moment = '2024-07-01 12:00:01' WHERE code = 'summer'")
    assert world.apply().exit is Exit.SUCCESS
    assert world.held()["summer"] == there("2024-07-01 12:00:01", zone)


def test_a_moment_whose_local_time_comes_twice_is_held(world: World) -> None:
    world.put("twice", TWICE)
    assert world.apply().exit is Exit.PARTIAL
    assert world.held() == {code: there(at) for code, at in LOCAL.items()}
    assert world.aside("held") == {
        "twice": ("E0414", "moment: its local time in America/New_York was there twice"),
    }


@pytest.mark.parametrize("local", ["1986-05-04 02:30:00", "1986-09-14 01:30:00"], ids=["gap", "overlap"])
def test_a_local_time_that_never_was_or_was_twice_holds_its_row(world: World, local: str) -> None:
    world.put("odd", local)
    assert world.apply().exit is Exit.PARTIAL
    assert world.held() == {code: there(at) for code, at in LOCAL.items()}
    ((code, reason),) = world.aside("held").values()
    assert code == "E0320"
    assert reason == f"moment: '{local}' is not a local time that exists exactly once in Asia/Shanghai"


def test_their_ambiguous_time_holds_the_row(world: World) -> None:
    assert world.apply().exit is Exit.SUCCESS
    world.write("oa", "UPDATE note SET moment = '2024-11-03 01:30:00' WHERE code = 'after'")
    world.write("erp", "UPDATE note SET moment = '2024-07-02 12:00:00' WHERE code = 'after'")
    assert world.aside("held")["after"][0] == "E0410"
    world.apply()
    assert world.held()["after"] == "2024-11-03 01:30:00"


def test_a_row_that_moved_is_not_overwritten(world: World) -> None:
    assert world.apply().exit is Exit.SUCCESS
    world.write("erp", "UPDATE note SET moment = '2024-07-02 12:00:00' WHERE code = 'after'")
    plan = world.plan()
    world.write("oa", "UPDATE note SET moment = '2024-11-03 05:00:00' WHERE code = 'after'")
    bound = world.bound()
    with Connections(bound.project) as connections, open_writer(world.root, "default") as store:
        result = apply(PlanFile.open(plan.path), bound, connections, store, ApplyOptions())
    assert result.exit is Exit.PARTIAL
    assert world.held()["after"] == "2024-11-03 05:00:00"


def test_an_incremental_read_goes_on_from_the_local_time(world: World) -> None:
    """Read from where it stood, less ten minutes, by the clock of the system: eight hours off would lose rows."""
    world.declare(HERE, THERE, ", incremental: {cursor: moment, lookback: PT10M}")
    assert world.apply().exit is Exit.SUCCESS
    newest = datetime.fromisoformat("2024-12-31 00:30:00.123456")
    for code, minutes in (("late", -9), ("new", 1), ("too late", -11)):
        world.put(code, (newest + timedelta(minutes=minutes)).isoformat(" "))
    world.apply()
    assert {"late", "new"} <= world.held().keys()
    assert "too late" not in world.held()


def test_a_zone_of_a_target_is_for_instants_kept_as_local_times(world: World) -> None:
    text = (world.root / "sources/s.yml").read_text().replace(f", zone: {HERE}", "")
    world.file("sources/s.yml", text)
    with pytest.raises(Failure) as failure:
        world.plan()
    (found,) = [d for d in failure.value.diagnostics if d.severity is Severity.ERROR]
    assert (found.code, failure.value.exit) == ("E0318", Exit.INVALID)
    assert "moment has a zone, but wants timestamp" in found.summary
