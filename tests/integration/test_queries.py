"""`validate --online` asks every query of a source for no rows, and tells what the system refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from erpoa_cli.engine.doctor import missing_objects
from tests.integration.test_gone import There, there
from tests.services import mariadb_url, postgres_url
from tests.unit.engine.small import Small

__all__ = ["mariadb_url", "postgres_url", "there"]
pytestmark = pytest.mark.slow

QUERIES = {
    "SELECT code, name FROM item": False,
    "SELECT code, upper(name) AS name FROM item -- a remark": False,
    "SELECT code FROM item": True,  # no field `name`
    "SELECT code, name FROM itm": True,
    "SELEC code, name FROM item": True,
}


@pytest.mark.parametrize("there", ["sqlite", "duckdb", "postgres", "mariadb"], indirect=True)
def test_a_query_that_the_system_refuses_is_found(there: There, tmp_path: Path):
    world = Small(tmp_path)
    world.file("erpoa.yml", "format: 1\nname: items\nowner: a@b.example\ndescription: d\n")
    world.file("systems/s.yml", json.dumps({"systems": {"oa": there.config}}))
    declared = {
        f"s{n}": {
            "system": "oa",
            "query": query,
            "key": ["code"],
            "fields": {"code": "string", "name": "string"},
        }
        for n, query in enumerate(QUERIES)
    }
    world.file("sources/s.yml", json.dumps({"sources": declared}))
    found = missing_objects(world.bound())
    assert {d.code for d in found} == {"E0458"}
    assert [d.summary.split(":")[0] for d in found] == [
        f"source s{n}" for n, bad in enumerate(QUERIES.values()) if bad
    ]
    assert all(d.detail for d in found)
