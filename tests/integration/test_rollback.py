"""A run of documents, deactivations, references and circles is taken back, or what stays is told with its reason."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.situation import Outcome
from erpoa_cli.state import PlanFile
from tests import planning
from tests.integration.documents import LINES, Documents, steps, target
from tests.planning import PlanResult
from tests.unit.engine.small import Small

pytestmark = pytest.mark.in_turn("rollback", of=2, seconds=5)


@pytest.fixture
def world(tmp_path: Path) -> Documents:
    return Documents(tmp_path).build()


@pytest.fixture
def lined(tmp_path: Path) -> Documents:
    return Documents(tmp_path).build(target(lines=LINES))


def take_back(world: Documents, run: str) -> PlanResult:
    """A plan that takes *run* back, applied without anything refused."""
    back = planning.roll_back(world.bound(), run)
    outcomes = planning.apply(world.bound(), back).outcomes
    assert {outcome for counts in outcomes.values() for outcome in counts} <= {Outcome.APPLIED}
    return back


def told(back: PlanResult, member: str, name: str = "orders") -> list[tuple[Any, ...]]:
    return [(row["code"], row["reason"]) for row in planning.rows(back, member, name)]


def test_a_document_goes_back_through_its_states(world: Documents) -> None:
    world.want("PR-1", "draft")
    world.apply()
    world.want("PR-1", "confirmed")
    run = world.apply().run
    assert world.orders() == [("PR-1", "华信", "C", None)]
    back = take_back(world, run)
    assert [row[2:] for row in steps(back)] == [("move", None, "confirmed", "draft")]
    assert world.orders() == [("PR-1", "华信", "D", None)]


def test_content_and_state_go_back_together(world: Documents) -> None:
    world.want("PR-1", "confirmed")
    world.apply()
    world.want("PR-1", "submitted", supplier="宏达")
    run = world.apply().run
    assert world.orders() == [("PR-1", "宏达", "S", None)]
    take_back(world, run)
    assert world.orders() == [("PR-1", "华信", "C", None)]


def test_a_document_that_the_run_made_is_undone_and_counted(world: Documents) -> None:
    world.want("PR-1", "draft")
    world.want("PR-2", "confirmed")
    run = world.apply().run
    back = take_back(world, run)
    assert world.orders() == [
        ("PR-2", "华信", "C", "B")
    ]  # a draft is deleted, what was confirmed is cancelled
    assert PlanFile.open(back.path).targets["orders"]["measure"]["undos"] == 2


def test_a_document_that_went_on_since_is_left_alone(world: Documents) -> None:
    """Somebody received one and confirmed another: neither is what the run left."""
    world.want("PR-1", "confirmed")
    world.want("PR-2", "draft")
    run = world.apply().run
    world.sql(
        "erp",
        "UPDATE po SET received = 1 WHERE req_no = 'PR-1'; UPDATE po SET status = 'C' WHERE req_no = 'PR-2'",
    )
    back = take_back(world, run)
    assert told(back, "withheld") == [("E0543", "it was changed since the run")] * 2
    assert world.orders() == [("PR-1", "华信", "C", None), ("PR-2", "华信", "C", None)]


def test_a_document_with_lines_of_others_is_left_alone(lined: Documents) -> None:
    lined.want("PR-1", "draft")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2');")
    run = lined.apply().run
    lined.sql("erp", "INSERT INTO po_line (order_id, line, item, qty) VALUES (1, 77, 'Z', '9')")
    back = take_back(lined, run)
    assert told(back, "withheld") == [("E0543", "it has lines that the run did not make")]
    assert lined.rows("SELECT line FROM po_line ORDER BY 1") == [(1,), (77,)]


def test_a_document_is_moved_once_where_its_lines_change_too(lined: Documents) -> None:
    """It goes back to where its lines can be written, and stays there."""
    lined.want("PR-1", "confirmed")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2');")
    lined.apply()
    lined.want("PR-1", "draft")
    lined.sql("oa", "UPDATE requisition_line SET qty = '5';")
    plan = lined.plan()
    assert [row[2:] for row in steps(plan)] == [("move", None, "confirmed", "draft")]
    outcomes = lined.apply(plan).outcomes
    assert {outcome for counts in outcomes.values() for outcome in counts} == {Outcome.APPLIED}
    assert lined.rows("SELECT CAST(qty AS REAL) FROM po_line") == [(5.0,)]


def test_a_document_that_was_cancelled_comes_again_with_its_lines(lined: Documents) -> None:
    lined.want("PR-1", "confirmed")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2'), ('PR-1', 2, 'B', '3');")
    lined.apply()
    lined.want("PR-1", "undo")
    run = lined.apply().run
    assert lined.orders() == [("PR-1", "华信", "C", "B")]
    take_back(lined, run)
    assert lined.orders()[1:] == [("PR-1", "华信", "C", None)]
    living = "SELECT line, item FROM po_line WHERE order_id = (SELECT max(id) FROM po) ORDER BY line"
    assert lined.rows(living) == [(1, "A"), (2, "B")]


def test_lines_go_back_and_the_document_is_opened_for_them(lined: Documents) -> None:
    lined.want("PR-1", "confirmed")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2'), ('PR-1', 2, 'B', '3');")
    lined.apply()
    lined.sql("oa", "UPDATE requisition_line SET qty = '5' WHERE line = 1;")
    run = lined.apply().run
    take_back(lined, run)
    assert lined.rows("SELECT line, CAST(qty AS REAL) FROM po_line ORDER BY line") == [(1, 2.0), (2, 3.0)]
    assert lined.orders() == [("PR-1", "华信", "C", None)]


def test_a_document_of_which_a_line_was_changed_since_stays_whole(lined: Documents) -> None:
    lined.want("PR-1", "draft")
    lined.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2'), ('PR-1', 2, 'B', '3');")
    lined.apply()
    lined.want("PR-1", "draft", supplier="宏达")
    lined.sql("oa", "UPDATE requisition_line SET qty = '5';")
    run = lined.apply().run
    lined.sql("erp", "UPDATE po_line SET qty = '7' WHERE line = 2;")
    back = take_back(lined, run)
    assert told(back, "withheld") == [("E0543", "a line of it: it was changed since the run")]
    assert told(back, "withheld", "orders.lines") == [
        ("E0543", "its document: a line of it: it was changed since the run"),
        ("E0543", "it was changed since the run"),
    ]
    assert lined.orders() == [("PR-1", "宏达", "D", None)]


# -- rows that refer to each other ----------------------------------------------------------------------------------------


COMPANY = """
CREATE TABLE dept (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT, manager_id INTEGER REFERENCES person(id));
CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT, name TEXT, active INTEGER DEFAULT 1,
    dept_id INTEGER NOT NULL REFERENCES dept(id));
"""


class Company(Small):
    """Departments with their managers, who are employees, who have departments: both with foreign keys."""

    def __init__(self, root: Path, **people: str) -> None:
        super().__init__(root)
        self.file("erpoa.yml", "format: 1\nname: company\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
        )
        self.file(
            "sources/s.yml",
            """
            sources:
              depts: {system: erp, object: dept, key: [code], fields: {code: string, manager: string}}
              people: {system: erp, object: person, key: [code], fields: {code: string, name: string, dept: string}}
            """,
        )
        self.file(
            "targets/t.yml",
            f"""
            targets:
              departments:
                from: depts
                system: oa
                object: dept
                key: [code]
                on_source_gone: delete
                guards: {{max_delete: {{count: 100}}}}
                fields:
                  code: code
                  manager_id: {{ref: employees, by: [manager], defer: true}}
              employees:
                from: people
                system: oa
                object: person
                key: [code]
                {people.get("gone", "on_source_gone: delete")}
                guards: {{max_delete: {{count: 100}}}}
                fields:
                  code: code
                  name: name
                  dept_id: {{ref: departments, by: [dept]}}
            """,
        )
        self.sql(
            "CREATE TABLE dept (code TEXT, manager TEXT); CREATE TABLE person (code TEXT, name TEXT, dept TEXT);"
        )
        self.sql(COMPANY, "oa.db")
        self.sql("INSERT INTO dept VALUES ('D0', 'E0'), ('D1', 'E1'), ('D2', 'E2')")
        self.sql(
            "INSERT INTO person VALUES ('E0', '零', 'D0'), ('E1', '王', 'D1'), ('E2', '李', 'D2'), ('E3', '赵', 'D2')"
        )

    def held(self) -> list[tuple[Any, ...]]:
        """Departments with the code of their manager, people with that of their department."""
        with closing(sqlite3.connect(self.root / "oa.db")) as db:
            people = "SELECT p.code, p.name, p.active, d.code FROM person p JOIN dept d ON d.id = p.dept_id ORDER BY 1"
            depts = "SELECT d.code, p.code FROM dept d LEFT JOIN person p ON p.id = d.manager_id ORDER BY 1"
            return [*db.execute(people), *db.execute(depts)]

    def take_back(self, run: str) -> PlanResult:
        back = planning.roll_back(self.bound(), run)
        outcomes = self.apply(back).outcomes
        assert {outcome for counts in outcomes.values() for outcome in counts} <= {Outcome.APPLIED}
        return back


GONE = "DELETE FROM dept WHERE code = 'D2'; DELETE FROM person WHERE dept = 'D2'; UPDATE dept SET manager = NULL WHERE code = 'D2'"


def test_rows_that_refer_to_each_other_are_deleted(tmp_path: Path) -> None:
    """The manager of a department goes with it: what points to him is emptied before he goes."""
    company = Company(tmp_path)
    company.apply()
    company.sql(GONE)
    plan = planning.plan(company.bound())
    measured = {name: one["measure"] for name, one in PlanFile.open(plan.path).targets.items()}
    assert (measured["departments"]["updates"], measured["departments"]["removals"]) == (0, 1)
    outcomes = company.apply(plan).outcomes
    assert {outcome for counts in outcomes.values() for outcome in counts} == {Outcome.APPLIED}
    assert company.held() == [("E0", "零", 1, "D0"), ("E1", "王", 1, "D1"), ("D0", "E0"), ("D1", "E1")]


def test_rows_that_were_deleted_come_again_and_find_each_other(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.apply()
    before = company.held()
    company.sql(GONE)
    run = company.apply().run
    assert company.held() != before
    company.take_back(run)
    assert company.held() == before


def test_the_first_run_is_taken_back_though_its_rows_refer_to_each_other(tmp_path: Path) -> None:
    company = Company(tmp_path)
    run = company.apply().run
    company.take_back(run)
    assert company.held() == []


def test_a_reference_means_the_row_and_not_its_number(tmp_path: Path) -> None:
    """E3 moved from D2 to D1, then D2 was made anew by other runs: taken back, E3 is in D2 again, whatever its number."""
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL; DELETE FROM person WHERE code = 'E2'")
    company.apply()
    before = company.held()
    company.sql("UPDATE person SET dept = 'D1' WHERE code = 'E3'; DELETE FROM dept WHERE code = 'D2'")
    run = company.apply().run
    company.take_back(run)
    assert company.held() == before


def test_a_reference_to_what_is_gone_for_good_is_told(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL; DELETE FROM person WHERE code = 'E2'")
    company.apply()
    company.sql("UPDATE person SET dept = 'D1' WHERE code = 'E3'")
    run = company.apply().run
    company.sql("DELETE FROM dept WHERE code = 'D2'")
    company.apply()
    back = company.take_back(run)
    assert told(back, "withheld", "employees") == [
        ("E0543", "dept_id: the row of departments that it pointed to is gone")
    ]


def test_what_refers_to_a_row_of_the_run_by_now_stops_its_delete(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL")
    company.apply()
    company.sql("INSERT INTO dept VALUES ('D9', NULL)")
    run = company.apply().run
    company.sql("UPDATE person SET dept = 'D9' WHERE code = 'E3'")
    company.apply()
    back = planning.roll_back(company.bound(), run)
    assert ("referential", "departments", 1) in [
        (g.guard, g.target, g.measured) for g in PlanFile.open(back.path).guards if g.blocks
    ]


def test_a_deactivation_is_taken_back(tmp_path: Path) -> None:
    company = Company(
        tmp_path, gone="on_source_gone: deactivate\n                deactivate: {set: {active: 0}}"
    )
    company.apply()
    before = company.held()
    company.sql("DELETE FROM person WHERE code = 'E3'; UPDATE person SET name = '黄' WHERE code = 'E1'")
    run = company.apply().run
    assert ("E3", "赵", 0, "D2") in company.held()
    company.take_back(run)
    assert company.held() == before


def test_a_field_of_another_type_is_told(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.apply()
    company.sql("UPDATE person SET name = '黄' WHERE code = 'E1'")
    run = company.apply().run
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8")
    targets.write_text(re.sub(r"\n *name: name\n", "\n", text), encoding="utf-8")
    back = planning.roll_back(company.bound(), run)
    ((code, reason),) = told(back, "withheld", "employees")
    assert code == "E0543"
    assert reason == "the run wrote name, which the target does not have any more, or with another type"


def test_a_row_of_others_under_the_key_of_one_that_was_deleted_is_left_alone(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL")
    company.apply()
    company.sql("DELETE FROM person WHERE code = 'E3'")
    run = company.apply().run
    company.sql("INSERT INTO person (code, dept_id) VALUES ('E3', 1)", "oa.db")
    before = company.held()
    back = company.take_back(run)
    assert told(back, "withheld", "employees") == [("E0543", "it is there again")]
    assert company.held() == before


def test_an_identifier_that_was_given_again_means_the_row_that_has_it(tmp_path: Path) -> None:
    """The number of a deleted department went to another one, and people were put into that: they stay there."""
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL; DELETE FROM person WHERE code IN ('E2', 'E3')")
    company.sql("DROP TABLE person; DROP TABLE dept;" + COMPANY.replace(" AUTOINCREMENT", ""), "oa.db")
    company.apply()
    company.sql("DELETE FROM dept WHERE code = 'D2'; UPDATE person SET name = '黄' WHERE code = 'E1'")
    run = company.apply().run
    company.sql("INSERT INTO dept VALUES ('D9', NULL); INSERT INTO person VALUES ('E9', '九', 'D9')")
    company.apply()
    company.take_back(run)
    assert ("E9", "九", 1, "D9") in company.held()
    assert ("E1", "王", 1, "D1") in company.held()
    assert ("D2", None) in company.held()


def test_a_field_that_is_new_since_is_told(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.sql("UPDATE dept SET manager = NULL")
    company.apply()
    company.sql("DELETE FROM person WHERE code = 'E3'")
    run = company.apply().run
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8")
    targets.write_text(
        re.sub(r"\n( *)name: name\n", r"\n\1name: name\n\1active: {value: 1}\n", text), encoding="utf-8"
    )
    back = planning.roll_back(company.bound(), run)
    assert told(back, "withheld", "employees") == [("E0543", "the run did not record active")]


def test_fields_may_be_called_as_they_like(tmp_path: Path) -> None:
    company = Company(tmp_path)
    names = (
        "n",
        "reason",
        "alike",
        "kept",
        "taken",
        "given",
        "removed",
        "created",
        "alive",
        "loose",
        "event",
    )
    company.sql("".join(f"ALTER TABLE person ADD COLUMN {name} TEXT;" for name in names), "oa.db")
    targets = tmp_path / "targets/t.yml"
    more = "".join(rf"\1{name}: name\n" for name in names)
    text = re.sub(r"\n( *)name: name\n", rf"\n\1name: name\n{more}", targets.read_text(encoding="utf-8"))
    targets.write_text(text, encoding="utf-8")
    company.apply()
    before = company.held()
    company.sql("UPDATE person SET name = '黄' WHERE code = 'E1'; DELETE FROM person WHERE code = 'E3'")
    run = company.apply().run
    company.take_back(run)
    assert company.held() == before
