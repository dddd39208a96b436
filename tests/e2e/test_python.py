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

(DOOR,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/python.md").read_text(encoding="utf-8"), re.DOTALL)
NO_TERMINAL = "\nimport sys\nassert not {'typer', 'rich'} & sys.modules.keys()\n"


def knock(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DOOR + NO_TERMINAL],
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


def test_its_help_shows_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERPOA_SECRET_DB", "CANARY")
    from erpoa_cli import project, usecase

    for function in (project.load, *(getattr(usecase, name) for name in usecase.__all__)):
        assert "CANARY" not in pydoc.render_doc(function)
