"""Every situation of docs/cli.md, "Situations": the exit codes never contradict the verdict."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import planning
from tests.e2e.conftest import Run
from tests.house.pages import SITUATIONS

PROJECT = {
    "erpoa.yml": "format: 1\nname: items\nowner: a@b.example\ndescription: d\n",
    "systems/s.yml": "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}\n",
    "sources/s.yml": "sources: {s: {system: erp, object: item, key: [code], fields: {code: string, name: string, n: integer}}}\n",
    "targets/t.yml": (
        "targets: {t: {from: s, system: oa, object: item, key: [code], fields: [code, name, n], on_source_gone: delete, "
        'guards: {max_delete: {count: 100, share: "100%"}, max_change: {share: "100%"}, max_create: {count: 2, share: "100%"}}}}\n'
    ),
}
# (of the ERP, of the OA)
EDITS: dict[str, tuple[str, str]] = {
    "nothing differs": ("", ""),
    "rows to write": ("UPDATE item SET name = 'other' WHERE code = 'A'", ""),
    "a row is held": ("UPDATE item SET n = 'many' WHERE code = 'A'", ""),
    "a row has no key": ("INSERT INTO item VALUES (NULL, 'nobody', 1)", ""),
    "a key is there twice": ("INSERT INTO item VALUES ('A', 'again', 1)", ""),
    "rows to write, and one that is held": (
        "UPDATE item SET n = 'many' WHERE code = 'A'; UPDATE item SET name = 'other' WHERE code = 'B'",
        "",
    ),
    "drift that is only reported": ("", "UPDATE item SET name = 'theirs' WHERE code = 'A'"),
    "a conflict that is only reported": (
        "UPDATE item SET name = 'other' WHERE code = 'A'",
        "UPDATE item SET name = 'theirs' WHERE code = 'A'",
    ),
    "a removal that is not proven": (
        "DELETE FROM item WHERE code = 'A'; INSERT INTO item VALUES (NULL, 'nobody', 1)",
        "",
    ),
    "a removal that is not proven, and rows to write": (
        "DELETE FROM item WHERE code = 'A'; INSERT INTO item VALUES (NULL, 'nobody', 1); UPDATE item SET name = 'other'",
        "",
    ),
    "a guard blocks": ("INSERT INTO item VALUES ('C', 'c', 1), ('D', 'd', 1), ('E', 'e', 1)", ""),
    "a source cannot be read": ("DROP TABLE item", ""),
}


def sql(place: Path, system: str, script: str) -> None:
    with closing(sqlite3.connect(place / f"{system}.db")) as db:
        db.executescript(script)


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory, forked: Run) -> Path:
    """A project of two rows that agree. Read only."""
    place = tmp_path_factory.mktemp("exits") / "p"
    for name, text in PROJECT.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    sql(
        place,
        "erp",
        "CREATE TABLE item (code TEXT, name TEXT, n); INSERT INTO item VALUES ('A', 'a', 1), ('B', 'b', 2)",
    )
    sql(place, "oa", "CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, n INTEGER)")
    done = forked("apply", "--yes", cwd=place)
    assert done.exit == 0, done
    return place


@pytest.mark.in_turn("exits", of=3, seconds=2)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s[0])
def test_exit_codes_and_verdict_of(
    agreed: Path, tmp_path: Path, forked: Run, situation: tuple[str, int, int, int, str]
):
    name, plan, detailed, apply, words = situation
    place = shutil.copytree(agreed, tmp_path / "p")
    for system, script in zip(("erp", "oa"), EDITS[name], strict=True):
        sql(place, system, script)
    planned = forked("plan", "-o", "the.erpoaplan", cwd=place, COLUMNS="200")
    assert planned.exit == plan, planned
    (verdict,) = re.findall(r"^  verdict +(.*)$", planned.out, re.MULTILINE)
    assert re.sub(r"\b\d+ (row|removal|guard)s?\b", r"N \1s", verdict) == words
    assert forked("plan", "--detailed-exitcode", "-o", "again.erpoaplan", cwd=place).exit == detailed
    copy = shutil.copytree(place, tmp_path / "copy")
    for where, command in ((place, ("apply", "the.erpoaplan")), (copy, ("apply", "--yes"))):
        done = forked(*command, cwd=where)
        assert done.exit == apply, (command, done)
    if apply in {0, 5} and "can be applied" in words:
        shown = forked("show", "the.erpoaplan", cwd=place, COLUMNS="200")
        assert re.search(r"^  verdict +applied by run", shown.out, re.MULTILINE), shown


def test_a_plan_that_is_too_old_says_so(agreed: Path, tmp_path: Path, forked: Run):
    place = shutil.copytree(agreed, tmp_path / "p")
    sql(place, "erp", "UPDATE item SET name = 'other'")
    made = planning.plan(
        planning.bound(place), out=place / "old.erpoaplan", expires_after=timedelta(seconds=-1)
    )
    assert made.header.expires < datetime.now(UTC)
    shown = forked("show", "old.erpoaplan", cwd=place, COLUMNS="200")
    assert re.search(r"^  verdict +expired", shown.out, re.MULTILINE), shown
