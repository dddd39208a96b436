"""Why a row is in a plan: its source rows, the SQL, the mapping, and the values that were compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import canonical, canonical_sql
from erpoa_cli.core.plan import Change, SetAside
from erpoa_cli.core.schema import Field, Sensitivity, identifier, literal
from erpoa_cli.core.target import Column, Constant, Reference, Result, Target, TargetField
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.read import read_sources
from erpoa_cli.engine.relations.transform import build_models
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
    """`found`: what the plan says about the row (None: it says nothing). `mapping`: per field (field, where the
    value comes from, who is its master). `models`: (name, file, SQL) from the target upwards."""

    address: Address
    target: Target
    plan: str
    found: Change | SetAside | None
    mapping: tuple[tuple[str, str, str], ...]
    models: tuple[tuple[str, str, str], ...]
    rows: tuple[Rows, ...]


def explain(
    address: Address,
    plan: PlanFile,
    bound: Bound,
    connections: Connections,
    state: StateReader,
    sealer: Sealer | None,
) -> Explanation:
    """The way of one row into *plan*, from the snapshots of its sources; no system is asked."""
    root = Path(bound.project.root)
    target = bound.targets[address.target]
    told = report(plan, root, limit=None, addresses=[address], sealer=sealer)
    listed: list[Change | SetAside] = [c for t in told.targets for c in t.changes if c.address == address]
    listed += [s for t in told.targets for s in t.set_aside if s.address == address]
    with Staging(root, as_of=plan.header.as_of) as staging:
        needed = bound.needed([target.from_])
        sources = [name for name in bound.project.sources if name in needed]
        reads = read_sources(bound, connections, staging, state, names=sources, offline=True, sealer=sealer)
        build_models(bound, staging, [target.from_], reads)
        rows = tuple(_rows(address, target, bound, staging, [target.from_, *sources]))
    return Explanation(
        address=address,
        target=target,
        plan=plan.header.id,
        found=listed[0] if listed else None,
        mapping=tuple((f.name, _origin(f, target), f.ownership.value) for f in target.fields),
        models=tuple(_models(bound, target.from_, needed)),
        rows=rows,
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
            schema = "source" if name in bound.project.sources else "model"
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
