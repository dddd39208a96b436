"""Binding the SQL of models and data tests: DuckDB's judgement, told as findings in the project's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Findings, Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import DataTest, Project, Transform
from erpoa_cli.core.schema import Field, Sensitivity, Type
from erpoa_cli.engine.staging import SqlProblem, Staging

_RANK = list(Sensitivity)


def selected(sql: str) -> str:
    """The text of one SELECT without the semicolon that may end it."""
    return sql.rstrip().removesuffix(";").rstrip()


def bind_model(
    project: Project,
    model: Transform,
    relations: Mapping[str, tuple[Field, ...]],
    staging: Staging,
    findings: Findings,
) -> tuple[Field, ...] | None:
    """The columns of *model* over the empty relations in *staging*; None, with findings, when it does not bind."""
    if any(name not in relations for name in (*model.sources, *model.refs)):
        return None  # what it reads has findings already
    try:
        columns = staging.describe(selected(model.sql))
    except SqlProblem as problem:
        findings.add(sql_finding(project, f"model {model.name}", model.file, model.sql, problem))
        return None
    fields = [_column(model, name, type_, native, findings) for name, type_, native in columns]
    known = {name for name, _, _ in columns}
    for name in model.key:
        if name not in known:
            findings.add(_no_column(model, f"key column {name}", name, known))
    for name in model.declassify:
        if name not in known:
            findings.add(_no_column(model, f"declassified column {name}", name, known))
    for test in model.tests:
        for name in test.columns:
            if name not in known:
                findings.add(replace(_no_column(model, f"test {test.kind}: column {name}", name, known), at=test.at))
    if any(field is None for field in fields):
        return None
    return tuple(field for field in fields if field)


def _column(model: Transform, name: str, type_: Type | None, native: str, findings: Findings) -> Field | None:
    if type_ is None:
        findings.add(
            Diagnostic(
                "E0331",
                f"model {model.name}: column {name} is {native}, which has no exact counterpart",
                remedy=f"Cast it, for example CAST({name} AS DECIMAL(18,2)).",
                at=Location(model.file),
            )
        )
        return None
    return Field(name, type_)


def _no_column(model: Transform, what: str, name: str, known: set[str]) -> Diagnostic:
    return Diagnostic("E0332", f"model {model.name} has no {what}", remedy=did_you_mean(name, sorted(known)), at=model.at)


def bind_tests(
    project: Project, relations: Mapping[str, tuple[Field, ...]], staging: Staging, findings: Findings
) -> None:
    """Judge the SQL of data tests whose relations are bound."""
    for test in project.tests.values():
        if all(name in relations for name in (*test.sources, *test.refs)):
            _bind_test(project, test, staging, findings)


def _bind_test(project: Project, test: DataTest, staging: Staging, findings: Findings) -> None:
    try:
        staging.describe(selected(test.sql))
    except SqlProblem as problem:
        findings.add(sql_finding(project, f"test {test.name}", test.file, test.sql, problem))


def sql_finding(project: Project, what: str, file: str, sql: str, problem: SqlProblem) -> Diagnostic:
    """DuckDB's *problem* with the SQL of *file*, placed in that file."""
    line, column, snippet = place(Path(project.root) / file, sql, problem)
    return Diagnostic(
        "E0330",
        f"{what}: {problem.summary}",
        detail=problem.kind,
        remedy=problem.hint,
        at=Location(file, line, column),
        snippet=snippet,
    )


def place(path: Path, sql: str, problem: SqlProblem) -> tuple[int, int, str]:
    """Line, column and text in the file at *path* of what *problem* means in *sql*, which was rendered from it
    line by line. The column is 0 where a template call makes it uncertain."""
    if not problem.line:
        return 0, 0, ""
    rendered = _line(sql.splitlines(), problem.line)
    try:
        written = _line(path.read_text(encoding="utf-8-sig").splitlines(), problem.line)
    except (OSError, UnicodeDecodeError):
        written = rendered
    start = rendered.find(problem.before + problem.at)
    position = start + len(problem.before) if start >= 0 else -1
    if position < 0:
        return problem.line, 0, written
    if written != rendered:
        rest = rendered[position:]
        position = written.find(rest) if written.count(rest) == 1 else -1
    return problem.line, position + 1, written


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""
