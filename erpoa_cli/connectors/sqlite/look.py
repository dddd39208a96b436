"""Rows that were just written, read again by their identifiers: those that do not hold what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from erpoa_cli.connectors.sqlite.reflect import Table
from erpoa_cli.connectors.sqlite.values import Stored, value_of
from erpoa_cli.core.schema import Type, identifier, literal
from erpoa_cli.sdk.meaning import Unparsed
from erpoa_cli.sdk.sql import Held


def differing(
    db: sqlite3.Connection,
    table: Table,
    by: Sequence[str],
    keys: Sequence[Sequence[Stored]],
    values: Mapping[str, Sequence[Stored]],
    types: Mapping[str, Type],
) -> dict[int, list[Held]]:
    """*keys*: a column of identifiers for every field of *by*; *values*: what was written, as it was bound. By position
    what is there of the rows that do not hold exactly that; without values, of all rows."""
    size = len(keys[0])
    names = [*(f"k{n}" for n in range(len(by))), *(f"c{n}" for n in range(len(values)))]
    db.execute("DROP TABLE IF EXISTS temp.erpoa_written")
    db.execute(f"CREATE TEMP TABLE erpoa_written (at INTEGER PRIMARY KEY, {', '.join(names)})")
    holes = ", ".join("?" * (1 + len(names)))
    db.executemany(
        f"INSERT INTO temp.erpoa_written VALUES ({holes})",
        zip(range(size), *keys, *values.values(), strict=True),
    )
    columns = [f"t.{identifier(n)}" for n in values]
    on = " AND ".join(f"t.{identifier(n)} COLLATE BINARY = f.k{at}" for at, n in enumerate(by))
    same = " AND ".join(
        f"(+{column} COLLATE BINARY IS f.c{at} OR erpoa_same({column}, f.c{at}, {literal(str(types[n]))}))"
        for at, (n, column) in enumerate(zip(values, columns, strict=True))
    )
    here, name = f"t.{identifier(by[0])} IS NOT NULL", identifier(table.info.address)
    sql = f"SELECT {', '.join(['f.at', here, *columns])} FROM temp.erpoa_written f LEFT JOIN {name} t ON {on}"
    if values:
        sql += f" WHERE NOT ({here} AND {same})"
        if not table.is_unique(by):  # one of several may be ours
            sql += f" AND NOT EXISTS (SELECT 1 FROM {name} t WHERE {on} AND {same})"
    found: dict[int, list[Held]] = {}
    for at, is_here, *stored in db.execute(sql):
        rows = found.setdefault(at, [])
        if is_here:
            rows.append({n: _meant(v, types[n]) for n, v in zip(values, stored, strict=True)})
    return found


def _meant(stored: Stored, type_: Type) -> Any:
    try:
        return value_of(stored, type_)
    except UnicodeDecodeError:
        return Unparsed(repr(stored))
