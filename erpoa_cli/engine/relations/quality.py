"""Tests and contracts of relations, over whole columns: findings, rows set aside, unmapped values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.contract import Contract
from erpoa_cli.core.contract_sql import rules
from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity
from erpoa_cli.core.project import DataTest, RelationTest, TestSeverity
from erpoa_cli.core.relation import schema_of
from erpoa_cli.core.schema import Field, identifier, literal
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.model import selected, sql_finding
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.staging import Staging, located

_SHOWN = 3  # keys of failing rows that a finding names
_QUEUE = 1000  # unmapped values kept per test


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A value of `relation.column` that the code map `to` does not have, and how many rows have it."""

    relation: str
    column: str
    to: str
    value: str
    rows: int


@dataclass(frozen=True, slots=True)
class Tested:
    """A test that ran: how many `rows` failed it, what to tell of that (nothing when they were set aside), and the
    values that have no mapping."""

    relation: str
    what: str
    rows: int
    at: Location
    diagnostic: Diagnostic | None = None
    unmapped: tuple[Unmapped, ...] = ()


def run_test(staging: Staging, bound: Bound, name: str, key: Sequence[str], test: RelationTest) -> Tested:
    """Run *test* on the relation *name*. Rows that `hold_row` finds are set aside."""
    where, words = _condition(bound, name, test)
    unmapped = _queue(staging, bound, name, test, where) if test.kind == "mapped" else ()
    said = ", ".join(test.columns)
    what = f"{test.kind} {said}"
    if test.severity is TestSeverity.HOLD_ROW:
        fields = bound.relations[name]
        moved = held.set_aside(
            staging,
            schema_of(bound.project, name),
            name,
            where,
            key=held.key_fields(fields, key),
            field=said,
            code="E0352" if test.kind == "mapped" else "E0350",
            reason=_reason(fields, test, words),
        )
        return Tested(name, what, moved, test.at, None, unmapped)
    rows = staging.scalar(f"SELECT count(*) FROM {located(bound.project, name)} r WHERE {where}")
    if not rows:
        return Tested(name, what, 0, test.at)
    severity = Severity.WARNING if test.severity is TestSeverity.WARN else Severity.ERROR
    code = "E0352" if test.kind == "mapped" else "E0350"
    diagnostic = Diagnostic(
        code,
        f"{name}: {said} {words} in {rows} rows",
        detail=_examples(staging, bound, name, key, where),
        remedy="Mend the data, or give the test `severity: hold_row` to set such rows aside.",
        at=test.at,
        severity=severity,
    )
    return Tested(name, what, rows, test.at, diagnostic, unmapped)


def _condition(bound: Bound, name: str, test: RelationTest) -> tuple[str, str]:
    """The condition, over alias `r`, of the rows that fail *test*, and what is wrong with them."""
    columns = [f"r.{identifier(c)}" for c in test.columns]
    present = " AND ".join(f"{c} IS NOT NULL" for c in columns)
    types = {f.name: f.type for f in bound.relations[name]}
    match test.kind:
        case "unique":
            plain = ", ".join(map(identifier, test.columns))
            repeated = f"SELECT {plain} FROM {located(bound.project, name)} GROUP BY ALL HAVING count(*) > 1"
            return f"{present} AND ({', '.join(columns)}) IN ({repeated})", "is repeated"
        case "not_null":
            return f"NOT ({present})", "is NULL"
        case "accepted_values":
            type_ = types[test.columns[0]]
            values = ", ".join(f"CAST({literal(_text(v))} AS {type_.duckdb})" for v in test.values)
            return f"{present} AND {columns[0]} NOT IN ({values})", "is none of the accepted values"
        case _:
            assert test.to is not None
            other, column = test.to
            type_ = types[test.columns[0]]
            there = f"SELECT TRY_CAST({identifier(column)} AS {type_.duckdb}) FROM {located(bound.project, other)}"
            found = f"SELECT 1 FROM ({there}) AS t(v) WHERE t.v = {columns[0]}"
            word = "is not in" if test.kind == "relationships" else "is not mapped in"
            return f"{present} AND NOT EXISTS ({found})", f"{word} {other}.{column}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(fields: Sequence[Field], test: RelationTest, words: str) -> str:
    sealed = {f.name for f in fields if f.sensitivity.sealed}
    if len(test.columns) != 1 or test.kind == "not_null" or test.columns[0] in sealed:
        return literal(words)
    return (
        f"concat('''', left(CAST(r.{identifier(test.columns[0])} AS VARCHAR), 60), ''' ', {literal(words)})"
    )


def _examples(staging: Staging, bound: Bound, name: str, key: Sequence[str], where: str) -> str:
    """Keys of some of the rows that satisfy *where*; nothing where there is no key or it may not be shown."""
    fields = bound.relations[name]
    if not key or any(f.sensitivity.sealed for f in fields if f.name in key):
        return ""
    text = held.key_json(held.key_fields(fields, key), "r")
    rows = staging.sql(
        f"SELECT {text} AS k FROM {located(bound.project, name)} r WHERE {where} ORDER BY k LIMIT {_SHOWN}"
    )
    keys = [k for k in rows.column(0).to_pylist() if k]
    return f"For example {', '.join(keys)}." if keys else ""


def _queue(staging: Staging, bound: Bound, name: str, test: RelationTest, where: str) -> tuple[Unmapped, ...]:
    """The distinct unmapped values, most frequent first; sensitive ones are not listed."""
    assert test.to is not None
    column = test.columns[0]
    if any(f.sensitivity.sealed for f in bound.relations[name] if f.name == column):
        return ()
    rows = staging.sql(
        f"SELECT CAST(r.{identifier(column)} AS VARCHAR) AS v, count(*) AS n FROM {located(bound.project, name)} r "
        f"WHERE {where} GROUP BY v ORDER BY n DESC, v LIMIT {_QUEUE}"
    )
    return tuple(Unmapped(name, column, ".".join(test.to), r["v"], r["n"]) for r in rows.to_pylist())


def run_contract(staging: Staging, bound: Bound, name: str, key: Sequence[str], contract: Contract) -> Tested:
    """Check the rows of the relation *name* against *contract*; a violation is an error: an agreed shape is a promise."""
    columns = {f.name: f for f in bound.relations[name]}
    checked = [
        rule for p in contract.properties if p.name in columns for rule in rules(p, columns[p.name].type)
    ]
    what, at = f"contract {contract.name}", _place(bound, name)
    if not checked:
        return Tested(name, what, 0, at)
    counts = ", ".join(f"count(*) FILTER ({rule.where})" for rule in checked)
    row = staging.sql(f"SELECT {counts} FROM {located(bound.project, name)} r")
    found = [column[0].as_py() for column in row.columns]
    broken = [(rule, n) for rule, n in zip(checked, found, strict=True) if n]
    if not broken:
        return Tested(name, what, 0, at)
    told = [f"{rule.field} {rule.words} in {n} rows" for rule, n in broken]
    where = " OR ".join(f"({rule.where})" for rule, _ in broken)
    return Tested(
        name,
        what,
        max(n for _, n in broken),
        at,
        Diagnostic(
            "E0351",
            f"{name} breaks contract {contract.name}: {'; '.join(told)}",
            detail=_examples(staging, bound, name, key, where),
            remedy="Mend the data or the transform; a test with `severity: hold_row` sets single rows aside first.",
            at=at,
        ),
    )


def _place(bound: Bound, name: str) -> Location:
    project = bound.project
    return project.transforms[name].at if name in project.transforms else project.seeds[name].at


def run_data_test(staging: Staging, bound: Bound, test: DataTest) -> Tested:
    """Run one of `tests/*.sql`: every row it returns is a failure."""
    try:
        rows = staging.scalar(f"SELECT count(*) FROM (\n{selected(test.sql)}\n)")
    except SqlProblem as problem:
        problem.line = max(0, problem.line - 1)
        finding = sql_finding(bound.project, f"test {test.name}", test.file, test.sql, problem)
        return Tested("", f"data test {test.name}", 0, test.at, finding)
    if not rows:
        return Tested("", f"data test {test.name}", 0, test.at)
    finding = Diagnostic(
        "E0354",
        f"data test {test.name} found {rows} rows",
        remedy="`erpoa query` with the test's SQL shows them.",
        at=test.at,
        severity=Severity.WARNING if test.severity is TestSeverity.WARN else Severity.ERROR,
    )
    return Tested("", f"data test {test.name}", rows, test.at, finding)
