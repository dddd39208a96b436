"""`erpoa test`: unit tests of transforms, and tests of the data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.report import Answer, Table
from erpoa_cli.render.words import rows

if TYPE_CHECKING:
    from erpoa_cli.usecase import Tested, Unmapped

app = application()
Case = dict[str, Any]


@command(app, "test")
def run_tests(
    options: Options,
    unit: Annotated[bool, typer.Option("--unit", help="Only unit tests: nothing is connected to.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Test the last snapshots of the sources.")
    ] = False,
) -> Ending:
    """Run the unit tests of transforms, then the tests, contracts and data tests on what the sources hold.

    --format junit or sarif for pipelines. Failed tests end in exit 3."""
    from erpoa_cli.usecase import data_tests, unit_tests

    work = opened.workspace(options)
    cases: list[Case] = []
    found: list[Diagnostic] = []
    for result in unit_tests(work):
        cases.append(_case("unit", result.test.name, list(result.problems)))
        found += result.problems
    unmapped: list[Unmapped] = []
    if not unit:
        with listener(options) as listen:
            tested, problems = data_tests(work, offline=offline, listener=listen)
        cases += map(_tested, tested)
        found += problems
        unmapped = [value for test in tested for value in test.unmapped]
    failed = sum(case["status"] == "fail" for case in cases)
    marked = tuple((_MARKS[case["status"]], case["kind"], case["name"], case["message"]) for case in cases)
    told = f"{len(cases)} tests, {failed} failed." if failed else f"{len(cases)} tests passed."
    answer = Answer(
        data={"passed": not failed, "tests": cases, "unmapped": [asdict(value) for value in unmapped]},
        tables=(Table(("", "kind", "test", "what was found"), marked), *_queue(unmapped)),
        lines=(told,),
        diagnostics=tuple(found),
    )
    broken = failed or any(d.severity is Severity.ERROR for d in found)
    return Ending(answer, Exit.INVALID if broken else Exit.SUCCESS)


_MARKS = {"pass": "✓", "warn": "!", "fail": "✗"}


def _case(kind: str, name: str, problems: list[Diagnostic]) -> Case:
    failed = any(p.severity is Severity.ERROR for p in problems)
    status = "fail" if failed else "warn" if problems else "pass"
    return {"kind": kind, "name": name, "status": status, "message": "; ".join(p.summary for p in problems)}


def _queue(unmapped: list[Unmapped]) -> tuple[Table, ...]:
    """What somebody has to decide: values that no map has yet."""
    listed = tuple((f"{u.relation}.{u.column}", u.value, u.rows, u.to) for u in unmapped)
    return (Table(("not mapped", "value", "rows", "add it to"), listed),) if listed else ()


def _tested(test: Tested) -> Case:
    """A test of a relation, a contract or a data test; rows that it set aside are worth a look."""
    name = f"{test.relation}: {test.what}" if test.relation else test.what.removeprefix("data test ")
    case = _case("relation" if test.relation else "data", name, [test.diagnostic] if test.diagnostic else [])
    if case["status"] == "pass" and test.rows:
        case |= {"status": "warn", "message": f"{rows(test.rows)} held"}
    return case
