"""Why a row is in a plan: its source rows, the SQL, the mapping, and the values that were compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import canonical, canonical_sql
from erpoa_cli.core.columns import AGREED, KEY, SEEN
from erpoa_cli.core.plan import Change, FieldChange, SetAside
from erpoa_cli.core.relation import schema_of
from erpoa_cli.core.schema import Field, Sensitivity, identifier, literal
from erpoa_cli.core.target import Column, Constant, Reference, Result, Target, TargetField
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.chain import stage
from erpoa_cli.engine.report import report
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import PlanFile, Sealer, StateReader

_ROWS = 5  # of a source that are shown


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a relation that have the key's values; sensitive values are left out."""

    relation: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`found`: what the plan says about the row, step by step, and what of it is set aside (empty: it says nothing).
    `mapping`: per key column and field (name, where the value comes from, who is its master). `values`: of every
    field; of those that `found` does not name, as both sides were last seen to agree, and as the snapshots want it.
    `linked`: the row was applied before. `run`: the run that applied the plan, if one did: what is told beside `found` is as of
    now, after it. `models`: (name, file, SQL) from the
    target upwards."""

    address: Address
    target: Target
    plan: str
    found: tuple[Change | SetAside, ...]
    mapping: tuple[tuple[str, str, str], ...]
    values: Mapping[str, FieldChange]
    linked: bool
    models: tuple[tuple[str, str, str], ...]
    rows: tuple[Rows, ...]
    run: str = ""


def explain(
    address: Address,
    plan: PlanFile,
    bound: Bound,
    connections: Connections,
    state: StateReader,
    sealer: Sealer | None,
) -> Explanation:
    """The way of one row into *plan*, from the snapshots of its sources. No system is asked but for rows that models read
    with `actual()`."""
    root = Path(bound.project.root)
    target = bound.targets[address.target]
    told = report(plan, root, limit=None, addresses=[address], sealer=sealer)
    found: list[Change | SetAside] = [c for t in told.targets for c in t.changes if c.address == address]
    found += [s for t in told.targets for s in t.set_aside if s.address == address]
    with Staging(root, as_of=plan.header.as_of) as staging:
        needed = bound.needed([target.from_])
        sources = [name for name in bound.project.sources if name in needed]
        stage(bound, connections, staging, state, [target.from_], offline=True, sealer=sealer)
        rows = tuple(_rows(address, target, bound, staging, [target.from_, *sources]))
        base = _base(address, state, sealer, staging)
        wanted = _wanted(address, target, bound, staging)
    changed = {name: field for row in found for name, field in row.fields.items()}
    unchanged = {f.name: _unchanged(f, base, wanted) for f in target.fields if base or wanted}
    return Explanation(
        address=address,
        target=target,
        plan=plan.header.id,
        found=tuple(found),
        mapping=tuple(_mapping(target)),
        values={**unchanged, **changed},
        linked=bool(base),
        models=tuple(_models(bound, target.from_, needed)),
        rows=rows,
        run=next((run.id for run in state.runs() if run.plan == plan.header.id), ""),
    )


def _mapping(target: Target) -> Iterator[tuple[str, str, str]]:
    carried = {f.value.name for f in target.fields if isinstance(f.value, Column)}
    for name in target.key:
        if name not in carried:
            yield name, f"{target.from_}.{name}", "key"
    for field in target.fields:
        yield field.name, _origin(field, target), field.ownership.value


def _base(address: Address, state: StateReader, sealer: Sealer | None, staging: Staging) -> dict[str, Any]:
    """The row as it was last applied; empty when it never was."""
    layout = state.targets().get(address.target)
    if layout is None or {name for name, _ in address.key} != set(layout.key):
        return {}
    staging.make("base", address.target, state.base(layout, sealer))
    conditions = [
        f"{canonical_sql(KEY.sql(name), layout.key[name])} = {literal(text)}" for name, text in address.key
    ]
    found = staging.sql(
        f"SELECT * FROM {relation('base', address.target)} WHERE {' AND '.join(conditions)}"
    ).to_pylist()
    return dict(found[0]) if found else {}


def _wanted(address: Address, target: Target, bound: Bound, staging: Staging) -> dict[str, Any]:
    """The row of the relation that the target is fed from; empty when there is none, or several."""
    fields = {field.name: field for field in bound.relations[target.from_]}
    if not {name for name, _ in address.key} <= fields.keys():
        return {}
    schema = schema_of(bound.project, target.from_)
    conditions = [
        f"{canonical_sql(identifier(name), fields[name].type)} = {literal(text)}"
        for name, text in address.key
    ]
    found = staging.sql(
        f"SELECT * FROM {relation(schema, target.from_)} WHERE {' AND '.join(conditions)} LIMIT 2"
    ).to_pylist()
    return dict(found[0]) if len(found) == 1 else {}


def _unchanged(field: TargetField, base: Mapping[str, Any], wanted: Mapping[str, Any]) -> FieldChange:
    """The values of a field that the plan does not name. What a reference becomes is known to plans alone: it is
    told as it was agreed."""
    agreed = base.get(AGREED(field.name))
    match field.value:
        case Column(name):
            after = wanted.get(name)
        case Constant(value):
            after = value
        case _:
            after = agreed
    seen = base.get(SEEN(field.name))
    return FieldChange(
        before=seen,
        after=after,
        agreed=agreed,
        seen=seen,
        never=field.name not in base.get("known", ()),
        sensitive=_hidden(field.sensitivity),
    )


def _origin(field: TargetField, target: Target) -> str:
    match field.value:
        case Column(name):
            return f"{target.from_}.{name}"
        case Constant(value):
            return f"the constant {value!r}"
        case Reference(to, by):
            return f"the id of {to} by {', '.join(by)}"
        case Result(to, name, by):
            return f"{to}.{name} by {', '.join(by)}"


def _models(bound: Bound, first: str, needed: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    root = Path(bound.project.root)
    for name in reversed(bound.order):
        model = bound.project.transforms.get(name)
        if model is not None and (name in needed or name == first):
            yield name, model.file, (root / model.file).read_text(encoding="utf-8").rstrip()


def _rows(
    address: Address, target: Target, bound: Bound, staging: Staging, names: Sequence[str]
) -> Iterator[Rows]:
    for name in dict.fromkeys(names):
        fields = bound.relations[name]
        known = {field.name: field for field in fields}
        shared = {column: value for column, value in address.key if column in known and column in target.key}
        if shared:
            schema = schema_of(bound.project, name)
            yield _matching(name, relation(schema, name), known, shared, staging)


def _matching(
    name: str, place: str, fields: Mapping[str, Field], key: Mapping[str, str], staging: Staging
) -> Rows:
    shown = [field for field in fields.values() if not _hidden(field.sensitivity)]
    conditions = [
        f"{canonical_sql(identifier(column), fields[column].type)} = {literal(value)}"
        for column, value in key.items()
    ]
    columns = ", ".join(identifier(field.name) for field in shown)
    found: list[dict[str, Any]] = staging.sql(
        f"SELECT {columns} FROM {place} WHERE {' AND '.join(conditions)} LIMIT {_ROWS}"
    ).to_pylist()
    rows = tuple(tuple(canonical(row[f.name], f.type) for f in shown) for row in found)
    return Rows(name, tuple(f.name for f in shown), rows)


def _hidden(sensitivity: Sensitivity) -> bool:
    return sensitivity.sealed
