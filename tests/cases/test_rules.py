"""Every rule of docs/engine.md about what a plan does has a case in `plan/`, and every case is about such a rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from erpoa_cli.core.situation import Situation
from tests.cases import rules
from tests.cases.situation import SECTIONS, Case, cases

CASES = cases()
ELSEWHERE = {("on_stale", "skip"), ("on_stale", "abort")}  # policies of apply


def shown_by(case: Case) -> list[str]:
    """The rows and points that a case names: one."""
    return [row for row in rules.rows(case.section) if row == case.row] + [
        point for point in rules.points(case.section) if case.row and point.startswith(case.row)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_case_names_one_rule(case: Case):
    if case.says:
        assert not case.row
        assert rules.plain(case.says) in rules.plain(rules.section(case.section))
    else:
        assert len(shown_by(case)) == 1


@pytest.mark.parametrize("folder", SECTIONS)
def test_no_rule_is_without_a_case(folder: str):
    wanted = {*rules.rows(folder), *rules.points(folder)}
    assert wanted
    assert wanted - {rule for case in CASES if case.section == folder for rule in shown_by(case)} == set()


def test_no_value_of_a_policy_is_without_a_case():
    wanted = {(name, value) for name, values in rules.policies().items() for value in values} - ELSEWHERE
    assert wanted - {said for case in CASES for said in _said(case.settings)} == set()


def _said(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in settings.items() if isinstance(value, str))


def test_the_rules_are_found():
    """A parser that finds nothing would miss nothing."""
    assert rules.rows("situations") == [each.value for each in Situation]
    assert rules.rows("fields")[:3] == ["D = A", "no base for this field", "same, same"]
    assert len(rules.rows("fields")) >= 6
    assert len(rules.rows("documents")) >= 8
    assert [len(rules.points(folder)) >= least for folder, least in (("documents", 4), ("lines", 5))] == [
        True,
        True,
    ]
