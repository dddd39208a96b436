"""Questions to the staging area: one SELECT over what was read and built, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.plan import Read
from erpoa_cli.core.relation import ACTUAL, schema_of
from erpoa_cli.core.schema import STRING, Field, Sensitivity, identifier
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.lineage import lineage
from erpoa_cli.engine.binding.model import selected
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.relations.chain import Staged, stage
from erpoa_cli.engine.relations.read import LastReads
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import Sealer

MASK = "(sensitive)"
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer: columns with their class, rows as Python values; `more` rows were cut off. Values of sensitive
    columns, and of all that is computed from them, are `MASK`."""

    columns: tuple[Field, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool
    reads: Mapping[str, Read]
    diagnostics: tuple[Diagnostic, ...] = ()


def ask(
    bound: Bound,
    connections: Connections,
    staging: Staging,
    state: LastReads,
    sql: str,
    *,
    fresh: bool = False,
    limit: int | None = None,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> Rows:
    """Answer *sql*, which names relations as `source.x`, `model.x`, `actual.x` or just `x`.

    Sources come from their last snapshots, or with *fresh* from their systems; models are built from them.
    `Failure` E0370 when it is not one SELECT over known relations, or something it needs cannot be had."""
    text = selected(sql)
    asked = _relations(bound, staging, text)
    names = {name for schema, name in asked if schema != "actual"}
    targets = {name for schema, name in asked if schema == "actual"}
    staged = stage(
        bound, connections, staging, state, names,
        actuals=targets, offline=not fresh, sealer=sealer, listener=listener,
    )  # fmt: skip
    blocked = staged.built.blocked
    if stopped := sorted({blocked[name] for name in (*names, *staged.reads) if name in blocked}):
        raise Failure(*staged.diagnostics, *map(_refused, stopped), kind=FailureKind.FAILED)
    for schema, name in sorted(asked):  # so that a relation can be called by its bare name
        staging.execute(f"CREATE OR REPLACE VIEW {identifier(name)} AS FROM {relation(schema, name)}")
    return _answer(staged, staging, text, asked, limit)


def _answer(
    staged: Staged, staging: Staging, text: str, asked: set[tuple[str, str]], limit: int | None
) -> Rows:
    try:
        described = staging.describe(text)
        classes = _classes(staged.bound, staging, text, asked, [name for name, _, _ in described])
        cut = "" if limit is None else f" LIMIT {limit + 1}"
        with staging.limited(_SECONDS):
            table = staging.sql(f"FROM (\n{text}\n){cut}")
    except SqlProblem as problem:
        raise Failure(_refused(problem.summary, problem.hint)) from None
    sealed = [class_.sealed for class_ in classes]
    columns = [column.to_pylist() for column in table.columns]
    rows = [
        tuple(MASK if hide and value is not None else value for hide, value in zip(sealed, row, strict=True))
        for row in zip(*columns, strict=True)
    ]
    fields = tuple(
        Field(name, type_ or STRING, sensitivity=class_)
        for (name, type_, _), class_ in zip(described, classes, strict=True)
    )
    more = limit is not None and len(rows) > limit
    return Rows(fields, tuple(rows[:limit] if more else rows), more, staged.reads, staged.diagnostics)


def _classes(
    bound: Bound, staging: Staging, text: str, asked: set[tuple[str, str]], names: Sequence[str]
) -> list[Sensitivity]:
    """The class of every column of the answer: the highest of what it is computed from."""
    known: dict[tuple[str, str], list[str]] = {}
    found: dict[tuple[str, str], Sensitivity] = {}
    for schema, name in sorted(asked, reverse=True):  # relations first: a bare name means them
        if schema == "actual":
            fields = {f.name: f.sensitivity for f in bound.targets[name].fields}
            columns = [column for column, _, _ in staging.describe(f"FROM {relation(schema, name)}")]
            for called in (f"actual.{name}", name):
                for column in columns:
                    found.setdefault((called, column), fields.get(column, Sensitivity.PUBLIC))
        else:
            columns = [f.name for f in bound.relations[name]]
            found |= {(name, f.name): f.sensitivity for f in bound.relations[name]}
        known[schema, name] = columns
        known.setdefault(("", name), columns)
    origins = lineage(staging.syntax(text), known, names)
    rank = list(Sensitivity).index
    return [
        max((found.get(c, Sensitivity.PUBLIC) for c in origin.columns), key=rank, default=Sensitivity.PUBLIC)
        for origin in origins
    ]


def _relations(bound: Bound, staging: Staging, text: str) -> set[tuple[str, str]]:
    """(schema, name) of every relation that *text* reads."""
    tree = staging.syntax(text)
    if tree.get("error") or len(tree["statements"]) != 1:
        said = tree.get("error_message", "it is more than one statement")
        # DuckDB speaks of what its syntax tree is made for, which nobody asked about.
        said = said.replace("can be serialized to json!", "are answered")
        raise Failure(_refused(said))
    found: set[tuple[str, str]] = set()
    problems = []
    inner = {entry["key"].casefold() for entry in _nodes(tree, "key") if isinstance(entry.get("key"), str)}
    for table in _nodes(tree, "table_name"):
        schema, name = table["schema_name"], table["table_name"]
        if not schema and name.casefold() in inner:
            continue
        place = _place(bound, schema, name)
        if place is None:
            shown = f"{schema}.{name}" if schema else name
            problems.append(
                _refused(
                    f"there is no relation {shown}", did_you_mean(name, [*bound.relations, *bound.targets])
                )
            )
        else:
            found.add(place)
    if problems:
        raise Failure(*problems)
    return found


def _place(bound: Bound, schema: str, name: str) -> tuple[str, str] | None:
    """The relation that *name* means, as declared: SQL does not mind upper case. Without schema, relations come
    before what targets hold."""
    asked = schema.casefold()
    for known in bound.relations:
        own = schema_of(bound.project, known)
        if known.casefold() == name.casefold() and asked in ("", own):
            return own, known
    for known in bound.targets:
        if known.casefold() == name.casefold() and asked in ("", ACTUAL):
            return ACTUAL, known
    return None


def _nodes(node: Any, member: str) -> Iterator[Mapping[str, Any]]:
    """Every object below *node* that has *member*."""
    match node:
        case Mapping():
            if member in node:
                yield node
            for part in node.values():
                yield from _nodes(part, member)
        case list():
            for part in node:
                yield from _nodes(part, member)
        case _:
            return


def _refused(what: str, remedy: str = "") -> Diagnostic:
    return Diagnostic(
        "E0370",
        f"the query cannot be answered: {what}",
        remedy=remedy or "Write one SELECT over source.x, model.x or actual.x; `erpoa ls` lists them.",
    )
