"""PostgreSQL's column types and declared types: which hold each other exactly, and how values are read.

The SQL for reading is made here; that for comparing and writing in `values`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Type,
    decimal,
    literal,
)
from erpoa_cli.sdk.arrow import arrow_type

FLOAT_DIGITS = 15  # decimal digits that every 64-bit float keeps
INTEGERS = frozenset({"int2", "int4", "int8"})
FLOATS = frozenset({"float4", "float8"})
TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_WORDS = frozenset({"uuid", "enum"})  # each value has one spelling
_LISTED = INTEGERS | {"numeric", "text", "varchar", "citext", "bool", "date", "uuid"}
_SCALED_INT = 18  # digits that a 64-bit integer always holds
_PLAIN = {
    "bool": BOOLEAN,
    "date": DATE,
    "time": Type(Kind.TIME),
    "timestamp": TIMESTAMP,
    "timestamptz": TIMESTAMPTZ,
    "bytea": Type(Kind.BYTES),
    "json": Type(Kind.JSON),
    "jsonb": Type(Kind.JSON),
    **dict.fromkeys(INTEGERS, INTEGER),
    **dict.fromkeys(TEXTS | _WORDS, STRING),
}
# what PostgreSQL holds and no declared type does
_BEYOND = {
    "numeric": "{0} = 'NaN'",
    "date": "({0} < '0001-01-01' OR {0} > '9999-12-31')",
    "time": "{0} = '24:00'",
    "timestamp": "({0} < '0001-01-01' OR {0} > '9999-12-31 23:59:59.999999')",
    "timestamptz": "({0} < '0001-01-01 00:00+00' OR {0} > '9999-12-31 23:59:59.999999+00')",
}
_ADVICE = {
    "float4": f"is a floating-point number: declare {decimal(FLOAT_DIGITS, 6)}; values that need more than {FLOAT_DIGITS} digits are held",
    "float8": f"is a floating-point number: declare {decimal(FLOAT_DIGITS, 6)}; values that need more than {FLOAT_DIGITS} digits are held",
    "money": f"is written as the server's locale says: declare {decimal(19, 2)}",
    "timetz": "a time of day with an offset has no equal here: declare string",
    "interval": "has months, days and seconds of their own: declare string",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column's type: its name in PostgreSQL and, of a domain, that of the type beneath. `base` is the name without
    digits (`enum` for every enumeration, empty for types that are not PostgreSQL's own); `element` that of an
    array's items. `precision` and `scale` are those of a numeric, `size` that of texts and of times."""

    native: str
    base: str
    element: str = ""
    precision: int | None = None
    scale: int = 0
    size: int | None = None


def column(native: str, base: str, element: str, modifier: int) -> Column:
    """The column type with PostgreSQL's type *modifier* (-1: none)."""
    name = element or base
    if modifier < 0:
        return Column(native, base, element)
    if name == "numeric":
        digits = modifier - 4
        scale = ((digits & 0x7FF) ^ 1024) - 1024
        return Column(native, base, element, precision=(digits >> 16) & 0xFFFF, scale=scale)
    if name in ("varchar", "bpchar"):
        return Column(native, base, element, size=modifier - 4)
    return Column(native, base, element, size=modifier)


def declared(of: Column) -> Type | None:
    """The type that holds every value of the column; None when there is none."""
    if of.element:
        item = declared(Column(of.native, of.element, "", of.precision, of.scale, of.size))
        return Type(Kind.LIST, item=item) if of.element in _LISTED and item is not None else None
    if of.base == "numeric":
        return _decimal(of)
    return _PLAIN.get(of.base)


def _decimal(of: Column) -> Type | None:
    if of.precision is None:
        return None
    digits, scale = of.precision, of.scale
    if scale < 0:  # rounded before the point
        digits, scale = digits - scale, 0
    digits = max(digits, scale)
    return decimal(digits, scale) if digits <= 38 else None


def refusal(of: Column, seen: Type | None) -> str:
    """Why the column has no declared type, and which to declare; *seen* holds the numbers found in it."""
    if of.element:
        return f"items of type {of.native} have no exact equal in a list: declare string"
    if of.base == "numeric" and of.precision is None:
        return (
            f"has no precision and scale: declare {seen or decimal(38, 9)}; values with more digits are held"
        )
    if of.base == "numeric":
        return f"{of.native} is beyond 38 digits: declare {seen or decimal(38, 9)}, or string"
    return _ADVICE.get(of.base, f"type {of.native} has no exact equal here: declare string")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a column is read: the SQL expression, the Arrow type it is handed on in, and `beyond`, the condition under
    which a value has no such equal (then the whole column is read as text instead)."""

    sql: str
    arrow: pa.DataType
    beyond: str = ""


def delivery(name: str, of: Column, type_: Type) -> Delivery:
    """How the column *name* (SQL) is read as *type_*."""
    if not _delivers_exactly(of, type_):
        return as_text(name, of)
    beyond = _BEYOND.get(of.base, "").format(name)
    match type_.kind:
        case Kind.INTEGER:
            return Delivery(f"{name}::int8", pa.int64())
        case Kind.DECIMAL if type_.precision <= _SCALED_INT:
            # digits as one integer: decoded ten times faster than text
            return Delivery(f"({name}::numeric * {10**type_.scale})::int8", arrow_type(type_), beyond)
        case Kind.DECIMAL:
            return Delivery(f"{name}::numeric::text", arrow_type(type_), beyond)
        case Kind.STRING | Kind.JSON:
            return Delivery(f"{name}::text", pa.utf8())
        case _:
            return Delivery(name, arrow_type(type_), beyond)


def _delivers_exactly(of: Column, type_: Type) -> bool:
    if type_.kind is Kind.DECIMAL:
        found = decimal(19, 0) if of.base in INTEGERS else _decimal(of) if of.base == "numeric" else None
        return (
            found is not None
            and found.scale <= type_.scale
            and found.precision - found.scale <= type_.precision - type_.scale
        )
    return not of.element and _PLAIN.get(of.base) == type_


def as_text(name: str, of: Column) -> Delivery:
    """The column as text that the engine parses; what no type can hold becomes words that none parses."""
    return Delivery(text_of(name, of), pa.utf8())


def text_of(name: str, of: Column) -> str:
    if of.element:
        plain = f"coalesce(array_ndims({name}), 1) = 1 AND coalesce(array_lower({name}, 1), 1) = 1"
        return f"CASE WHEN {plain} THEN to_json({name}::text[])::text ELSE {name}::text END"
    if of.base in FLOATS:
        digits = f"length(regexp_replace({name}::text, {literal('^-?0*[.]?0*|[.]|e.*$')}, '', 'g'))"
        return (
            f"CASE WHEN {name} IN ('NaN', 'Infinity', '-Infinity') THEN {name}::text "
            f"WHEN {digits} > {FLOAT_DIGITS} THEN {name}::text || ' (a floating-point number, not an exact decimal)' "
            f"ELSE {name}::text::numeric::text END"
        )
    if of.base == "money":
        return f"{name}::numeric::text"
    if of.base == "bytea":
        return f"encode({name}, 'hex')"
    return f"{name}::text"
