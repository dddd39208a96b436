"""Rows of others that go along with what is deleted, or lose their reference: a plan does not show them, so their deletes wait."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.reconcile.shape import Shape, column, key_text_sql, table
from erpoa_cli.core.schema import STRING, Field, Type
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import Hanging, ObjectInfo, ReadRequest, Session, Writable

Values = tuple[str | None, ...]


def hanging(
    shape: Shape, info: ObjectInfo, staging: Staging, session: Session, beside: Mapping[str, Shape]
) -> dict[str, str]:
    """Key (JSON) of a row to delete → which rows of others hang on it, and how many. *beside*: shapes of targets in the same
    system, whose own deletes in this plan are no surprise."""
    if not info.hanging or not isinstance(session, Writable):
        return {}
    told: dict[str, list[str]] = {}
    for one in info.hanging:
        rows = _deleted(shape, one, staging)
        if not rows:
            continue
        counted = _counted(shape, one, staging, session, beside, list(rows.values()))
        for key, values in rows.items():
            number = counted.get(values, 0) if counted is not None else -1
            if number:
                many = (
                    "an unknown number of rows" if number < 0 else f"{number} row{'' if number == 1 else 's'}"
                )
                told.setdefault(key, []).append(f"{many} of {one.object} (ON DELETE {one.effect})")
    return {key: f"on it hang {', '.join(words)}" for key, words in told.items()}


def _deleted(shape: Shape, one: Hanging, staging: Staging) -> dict[str, Values]:
    """Key → the values to which rows of others refer, of the rows to delete. Those that the plan does not know are empty."""
    known = {**{f"id_{n}": n for n in shape.id}, **{f"a_{n}": n for n in shape.columns}}
    columns = [next((c for c, n in known.items() if n == name), None) for name in one.references]
    if None in columns:
        columns = []
    selected = ", ".join(column("", c) for c in columns if c is not None)
    rows = staging.sql(
        f"SELECT {key_text_sql(shape, '')} AS key_text{', ' if selected else ''}{selected} FROM {table('diff', shape.name)} "
        "WHERE kind IS NULL AND action = 'delete'"
    )
    types = [_type(shape, name) for name in one.references] if columns else []
    values = [
        [canonical(value, type_) for value in rows[c].to_pylist()]
        for c, type_ in zip((c for c in columns if c), types, strict=True)
    ]
    keys = rows["key_text"].to_pylist()
    return {key: tuple(column_[at] for column_ in values) for at, key in enumerate(keys)}


def _type(shape: Shape, name: str) -> Type:
    return shape.id[name] if name in shape.id else shape.columns[name]


def _counted(
    shape: Shape,
    one: Hanging,
    staging: Staging,
    session: Writable,
    beside: Mapping[str, Shape],
    wanted: list[Values],
) -> dict[Values, int] | None:
    """How many rows of the other object have each of the *wanted* values, less those that this plan deletes; None where
    that cannot be told."""
    if not all(wanted):
        return None
    fields = [
        Field(name, _type(shape, other)) for name, other in zip(one.fields, one.references, strict=True)
    ]
    other = next(
        (s for s in beside.values() if s.target.object == one.object and not s.target.embedded), None
    )
    ids = dict(other.id) if other else _id(session, one)
    own = [Field(n, t) for n, t in ids.items() if n not in one.fields]  # else equal rows may come as one
    columns = {
        f.name: pa.array([json.loads(json.dumps(v[at])) for v in wanted], pa.utf8())
        for at, f in enumerate(fields)
    }
    asked = staging.compare(
        "SELECT "
        + ", ".join(f"CAST({column('', f.name)} AS {f.type.duckdb}) AS {column('', f.name)}" for f in fields)
        + " FROM asked",
        {"asked": pa.table(columns)},
    )
    reading = session.find(ReadRequest(object=one.object, fields=(*fields, *own)), one.fields, asked)
    found = [row for batch in reading for row in batch.to_pylist()]
    if reading.verdict.status is not ReadStatus.COMPLETE:
        return None
    leaving = set(_leaving(other, staging)) if other else set()
    counts: dict[Values, int] = {}
    for row in found:
        identifier = tuple(_text(row[n], t) for n, t in other.id.items()) if other and other.id else None
        if identifier is not None and identifier in leaving:
            continue
        values = tuple(_text(row[f.name], f.type) for f in fields)
        counts[values] = counts.get(values, 0) + 1
    return counts


def _id(session: Writable, one: Hanging) -> dict[str, Type]:
    """The identifier of the rows that hang on others."""
    for info in session.objects([one.object]):
        return {n: (f.type if (f := info.field(n)) and f.type else STRING) for n in info.id}
    return {}


def _leaving(other: Shape, staging: Staging) -> Iterator[Values]:
    """The identifiers of rows that this plan deletes by itself."""
    ids = ", ".join(column("id_", n) for n in other.id)
    if not ids:
        return
    rows = staging.sql(
        f"SELECT {ids} FROM {table('diff', other.name)} WHERE kind IS NULL AND action = 'delete'"
    ).to_pylist()
    for row in rows:
        yield tuple(canonical(row[f"id_{n}"], t) for n, t in other.id.items())


def _text(value: object, type_: Type) -> str | None:
    """A value as it was read, typed or as text, in canonical text."""
    return value if isinstance(value, str) else canonical(value, type_)
