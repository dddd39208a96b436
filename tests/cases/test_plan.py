"""Every case of `plan/` is planned as it says, and every rule of its tables in docs/engine.md has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cases.company import Company, Ran
from tests.cases.facts import Facts, plain
from tests.cases.situation import Case, cases

CASES = cases()
COMPANIES: dict[str, list[Case]] = {}
for _case in CASES:
    COMPANIES.setdefault(_case.company, []).append(_case)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Ran]:
    """What came of the company of a case, which is planned and applied once."""
    known: dict[str, Ran] = {}

    def run(case: Case) -> Ran:
        if case.company not in known:
            root: Path = tmp_path_factory.mktemp("company")
            known[case.company] = Company(root, COMPANIES[case.company]).run()
        return known[case.company]

    return run


def of(case: Case, facts: Facts) -> Facts:
    """Of a plan what it says of the rows of *case*."""
    names = {str(plain(code)) for code in case.codes}
    return {key: fact for key, fact in facts.items() if key.split("/")[0] in names}


def marked(case: Case) -> Any:
    """Documents are planned and applied more often than plain rows."""
    slow = case.title.startswith(("documents/", "lines/"))
    return pytest.param(case, id=case.title, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize("case", [*map(marked, CASES)])
def test_the_plan_is_as_the_case_says(case: Case, ran: Callable[[Case], Ran]):
    found = ran(case)
    assert of(case, found.plan) == plain(case.expect)
    assert found.plan.keys() <= {key for each in COMPANIES[case.company] for key in of(each, found.plan)}
    if case.foreign is not None:
        assert found.foreign == case.foreign
    if case.after.theirs is not None:
        assert _theirs(case, found) == sorted(plain(case.after.theirs), key=str)
    for key, told in case.after.remembered.items():
        known: Any = found.remembered.get(key)
        assert (known and {name: known.get(name) for name in told}) == (
            None if told == "nothing" else plain(told)
        )
    again = of(case, found.again)
    assert (again if case.after.plan else _doing(again)) == plain(case.after.plan)


def _theirs(case: Case, found: Ran) -> list[Any]:
    """What their system holds of the case, without identifiers and empty fields."""
    rows = [
        plain({name: v for name, v in row.items() if name != "id" and v is not None}) for row in found.theirs
    ]
    names = {plain(code) for code in case.codes}
    return sorted((row for row in rows if next(iter(row.values())) in names), key=str)


def _doing(facts: Facts) -> Facts:
    return {key: fact for key, fact in facts.items() if fact.get("does", "report") != "report"}


def test_rows_of_one_case_are_of_no_other_in_its_company():
    for company in COMPANIES.values():
        codes = [str(code) for case in company for code in case.codes]
        assert sorted(codes) == sorted(set(codes))
