"""What moves while it is read is not gone: reads of one moment where a system has such, else a second look."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.event import Event, Finished
from erpoa_cli.state import PlanFile
from tests import planning
from tests.planning import PlanResult
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

ORDERS = "code,name\nA1,a\nA2,b\nA3,c\n", "code,name\nZ1,z\n"
_GONE = 'on_source_gone: delete, guards: {max_delete: {count: 9, share: "100%"}, max_change: {share: "100%"}}'


@pytest.fixture
def world(tmp_path: Path) -> Small:
    """Orders that are in one of two files, or tables, and all of them in an OA."""
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: orders\nowner: a@b.example\ndescription: d\n")
    systems(
        made, "active.csv", "archive.csv", "{plugin: files, config: {path: lists}, limits: {concurrency: 1}}"
    )
    made.file(
        "transforms/orders.sql",
        "select code, name from {{ source('active') }} union select code, name from {{ source('archive') }}\n",
    )
    made.file("transforms/t.yml", "transforms: {orders: {key: [code]}}")
    made.file(
        "targets/t.yml",
        f"targets: {{orders: {{from: orders, system: oa, object: orders, key: [code], fields: [code, name], {_GONE}}}}}",
    )
    made.sql("CREATE TABLE orders (code TEXT PRIMARY KEY, name TEXT)", "oa.db")
    lists(made, *ORDERS)
    return made


def systems(world: Small, active: str, archive: str, erp: str) -> None:
    world.file("systems/s.yml", f"systems: {{erp: {erp}, oa: {{plugin: sqlite, config: {{path: oa.db}}}}}}")
    fields = "key: [code], fields: {code: string, name: string}"
    world.file(
        "sources/s.yml",
        f"sources: {{active: {{system: erp, object: {active}, {fields}}}, archive: {{system: erp, object: {archive}, {fields}}}}}",
    )


def lists(world: Small, active: str, archive: str) -> None:
    world.file("lists/active.csv", active).file("lists/archive.csv", archive)


def after(read: str, happens: Callable[[], Any]) -> Callable[[Event], None]:
    """What listens until *read* has ended for the first time, and then lets it happen."""
    left = [read]

    def listen(event: Event) -> None:
        if isinstance(event, Finished) and event.task in left:
            left.clear()
            happens()

    return listen


def withheld(result: PlanResult) -> dict[str, str]:
    return {row["k_code"]: row["code"] for row in planning.rows(result, "withheld", "orders")}


def deleted(result: PlanResult) -> list[str]:
    return [row["k_code"] for row in planning.rows(result, "changes", "orders") if row["action"] == "delete"]


def test_what_moved_between_two_files_while_they_were_read_stays(world: Small) -> None:
    world.apply()
    lists(world, "code,name\nA3,c\n", "code,name\nA1,a\nZ1,z\n")  # A2 is gone, A1 about to move

    def moves() -> None:
        lists(world, "code,name\nA1,a\nA3,c\n", "code,name\nZ1,z\n")

    result = world.plan(listener=after("read active", moves))
    assert (withheld(result), deleted(result)) == ({"A1": "E0445"}, ["A2"])
    assert result.conclusion is PlanConclusion.BLOCKED
    assert {d.code for d in result.diagnostics} == {"E0437"}
    world.apply(result)
    again = world.plan()
    assert (withheld(again), again.conclusion) == ({}, PlanConclusion.UNCHANGED)


def test_a_second_look_that_is_not_complete_confirms_nothing(world: Small) -> None:
    world.apply()
    lists(world, "code,name\nA1,a\nA3,c\n", "code,name\nZ1,z\n")
    result = world.plan(listener=after("read archive", lambda: (world.root / "lists/active.csv").unlink()))
    assert (withheld(result), deleted(result)) == ({"A2": "E0445"}, [])


def test_offline_nothing_is_confirmed(world: Small) -> None:
    world.apply()
    lists(world, "code,name\nA1,a\nA3,c\n", "code,name\nZ1,z\n")
    world.plan()  # keeps what it read
    result = world.plan(offline=True)
    assert (withheld(result), deleted(result)) == ({"A2": "E0445"}, [])
    assert deleted(world.plan()) == ["A2"]


def test_tables_of_one_database_are_read_in_one_moment(world: Small) -> None:
    """So what moves is in one of them, and no second look is needed."""
    systems(world, "active", "archive", "{plugin: sqlite, config: {path: erp.db}, limits: {concurrency: 1}}")
    world.sql(
        "PRAGMA journal_mode = WAL; CREATE TABLE active (code TEXT PRIMARY KEY, name TEXT);"
        "CREATE TABLE archive (code TEXT PRIMARY KEY, name TEXT);"
        "INSERT INTO active VALUES ('A1', 'a'), ('A2', 'b'), ('A3', 'c'); INSERT INTO archive VALUES ('Z1', 'z')"
    )
    world.apply()
    world.sql("DELETE FROM active WHERE code = 'A2'")

    def moves() -> None:
        with sqlite3.connect(world.root / "erp.db") as db:
            db.execute("INSERT INTO active SELECT * FROM archive")
            db.execute("DELETE FROM archive")

    ends: list[str] = []

    def listen(event: Event) -> None:
        moved(event)
        if isinstance(event, Finished) and event.task.startswith("read a"):
            ends.append(event.task)

    moved = after("read active", moves)
    result = world.plan(listener=listen)
    assert (withheld(result), deleted(result)) == ({}, ["A2"])
    assert ends.count("read active") == 1, "it was read twice"
    moments = {
        read.verdict.evidence["moment"] for read in PlanFile.open(result.path).reads if read.system == "erp"
    }
    assert len(moments) == 1
