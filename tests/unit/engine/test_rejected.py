"""Rows that a system refused: withheld while they are the same, tried again when they, what they refer to or their row changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.situation import Outcome
from tests import planning
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Small:
    """An OA that takes no name that is longer than the row there allows."""
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        "sources: {people: {system: erp, object: person, key: [code], fields: {code: string, name: string, most: integer}}}",
    )
    made.file(
        "targets/t.yml",
        """
        targets:
          people: {from: people, system: oa, object: person, key: [code], on_source_gone: keep,
                   fields: {code: code, name: name, most: {from: most, master: oa}},
                   guards: {max_change: {share: "100%"}}}
        """,
    )
    made.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, most INTEGER)")
    made.sql("INSERT INTO person VALUES ('001', 'Ann', 3), ('002', 'Bob', 3)")
    made.sql(
        "CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT, most INTEGER, CHECK (length(name) <= most))",
        "oa.db",
    )
    made.apply()
    made.sql("UPDATE person SET name = 'Annabel' WHERE code = '001'")
    assert made.apply().outcomes["people"] == {Outcome.REJECTED: 1}
    return made


def withheld(world: Small) -> list[str]:
    return [row["code"] for row in planning.rows(world.plan(), "withheld", "people")]


def test_it_waits_while_it_is_the_same(world: Small) -> None:
    assert withheld(world) == ["E0423"]
    world.sql("UPDATE person SET name = 'Bo' WHERE code = '002'", "oa.db")  # another row
    assert withheld(world) == ["E0423"]


def test_it_is_tried_again_when_what_it_wants_changed(world: Small) -> None:
    world.sql("UPDATE person SET name = 'Anna B' WHERE code = '001'")
    assert withheld(world) == []


def test_it_is_tried_again_when_the_row_there_changed(world: Small) -> None:
    world.sql("UPDATE person SET most = 9 WHERE code = '001'", "oa.db")
    assert withheld(world) == []
    assert world.apply().outcomes["people"] == {Outcome.APPLIED: 1}
    assert withheld(world) == []


def test_a_failed_read_says_how_to_go_on_without_it(world: Small) -> None:
    world.sql("DROP TABLE person")
    world.sql("CREATE VIEW person AS SELECT code, name, most FROM nowhere")
    told = {d.code: d.remedy for d in world.plan().diagnostics}
    assert "`-x people+` plans what does not need it" in told["E0436"]
