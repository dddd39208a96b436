"""Rows set aside: what is wrong with them, by key, in `held."RELATION"`."""

from __future__ import annotations

from collections.abc import Sequence

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.columns import PLAIN, Columns
from erpoa_cli.core.schema import Field, Type, identifier, literal
from erpoa_cli.engine.staging import Staging, relation

_COLUMNS = ("key", "field", "code", "reason")


def key_json(key: Sequence[tuple[str, Type]], alias: str = "", image: Columns = PLAIN) -> str:
    """The SQL expression of a row's key text, over columns that are called as *image* says; NULL when there is no key or part of it is NULL."""
    if not key:
        return "CAST(NULL AS VARCHAR)"
    columns = [(name, type_, image.sql(name, alias)) for name, type_ in key]
    whole = " AND ".join(f"{column} IS NOT NULL" for _, _, column in columns)
    parts = ", ".join(f"{literal(name)}, {canonical_sql(column, type_)}" for name, type_, column in columns)
    return f"CASE WHEN {whole} THEN CAST(json_object({parts}) AS VARCHAR) END"


def key_fields(fields: Sequence[Field], key: Sequence[str]) -> tuple[tuple[str, Type], ...]:
    """The columns *key* of a relation with their types."""
    types = {f.name: f.type for f in fields}
    return tuple((name, types[name]) for name in key)


def prepare(staging: Staging, name: str) -> None:
    """An empty `held` relation for *name*."""
    columns = ", ".join(f"{identifier(c)} VARCHAR" for c in _COLUMNS)
    staging.execute(f"CREATE OR REPLACE TABLE {relation('held', name)} ({columns})")


def set_aside(
    staging: Staging,
    schema: str,
    name: str,
    where: str,
    *,
    key: Sequence[tuple[str, Type]],
    field: str,
    code: str,
    reason: str,
) -> int:
    """Move the rows of a relation that satisfy *where* (over alias `r`) to `held`; how many they were.

    *reason* is a SQL expression over `r`."""
    table = relation(schema, name)
    found = staging.scalar(f"SELECT count(*) FROM {table} r WHERE {where}")
    if found:
        staging.execute(
            f"INSERT INTO {relation('held', name)} "
            f"SELECT {key_json(key, 'r')}, {literal(field)}, {literal(code)}, {reason} FROM {table} r WHERE {where}"
        )
        staging.delete(schema, name, where)
    return int(found)


def count(staging: Staging, name: str) -> int:
    """How many rows of *name* are held: one per key, and one per finding without a key."""
    table = relation("held", name)
    return int(staging.scalar(f"SELECT count(DISTINCT key) + count(*) FILTER (key IS NULL) FROM {table}"))


def keyless(staging: Staging, name: str) -> int:
    """How many held rows of *name* nobody can name."""
    return int(staging.scalar(f"SELECT count(*) FROM {relation('held', name)} WHERE key IS NULL"))
