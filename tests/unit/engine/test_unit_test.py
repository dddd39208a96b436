"""Unit tests of transforms, tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.engine.unit_test import UnitResult, run_unit_tests
from tests.unit.engine.small import Small, small

MODEL = """
SELECT s.code, nfkc(s.name) AS name, s.credit, s.since, u.oa_unit AS unit, {{ as_of() }} AS at
FROM {{ source('suppliers') }} s LEFT JOIN {{ ref('units') }} u ON u.erp_unit = s.unit
"""


@pytest.fixture
def project(tmp_path: Path) -> Small:
    project = (
        small(tmp_path).file("seeds/units.csv", "erp_unit,oa_unit\nKG,千克\n").file("transforms/m.sql", MODEL)
    )
    (tmp_path / "erp.db").unlink()  # nothing is connected to
    return project


def run(project: Small, test: str) -> UnitResult:
    project.file("tests/u.yml", f"unit_tests: {{t: {{transform: m, {test}}}}}\n")
    [result] = run_unit_tests(project.bound())
    return result


GIVEN = "given: {suppliers: [{code: '001', name: 'Ａ', credit: 1.5, unit: KG}, {code: '002', since: 2024-02-29}], units: [{erp_unit: KG, oa_unit: 千克}]}"


def test_rows_are_compared_by_the_columns_that_are_expected(project: Small):
    result = run(
        project,
        f"{GIVEN}, expect: [{{code: '002', name: null, unit: null}}, {{code: '001', name: A, unit: 千克}}]",
    )
    assert result.passed, result.problems


def test_values_are_compared_as_their_type(project: Small):
    assert run(project, f"{GIVEN}, expect: [{{credit: '1.50'}}, {{credit: null}}]").passed
    assert run(project, f"{GIVEN}, expect: [{{since: null}}, {{since: '2024-02-29'}}]").passed
    assert not run(project, f"{GIVEN}, expect: [{{credit: 1.51}}, {{credit: null}}]").passed


def test_the_instant_is_always_the_same(project: Small):
    assert run(
        project, f"{GIVEN}, expect: [{{at: '2026-01-01T00:00:00Z'}}, {{at: '2026-01-01T00:00:00Z'}}]"
    ).passed


def test_differences_are_shown_row_by_row(project: Small):
    result = run(
        project,
        f"{GIVEN}, expect: [{{code: '001', name: B}}, {{code: '002', name: ''}}, {{code: '002', name: null}}]",
    )
    assert not result.passed
    assert result.missing == ({"code": "001", "name": "B"}, {"code": "002", "name": ""})
    assert result.unexpected == ({"code": "001", "name": "A"},)
    [problem] = result.problems
    assert problem.code == "E0361"
    assert problem.detail.splitlines() == [
        '- {code: "001", name: "B"}',
        '- {code: "002", name: ""}',
        '+ {code: "001", name: "A"}',
    ]


def test_rows_count(project: Small):
    assert not run(project, f"{GIVEN}, expect: [{{code: '001'}}, {{code: '002'}}, {{code: '002'}}]").passed
    assert not run(project, f"{GIVEN}, expect: [{{code: '001'}}]").passed


def test_expecting_no_rows(project: Small):
    assert run(project, "given: {suppliers: [], units: []}, expect: []").passed
    result = run(project, f"{GIVEN}, expect: []")
    assert len(result.unexpected) == 2
    assert result.unexpected[0]["code"] == "001"


@pytest.mark.parametrize("row", ["{credit: '1.555'}", "{since: '2024-02-30'}", "{id: 1.5}", "{credit: x}"])
def test_what_is_given_must_be_of_its_type(project: Small, row: str):
    result = run(project, f"given: {{suppliers: [{row}], units: []}}, expect: []")
    assert [p.code for p in result.problems] == ["E0360"]


def test_what_is_expected_must_be_a_column(project: Small):
    result = run(project, "given: {suppliers: [], units: []}, expect: [{cod: 1}]")
    assert [(p.code, p.remedy) for p in result.problems] == [("E0360", "Did you mean `code`?")]
