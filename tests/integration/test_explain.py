"""Why a row is in a plan, where its model reads what a target holds, and where the plan was applied already."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.address import parse_address
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.engine.explain import Explanation
from erpoa_cli.usecase import apply, explain, open_workspace, plan, query, resume
from tests.integration.documents import LINES, Documents, target
from tests.integration.test_rollback import Company

pytestmark = pytest.mark.process  # a plan asks git for its commit


def explained(root: Path, address: str) -> Explanation:
    return explain(open_workspace(root), parse_address(address))


def test_a_model_may_ask_what_a_target_holds(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.file(
        "transforms/known.sql",
        """
        SELECT p.code, p.name, d.code AS dept FROM {{ source('people') }} p
        JOIN {{ actual('departments') }} d ON d.code = p.dept
        """,
    )
    company.file("transforms/known.yml", "transforms: {known: {description: d, key: [code]}}\n")
    targets = tmp_path / "targets/t.yml"
    targets.write_text(
        targets.read_text(encoding="utf-8").replace("from: people", "from: known"), encoding="utf-8"
    )
    company.sql("INSERT INTO dept (code) VALUES ('D1')", "oa.db")
    plan(open_workspace(tmp_path))
    told = explained(tmp_path, "employees/code=E1")
    assert told.values["name"].after == "王"
    assert ("known", (("E1", "王", "D1"),)) in [(r.relation, r.rows) for r in told.rows]


def test_a_plan_that_was_applied_is_in_the_archive(tmp_path: Path) -> None:
    company = Company(tmp_path)
    made = plan(open_workspace(tmp_path), out=tmp_path / "elsewhere.erpoaplan")
    assert explain(open_workspace(tmp_path), parse_address("employees/code=E1"), made.path).run == ""
    run = apply(open_workspace(tmp_path), made.path).run
    made.path.unlink()
    company.sql("UPDATE person SET name = '黄' WHERE code = 'E1'")
    told = explained(tmp_path, "employees/code=E1")
    assert (told.plan, told.run) == (made.header.id, run)
    assert [change.fields["name"].after for change in told.found] == ["王"]


def test_a_question_sees_documents_as_a_plan_does(tmp_path: Path) -> None:
    """The state that conditions tell is there; documents that are over are not."""
    world = Documents(tmp_path).build()
    world.want("PR-1", "confirmed")
    world.want("PR-2", "confirmed")
    world.apply()
    world.want("PR-2", "undo")
    world.apply()
    answer = query(open_workspace(tmp_path), "SELECT req_no, state FROM actual.orders")
    assert answer.rows == (("PR-1", "confirmed"),)


def test_lines_are_asked_for_without_their_documents(tmp_path: Path) -> None:
    world = Documents(tmp_path).build(target(lines=LINES))
    world.want("PR-1", "confirmed")
    world.sql("oa", "INSERT INTO requisition_line VALUES ('PR-1', 1, 'A', '2');")
    world.apply()
    answer = query(open_workspace(tmp_path), 'SELECT item FROM actual."orders.lines"')
    assert answer.rows == (("A",),)


def test_a_run_that_is_over_is_not_resumed(tmp_path: Path) -> None:
    Company(tmp_path)
    run = apply(open_workspace(tmp_path), plan(open_workspace(tmp_path)).path)
    with pytest.raises(Failure, match="is over"):
        resume(open_workspace(tmp_path), run.run)
