"""`clean_git: required`: an environment that plans only from what is committed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from erpoa_cli.core.operator import Operator
from erpoa_cli.project import find_files
from erpoa_cli.usecase.authorship import author, commit

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
    assert (changed.exit, "erpoa.yml" in changed.err) == (4, True), changed
    assert erpoa("drift", cwd=place).exit == 0  # it only looks
    assert erpoa("plan", "-e", "try", cwd=place).exit == 0


def other(place: Path) -> tuple[str, ...] | None:
    """The files of the project that differ from its commit; None outside git."""
    found = commit(place, find_files(place).digests())
    return found.other if found.name else None


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A project of a few files that is committed as it is, below the top of its repository."""
    place = tmp_path / "top" / "p"
    for name in ("erpoa.yml", "targets/t.yml", "targets/u.yml", "seeds/s.csv", "transforms/m.sql"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"# {name}\nsecond\n", encoding="utf-8")
    (place / "notes.txt").write_text("no file of the project", encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        git(place.parent, *command)
    assert other(place) == ()
    return place


def spoil(place: Path) -> None:
    (place / "targets/t.yml").write_text("other\n", encoding="utf-8")


@pytest.mark.parametrize("way", ["--assume-unchanged", "--skip-worktree"])
def test_files_that_git_was_told_not_to_look_at_are_compared(committed: Path, way: str):
    spoil(committed)
    git(committed, "update-index", way, "targets/t.yml")
    assert other(committed) == ("targets/t.yml",)


def test_excluded_new_deleted_and_staged_files_are_not_what_is_committed(committed: Path):
    (committed / "targets/new.yml").write_text("new\n", encoding="utf-8")
    (committed.parent / ".git/info/exclude").write_text("new.yml\n", encoding="utf-8")
    git(committed, "config", "core.excludesFile", str(committed.parent / ".git/info/exclude"))
    (committed / "targets/u.yml").unlink()
    (committed / "transforms/m.sql").write_text("staged\n", encoding="utf-8")
    git(committed, "add", "transforms/m.sql")
    (committed / "notes.txt").unlink()  # nothing is made from it
    assert other(committed) == ("targets/new.yml", "targets/u.yml", "transforms/m.sql")


def test_files_that_a_sparse_checkout_leaves_out_are_missing(committed: Path):
    git(committed.parent, "sparse-checkout", "set", "--no-cone", "*", "!p/targets/u.yml")
    assert not (committed / "targets/u.yml").exists()
    assert other(committed) == ("targets/u.yml",)


def test_the_environment_does_not_say_which_repository_it_is(committed: Path, tmp_path: Path, monkeypatch):
    shutil.copytree(committed.parent, tmp_path / "else")
    spoil(tmp_path / "else/p")
    git(tmp_path / "else", "commit", "-qam", "other")
    spoil(committed)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "else/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(committed.parent))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "else/.git/index"))
    assert other(committed) == ("targets/t.yml",)


def test_an_object_that_is_replaced_is_not_what_is_committed(committed: Path):
    spoil(committed)
    git(committed, "commit", "-qam", "other")
    git(committed, "replace", "HEAD~1", "HEAD")
    git(committed, "update-ref", "HEAD", "HEAD~1")
    assert other(committed) == ("targets/t.yml",)


def test_line_ends_of_a_checkout_are_no_difference(committed: Path):
    for file in ("targets/t.yml", "seeds/s.csv"):
        (committed / file).write_bytes((committed / file).read_bytes().replace(b"\n", b"\r\n"))
    assert other(committed) == ()


def test_a_link_counts_by_itself_and_by_the_file_it_leads_to(committed: Path):
    (committed / "targets/u.yml").unlink()
    (committed / "targets/u.yml").symlink_to("t.yml")
    assert other(committed) == ("targets/u.yml",)
    git(committed, "add", "-A")
    git(committed, "commit", "-qm", "a link")
    assert other(committed) == ()
    spoil(committed)
    assert other(committed) == ("targets/t.yml", "targets/u.yml")


def test_a_submodule_is_compared_with_its_recorded_commit(committed: Path, tmp_path: Path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "more.yml").write_text("more\n", encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "shared"]):
        git(shared, *command)
    add = ["submodule", "--quiet", "add", str(shared), "p/targets/shared"]
    git(committed.parent, "-c", "protocol.file.allow=always", *add)
    git(committed, "commit", "-qam", "with a submodule")
    assert other(committed) == ()
    (committed / "targets/shared/more.yml").write_text("changed\n", encoding="utf-8")
    assert other(committed) == ("targets/shared/more.yml",)
    git(committed / "targets/shared", "commit", "-qam", "not recorded above")
    assert other(committed) == ("targets/shared/more.yml",)


def test_nothing_that_a_repository_names_is_executed(committed: Path, tmp_path: Path):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0" >> {ran}\ncat\n', encoding="utf-8")
    program.chmod(0o755)
    hooks = committed.parent / ".git/hooks"
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        shutil.copy(program, hooks / hook)
    (committed.parent / ".gitattributes").write_text("* filter=x diff=x\n", encoding="utf-8")
    git(committed.parent, "add", ".gitattributes")
    git(committed.parent, "commit", "-qm", "attributes")
    for name in ("filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv", "diff.external",
                 "core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "gpg.program"):  # fmt: skip
        git(committed, "config", name, str(program))
    ran.unlink(missing_ok=True)
    spoil(committed)
    os.utime(committed / "targets/u.yml", (1, 1))
    assert other(committed) == ("targets/t.yml",)
    assert not ran.exists(), ran.read_text(encoding="utf-8")


def test_an_author_that_is_no_utf8_is_spelled_out(committed: Path, monkeypatch):
    with (committed.parent / ".git/config").open("ab") as settings:
        settings.write(b"[user]\n\temail = j\xfcrgen@works.example\n")
    monkeypatch.chdir(committed)
    monkeypatch.delenv("ERPOA_AUTHOR", raising=False)
    user = Operator("li", "here", "m", 1)
    assert author(user) == "j\\xfcrgen@works.example"
    monkeypatch.setenv("ERPOA_AUTHOR", os.fsdecode(b"j\xfcrgen"))
    assert author(user) == "j\\xfcrgen"
