"""`erpoa show`: one row, and what is sensitive: only for a reason, only where others do not read it, never unrecorded."""

from __future__ import annotations

import json
import os
import pty
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.program import ERPOA

ROW = "oa_users/no=E0001"
OLD, NEW = "110101197001011234", "11010119700101999X"


@pytest.fixture(scope="module")
def saved(forked, settled, tmp_path_factory) -> tuple[Path, Path]:
    """A company with a plan that changes a sensitive value, and one that is not; and a copy of it. A plan knows where the
    systems are, so a test works in the place that it was made for."""
    company = tmp_path_factory.mktemp("planned") / settled.name
    shutil.copytree(settled, company)
    with closing(sqlite3.connect(company / "data" / "erp.db")) as db, db:
        db.execute("UPDATE employee SET id_card = ? WHERE no = 'E0001'", (OLD,))
    assert forked("-C", company, "apply", "--yes").exit == 5  # S0006 is held
    with closing(sqlite3.connect(company / "data" / "erp.db")) as db, db:
        db.execute("UPDATE employee SET id_card = ?, title = '董事长' WHERE no = 'E0001'", (NEW,))
    done = forked("-C", company, "plan", "-o", company / "p.erpoaplan")
    assert done.exit == 0, done.err
    return company, shutil.copytree(company, tmp_path_factory.mktemp("saved") / company.name)


@pytest.fixture
def planned(saved) -> Path:
    """The company as it was planned, to do things to."""
    company, copy = saved
    shutil.rmtree(company)
    return shutil.copytree(copy, company)


def reveals(project: Path) -> list[dict[str, object]]:
    with closing(sqlite3.connect(project / ".erpoa" / "control.db")) as db:
        return [json.loads(d) for (d,) in db.execute("SELECT detail FROM audit WHERE event = 'reveal'")]


def on_a_terminal(*arguments: str | Path) -> tuple[int, str]:
    """(exit code, what is on the terminal) of a run whose stdout is one."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(ERPOA), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while chunk := os.read(ours, 65536):
                told += chunk
        except OSError:  # how Linux says that the other side was closed
            pass
    os.close(ours)
    return process.returncode, told.decode()


def test_values_stay_masked_without_reveal(erpoa, planned):
    for form in ("text", "json", "markdown", "csv", "html"):
        done = erpoa("-C", planned, "show", planned / "p.erpoaplan", "--full", "--format", form)
        assert done.exit == 0, done.err
        assert OLD not in done.out
        assert NEW not in done.out
        assert "999X" in done.out  # `reveal: last4`
    assert reveals(planned) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "needs a reason"),
        (("--reason", " "), "needs a reason"),
        (("--reason", "x"), "on a terminal only"),
        (("--reason", "x", "-o", "open.txt"), "others can read"),
        (("--reason", "x", "-o", "/dev/null"), "others can read"),
        (("--reason", "x", "--reveal", "titel", "-o", "new.txt"), "no sensitive field 'titel'"),
        (("--reason", "x", "--reveal", "title", "-o", "new.txt"), "no sensitive field 'title'"),
    ],
)
def test_reveal_is_refused(erpoa, planned, more, words):
    (planned / "open.txt").write_text("")
    (planned / "open.txt").chmod(0o644)
    done = erpoa("show", "p.erpoaplan", "--reveal", "id_card", *more, cwd=planned)
    assert done.exit == 3
    assert "E0620" in done.err
    assert words in " ".join(done.err.split())
    assert done.out == (planned / "open.txt").read_text() == ""
    assert not (planned / "new.txt").exists()
    assert reveals(planned) == []


def test_reveal_into_a_private_file_is_recorded(erpoa, planned):
    arguments = (
        "show",
        "p.erpoaplan",
        "--reveal",
        "oa_users.id_card",
        "--reason",
        "核对身份证",
        "--address",
        ROW,
    )
    done = erpoa(*arguments, "--format", "json", "-o", "seen.json", cwd=planned)
    assert (done.exit, done.out) == (0, ""), done.err
    seen = planned / "seen.json"
    assert seen.stat().st_mode & 0o077 == 0
    field = json.loads(seen.read_text())["changes"][0]["fields"]["id_card"]
    assert (field["before"], field["after"], field["agreed"]) == (OLD, NEW, OLD)
    assert reveals(planned) == [
        {"author": "陈杰", "fields": ["oa_users.id_card"], "reason": "核对身份证", "rows": [ROW]}
    ]
    assert erpoa("-C", planned, "audit", "verify").exit == 0
    # looking does not make the plan stale
    assert erpoa("-C", planned, "apply", planned / "p.erpoaplan").exit == 5


def test_reveal_on_a_terminal(planned):
    exit_code, told = on_a_terminal(
        "-C", planned, "show", planned / "p.erpoaplan", "--reveal", "id_card", "--reason", "x"
    )
    assert exit_code == 0
    assert OLD[:-4] in told
    assert len(reveals(planned)) == 1


def test_nothing_is_revealed_when_it_cannot_be_recorded(erpoa, planned):
    with closing(sqlite3.connect(planned / ".erpoa" / "control.db")) as db, db:
        db.execute("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
    done = erpoa("show", "p.erpoaplan", "--reveal", "id_card", "--reason", "x", "-o", "seen.txt", cwd=planned)
    assert done.exit != 0
    assert not (planned / "seen.txt").exists()


def test_values_of_class_secret_are_never_revealed(erpoa, company):
    path = company / "contracts" / "employee.yml"
    path.write_text(path.read_text().replace("class: sensitive", "class: secret"))
    with closing(sqlite3.connect(company / "data" / "erp.db")) as db, db:
        db.execute("UPDATE employee SET id_card = ? WHERE no = 'E0001'", (NEW,))
    assert erpoa("-C", company, "plan", "-o", company / "p.erpoaplan").exit == 0
    done = erpoa("show", "p.erpoaplan", "--reveal", "id_card", "--reason", "x", "-o", "f", cwd=company)
    assert done.exit == 3
    assert "never shown" in done.err


def test_a_row_the_plan_says_nothing_of(erpoa, planned):
    shown = erpoa("show", "p.erpoaplan", "--address", ROW, cwd=planned)
    assert shown.exit == 0
    assert "董事长" in shown.out
    done = erpoa("show", "p.erpoaplan", "--address", ROW, "--address", "oa_users/no=E9999", cwd=planned)
    assert done.exit == 3
    assert "oa_users/no=E9999" in done.err
    assert ROW not in done.err
