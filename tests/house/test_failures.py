"""Failures have a kind below the doors; only the command line makes exit codes of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from erpoa_cli.cli.exits import OF_FAILURE, OF_PLAN, OF_RUN, Exit
from erpoa_cli.core.codes import CATALOGUE
from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.failure_kind import FailureKind
from tests.house.pages import CLI
from tests.house.sources import PACKAGE, ROOT, modules

CODE = re.compile(r"E\d{4}")


def speaks_of_exits(tree: ast.Module) -> Iterator[str]:
    """Where a module names exit codes: the enumeration, an argument called so, or "exit 4" in its words."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="Exit") | ast.alias(name="Exit") | ast.Attribute(attr="Exit"):
                yield "names Exit"
            case ast.keyword(arg="exit") | ast.arg(arg="exit"):
                yield "has an argument `exit`"
            case ast.Constant(value=str() as words) if re.search(r"\bexit (code )?\d", words):
                yield f"says {words[:60]!r}"


def raised(tree: ast.Module) -> Iterator[str]:
    """The codes that stand in a `Failure(…)` as they are, without a kind beside them."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Failure"), keywords=keywords) if not keywords:
                yield from CODE.findall(ast.unparse(node))


def found(code: str, severity: Severity = Severity.ERROR) -> Diagnostic:
    return Diagnostic(code, "…", severity=severity)


def exits(kinds: Iterable[FailureKind]) -> list[int]:
    return [int(code) for code in dict.fromkeys(OF_FAILURE[kind] for kind in kinds)]


def test_no_module_below_the_command_line_speaks_of_exit_codes():
    below = ((file, tree) for file, tree in modules(PACKAGE) if not file.startswith("erpoa_cli/cli/"))
    assert [f"{file}: {what}" for file, tree in below for what in speaks_of_exits(tree)] == []


def test_speaking_of_exit_codes_is_noticed():
    offences = [
        "from a import Exit",
        "x = Exit.STALE",
        "fail(exit=3)",
        "def f(exit): ...",
        '"""E0502 (exit 6)."""',
    ]
    assert [line for line in offences if not [*speaks_of_exits(ast.parse(line))]] == []


def test_every_kind_and_conclusion_has_its_exit_code():
    assert set(OF_FAILURE) == set(FailureKind)
    assert set(OF_PLAN) == set(PlanConclusion)
    assert set(OF_RUN) == set(RunConclusion)
    reached = {*OF_FAILURE.values(), *OF_PLAN.values(), *OF_RUN.values()}
    assert set(Exit) - reached == {Exit.TERMINATED}  # the signal says it


def test_every_code_that_stops_a_command_has_a_kind():
    codes = {code: file for file, tree in modules(PACKAGE) for code in raised(tree)}
    assert len(codes) > 50
    assert {code: file for code, file in codes.items() if CATALOGUE[code].kind is None} == {}


def test_of_several_failures_the_documented_one_is_told():
    (line,) = re.findall(r"When several hold: ([\d, ]+)\.", CLI)
    order = [int(code) for code in line.split(", ")]
    told = [code for code in exits(FailureKind) if code != Exit.INTERRUPTED]
    assert told == [code for code in order if code in told]


def test_a_failure_is_of_the_foremost_kind_of_its_errors():
    assert Failure(found("E0531"), found("E0101")).kind is FailureKind.INVALID
    assert Failure(found("E0531"), found("E0101", Severity.WARNING)).kind is FailureKind.STALE
    assert Failure(found("E0311"), kind=FailureKind.INVALID).kind is FailureKind.INVALID
    assert Failure(found("E0401")).kind is FailureKind.FAILED  # of a row: alone it says nothing of a command


def test_what_may_be_retried_is_what_time_alone_mends():
    assert {kind for kind in FailureKind if kind.may_be_retried} == {
        FailureKind.UNAVAILABLE,
        FailureKind.LOCKED,
    }
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert {kind: f"`{kind}`" in page for kind in FailureKind} == dict.fromkeys(FailureKind, True)
