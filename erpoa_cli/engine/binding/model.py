"""Binding the SQL of models and data tests: DuckDB's judgement, told as findings in the project's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from erpoa_cli.core.contract import Contract, accepts
from erpoa_cli.core.diagnostic import Diagnostic, Findings, Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import DataTest, Project, Transform
from erpoa_cli.core.relation import SOURCE, TRANSFORM
from erpoa_cli.core.schema import Field, Sensitivity, Type
from erpoa_cli.engine.binding.lineage import Origin, lineage
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging, relation

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
    if any(name not in relations for name in model.inputs):
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
                findings.add(
                    replace(_no_column(model, f"test {test.kind}: column {name}", name, known), at=test.at)
                )
    typed = tuple(field for field in fields if field)
    if len(typed) < len(fields):
        return None
    if contract := project.contracts.get(model.contract):
        for finding in contract_findings(model, contract, typed):
            findings.add(finding)
    return classed(project, model, typed, relations, staging)


def contract_findings(model: Transform, contract: Contract, fields: Sequence[Field]) -> Iterator[Diagnostic]:
    """What the columns of *model* lack of *contract*."""
    columns = {f.name: f.type for f in fields}
    for promised in contract.properties:
        found = columns.get(promised.name)
        if found is None:
            if promised.required:
                yield Diagnostic(
                    "E0333",
                    f"model {model.name} has no column {promised.name}, which contract {contract.name} requires",
                    remedy=did_you_mean(promised.name, columns),
                    at=model.at,
                )
        elif not accepts(promised.type, found):
            yield Diagnostic(
                "E0333",
                f"model {model.name}: column {promised.name} is {found}; contract {contract.name} says {promised.type}",
                remedy=f"CAST({promised.name} AS {promised.type.duckdb}), or change the contract at {promised.at}.",
                at=model.at,
            )
    if contract.schema.get("additionalProperties") is False:
        known = {p.name for p in contract.properties}
        for name in columns:
            if name not in known:
                yield Diagnostic(
                    "E0333",
                    f"model {model.name}: contract {contract.name} knows no property {name}",
                    remedy=did_you_mean(name, sorted(known)),
                    at=model.at,
                )


def origins(
    model: Transform, names: Sequence[str], relations: Mapping[str, tuple[Field, ...]], staging: Staging
) -> list[Origin]:
    """What each column of *model* is computed from."""
    places = {(SOURCE.schema, n): relations[n] for n in model.sources} | {
        (TRANSFORM.schema, n): relations[n] for n in model.refs
    }
    known = {place: [f.name for f in fields] for place, fields in places.items()}
    for name in model.actuals:
        known["actual", name] = [
            f for f, _, _ in staging.describe(f"SELECT * FROM {relation('actual', name)}")
        ]
    return lineage(staging.syntax(selected(model.sql)), known, names)


def classed(
    project: Project,
    model: Transform,
    fields: tuple[Field, ...],
    relations: Mapping[str, tuple[Field, ...]],
    staging: Staging,
) -> tuple[Field, ...]:
    """*fields* with their sensitivity: the highest of what they are computed from, unless declassified with a
    reason, and of what the contract says."""
    classes = {(name, f.name): f.sensitivity for name in model.inputs for f in relations[name]}
    for name in model.actuals:
        classes |= {(f"actual.{name}", f.name): f.sensitivity for f in project.targets[name].fields}
    if all(c is Sensitivity.PUBLIC for c in classes.values()):
        computed = [Sensitivity.PUBLIC for _ in fields]
    else:
        known = origins(model, [f.name for f in fields], relations, staging)
        computed = [_highest(classes.get(c, Sensitivity.PUBLIC) for c in origin.columns) for origin in known]
    contract = project.contracts.get(model.contract)
    agreed = {p.name: p.sensitivity for p in contract.properties} if contract else {}
    return tuple(
        replace(
            f,
            sensitivity=_highest(
                (
                    Sensitivity.PUBLIC if f.name in model.declassify else lineage_class,
                    agreed.get(f.name, Sensitivity.PUBLIC),
                )
            ),
        )
        for f, lineage_class in zip(fields, computed, strict=True)
    )


def _highest(classes: Iterable[Sensitivity]) -> Sensitivity:
    return max(classes, key=_RANK.index, default=Sensitivity.PUBLIC)


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
    return Diagnostic(
        "E0332", f"model {model.name} has no {what}", remedy=did_you_mean(name, sorted(known)), at=model.at
    )


def bind_tests(
    project: Project, relations: Mapping[str, tuple[Field, ...]], staging: Staging, findings: Findings
) -> None:
    """Judge the SQL of data tests whose relations are bound."""
    for test in project.tests.values():
        if all(name in relations for name in test.inputs):
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
        remedy=problem.hint or "Correct the SQL at the place shown.",
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
    if not written.startswith(rendered[:position]):  # a template call stands before the place
        rest = rendered[position:]
        position = written.find(rest) if written.count(rest) == 1 else -1
    return problem.line, position + 1, written


def _line(lines: list[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""
