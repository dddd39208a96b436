"""max_calls judges what apply sends: the calls that a plan measures are those that the connectors are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.target import Target
from erpoa_cli.engine.batching import rows_per_batch
from erpoa_cli.sdk.connector import CreateSafety, ObjectInfo, WriteBatch
from erpoa_cli.state import PlanFile
from tests.planning import PlanResult
from tests.unit.engine.small import Small

BATCH = 3
SESSIONS: dict[str, type[Any]] = {"sqlite": SqliteSession, "duckdb": DuckdbSession, "files": FilesSession}
CONFIGS = {"sqlite": "{path: oa.sqlite}", "duckdb": "{path: oa.duckdb}", "files": "{path: oa}"}
PEOPLE = {
    "sqlite": "CREATE TABLE unit (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, above INTEGER, head INTEGER);"
    "CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, unit INTEGER, active INTEGER DEFAULT 1)",
    "duckdb": "CREATE SEQUENCE ids; CREATE TABLE unit (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), code VARCHAR UNIQUE, name VARCHAR,"
    "above BIGINT, head BIGINT); CREATE TABLE person (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), code VARCHAR UNIQUE, name VARCHAR,"
    "unit BIGINT, active BOOLEAN DEFAULT true)",
}
ORDERS = {
    "sqlite": "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT UNIQUE, note TEXT, status TEXT)",
    "duckdb": "CREATE SEQUENCE ids; CREATE TABLE orders (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), number VARCHAR UNIQUE, note VARCHAR,"
    "status VARCHAR)",
}
GUARDS = "guards: {max_delete: {count: 99}, max_undo: 99, max_change: {share: 100%}}"


class Sending(Small):
    """Tables of an ERP, kept in an OA of one of the built-in connectors; `asked`: what that was asked to write."""

    def __init__(self, root: Path, plugin: str) -> None:
        super().__init__(root)
        self.plugin = plugin
        self.asked: list[WriteBatch] = []
        self.file("erpoa.yml", "format: 1\nname: small\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, "
            f"oa: {{plugin: {plugin}, config: {CONFIGS[plugin]}}}}}",
        )

    def theirs(self, script: str) -> None:
        if self.plugin == "sqlite":
            self.sql(script, "oa.sqlite")
        else:
            with closing(duckdb.connect(str(self.root / "oa.duckdb"))) as db:
                db.execute(script)

    def counted(self, plan: PlanResult) -> dict[str, tuple[int, int]]:
        """Object → calls that *plan* measures, and those that apply makes of it."""
        file = PlanFile.open(plan.path)
        objects = {name: target["object"] for name, target in file.targets.items()}
        measured = {
            objects[n]: t["measure"]["calls"] for n, t in file.targets.items() if n in file.members("changes")
        }
        self.asked.clear()
        self.apply(plan)
        return {o: (n, sum(b.object == o for b in self.asked)) for o, n in measured.items()}


@pytest.fixture
def sending(tmp_path: Path, plugin: str, monkeypatch: pytest.MonkeyPatch) -> Sending:
    made, real = Sending(tmp_path, plugin), SESSIONS[plugin].write

    def watched(self: Any, batch: WriteBatch) -> Iterator[Any]:
        made.asked.append(batch)
        return real(self, batch)

    monkeypatch.setattr(SESSIONS[plugin], "write", watched)
    return made


@pytest.mark.parametrize("plugin", ["sqlite", "duckdb"])
def test_rows_of_every_kind_are_counted_as_they_are_sent(sending: Sending) -> None:
    sending.sql(
        """
        CREATE TABLE unit (code TEXT PRIMARY KEY, name TEXT, above TEXT, head TEXT);
        CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, unit TEXT);
        INSERT INTO unit VALUES ('a', 'A', NULL, '1'), ('b', 'B', 'a', '2'), ('c', 'C', 'a', '3'), ('d', 'D', 'a', '4'),
            ('e', 'E', 'b', '5'), ('f', 'F', 'a', NULL);
        INSERT INTO person VALUES ('1', '一', 'a'), ('2', '二', 'b'), ('3', '三', 'e'), ('4', '四', 'a'), ('5', '五', 'a'),
            ('6', '六', 'a'), ('7', '七', 'a');
        """
    )
    sending.theirs(PEOPLE[sending.plugin])
    sending.file(
        "sources/s.yml",
        """
        sources:
          units: {system: erp, object: unit, key: [code], fields: {code: string, name: string, above: string, head: string}}
          persons: {system: erp, object: person, key: [code], fields: {code: string, name: string, unit: string}}
        """,
    )
    sending.file(
        "targets/t.yml",
        f"""
        targets:
          units:
            {{from: units, system: oa, object: unit, key: [code], batch: {BATCH}, on_source_gone: delete, {GUARDS}, fields: {{
              code: code, name: name, above: {{ref: units, by: [above]}}, head: {{ref: persons, by: [head], defer: true}}}}}}
          persons:
            {{from: persons, system: oa, object: person, key: [code], batch: {BATCH}, on_source_gone: deactivate,
              deactivate: {{set: {{active: false}}}}, {GUARDS}, fields: {{code: code, name: name, unit: {{ref: units, by: [unit]}}}}}}
        """,
    )
    # Units by depth: 1, 4 (two batches), 1; five heads are a second step. Persons: seven.
    assert sending.counted(sending.plan()) == {"unit": (6, 6), "person": (3, 3)}
    sending.sql(
        """
        UPDATE unit SET name = name || '改';
        UPDATE unit SET above = 'd' WHERE code = 'c';
        DELETE FROM unit WHERE code = 'f';
        UPDATE person SET name = name || '改' WHERE code < '5';
        UPDATE person SET unit = 'b' WHERE code IN ('4', '5');
        DELETE FROM person WHERE code > '5';
        INSERT INTO person VALUES ('8', '八', 'c');
        """
    )
    # Names alone of four units, name and above of one, a delete. Names alone, units alone, both; two deactivated, one new.
    assert sending.counted(sending.plan()) == {"unit": (4, 4), "person": (5, 5)}
    sending.sql(
        "DELETE FROM unit WHERE code IN ('c', 'd', 'e'); UPDATE person SET unit = 'a'; UPDATE unit SET head = NULL"
    )
    counted = sending.counted(sending.plan())
    assert all(measured == sent > 0 for measured, sent in counted.values()), counted


@pytest.mark.parametrize("plugin", ["sqlite", "duckdb"])
def test_moves_of_documents_are_counted_as_they_are_sent(sending: Sending) -> None:
    wanted = ", ".join(f"('{n}', 'x', 'confirmed')" for n in range(BATCH + 1))
    sending.sql(
        f"CREATE TABLE wanted (number TEXT PRIMARY KEY, note TEXT, state TEXT); INSERT INTO wanted VALUES {wanted}"
    )
    sending.theirs(ORDERS[sending.plugin])
    sending.file(
        "sources/s.yml",
        "sources: {wanted: {system: erp, object: wanted, key: [number], fields: {number: string, note: string, state: string}}}",
    )
    sending.file(
        "targets/t.yml",
        f"""
        targets:
          orders:
            from: wanted
            system: oa
            object: orders
            key: [number]
            batch: {BATCH}
            on_source_gone: undo
            {GUARDS}
            lifecycle:
              field: status
              states: [draft, sent, confirmed, cancelled]
              moves:
                - {{from: draft, to: sent, set: {{status: sent}}}}
                - {{from: sent, to: confirmed, set: {{status: confirmed}}}}
                - {{from: confirmed, to: draft, set: {{status: draft}}}}
                - {{from: draft, to: cancelled, set: {{status: cancelled}}}}
              undo: {{draft: cancelled, sent: task, confirmed: cancelled}}
              dead: [cancelled]
              editable: [draft]
            fields: {{number: number, note: note, status: state}}
        """,
    )
    # Four are made, sent and confirmed, three at a time.
    assert sending.counted(sending.plan()) == {"orders": (6, 6)}
    sending.sql("UPDATE wanted SET note = 'y'; DELETE FROM wanted WHERE number = '0'")
    counted = sending.counted(sending.plan())
    assert counted["orders"][0] == counted["orders"][1] > 4, counted


@pytest.mark.parametrize("plugin", ["files"])
def test_files_are_counted_as_they_are_written(sending: Sending) -> None:
    rows = ", ".join(f"('{n}', 'x')" for n in range(2 * BATCH + 1))
    sending.sql(f"CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT); INSERT INTO item VALUES {rows}")
    sending.file("oa/items.csv", "code,name\n")
    sending.file(
        "sources/s.yml",
        "sources: {items: {system: erp, object: item, key: [code], fields: {code: string, name: string}}}",
    )
    sending.file(
        "targets/t.yml",
        f"targets: {{items: {{from: items, system: oa, object: items.csv, key: [code], id: [code], batch: {BATCH}, "
        f"on_source_gone: delete, {GUARDS}, fields: [code, name]}}}}",
    )
    assert sending.counted(sending.plan()) == {"items.csv": (3, 3)}
    sending.sql("UPDATE item SET name = 'y' WHERE code < '4'; DELETE FROM item WHERE code = '5'")
    assert sending.counted(sending.plan()) == {"items.csv": (3, 3)}


@pytest.mark.parametrize(
    ("own", "takes", "safety", "rows"),
    [
        (10, 1000, CreateSafety.TRANSACTION, 10),
        (5000, 1000, CreateSafety.LOOKUP, 1000),
        (None, 1000, CreateSafety.TRANSACTION, 1000),
        (None, None, CreateSafety.TRANSACTION, 50_000),
        (None, None, CreateSafety.KEY, 100),
    ],
)
def test_a_batch_has_what_the_target_says_within_what_the_object_takes(
    own: int | None, takes: int | None, safety: CreateSafety, rows: int
) -> None:
    target = Target(
        name="t",
        from_="s",
        system="oa",
        object="o",
        key=("k",),
        fields=(),
        at=Location("t.yml", 1),
        batch=own,
    )
    info = ObjectInfo(address="o", fields=(), create_safety=safety, batch_size=takes)
    assert rows_per_batch(target, info) == rows
