"""The door of docs/python.md: a few lines of Python plan and apply, as they stand there."""

from __future__ import annotations

import pydoc
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.program import ROOT, environment

PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")
DOOR, LOOK, EDIT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TABLES = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
NO_TERMINAL = "\nimport sys\nassert not {'typer', 'rich'} & sys.modules.keys()\n"


def knock(project: Path, block: str = DOOR) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", block + NO_TERMINAL],
        cwd=project, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def erp(project: Path, statement: str) -> None:
    with closing(sqlite3.connect(project / "data" / "erp.db")) as db, db:
        db.execute(statement)


def names(project: Path) -> list[str]:
    with closing(sqlite3.connect(project / "data" / "oa.db")) as db:
        return [name for (name,) in db.execute("SELECT name FROM supplier WHERE code = 'S0001'")]


@pytest.mark.process
def test_the_second_door_plans_and_applies(erpoa, company: Path) -> None:
    erp(company, "UPDATE supplier SET name = '新名称' WHERE code = 'S0001'")
    done = knock(company)
    assert (done.returncode, done.stderr) == (0, "")
    assert "oa_suppliers {'applied': 1}" in done.stdout
    assert names(company) == ["新名称"]
    (run, *_) = erpoa("-C", company, "runs", "ls", "--format", "json").json()["runs"]
    assert (run["status"], run["command"]) == ("applied", "python")


@pytest.mark.process
def test_what_it_refuses_it_tells_as_the_command_line_does(company: Path) -> None:
    (company / "erpoa.yml").write_text("format: 1\n", encoding="utf-8")
    done = knock(company)
    assert done.returncode == 1
    assert "name" in done.stdout
    assert done.stderr == ""


@pytest.mark.process
def test_what_is_remembered_is_what_the_commands_say(erpoa, settled: Path) -> None:
    done = knock(settled, LOOK)
    assert (done.returncode, done.stderr) == (0, "")
    state = erpoa("-C", settled, "state", "show", "--format", "json").json()
    rows = sum(target["rows"] for target in state["targets"])
    runs = erpoa("-C", settled, "runs", "ls", "--format", "json").json()["runs"]
    told = [f"{run['id']} {run['status']} {run['plan']} {run['who']}" for run in runs]
    first, *others = done.stdout.splitlines()
    assert first == f"serial {state['serial']}: {rows} managed rows, {state['rejected']} rejected"
    assert [line.rpartition(" ")[0] for line in others] == told


@pytest.mark.process
def test_an_edit_is_proposed_and_carried_out(erpoa, company: Path) -> None:
    def codes() -> set[str]:
        told = erpoa("-C", company, "state", "links", "oa_suppliers", "--format", "json").json()
        return {link["key"]["code"] for link in told["links"]}

    before = codes()
    done = knock(company, EDIT.replace("carry_out(work, edit)", "print(proposal)"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "rows=1" in done.stdout
    assert codes() == before
    assert knock(company, EDIT).returncode == 0
    assert codes() == before - {"S0001"} | {"S0101"}


@pytest.mark.process
def test_runs_and_files_are_named_as_one_likes(settled: Path) -> None:
    done = knock(
        settled,
        """
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.usecase import open_workspace, plan, plan_report, rollback, run_report, runs
work = open_workspace(".")
plan(work, out="next.erpoaplan")
print(plan_report(work, "next.erpoaplan").file)
last = runs(work)[0]
assert run_report(work, last) == run_report(work, last.id)
for ask in (run_report, rollback):
    try:
        ask(work, "nobody")
    except Failure as failure:
        print(failure.diagnostics[0].code)
""",
    )
    assert (done.stdout.split(), done.stderr) == (["next.erpoaplan", "E0605", "E0542"], "")


def test_every_function_of_the_page_is_there() -> None:
    from erpoa_cli import usecase

    named = {name for cell in TABLES for name in re.findall(r"`(\w+)\(", cell)}
    assert len(named) > 30
    assert named <= set(usecase.__all__)


def test_what_comes_back_has_a_type_that_can_be_named() -> None:
    from erpoa_cli import usecase

    cells = re.findall(r"^\| `.*? \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    types = {name for cell in cells for name in re.findall(r"`([A-Z]\w+)\b", cell)}
    assert {"PlanReport", "Read"} < types  # of core.report and core.plan
    assert types - {"PlanReport", "Read"} <= set(usecase.__all__)


def test_its_help_shows_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERPOA_SECRET_DB", "CANARY")
    from erpoa_cli import project, usecase

    for function in (project.load, *(getattr(usecase, name) for name in usecase.__all__)):
        assert "CANARY" not in pydoc.render_doc(function)
