"""A file that cannot be written is known to the plan, and stops nobody else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import openpyxl
import pytest

from erpoa_cli.core.conclusion import RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Outcome
from tests import planning
from tests.unit.engine.small import Small

FILES = {
    "f.xlsx": "",
    "f.csv": "code,name\nA,old\nB\nC,c\n",
    "f.jsonl": '{"code": "A", "name": "old"}\n{"code": "B", "code": "C"}\n{"code": "C", "name": "c"}\n',
    "f.xml": "<o><g><r><code>A</code><name>old</name></r></g><g/></o>",
}
SETTINGS = ", ".join(f"{name}: {{id: [code]{', rows: g/r' * name.endswith('xml')}}}" for name in FILES)


def formula(path: Path, *, there: bool) -> None:
    book = openpyxl.Workbook()
    page = book["Sheet"]
    for row in (["code", "name", "n"], ["A", "old", "=1+1" if there else 2]):
        page.append(row)
    book.save(path)


@pytest.fixture
def project(tmp_path: Path) -> Small:
    here = Small(tmp_path)
    here.sql("CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT); INSERT INTO item VALUES ('A', 'new')")
    here.sql("CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT)", "oa.db")
    here.file("erpoa.yml", "format: 1\nname: small\nowner: a@b.example\ndescription: d\n")
    here.file(
        "systems/all.yml",
        f"""
        systems:
          erp: {{plugin: sqlite, config: {{path: erp.db}}}}
          oa: {{plugin: sqlite, config: {{path: oa.db}}}}
          sheets: {{plugin: files, config: {{path: data, files: {{{SETTINGS}}}}}}}
        """,
    )
    here.file(
        "sources/items.yml",
        "sources: {items: {system: erp, object: item, key: [code], fields: {code: string, name: string}}}\n",
    )
    (tmp_path / "data").mkdir()
    return here


def target(here: Small, file: str) -> None:
    here.file(
        "targets/both.yml",
        f"""
        targets:
          a_file: {{system: sheets, object: {file}, from: items, key: [code], fields: [code, name], on_first_contact: write}}
          z_table: {{system: oa, object: item, from: items, key: [code], fields: [code, name]}}
        """,
    )


def spoil(path: Path) -> bytes:
    if path.suffix == ".xlsx":
        formula(path, there=True)
    else:
        path.write_text(FILES[path.name])
    return path.read_bytes()


def theirs(project: Small) -> list[tuple[str, str]]:
    with sqlite3.connect(project.root / "oa.db") as db:
        return db.execute("SELECT code, name FROM item ORDER BY code").fetchall()


@pytest.mark.parametrize("file", FILES)
def test_its_rows_are_held_by_the_plan_and_the_others_are_written(project: Small, file: str):
    path = project.root / "data" / file
    before = spoil(path)
    target(project, file)
    plan = project.plan()
    assert [row["code"] for row in planning.rows(plan, Member.HELD, "a_file")] == ["E0324"]
    assert planning.rows(plan, Member.HELD, "z_table") == []
    done = project.apply(plan)
    assert done.conclusion is RunConclusion.PARTIAL
    assert theirs(project) == [("A", "new")]
    assert path.read_bytes() == before
    assert project.apply().conclusion is RunConclusion.PARTIAL, "later applies are free"
    if file == "f.xlsx":
        formula(path, there=False)
        assert project.apply().conclusion is RunConclusion.SUCCEEDED
        assert openpyxl.load_workbook(path)["Sheet"]["B2"].value == "new"


def test_what_became_so_after_the_plan_is_no_doubt_and_is_planned_again(project: Small):
    path = project.root / "data/f.xlsx"
    formula(path, there=False)
    whole = path.read_bytes()
    target(project, "f.xlsx")
    plan = project.plan()
    formula(path, there=True)
    done = project.apply(plan)
    assert (done.conclusion, done.diagnostics) == (RunConclusion.PARTIAL, ())
    assert done.outcomes == {"a_file": {Outcome.STALE: 1}, "z_table": {Outcome.APPLIED: 1}}
    assert theirs(project) == [("A", "new")]
    path.write_bytes(whole)
    assert project.apply().conclusion is RunConclusion.SUCCEEDED
    assert openpyxl.load_workbook(path)["Sheet"]["B2"].value == "new"


def test_what_cannot_be_read_any_more_is_refused_and_the_same_plan_writes_it_later(project: Small):
    path = project.root / "data/f.xlsx"
    formula(path, there=False)
    whole = path.read_bytes()
    target(project, "f.xlsx")
    plan = project.plan()
    path.write_bytes(whole[:-200])
    with pytest.raises(Failure) as caught:
        project.apply(plan)
    assert {told.code for told in caught.value.diagnostics} == {"E0550"}
    assert theirs(project) == []
    path.write_bytes(whole)
    assert project.apply(plan).conclusion is RunConclusion.SUCCEEDED
    assert openpyxl.load_workbook(path)["Sheet"]["B2"].value == "new"
