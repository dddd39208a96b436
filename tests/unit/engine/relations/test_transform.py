"""Seeds and models: built in order, tested, rows set aside, and what absence from them proves."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from erpoa_cli.core.diagnostic import Severity
from erpoa_cli.engine.relations.transform import build_models, run_data_tests
from tests.unit.engine.small import Small, rows, small

MODEL = "SELECT code, nfkc(name) AS name, credit, u.oa_unit AS unit\nFROM {{ source('suppliers') }} s LEFT JOIN {{ ref('units') }} u ON u.erp_unit = s.unit\n"


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return (
        small(tmp_path)
        .file("seeds/units.csv", "erp_unit,oa_unit\nKG,千克\nPCS,件\n")
        .file("transforms/vendors.sql", MODEL)
        .file("transforms/t.yml", "transforms: {vendors: {description: d, key: [code]}}\n")
    )


def test_models_are_built_on_sources_and_seeds(project: Small):
    with project.building() as (staging, built):
        assert (built.diagnostics, built.blocked) == ([], {})
        assert rows(staging, "model.vendors") == [
            {"code": "001", "name": "华信A", "credit": Decimal("1.50"), "unit": "千克"},
            {"code": "002", "name": "", "credit": Decimal("12345678901234.10"), "unit": "千克"},
            {"code": "003", "name": None, "credit": Decimal("7.00"), "unit": "件"},
        ]
        assert built.evidence("vendors") == ""


def test_only_what_is_needed_is_built(project: Small):
    project.file("transforms/other.sql", "SELECT 1 AS one\n")
    with project.building("vendors") as (_, built):
        assert set(built.held) == {"suppliers", "units", "vendors"}


def with_test(project: Small, tests: str) -> Small:
    return project.file(
        "transforms/t.yml", f"transforms: {{vendors: {{description: d, key: [code], tests: [{tests}]}}}}\n"
    )


@pytest.mark.parametrize(
    ("test", "script", "words"),
    [
        ("unique: name", "UPDATE supplier SET name = 'x'", "name is repeated in 3 rows"),
        ("not_null: [code, name]", "", "code, name is NULL in 1 rows"),
        ("accepted_values: {code: ['001', '002']}", "", "code is none of the accepted values in 1 rows"),
        ("relationships: {unit: units.oa_unit}", "UPDATE supplier SET unit = 'KG'", ""),
        ("accepted_values: {credit: [1.5, 7, 12345678901234.1]}", "", ""),
        ("unique: name", "UPDATE supplier SET name = NULL", ""),
    ],
)
def test_tests_find_what_they_say(project: Small, test: str, script: str, words: str):
    with_test(project, test).sql(script)
    with project.building() as (_, built):
        assert [d.summary for d in built.diagnostics] == ([f"vendors: {words}"] if words else [])
        assert ("vendors" in built.blocked) is bool(words)
        assert len(built.tested) == 1


@pytest.mark.parametrize(
    "test", ["accepted_values: {credit: [many]}", "{accepted_values: {since: [x]}, severity: hold_row}"]
)
def test_a_test_that_cannot_run_blocks(project: Small, test: str):
    project.file("transforms/vendors.sql", "SELECT code, credit, since FROM {{ source('suppliers') }}\n")
    with_test(project, test)
    with project.building() as (_, built):
        assert [d.code for d in built.diagnostics] == ["E0355"]
        assert "vendors" in built.blocked


def test_a_warning_blocks_nothing(project: Small):
    with_test(project, "{not_null: name, severity: warn}")
    with project.building() as (_, built):
        assert [d.severity for d in built.diagnostics] == [Severity.WARNING]
        assert built.blocked == {}


def test_held_rows_are_gone_before_the_next_model_sees_them(project: Small):
    with_test(project, "{not_null: name, severity: hold_row}")
    project.file("transforms/next.sql", "SELECT count(*) AS n FROM {{ ref('vendors') }}\n")
    with project.building() as (staging, built):
        assert rows(staging, "model.next") == [{"n": 2}]
        assert rows(staging, "held.vendors") == [
            {"key": '{"code":"003"}', "field": "name", "code": "E0350", "reason": "is NULL"}
        ]
        assert built.diagnostics == []
        assert built.evidence("vendors") == ""  # its key is known: that one row is unobserved
        assert built.evidence("next") == "1 rows of vendors are held"  # a count does not say whose it is


def test_unmapped_values_are_queued_and_their_rows_held(project: Small):
    project.file("transforms/vendors.sql", "SELECT code, unit FROM {{ source('suppliers') }}\n")
    with_test(project, "{mapped: {unit: units.erp_unit}, severity: hold_row}")
    project.sql("UPDATE supplier SET unit = '箱' WHERE id IN (1, 3)")
    with project.building() as (staging, built):
        assert [(u.value, u.rows, u.to) for u in built.unmapped] == [("箱", 2, "units.erp_unit")]
        assert [r["code"] for r in rows(staging, "model.vendors")] == ["002"]
        assert [r["reason"] for r in rows(staging, "held.vendors")] == [
            "'箱' is not mapped in units.erp_unit"
        ] * 2


def test_reasons_of_tests_do_not_tell_sensitive_values(project: Small):
    project.file("transforms/vendors.sql", "SELECT code, tax_no FROM {{ source('suppliers') }}\n")
    with_test(
        project, "{accepted_values: {tax_no: [a]}, severity: hold_row}, {mapped: {tax_no: units.erp_unit}}"
    )
    with project.building() as (staging, built):
        assert "CANARY" not in str(rows(staging, "held.vendors")) + str(built.diagnostics) + str(
            built.unmapped
        )
        assert built.held["vendors"] == 2


# -- what absence proves ---------------------------------------------------------------------------------------


def test_a_row_held_in_the_source_is_held_by_its_key_where_the_model_keeps_it(project: Small):
    text = (project.root / "sources/s.yml").read_text().replace("key: [id]", "key: [code]")
    project.file("sources/s.yml", text).sql("UPDATE supplier SET credit = 'x' WHERE id = 2")
    with project.building() as (staging, built):
        assert built.evidence("vendors") == ""
        [row] = rows(staging, "held.vendors")
        assert row["key"] == '{"code":"002"}'
        assert row["reason"].startswith("suppliers: 'x' is not")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT upper(code) AS code FROM {{ source('suppliers') }}",
        "SELECT name AS code FROM {{ source('suppliers') }}",
        "SELECT code FROM {{ source('suppliers') }} GROUP BY code",
        "SELECT DISTINCT code FROM {{ source('suppliers') }}",
        "SELECT code FROM {{ source('suppliers') }} QUALIFY count(*) OVER () > 1",
        "SELECT code FROM {{ source('suppliers') }} ORDER BY code LIMIT 5",
        "SELECT code FROM {{ source('suppliers') }} UNION ALL SELECT 'x'",
        "SELECT a.code FROM {{ source('suppliers') }} a JOIN {{ source('suppliers') }} b ON a.id = b.id + 1",
        "SELECT code FROM {{ source('suppliers') }} a WHERE EXISTS (SELECT 1 FROM {{ source('suppliers') }} b)",
    ],
)
def test_where_the_key_is_not_kept_absence_proves_nothing(project: Small, sql: str):
    text = (project.root / "sources/s.yml").read_text().replace("key: [id]", "key: [code]")
    project.file("sources/s.yml", text).sql("UPDATE supplier SET credit = 'x' WHERE id = 2")
    project.file("transforms/vendors.sql", sql + "\n")
    with project.building() as (_, built):
        assert built.evidence("vendors") == "1 rows of suppliers are held"


def test_an_empty_source_proves_nothing(project: Small):
    project.sql("DELETE FROM supplier")
    with project.building() as (_, built):
        assert built.evidence("vendors") == "suppliers is empty"


def test_a_failed_source_blocks_everything_made_of_it(project: Small):
    project.file("transforms/next.sql", "SELECT * FROM {{ ref('vendors') }}\n").sql("DROP TABLE supplier")
    with project.building() as (_, built):
        assert set(built.blocked) == {"suppliers", "vendors", "next"}
        assert "suppliers could not be read" in built.blocked["next"]
        assert built.evidence("next")


def test_a_model_that_fails_while_running_blocks_what_is_made_of_it(project: Small):
    project.file(
        "transforms/vendors.sql",
        "SELECT code,\n  CAST(name AS BIGINT) AS n\nFROM {{ source('suppliers') }}\n",
    )
    project.file("transforms/next.sql", "SELECT * FROM {{ ref('vendors') }}\n")
    with project.building() as (_, built):
        [finding] = built.diagnostics
        assert (finding.code, finding.at and finding.at.file) == ("E0353", "transforms/vendors.sql")
        assert set(built.blocked) == {"vendors", "next"}


def test_a_model_may_not_run_for_ever(project: Small):
    many = ", ".join(f"{{{{ source('suppliers') }}}} s{i}" for i in range(22))
    project.file("transforms/vendors.sql", f"SELECT count(*) AS code FROM {many} WHERE s0.id + s21.id > 0\n")
    with project.reading() as (staging, reads, bound):
        staging.lock()
        built = build_models(bound, staging, ["vendors"], reads, seconds=0.3)
        assert "takes too long" in built.blocked["vendors"]


# -- contracts, seeds, data tests ------------------------------------------------------------------------------

CONTRACT = """
    type: object
    description: d
    properties:
      code: {type: string, pattern: '^[0-9]{3}$'}
      name: {type: string, maxLength: 5}
      credit: {type: number, x-erpoa: {decimal: [18, 2]}, maximum: 1000}
      unit: {enum: [千克, 件], type: string}
    required: [code, name]
"""


def test_a_broken_contract_blocks_and_says_every_promise(project: Small):
    project.file("contracts/vendor.yml", CONTRACT)
    project.file(
        "transforms/t.yml", "transforms: {vendors: {description: d, key: [code], contract: vendor}}\n"
    )
    with project.building() as (_, built):
        [finding] = built.diagnostics
        assert finding.code == "E0351"
        assert finding.summary == (
            "vendors breaks contract vendor: name is NULL in 1 rows; credit is more than 1000 in 1 rows"
        )
        assert finding.detail == 'For example {"code":"002"}, {"code":"003"}.'
        assert "vendors" in built.blocked


def test_data_tests_return_no_row(project: Small):
    project.file("tests/named.sql", "SELECT code FROM {{ ref('vendors') }} WHERE name IS NULL\n")
    project.file("tests/known.sql", "SELECT code FROM {{ ref('vendors') }} WHERE code IS NULL\n")
    with project.building() as (staging, built):
        found = {t.what: t.rows for t in run_data_tests(built, staging)}
    assert found == {"data test named": 1, "data test known": 0}


def test_leading_zeros_and_empty_cells_survive_in_seeds(project: Small):
    project.file("seeds/s.csv", '\ufeffcode,名称\n007,\n"0,8","a\n""b"""\n')
    with project.building("s") as (staging, _):
        assert rows(staging, "model.s") == [
            {"code": "0,8", "名称": 'a\n"b"'},
            {"code": "007", "名称": ""},
        ]


def test_a_seed_that_changes_under_way_blocks(project: Small):
    with project.reading() as (staging, reads, bound):
        project.file("seeds/units.csv", "erp_unit,oa_unit\nKG\n")
        staging.lock()
        built = build_models(bound, staging, ["vendors"], reads)
        assert [d.code for d in built.diagnostics] == ["E0340"]
        assert set(built.blocked) == {"units", "vendors"}
