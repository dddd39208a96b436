"""Making a plan: exit codes, waivers of an exact count, and what a read that lost rows may not do."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.relations import actual, read
from erpoa_cli.engine.relations.load import load as load_relation
from erpoa_cli.state import Intent, PlanFile, RunStatus, load_sealer, open_writer
from tests import planning
from tests.planning import Bound, PlanResult
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

POLICIES = "policies/p.yml"


class Company(Small):
    """Ten suppliers in an ERP, kept in agreement with an OA."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.environment: dict[str, str] = {}

    def bound(self) -> Bound:
        return planning.bound(self.root, self.environment.get)

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
    assert (company.plan().conclusion, company.plan().header.applyable) == (PlanConclusion.UNCHANGED, False)
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    changed = company.plan()
    assert (changed.conclusion, changed.header.applyable, counts(changed)) == (
        PlanConclusion.CHANGES,
        True,
        {"update": 1},
    )
    company.rule("block")
    blocked = company.plan()
    assert (blocked.conclusion, blocked.header.applyable) == (PlanConclusion.BLOCKED, False)
    assert [d.code for d in blocked.diagnostics] == ["E0432"]


@pytest.mark.parametrize(
    ("severity", "conclusion"),
    [
        ("warn", PlanConclusion.CHANGES),
        ("block", PlanConclusion.BLOCKED),
        ("approval", PlanConclusion.BLOCKED),
    ],
)
def test_a_rule_warns_or_blocks(company: Company, severity: str, conclusion: PlanConclusion) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    company.rule(severity)
    result = company.plan()
    assert result.conclusion is conclusion
    (said,) = [g for g in PlanFile.open(result.path).guards if g.guard == "rule:no_deletes"]
    assert (said.measured, said.message) == (1, "t/code=001")


def test_a_rule_sees_no_sensitive_value(company: Company) -> None:
    load_sealer(company.root, create=True)
    text = (company.root / "sources/s.yml").read_text()
    company.file("sources/s.yml", text.replace("name: string", "name: {type: string, class: sensitive}"))
    company.sql("UPDATE supplier SET name = 'canary' WHERE code = '001'")
    seen = "select address, before, after, agreed, seen, sensitive from plan.fields"
    company.file(POLICIES, f'rules: {{seen: {{severity: warn, sql: "{seen}"}}}}')
    (said,) = [g for g in PlanFile.open(company.plan().path).guards if g.guard == "rule:seen"]
    assert said.message == "t/code=001, None, None, None, None, True"


def test_a_freeze_lets_no_change_pass(company: Company) -> None:
    company.file(
        POLICIES, 'freezes: {year_end: {from: "2026-11-30T00:00Z", until: "2026-12-01T00:00Z", select: "t"}}'
    )
    assert company.plan().conclusion is PlanConclusion.UNCHANGED
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    assert company.plan().conclusion is PlanConclusion.BLOCKED


def test_a_drop_withholds_removals_until_exactly_it_is_waived(company: Company) -> None:
    company.lose(4)
    held = company.plan()
    assert (held.conclusion, counts(held)) == (PlanConclusion.BLOCKED, {})
    assert company.plan(Waiver("s", "max_drop", 3, "r")).conclusion is PlanConclusion.BLOCKED
    waived = company.plan(Waiver("s", "max_drop", 4, "年底清理"))
    assert (waived.conclusion, counts(waived)) == (PlanConclusion.CHANGES, {"delete": 4})
    (told,) = [g for g in PlanFile.open(waived.path).guards if g.guard == "max_drop"]
    assert (told.target, told.measured, told.base, told.waived) == ("s", 4, 10, "年底清理")
    company.apply(waived)
    assert company.plan().conclusion is PlanConclusion.UNCHANGED


def test_an_applied_plan_does_not_make_a_drop_the_new_measure(company: Company) -> None:
    company.lose(4)
    company.sql("UPDATE supplier SET name = '改' WHERE code = '009'")
    partly = company.plan()
    assert counts(partly) == {"update": 1}
    company.apply(partly)
    again = company.plan()
    assert (again.conclusion, counts(again)) == (PlanConclusion.BLOCKED, {})


def test_an_empty_source_proves_nothing_whatever_is_waived(company: Company) -> None:
    company.lose(10)
    result = company.plan(Waiver("s", "max_drop", 10, "r"), Waiver("t", "max_delete", 10, "r"))
    assert (result.conclusion, counts(result)) == (PlanConclusion.BLOCKED, {})


def test_a_guard_is_waived_for_exactly_its_count(company: Company) -> None:
    company.lose(6)
    drop = Waiver("s", "max_drop", 6, "r")
    assert company.plan(drop).conclusion is PlanConclusion.BLOCKED
    assert company.plan(drop, Waiver("t", "max_delete", 7, "r")).conclusion is PlanConclusion.BLOCKED
    assert company.plan(drop, Waiver("t", "max_delete", 6, "r")).conclusion is PlanConclusion.CHANGES
    idle = company.plan(drop, Waiver("t", "max_delete", 6, "r"), Waiver("t", "max_create", 1, "r"))
    assert "E0431" in [d.code for d in idle.diagnostics]


def test_fewer_rows_wanted_than_expected_block(company: Company) -> None:
    company.file(POLICIES, "guards: {min_rows: 10}\n")
    assert company.plan().conclusion is PlanConclusion.UNCHANGED
    company.file(POLICIES, "guards: {min_rows: 11}\n")
    result = company.plan()
    assert result.conclusion is PlanConclusion.BLOCKED
    (verdict,) = [g for g in PlanFile.open(result.path).guards if g.blocks]
    assert (verdict.guard, verdict.target, verdict.measured) == ("min_rows", "t", 10)
    text = (company.root / "targets/t.yml").read_text().replace("guards: {", "guards: {min_rows: 3, ")
    company.file("targets/t.yml", text)
    assert company.plan().conclusion is PlanConclusion.UNCHANGED  # the target's own goes before the project's


@pytest.mark.parametrize(
    ("limits", "guard", "said", "place"),
    [
        (
            "t: {max_delete: 1}",
            "t.max_delete",
            "2 rows removed of 10 rows under management",
            "targets/t.yml:1",
        ),
        (
            "p: {max_delete: 1}",
            "t.max_delete",
            "allowed: 1 rows (policies/p.yml:1:10)",
            "policies/p.yml:1:10",
        ),
        ("d: {max_delete: 1}", "t.max_delete", "allowed: 1 rows (erpoa.yml:", "erpoa.yml:5"),
        ("t: {}", "t.max_delete", "(20.0%); allowed: 20 rows or 5 % (the default)", "targets/t.yml:1"),
        (
            "p: {max_change: {share: 10%}}",
            "t.max_change",
            "3 rows changed of 10 rows it holds (30.0%)",
            "policies/p.yml:1:10",
        ),
        (
            "p: {max_create: 0}",
            "t.max_create",
            "1 rows created of 10 rows under management",
            "policies/p.yml:1:10",
        ),
        (
            "p: {min_rows: 10}",
            "t.min_rows",
            "9 rows are wanted; at least 10 are expected (policies/p.yml",
            "policies/p.yml:1:10",
        ),
        (
            "p: {max_calls: 2}",
            "max_calls",
            "3 calls of all targets together; allowed: 2 (policies/p.yml:1:10)",
            "policies/p.yml:1:10",
        ),
    ],
)
def test_a_guard_says_what_was_counted_the_limit_its_place_and_what_to_do(
    company: Company, limits: str, guard: str, said: str, place: str
) -> None:
    company.lose(2)
    company.sql(
        "INSERT INTO supplier VALUES ('900', '新'); UPDATE supplier SET name = '改' WHERE code = '005'"
    )
    where, _, text = limits.partition(": ")
    target = (company.root / "targets/t.yml").read_text().replace(", guards: {max_delete: {count: 5}}", "")
    company.file(
        "targets/t.yml",
        target.replace("on_source_gone", f"guards: {text}, on_source_gone") if where == "t" else target,
    )
    if where == "p":
        company.file(POLICIES, f"guards: {text}\n")
    if where == "d":
        header = (company.root / "erpoa.yml").read_text()
        company.file("erpoa.yml", f"{header}defaults: {{targets: {{guards: {text}}}}}\n")
    (told,) = [
        d for d in company.plan().diagnostics if d.summary == f"{guard.replace('.', ': ')} blocks the plan"
    ]
    assert said in told.detail
    assert str(told.at).startswith(place)
    assert "; " in told.remedy
    assert (f"--waive {guard}=" in told.remedy) is ("." in guard)


def test_freezes_rules_and_drops_say_where_they_are_written(company: Company) -> None:
    company.lose(4)
    company.sql("UPDATE supplier SET name = '改' WHERE code = '005'")
    company.file(
        POLICIES,
        """
        freezes: {year_end: {from: "2026-11-30T00:00Z", until: "2026-12-01T00:00Z"}}
        rules:
          no_changes: {severity: block, sql: "select address from plan.changes"}
          broken: {severity: warn, sql: "select cast(address as integer) from plan.changes"}
        """,
    )
    result = company.plan()
    told = {d.code: d for d in result.diagnostics if "broken" not in d.summary}
    assert (told["E0430"].summary, str(told["E0430"].at)) == (
        "year_end: freeze blocks the plan",
        f"{POLICIES}:1:11",
    )
    assert f"frozen until 2026-12-01T00:00:00+00:00 ({POLICIES}:1:11): 1 rows of t" in told["E0430"].detail
    assert (told["E0432"].detail, str(told["E0432"].at)) == ("t/code=005", f"{POLICIES}:3:3")
    broken = [d for d in result.diagnostics if "broken" in d.summary]
    assert [(d.code, str(d.at)) for d in broken] == [
        ("E0433", f"{POLICIES}:4:3"),
        ("E0432", f"{POLICIES}:4:3"),
    ]
    assert "at most 20% may go (sources/s.yml:1:" in told["E0437"].detail
    (drop,) = [g for g in PlanFile.open(result.path).guards if g.guard == "max_drop"]
    assert "4 rows of 10 are not there any more (40.0%); allowed: 20 % (sources/s.yml:1:" in drop.message


def test_a_rule_that_breaks_after_the_plan_forbids_the_apply(company: Company) -> None:
    """The rule answers over no changes at all, so it was sound when it was written."""
    company.sql("UPDATE supplier SET name = '改' WHERE code = '005'")
    result = company.plan()
    company.file(
        POLICIES,
        'rules: {broken: {severity: warn, sql: "select cast(address as integer) from plan.changes"}}',
    )
    with pytest.raises(Failure) as failure:
        company.apply(result)
    assert failure.value.kind is FailureKind.BLOCKED
    told = [(d.code, str(d.at)) for d in failure.value.diagnostics]
    assert told == [("E0433", f"{POLICIES}:1:9"), ("E0541", f"{POLICIES}:1:9")]
    assert "address" in failure.value.diagnostics[0].summary + failure.value.diagnostics[0].detail
    company.rule("warn")
    company.apply(result)


@pytest.mark.parametrize(
    ("system", "object"), [("sqlite", "supplier"), ("files", "supplier.csv"), ("duckdb", "supplier")]
)
@pytest.mark.parametrize("changed", [True, False], ids=["with changes", "nothing to do"])
def test_a_plan_for_one_place_is_refused_at_another(
    company: Company, system: str, object: str, *, changed: bool
) -> None:
    """The same project files, the same state, the same rows at both places: only the environment names another."""
    for place in ("here", "there"):
        (company.root / place).mkdir()
        (company.root / place / "supplier.csv").write_text("id,code,name\n1,001,甲\n", encoding="utf-8")
        table = "CREATE TABLE supplier (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE, name VARCHAR)"
        company.sql(table, f"{place}/oa.db")
        with duckdb.connect(company.root / place / "oa.duckdb") as db:
            db.execute(table)
    file = {"sqlite": "/oa.db", "duckdb": "/oa.duckdb", "files": ""}[system]
    files = ", files: {supplier.csv: {id: [id]}}" if system == "files" else ""
    company.file(
        "systems/s.yml",
        f"""
        systems:
          erp: {{plugin: sqlite, config: {{path: erp.db}}}}
          oa: {{plugin: {system}, config: {{path: "{{{{ env('PLACE') }}}}{file}"{files}}}}}
        """,
    )
    company.file(
        "targets/t.yml",
        f"targets: {{u: {{from: s, system: oa, object: {object}, key: [code], fields: [code, name], "
        "on_first_contact: write}}",
    )
    company.environment["PLACE"] = "here"
    with open_writer(company.root, "default") as store:
        store.begin_anew("oa")
        store.declare_system("oa", f"{system}:here{file}")
    plan = company.plan()
    if not changed:
        company.apply(plan)
        plan = company.plan()
    assert plan.header.applyable is changed  # rows that were refused are withheld
    company.environment["PLACE"] = "there"
    with pytest.raises(Failure) as failure:
        company.apply(plan)
    assert (failure.value.kind, [d.code for d in failure.value.diagnostics]) == (FailureKind.STALE, ["E0532"])
    company.environment["PLACE"] = "here/../here"
    company.apply(plan)


def test_a_narrowed_plan_is_not_complete_and_one_with_a_failed_read_is_errored(company: Company) -> None:
    assert company.plan().header.complete
    assert not company.plan(targets=frozenset({"t"})).header.complete
    company.sql("DROP TABLE supplier")
    failed = company.plan()
    assert (failed.conclusion, failed.header.errored, failed.header.applyable) == (
        PlanConclusion.BLOCKED,
        True,
        False,
    )


def test_a_row_that_got_the_identifier_of_ours_is_not_removed_in_its_place(company: Company) -> None:
    company.sql("DELETE FROM supplier WHERE code IN ('008', '009')")
    company.sql(
        "DELETE FROM supplier WHERE code = '009'; INSERT INTO supplier VALUES (10, 'X1', '别人')", "oa.db"
    )
    result = company.plan()
    assert (result.conclusion, counts(result)) == (PlanConclusion.BLOCKED, {"delete": 1})
    (kept,) = planning.rows(result, "withheld", "t")
    assert (kept["k_code"], kept["code"], kept["a_code"]) == ("009", "E0415", "X1")
    (said,) = [d for d in result.diagnostics if d.code == "E0437"]
    assert said.detail == "nothing by which their row was recognised is left in it"

    with open_writer(company.root, "default") as state:
        state.forget("t", ['{"code":"009"}'])
    company.apply(company.plan())
    assert company.plan().conclusion is PlanConclusion.UNCHANGED
    with sqlite3.connect(company.root / "oa.db") as oa:
        left = {row[0] for row in oa.execute("SELECT code FROM supplier")}
    assert "X1" in left
    assert not {"008", "009"} & left


def test_a_renamed_row_is_removed_when_a_person_says_that_it_is_ours(company: Company) -> None:
    company.sql("DELETE FROM supplier WHERE code = '009'")
    company.sql("UPDATE supplier SET code = '9' WHERE code = '009'", "oa.db")
    assert (company.plan().conclusion, counts(company.plan())) == (PlanConclusion.BLOCKED, {})
    with open_writer(company.root, "default") as state:
        state.adopt(state.targets()["t"], {'{"code":"009"}': {"id": "10"}})
    assert counts(company.plan()) == {"delete": 1}


def test_a_row_that_got_the_identifier_of_ours_is_that_of_whom_it_matches(company: Company) -> None:
    company.sql("INSERT INTO supplier VALUES ('X1', '别人')")
    company.sql(
        "DELETE FROM supplier WHERE code = '009'; INSERT INTO supplier VALUES (10, 'X1', '别人')", "oa.db"
    )
    result = company.plan()
    assert counts(result) == {"adopt": 1}
    (gone,) = planning.rows(result, "drift", "t")
    assert (gone["k_code"], gone["situation"]) == ("009", "vanished")
    company.apply(result)
    with sqlite3.connect(company.root / "oa.db") as oa:
        assert oa.execute("SELECT id FROM supplier WHERE code = 'X1'").fetchall() == [(10,)]


def _meeting(monkeypatch: pytest.MonkeyPatch, parties: int, seconds: float) -> list[str]:
    """Every read waits until *parties* are under way; which waited in vain."""
    together, alone = threading.Barrier(parties), list[str]()

    def waits(request: Any, place: Any, *rest: Any) -> Any:
        try:
            together.wait(seconds)
        except threading.BrokenBarrierError:
            alone.append(place.listing)
        return load_relation(request, place, *rest)

    for module in (read, actual):
        monkeypatch.setattr(module, "load", waits)
    return alone


@pytest.fixture
def shops(company: Company) -> Company:
    """The suppliers stand in a second table of the OA, too."""
    company.sql("CREATE TABLE shop (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT)", "oa.db")
    company.file(
        "targets/shops.yml",
        "targets: {shops: {from: s, system: oa, object: shop, key: [code], fields: [code, name]}}",
    )
    return company


def test_sources_and_targets_are_read_at_once(shops: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _meeting(monkeypatch, 3, 30)
    result = shops.plan()
    assert alone == []
    assert [(r.relation, r.verdict.evidence["rows"]) for r in PlanFile.open(result.path).reads] == [
        ("s", 10), ("actual.shops", 0), ("actual.t", 10)
    ]  # fmt: skip


def test_a_system_is_read_by_no_more_than_its_limit(shops: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    shops.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, "
        "oa: {plugin: sqlite, config: {path: oa.db}, limits: {concurrency: 1}}}",
    )
    alone = _meeting(monkeypatch, 3, 0.5)
    shops.plan()
    assert sorted(alone) == ["actual.shops", "actual.t", "s"]


def _told(result: PlanResult, member: str, target: str = "t") -> dict[str, str]:
    plan = PlanFile.open(result.path)
    if target not in plan.members(member):
        return {}
    return {row["k_code"]: row["code"] for row in plan.table(member, target).to_pylist()}


def test_where_a_model_wants_nothing_nothing_is_removed(company: Company) -> None:
    company.file("transforms/m.sql", "select * from {{ source('s') }} where code > '9'\n")
    company.file("transforms/m.yml", "transforms: {m: {description: d, key: [code]}}\n")
    text = (company.root / "targets/t.yml").read_text().replace("from: s", "from: m")
    company.file("targets/t.yml", text)
    nothing = company.plan()
    assert (nothing.conclusion, counts(nothing)) == (PlanConclusion.BLOCKED, {})
    assert set(_told(nothing, "withheld").values()) == {"E0420"}
    company.sql("INSERT INTO supplier VALUES ('91', '新')")
    assert counts(company.plan()) == {"create": 1, "delete": 10}


def test_while_a_row_without_a_key_is_wanted_nothing_is_removed(company: Company) -> None:
    company.file(
        "transforms/m.sql",
        "select nullif(code, '009') as code, name from {{ source('s') }} where code > '000'\n",
    )
    company.file("transforms/m.yml", "transforms: {m: {description: d}}\n")
    text = (company.root / "targets/t.yml").read_text().replace("from: s", "from: m")
    company.file("targets/t.yml", text)
    result = company.plan()
    assert counts(result) == {}
    assert _told(result, "withheld") == {"000": "E0420", "009": "E0420"}


def test_a_row_of_theirs_is_not_removed_while_one_of_ours_that_is_held_may_be_it(company: Company) -> None:
    company.sql(
        "INSERT INTO supplier (code, name) VALUES ('X9', '他们的'); ALTER TABLE supplier ADD COLUMN buyer INTEGER;"
        "CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT)",
        "oa.db",
    )
    text = (company.root / "targets/t.yml").read_text().replace("on_source_gone", "owns: all, on_source_gone")
    company.file("targets/t.yml", text)
    assert counts(company.plan()) == {"delete": 1}
    company.sql("INSERT INTO supplier VALUES ('N1', '新')")
    people = "people: {from: s, system: oa, object: person, key: [code], fields: [code]}, t:"
    buyer = "fields: {code: code, name: name, buyer: {ref: people, by: [name]}}"
    company.file("targets/t.yml", text.replace("t:", people, 1).replace("fields: [code, name]", buyer))
    result = company.plan()
    assert _told(result, "held")["N1"] == "E0405"  # it may be X9 under its right code
    assert "delete" not in counts(result)


def test_a_protected_row_is_not_removed(company: Company) -> None:
    company.lose(2)
    with open_writer(company.root, "default") as state:
        state.protect("t", {'{"code":"001"}': "合同未结"})
    result = company.plan()
    assert (counts(result), _told(result, "withheld")) == ({"delete": 1}, {"001": "E0422"})


@pytest.fixture
def goods(company: Company) -> Company:
    """Goods of the OA, each of a supplier."""
    company.sql(
        "CREATE TABLE good (code TEXT PRIMARY KEY, supplier TEXT); INSERT INTO good VALUES ('G1', '000'), ('G2', '009')"
    )
    company.sql(
        "CREATE TABLE good (id INTEGER PRIMARY KEY, code TEXT UNIQUE, supplier INTEGER REFERENCES supplier (id))",
        "oa.db",
    )
    company.file(
        "sources/goods.yml",
        "sources: {goods: {system: erp, object: good, key: [code], fields: {code: string, supplier: string}}}",
    )
    company.file(
        "targets/goods.yml",
        "targets: {goods: {from: goods, system: oa, object: good, key: [code], on_source_gone: keep, "
        "fields: {code: code, supplier: {ref: t, by: supplier}}}}",
    )
    company.apply(company.plan())
    return company


def test_a_row_that_is_referred_to_by_one_that_stays_is_not_removed(goods: Company) -> None:
    goods.sql("DELETE FROM supplier WHERE code = '009'; DELETE FROM good WHERE code = 'G2'")
    result = goods.plan()
    assert (result.conclusion, counts(result)) == (PlanConclusion.BLOCKED, {"delete": 1})
    (verdict,) = [g for g in PlanFile.open(result.path).guards if g.blocks]
    assert (verdict.guard, verdict.target, verdict.measured) == ("referential", "t", 1)


def test_a_row_that_a_target_left_out_may_refer_to_is_not_removed(goods: Company) -> None:
    goods.sql("DELETE FROM supplier WHERE code = '005'")
    assert counts(goods.plan()) == {"delete": 1}
    narrowed = goods.plan(targets=frozenset({"t"}))
    assert (counts(narrowed), _told(narrowed, "withheld")) == ({}, {"005": "E0427"})


def _refused(company: Company, result: PlanResult) -> tuple[FailureKind | None, list[str]]:
    with pytest.raises(Failure) as failure:
        company.apply(result)
    return failure.value.kind, [d.code for d in failure.value.diagnostics]


def test_nothing_is_applied_beside_an_unfinished_run(company: Company) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    first, second = company.plan(), company.plan()
    with open_writer(company.root, "default") as state:
        state.open_run(PlanFile.open(first.path))
    assert _refused(company, second) == (FailureKind.IN_DOUBT, ["E0538"])


def test_a_plan_of_another_project_is_refused(company: Company) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    result = company.plan()
    company.file("erpoa.yml", "format: 1\nname: other\nowner: a@b.example\ndescription: d\n")
    exit_, codes = _refused(company, result)
    assert (exit_, set(codes)) == (FailureKind.STALE, {"E0535", "E0531"})


def test_what_blocked_a_plan_forbids_applying_it_whatever_the_rules_of_today_say(company: Company) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code = '001'")
    company.file(POLICIES, "guards: {min_rows: 11}\n")
    blocked = company.plan()
    company.file(POLICIES, "guards: {}\n")
    assert _refused(company, blocked) == (FailureKind.BLOCKED, ["E0537"])
    company.sql("DROP TABLE supplier")
    assert _refused(company, company.plan()) == (FailureKind.BLOCKED, ["E0537"])


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (RunStatus.IN_DOUBT, ({"update": 1}, {"000": "E0424"})),  # resume looks it up
        (RunStatus.PARTIAL, ({"update": 2}, {})),  # as before: it did not happen
    ],
)
def test_rows_in_doubt_are_withheld_until_somebody_looks(
    company: Company, status: RunStatus, told: tuple[dict[str, int], dict[str, str]]
) -> None:
    company.sql("UPDATE supplier SET name = '改' WHERE code < '002'")
    result = company.plan()
    with open_writer(company.root, "default") as state:
        journal = state.open_run(PlanFile.open(result.path))
        journal.intend(Intent(0, "t", Action.UPDATE, pa.array([0, 1]), 1, 1))
        outcomes = {"ordinal": [0, 1], "outcome": ["in_doubt", "stale"], "error": ["lost", "moved"]}
        journal.record(0, pa.table(outcomes))
        journal.close(status)
    again = company.plan()
    assert (counts(again), _told(again, "withheld")) == told


def test_a_row_that_nobody_linked_is_not_doubled(company: Company) -> None:
    """It is recognised by its name, which is no key; with another one of the same name that is linked there are two."""
    text = (company.root / "targets/t.yml").read_text().replace("fields:", "match: [[name]], fields:")
    company.file("targets/t.yml", text)
    company.sql("INSERT INTO supplier VALUES ('91', '新'), ('92', '又新')")
    result = company.plan()
    company.sql("INSERT INTO supplier (code, name) VALUES ('X', '新')", "oa.db")
    assert company.apply(result).outcomes["t"] == {Outcome.STALE: 1, Outcome.APPLIED: 1}


def test_a_row_that_is_not_there_after_it_was_written_is_rejected(company: Company) -> None:
    company.sql(
        "CREATE TRIGGER swallow AFTER INSERT ON supplier BEGIN DELETE FROM supplier WHERE id = new.id; END",
        "oa.db",
    )
    company.sql("INSERT INTO supplier VALUES ('91', '新')")
    result = company.apply(company.plan())
    assert (result.conclusion, result.outcomes["t"]) == (RunConclusion.PARTIAL, {Outcome.REJECTED: 1})
