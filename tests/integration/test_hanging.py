"""Deletes that would take rows of others along are withheld; those whose rows leave in the same plan are not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.engine.reach import fold
from erpoa_cli.state import open_writer
from tests import planning
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Small:
    """Vendors of an ERP in an OA, where people review them and their contacts are kept."""
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: vendors\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        """
        sources:
          vendors: {system: erp, object: vendor, key: [code], fields: {code: string, name: string}}
          contacts: {system: erp, object: contact, key: [no], fields: {no: string, vendor: string}}
        """,
    )
    targets(made, "")
    made.sql(
        "CREATE TABLE vendor (code TEXT PRIMARY KEY, name TEXT); CREATE TABLE contact (no TEXT PRIMARY KEY, vendor TEXT)"
    )
    made.sql(
        "INSERT INTO vendor VALUES ('V1', 'a'), ('V2', 'b'), ('V3', 'c'); INSERT INTO contact VALUES ('C1', 'V1'), ('C2', 'V2')"
    )
    made.sql(
        "CREATE TABLE vendor (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT);"
        "CREATE TABLE review (id INTEGER PRIMARY KEY, vendor_id INTEGER REFERENCES vendor ON DELETE CASCADE);"
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, code TEXT REFERENCES vendor (code) ON DELETE SET NULL);"
        "CREATE TABLE contact (id INTEGER PRIMARY KEY, no TEXT UNIQUE, vendor_id INTEGER REFERENCES vendor ON DELETE CASCADE)",
        "oa.db",
    )
    made.apply()
    made.sql(
        "INSERT INTO review (vendor_id) SELECT id FROM vendor WHERE code = 'V1' UNION ALL SELECT id FROM vendor WHERE code = 'V1'",
        "oa.db",
    )
    return made


def targets(world: Small, contacts: str) -> None:
    gone = 'on_source_gone: delete, guards: {max_delete: {count: 100, share: "100%"}, max_change: {share: "100%"}}'
    world.file(
        "targets/t.yml",
        f"targets: {{vendors: {{from: vendors, system: oa, object: vendor, key: [code], fields: [code, name], {gone}}}{contacts}}}",
    )


CONTACTS = (
    ", contacts: {from: contacts, system: oa, object: contact, key: [no], on_source_gone: delete, "
    'guards: {max_delete: {count: 100, share: "100%"}, max_change: {share: "100%"}}, '
    "fields: {no: no, vendor_id: {ref: vendors, by: [vendor]}}}"
)


def count(world: Small, table: str) -> int:
    with sqlite3.connect(world.root / "oa.db") as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def withheld(world: Small) -> dict[str, str]:
    result = world.plan()
    rows = planning.rows(result, "withheld", "vendors")
    assert {row["code"] for row in rows} <= {"E0438"}
    return {row["k_code"]: row["reason"] for row in rows}


def test_what_hangs_is_counted_and_nothing_goes_along(world: Small) -> None:
    world.sql("INSERT INTO visit (code) VALUES ('V1'), ('V3')", "oa.db")
    world.sql("DELETE FROM vendor")
    world.sql("INSERT INTO vendor VALUES ('V9', 'new')")
    told = withheld(world)
    assert set(told) == {"V1", "V3"}
    assert "2 rows of review (ON DELETE CASCADE)" in told["V1"]
    assert "1 row of visit (ON DELETE SET NULL)" in told["V1"]
    world.apply()
    assert (count(world, "review"), count(world, "vendor")) == (2, 3)
    with sqlite3.connect(world.root / "oa.db") as db:
        assert db.execute("SELECT count(*) FROM visit WHERE code IS NULL").fetchone() == (0,)


def test_what_leaves_in_the_same_plan_hangs_no_more(world: Small) -> None:
    targets(world, CONTACTS)
    world.apply()
    world.sql("DELETE FROM vendor WHERE code = 'V2'; DELETE FROM contact WHERE vendor = 'V2'")
    assert withheld(world) == {}
    world.apply()
    assert (count(world, "vendor"), count(world, "contact")) == (2, 1)
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_what_is_protected_keeps_what_it_hangs_on(world: Small) -> None:
    targets(world, CONTACTS)
    world.apply()
    with open_writer(world.root, "default") as store:
        store.protect("contacts", {'{"no":"C2"}': "audit"})
    world.sql("DELETE FROM vendor WHERE code = 'V2'; DELETE FROM contact WHERE vendor = 'V2'")
    assert "1 row of contact" in withheld(world)["V2"]
    world.apply()
    assert (count(world, "vendor"), count(world, "contact")) == (3, 2)


def test_what_the_collation_takes_for_the_same_hangs_too(world: Small) -> None:
    """And the plan does not end as if all were well."""
    world.sql(
        "ALTER TABLE vendor RENAME TO old; CREATE TABLE vendor (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, name TEXT);"
        "INSERT INTO vendor SELECT * FROM old; DROP TABLE contact; DROP TABLE review; DROP TABLE old;"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, code TEXT REFERENCES vendor (code) ON DELETE CASCADE);"
        "INSERT INTO note (code) VALUES ('v2'), ('V1'), (NULL)",
        "oa.db",
    )
    world.sql("DELETE FROM vendor WHERE code = 'V2'")
    assert "1 row of note" in withheld(world)["V2"]
    result = world.plan()
    assert result.conclusion is PlanConclusion.BLOCKED
    (said,) = [d for d in result.diagnostics if d.code == "E0437"]
    assert "1 row of note" in said.detail
    world.apply(result)
    assert (count(world, "note"), count(world, "vendor")) == (3, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A "), ("e", "É"), ("ａ１", "A1"), ("straße", "STRASSE"), ("straße", "strase"), ("か", "カ"), ("ゃ", "や"), ("a\0b", "ab"),
     ("🍺", "🍣"), ("łódź", "LODZ"), ("İ", "i"), ("\u212b", "a")],
)  # fmt: skip
def test_texts_that_some_collation_takes_for_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_other_texts_are_told_apart() -> None:
    assert (
        len({fold(text) for text in ("a", "b", "ab", "a b", "华信", "华鑫", "", "A-1", "A1", "か", "さ")})
        == 11
    )
