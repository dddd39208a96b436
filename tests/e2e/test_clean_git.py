"""`clean_git: required`: an environment that plans only from what is committed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

WHO = {f"GIT_{role}_{what}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(place: Path, *command: str) -> None:
    subprocess.run(["git", *command], cwd=place, env={**os.environ, **WHO}, check=True)


def test_a_plan_needs_a_clean_commit_where_that_is_required(erpoa, tmp_path: Path):
    assert erpoa("init", "p", cwd=tmp_path).exit == 0
    place = tmp_path / "p"
    file = place / "erpoa.yml"
    declared = file.read_text(encoding="utf-8")
    file.write_text(declared.replace("dev: {}", "dev: {clean_git: required}\n  try: {}"), encoding="utf-8")

    outside = erpoa("plan", cwd=place)
    assert (outside.exit, "E0611" in outside.err) == (4, True), outside

    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        git(place, *command)
    clean = erpoa("plan", "-o", "../first.erpoaplan", cwd=place)
    assert clean.exit == 0, clean

    with file.open("a", encoding="utf-8") as stream:
        stream.write("vars: {changed: true}\n")
    changed = erpoa("plan", cwd=place)
    assert (changed.exit, "not committed" in changed.err) == (4, True), changed
    assert erpoa("drift", cwd=place).exit == 0  # it only looks
    assert erpoa("plan", "-e", "try", cwd=place).exit == 0
