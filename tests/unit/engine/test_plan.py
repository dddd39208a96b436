"""Making a plan: exit codes, waivers of an exact count, and what a read that lost rows may not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Exit
from erpoa_cli.core.guard import Waiver
from erpoa_cli.engine.apply import ApplyOptions, apply
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.plan import PlanOptions, PlanResult, make_plan
from erpoa_cli.state import PlanFile, open_reader, open_writer
from tests.unit.engine.small import AS_OF, Small

POLICIES = "policies/p.yml"


class Company(Small):
    """Ten suppliers in an ERP, kept in agreement with an OA."""

    def plan(self, *waivers: Waiver, **options: Any) -> PlanResult:
        bound = self.bound()
        asked = PlanOptions(as_of=AS_OF, author="a", waivers=waivers, **options)
        with Connections(bound.project) as connections, open_reader(self.root, "default") as state:
            return make_plan(bound, connections, state, asked)

    def apply(self, result: PlanResult) -> None:
        bound = self.bound()
        with Connections(bound.project) as connections, open_writer(self.root, "default") as store:
            apply(PlanFile.open(result.path), bound, connections, store, ApplyOptions())

    def rule(self, severity: str) -> None:
        self.file(
            POLICIES,
            f'rules: {{no_deletes: {{severity: {severity}, sql: "select address from plan.changes"}}}}',
        )

    def lose(self, rows: int) -> None:
        self.sql(f"DELETE FROM supplier WHERE code IN (SELECT code FROM supplier ORDER BY code LIMIT {rows})")


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company(tmp_path)
    company.file("erpoa.yml", "format: 1\nname: small\nowner: a@b.example\ndescription: d\n")
    company.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    company.file(
        "sources/s.yml",
        "sources: {s: {system: erp, object: supplier, key: [code], fields: {code: string, name: string}, complete: {max_drop: 20%}}}",
    )
    company.file(
        "targets/t.yml",
        "targets: {t: {from: s, system: oa, object: supplier, key: [code], fields: [code, name], "
        "on_source_gone: delete, guards: {max_delete: {count: 5}}}}",
    )
    rows = ", ".join(f"('{n:03}', '供应商 {n}')" for n in range(10))
    company.sql(
        f"CREATE TABLE supplier (code TEXT PRIMARY KEY, name TEXT); INSERT INTO supplier VALUES {rows}"
    )
    company.sql("CREATE TABLE supplier (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT)", "oa.db")
    company.apply(company.plan())
    return company


def counts(result: PlanResult) -> dict[str, int]:
    return dict(result.header.counts["t"])


def test_nothing_to_do_something_to_do_and_blocked_have_their_own_exit(company: Company) -> None:
    assert (company.plan().exit, company.plan().header.applyable) == (Exit.SUCCESS, False)
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    changed = company.plan()
    assert (changed.exit, changed.header.applyable, counts(changed)) == (Exit.CHANGES, True, {"update": 1})
    company.rule("block")
    blocked = company.plan()
    assert (blocked.exit, blocked.header.applyable) == (Exit.BLOCKED, False)
    assert [d.code for d in blocked.diagnostics] == ["E0432"]


@pytest.mark.parametrize(
    ("severity", "exit"), [("warn", Exit.CHANGES), ("block", Exit.BLOCKED), ("approval", Exit.BLOCKED)]
)
def test_a_rule_warns_or_blocks(company: Company, severity: str, exit: Exit) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    company.rule(severity)
    result = company.plan()
    assert result.exit is exit
    (said,) = [g for g in PlanFile.open(result.path).guards if g.guard == "rule:no_deletes"]
    assert (said.measured, said.message) == (1, "t/code=001")


def test_a_freeze_lets_no_change_pass(company: Company) -> None:
    company.file(
        POLICIES, 'freezes: {year_end: {from: "2026-11-30T00:00Z", until: "2026-12-01T00:00Z", select: "t"}}'
    )
    assert company.plan().exit is Exit.SUCCESS
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    assert company.plan().exit is Exit.BLOCKED


def test_a_drop_withholds_removals_until_exactly_it_is_waived(company: Company) -> None:
    company.lose(4)
    held = company.plan()
    assert (held.exit, counts(held)) == (Exit.BLOCKED, {})
    assert company.plan(Waiver("s", "max_drop", 3, "r")).exit is Exit.BLOCKED
    waived = company.plan(Waiver("s", "max_drop", 4, "年底清理"))
    assert (waived.exit, counts(waived)) == (Exit.CHANGES, {"delete": 4})
    (told,) = [g for g in PlanFile.open(waived.path).guards if g.guard == "max_drop"]
    assert (told.target, told.measured, told.base, told.waived) == ("s", 4, 10, "年底清理")
    company.apply(waived)
    assert company.plan().exit is Exit.SUCCESS


def test_an_applied_plan_does_not_make_a_drop_the_new_measure(company: Company) -> None:
    company.lose(4)
    company.sql("UPDATE supplier SET name = '改' WHERE code = '009'")
    partly = company.plan()
    assert counts(partly) == {"update": 1}
    company.apply(partly)
    again = company.plan()
    assert (again.exit, counts(again)) == (Exit.BLOCKED, {})


def test_an_empty_source_proves_nothing_whatever_is_waived(company: Company) -> None:
    company.lose(10)
    result = company.plan(Waiver("s", "max_drop", 10, "r"), Waiver("t", "max_delete", 10, "r"))
    assert (result.exit, counts(result)) == (Exit.BLOCKED, {})


def test_a_guard_is_waived_for_exactly_its_count(company: Company) -> None:
    company.lose(6)
    drop = Waiver("s", "max_drop", 6, "r")
    assert company.plan(drop).exit is Exit.BLOCKED
    assert company.plan(drop, Waiver("t", "max_delete", 7, "r")).exit is Exit.BLOCKED
    assert company.plan(drop, Waiver("t", "max_delete", 6, "r")).exit is Exit.CHANGES
    idle = company.plan(drop, Waiver("t", "max_delete", 6, "r"), Waiver("t", "max_create", 1, "r"))
    assert "E0431" in [d.code for d in idle.diagnostics]


def test_fewer_rows_wanted_than_expected_block(company: Company) -> None:
    company.file(POLICIES, "guards: {min_rows: 10}\n")
    assert company.plan().exit is Exit.SUCCESS
    company.file(POLICIES, "guards: {min_rows: 11}\n")
    result = company.plan()
    assert result.exit is Exit.BLOCKED
    (verdict,) = [g for g in PlanFile.open(result.path).guards if g.blocks]
    assert (verdict.guard, verdict.target, verdict.measured) == ("min_rows", "t", 10)
    text = (company.root / "targets/t.yml").read_text().replace("guards: {", "guards: {min_rows: 3, ")
    company.file("targets/t.yml", text)
    assert company.plan().exit is Exit.SUCCESS  # the target's own goes before the project's


def test_a_narrowed_plan_is_not_complete_and_one_with_a_failed_read_is_errored(company: Company) -> None:
    assert company.plan().header.complete
    assert not company.plan(targets=frozenset({"t"})).header.complete
    company.sql("DROP TABLE supplier")
    failed = company.plan()
    assert (failed.exit, failed.header.errored, failed.header.applyable) == (Exit.BLOCKED, True, False)
