"""DuckDB's column types as declared types."""

from __future__ import annotations

from typing import Any

from erpoa_cli.core.schema import Kind, Type, decimal

_SIMPLE = {
    "varchar": Kind.STRING,
    "enum": Kind.STRING,
    "uuid": Kind.STRING,
    "tinyint": Kind.INTEGER,
    "smallint": Kind.INTEGER,
    "integer": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "utinyint": Kind.INTEGER,
    "usmallint": Kind.INTEGER,
    "uinteger": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamp_s": Kind.TIMESTAMP,
    "timestamp_ms": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMPTZ,
    "blob": Kind.BYTES,
}
_WIDE = {"ubigint": decimal(20, 0), "hugeint": decimal(38, 0), "uhugeint": decimal(38, 0)}


def declared_type(native: Any) -> Type | None:
    """The type that holds every value of DuckDB's *native* type exactly; None when there is none (floating
    point numbers, intervals, nanoseconds, maps, unions). Whole numbers wider than 64 bits become decimals."""
    if str(native) == "JSON":
        return Type(Kind.JSON)
    if str(native) == '"NULL"':
        return Type(Kind.STRING)
    match native.id:
        case "decimal":
            parts = dict(native.children)
            return decimal(parts["precision"], parts["scale"])
        case "list" | "array":
            item = declared_type(dict(native.children)["child"])
            return Type(Kind.LIST, item=item) if item else None
        case "struct":
            members = [(name, declared_type(member)) for name, member in native.children]
            known = tuple((name, type_) for name, type_ in members if type_)
            return Type(Kind.STRUCT, members=known) if len(known) == len(members) else None
        case simple if simple in _SIMPLE:
            return Type(_SIMPLE[simple])
        case wide:
            return _WIDE.get(wide)
