"""Unit tests of transforms: given rows in, expected rows out, in a DuckDB of their own; nothing is connected to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.dependency import inputs
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.core.json_value import json_meaning
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.parse import expected
from erpoa_cli.core.project import UnitTest
from erpoa_cli.core.relation import TRANSFORM, schema_of
from erpoa_cli.core.schema import Field, Kind, identifier
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.feed import expected_actual
from erpoa_cli.engine.binding.model import selected, sql_finding
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.relations.load import parsing, trouble
from erpoa_cli.engine.staging import Staging, relation

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)  # what as_of() is in every unit test
_SECONDS = 60.0
_NULL = "NULL"

Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class UnitResult:
    """How a unit test ended: passed when there are no problems. `missing` and `unexpected` are the rows, as
    canonical texts, that were expected and did not come, and that came and were not expected."""

    test: UnitTest
    problems: tuple[Diagnostic, ...] = ()
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems


def run_unit_tests(bound: Bound, names: Iterable[str] | None = None) -> list[UnitResult]:
    """Run the unit tests *names* (default: all), in the order they are declared."""
    chosen = None if names is None else frozenset(names)
    tests = [t for t in bound.project.unit_tests.values() if chosen is None or t.name in chosen]
    with Staging(None, as_of=AS_OF, threads=1) as staging:
        staging.lock()
        return [_run(bound, test, staging) for test in tests]


def _run(bound: Bound, test: UnitTest, staging: Staging) -> UnitResult:
    model = bound.project.transforms[test.transform]
    fields = bound.relations[model.name]
    try:
        for name in inputs(bound.project, model.name):
            _give(bound, test, name, staging)
        for name in model.actuals:
            fields_of, _ = expected_actual(bound.project, bound.project.targets[name], bound.relations)
            staging.create("actual", name, fields_of)
        if strangers := sorted(set(test.given) - set(inputs(bound.project, model.name))):
            raise _cannot(test, f"{model.name} does not read {', '.join(strangers)}")
        wanted = _wanted(test, fields, staging)
        with staging.limited(_SECONDS):
            columns = [f for f in fields if not wanted or f.name in wanted[0]]
            came = _texts(staging, f"(\n{selected(model.sql)}\n)", columns)
    except Failure as failure:
        return UnitResult(test, failure.diagnostics)
    except SqlProblem as problem:
        problem.line = max(0, problem.line - 1)
        finding = sql_finding(bound.project, f"unit test {test.name}", model.file, model.sql, problem)
        return UnitResult(test, (replace(finding, code="E0353"),))
    return _judged(test, wanted, came, frozenset(f.name for f in fields if f.type.kind is Kind.JSON))


def _judged(test: UnitTest, wanted: Sequence[Row], came: Sequence[Row], spelt: frozenset[str]) -> UnitResult:
    missing, unexpected = _left(wanted, came, spelt), _left(came, wanted, spelt)
    if not missing and not unexpected:
        return UnitResult(test)
    lines = [*(f"- {shown(row)}" for row in missing), *(f"+ {shown(row)}" for row in unexpected)]
    problem = Diagnostic(
        "E0361",
        f"unit test {test.name}: {len(missing)} expected rows are missing, {len(unexpected)} rows were not expected",
        detail="\n".join(lines),
        remedy=f"Correct {test.transform} or the expectation (- expected, + came).",
        at=test.at,
    )
    return UnitResult(test, (problem,), missing, unexpected)


def shown(row: Row) -> str:
    """*row* on one line; NULL, empty and blank texts can be told apart."""
    parts = (f"{n}: {_NULL if v is None else json.dumps(v, ensure_ascii=False)}" for n, v in row.items())
    return "{" + ", ".join(parts) + "}"


def _left(rows: Sequence[Row], others: Sequence[Row], spelt: frozenset[str]) -> tuple[Row, ...]:
    """The rows that *others* does not have as often. The columns *spelt* hold JSON."""
    there = Counter(_meaning(row, spelt) for row in others)
    left = []
    for row in rows:
        text = _meaning(row, spelt)
        if there[text]:
            there[text] -= 1
        else:
            left.append(row)
    return tuple(left)


def _meaning(row: Row, spelt: frozenset[str]) -> str:
    told = {n: json_meaning(v) if v is not None and n in spelt else v for n, v in row.items()}
    return json.dumps(told, sort_keys=True)


def _give(bound: Bound, test: UnitTest, name: str, staging: Staging) -> None:
    """Fill an input with the rows given for it; columns that are not given are NULL."""
    fields = bound.relations[name]
    schema = schema_of(bound.project, name)
    staging.create(schema, name, fields)
    rows = test.given.get(name, ())
    if rows:
        staging.insert(schema, name, _typed(test, f"given {name}", rows, fields, staging))


def _wanted(test: UnitTest, fields: Sequence[Field], staging: Staging) -> list[Row]:
    """The expected rows as canonical texts of the columns that the expectation names."""
    named = {name for row in test.expect for name in row}
    columns = [f for f in fields if f.name in named]
    table = _typed(test, "expect", test.expect, fields, staging)
    staging.make(TRANSFORM.schema, "?expect", table, "FROM incoming")
    return _texts(staging, relation(TRANSFORM.schema, "?expect"), columns)


def _texts(staging: Staging, what: str, fields: Sequence[Field]) -> list[Row]:
    casts = (f"CAST({identifier(f.name)} AS {f.type.duckdb})" for f in fields)
    texts = (
        f"{canonical_sql(cast, f.type)} AS {identifier(f.name)}"
        for cast, f in zip(casts, fields, strict=True)
    )
    select = ", ".join(texts) or "1 AS nothing"
    return staging.sql(f"SELECT {select} FROM {what} ORDER BY ALL").to_pylist()


def _typed(
    test: UnitTest, what: str, rows: Sequence[Mapping[str, Any]], fields: Sequence[Field], staging: Staging
) -> pa.Table:
    """*rows* as they are written in YAML, in the declared types; `Failure` E0360 for what is not of its type."""
    known = {f.name: replace(f, format="", nulls=(), zone="") for f in fields}
    strangers = [name for name in dict.fromkeys(n for row in rows for n in row) if name not in known]
    if strangers:
        hints = [did_you_mean(name, known) for name in strangers]
        raise _cannot(test, f"{what} has no column {', '.join(strangers)}", " ".join(hints))
    columns = {name: pa.array([_text(row.get(name)) for row in rows], pa.utf8()) for name in known}
    table = pa.table(columns)
    read = staging.compare(parsing(table.schema, tuple(known.values())), {"incoming": table})
    wrong = [
        pair
        for pairs in read.column(trouble(tuple(known.values()))).drop_null().to_pylist()
        for pair in pairs
    ]
    if wrong:
        said = "; ".join(f"{name} {text!r} is not {expected(known[name])}" for name, text in wrong)
        raise _cannot(test, f"{what}: {said}")
    return read.drop_columns([trouble(tuple(known.values()))])


def _text(value: Any) -> str | None:
    """A YAML value as the text that is read by the declared type."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return json.dumps(value, ensure_ascii=False, default=str)


def _cannot(test: UnitTest, what: str, remedy: str = "") -> Failure:
    at: Location = test.at
    told = remedy or "Correct the rows of the test."
    return Failure(Diagnostic("E0360", f"unit test {test.name}: {what}", remedy=told, at=at))
