"""`clean_git: required`: an environment that plans only from what is committed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ERPOA = str(Path(sys.executable).with_name("erpoa"))
WHO = {f"GIT_{role}_{what}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=place,
        env={**os.environ, **WHO},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plan_needs_a_clean_commit_where_that_is_required(tmp_path: Path):
    assert run(tmp_path, ERPOA, "init", "p").returncode == 0
    place = tmp_path / "p"
    file = place / "erpoa.yml"
    declared = file.read_text(encoding="utf-8")
    file.write_text(declared.replace("dev: {}", "dev: {clean_git: required}\n  try: {}"), encoding="utf-8")

    outside = run(place, ERPOA, "plan")
    assert (outside.returncode, "E0611" in outside.stderr) == (4, True), outside.stderr

    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        assert run(place, "git", *command).returncode == 0
    clean = run(place, ERPOA, "plan", "-o", "../first.erpoaplan")
    assert clean.returncode == 0, clean.stderr

    with file.open("a", encoding="utf-8") as stream:
        stream.write("vars: {changed: true}\n")
    changed = run(place, ERPOA, "plan")
    assert (changed.returncode, "not committed" in changed.stderr) == (4, True), changed.stderr
    assert run(place, ERPOA, "drift").returncode == 0  # it only looks
    assert run(place, ERPOA, "plan", "-e", "try").returncode == 0
