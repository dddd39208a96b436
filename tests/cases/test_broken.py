"""Every broken project gives exactly the findings it should, and none repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.codes import CATALOGUE
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.project import conforms, illustrated, load_findings
from tests.cases.case import BROKEN, Case, names, read_case, write_project


def findings(case: Case, root: Path) -> list[Diagnostic]:
    write_project(root, case)
    project, found = load_findings(root, case.setting("env"), getenv=case.secrets.get)
    if case.setting("stage") == "check":
        assert found == []
        assert project is not None
        from erpoa_cli.engine.check import check_findings

        _, checked = check_findings(project, conforms)
        return [illustrated(found, root) for found in checked.items]
    return found


def spelled(found: Diagnostic) -> str:
    return f"{found.code} {found.severity} {found.at} {found.summary}"


@pytest.mark.parametrize("name", names())
def test_findings_are_exactly_these(name: str, tmp_path: Path):
    case = read_case(BROKEN / f"{name}.case")
    found = findings(case, tmp_path)
    assert [spelled(f) for f in found] == case.expected
    assert bool(case.expected) == (name != "sound")
    for finding in found:
        assert finding.remedy, spelled(finding)
        assert finding.code in CATALOGUE
        assert finding.at is not None
        if finding.at.line and finding.code != "E0102":  # which cannot be shown
            assert finding.snippet, spelled(finding)
    canaries = {*case.secrets.values(), case.setting("canary") or "no canary"}
    for text in (repr(found), *(f.snippet for f in found)):
        assert not [canary for canary in canaries if canary in text]


def test_there_are_enough_of_them():
    assert len(names()) > 80


def test_a_second_look_through_the_cache_finds_the_same(tmp_path: Path):
    (tmp_path / ".erpoa").mkdir()
    for name in ("sound", "now_in_model", "unknown_key", "two_writers", "undefined_variable"):
        root = tmp_path / name
        root.mkdir()
        (root / ".erpoa").mkdir()
        case = read_case(BROKEN / f"{name}.case")
        first = findings(case, root)
        project, second = load_findings(root, getenv=lambda _: None)
        assert [spelled(f) for f in second] == [spelled(f) for f in first] == case.expected
        assert (project is None) == (name != "sound")
        assert (root / ".erpoa" / "cache" / "project.json").stat().st_mode & 0o077 == 0
