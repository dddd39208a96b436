"""What tables a DuckDB file has: columns, keys, defaults."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from erpoa_cli.connectors.duckdb.columns import Table, field_info, quoted
from erpoa_cli.sdk.connector import ForeignKey, ObjectInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import LEDGER


def table_names(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """(schema, name) of every table and view, without DuckDB's own and our ledger."""
    sql = (
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary "
        "AND database_name = current_database() AND table_name <> ? "
        "UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal AND NOT temporary "
        "AND database_name = current_database() ORDER BY 1, 2"
    )
    return [(schema, name) for schema, name in db.execute(sql, [LEDGER]).fetchall()]


def address(schema: str, name: str) -> str:
    return name if schema == "main" else f"{schema}.{name}"


def find_table(db: duckdb.DuckDBPyConnection, wanted: str, *, read_only: bool) -> Table:
    """The table or view with the address *wanted*."""
    found = next((pair for pair in table_names(db) if address(*pair) == wanted), None)
    if found is None:
        raise ContractBroken(f"there is no table or view {wanted!r}")
    schema, name = found
    facts = db.execute(
        "SELECT column_name, is_nullable, column_default FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
        "AND database_name = current_database() ORDER BY column_index",
        [schema, name],
    ).fetchall()
    is_view = bool(
        db.execute(
            "SELECT 1 FROM duckdb_views() WHERE schema_name = ? AND view_name = ?", [schema, name]
        ).fetchone()
    )
    shape = db.execute(f"SELECT * FROM {quoted(schema, name)} LIMIT 0").description or []
    types = {column[0]: column[1] for column in shape}
    samples = _samples(db, schema, name)
    generated = _generated(db, schema, name)
    key, uniques, foreign = _constraints(db, schema, name)
    fields = tuple(
        field_info(
            column,
            types[column],
            nullable=bool(nullable),
            generated=default is not None,
            writable=not (is_view or column in generated),
            sample=samples.get(column, ""),
        )
        for column, nullable, default in facts
    )
    info = ObjectInfo(
        address=wanted,
        fields=fields,
        id=key,
        keys=uniques,
        foreign_keys=foreign,
        triggers=(),  # it has none
        writable=not (is_view or read_only),
    )
    defaults = {
        column: default for column, _, default in facts if default is not None and column not in generated
    }
    return Table(info, quoted(schema, name), {n: str(t) for n, t in types.items()}, defaults)


def _samples(db: duckdb.DuckDBPyConnection, schema: str, name: str) -> dict[str, str]:
    """One value per column from the first rows, as text."""
    rows = (
        db.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {quoted(schema, name)} LIMIT 5")
        .to_arrow_table()
        .to_pylist()
    )
    return {column: value for row in reversed(rows) for column, value in row.items() if value}


def _generated(db: duckdb.DuckDBPyConnection, schema: str, name: str) -> frozenset[str]:
    """Columns that are computed from others: DuckDB marks them only in the table's definition."""
    sql = "SELECT column_name FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? AND column_default IS NOT NULL"
    candidates = [column for (column,) in db.execute(sql, [schema, name]).fetchall()]
    if not candidates:
        return frozenset()
    found = db.execute(
        "SELECT sql FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [schema, name]
    ).fetchone()
    text = found[0] if found else ""
    return frozenset(c for c in candidates if _is_generated(text, c))


def _is_generated(definition: str, column: str) -> bool:
    quoted_name = '"' + column.replace('"', '""') + '"'
    for spelling in (f"{column} ", f"{quoted_name} "):
        start = definition.find(spelling)
        while start >= 0:
            rest = definition[start + len(spelling) :].split(",", 1)[0]
            if "GENERATED ALWAYS AS" in rest:
                return True
            start = definition.find(spelling, start + 1)
    return False


def _constraints(
    db: duckdb.DuckDBPyConnection, schema: str, name: str
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[ForeignKey, ...]]:
    key: tuple[str, ...] = ()
    uniques: list[tuple[str, ...]] = []
    foreign: list[ForeignKey] = []
    facts: Sequence[tuple[str, list[str], str | None, list[str]]] = db.execute(
        "SELECT constraint_type, constraint_column_names, referenced_table, referenced_column_names "
        "FROM duckdb_constraints() WHERE schema_name = ? AND table_name = ? AND database_name = current_database() "
        "ORDER BY constraint_index",
        [schema, name],
    ).fetchall()
    for kind, columns, other, references in facts:
        if kind == "PRIMARY KEY":
            key = tuple(columns)
        elif kind == "UNIQUE":
            uniques.append(tuple(columns))
        elif kind == "FOREIGN KEY" and other:
            foreign.append(ForeignKey(tuple(columns), other, tuple(references)))
    return key, tuple(uniques), tuple(foreign)
