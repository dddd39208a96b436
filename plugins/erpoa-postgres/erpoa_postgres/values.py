"""Values on their way in: as arrays into the stage, and the SQL that compares and converts them there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, Type, identifier, literal
from erpoa_cli.sdk import sql
from erpoa_cli.sdk.sql import Encoded, SqlDialect, positions
from erpoa_postgres.columns import FLOATS, INTEGERS, TEXTS, Column, text_of

_STAGED = {
    Kind.INTEGER: "int8",
    Kind.DECIMAL: "numeric",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.BYTES: "bytea",
}
_NESTED = frozenset({Kind.LIST, Kind.STRUCT})
_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_SAME_BASE = {
    Kind.BOOLEAN: "bool",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.BYTES: "bytea",
}
_NUMBER = literal("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)$")
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_UUID = literal("^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")


def staged(type_: Type) -> str:
    """The type of a column of the stage that holds every value of *type_* exactly; nested ones as JSON text."""
    return _STAGED.get(type_.kind, "text")


# -- into the stage -----------------------------------------------------------------------------------------


def encode(array: pa.Array, type_: Type) -> Encoded:
    """*array* as the texts that a column of `staged` takes."""
    match type_.kind:
        case Kind.STRING | Kind.JSON:
            holds_nul = pc.match_substring(array, "\0")
            return Encoded(array, positions(holds_nul, "PostgreSQL cannot hold the character NUL in a text"))
        case Kind.INTEGER | Kind.BOOLEAN:
            return Encoded(array, {})
        case Kind.TIMESTAMPTZ:
            return _between(sql.encode(array, type_), "", "+00")
        case Kind.BYTES:
            return _between(sql.encode(array, type_), "\\x", "")
        case _:
            return sql.encode(array, type_)


def _between(found: Encoded, before: str, after: str) -> Encoded:
    return Encoded(pc.binary_join_element_wise(before, found.array, after, ""), found.unfit)


def array_literal(column: pa.Array) -> str:
    """The column, whose texts have no NUL, as one PostgreSQL array: every value stands in quotes, so that empty is not NULL.

    All at once: one value after the other takes several times as long as the server does."""
    values = pa.ListArray.from_arrays([0, len(column)], column.cast(pa.utf8()).fill_null("\0N"))
    joined = str(pc.binary_join(values, "\0,")[0]).replace("\\", "\\\\").replace('"', '\\"')
    quoted = '"' + joined.replace("\0,", '","') + '"' if len(column) else ""
    return "{" + quoted.replace('"\0N"', "NULL") + "}"


# -- in the database ----------------------------------------------------------------------------------------


def is_exact(of: Column, type_: Type) -> bool:
    """Whether the column takes every value of *type_* unchanged or refuses it by itself."""
    match type_.kind:
        case Kind.INTEGER:
            return of.base in INTEGERS or (of.base == "numeric" and (of.precision is None or of.scale >= 0))
        case Kind.DECIMAL:
            return of.base == "numeric" and (of.precision is None or of.scale >= type_.scale)
        case Kind.STRING:
            return of.base in ("text", "citext") or (of.base == "varchar" and of.size is None)
        case Kind.JSON:
            return of.base in ("json", "jsonb")
        case Kind.LIST | Kind.STRUCT:
            return False
        case _:
            return of.base == _SAME_BASE[type_.kind] and (of.size is None or of.size == 6)


def to_native(value: str, of: Column, type_: Type) -> str:
    """*value* of the stage as the column stores it. May fail in the database; never changes what is_exact."""
    if is_exact(of, type_):
        return f"{value}::{of.base}" if type_.kind is Kind.JSON else value
    if type_.kind is Kind.LIST and of.element:
        items = f"ARRAY(SELECT json_array_elements_text({value}::json))"
        return f"CASE WHEN {value} IS NOT NULL THEN {items}::{of.native} END"
    if of.base in TEXTS or of.base in ("json", "jsonb"):
        return f"{_spelt(value, type_)}::{of.native}"
    if of.base == "money":
        return f"{value}::numeric::money"
    if of.base == "bytea" and type_.kind is Kind.STRING:
        return f"decode({value}, 'hex')"
    if type_.kind is Kind.BOOLEAN and of.base != "bool":
        return f"{value}::int4::{of.native}"
    return f"{value}::{of.native}"


def _spelt(value: str, type_: Type) -> str:
    """*value* as canonical text."""
    match type_.kind:
        case Kind.TIME:
            return f"to_char({value}, 'HH24:MI:SS.US')"
        case Kind.TIMESTAMP:
            return f"""to_char({value}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        case Kind.TIMESTAMPTZ:
            return f"""to_char({value}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
        case Kind.BYTES:
            return f"encode({value}, 'hex')"
        case _:
            return f"{value}::text"


def same(column: str, of: Column, type_: Type, value: str) -> str:
    """Whether *column* still has *value*; never fails, whatever the column holds."""
    left, right = sides(column, of, type_, value)
    test = f"{left} IS NOT DISTINCT FROM {right}"
    # what does not parse is NULL on the left, and no NULL in the column
    return f"({test} AND ({column} IS NULL) = ({value} IS NULL))" if left.startswith("CASE") else f"({test})"


def equals(column: str, of: Column, type_: Type, value: str) -> str:
    """Whether *column* is *value* and neither is NULL: in a form that an index serves, and exact."""
    left, right = sides(column, of, type_, value)
    exact = f"({left} = {right})"
    # what the column's own index serves, though its collation or padding may find more
    near = {"text": value, "varchar": value, "bpchar": f"{value}::bpchar"}.get(of.base)
    if of.base == "uuid":
        near = f"CASE WHEN {value} ~ {_UUID} THEN {value}::uuid END"
    return f"({column} = {near} AND {exact})" if type_.kind is Kind.STRING and near else exact


def one_way(of: Column, type_: Type) -> bool:
    """Whether a column that `equals` a value holds what it would hold if the value were written: not a text that means a
    number or a time, for which there are several, and a unique index takes each of them."""
    return type_.kind is Kind.STRING or of.base not in TEXTS


def survives(value: str, of: Column, type_: Type) -> str:
    """Whether *value* comes back unchanged from the column. May fail in the database."""
    native = f"({to_native(value, of, type_)})"
    test = same(native, of, type_, value)
    if of.base in FLOATS:  # what it would not be read as again
        return f"({test} AND coalesce({text_of(native, of)} NOT LIKE '%(%', true))"
    return test


def sides(column: str, of: Column, type_: Type, value: str) -> tuple[str, str]:
    """What to compare: the meaning of the column (NULL where it has none) and the value, or both as text, byte by
    byte."""
    kind = type_.kind
    if kind in _NUMBERS:
        if of.base in INTEGERS or of.base == "numeric":
            return column, value
        if of.base in FLOATS:
            finite = f"{column} NOT IN ('NaN', 'Infinity', '-Infinity')"
            return f"CASE WHEN {finite} THEN {column}::text::numeric END", value
        if of.base == "money":
            return f"{column}::numeric", value
        if of.base in TEXTS:
            return f"CASE WHEN {column}::text ~ {_NUMBER} THEN {column}::text::numeric END", value
    elif kind in _SAME_BASE:
        if of.base == _SAME_BASE[kind]:
            return column, value
        if kind is Kind.BOOLEAN and (of.base in INTEGERS or of.base == "numeric"):
            return f"CASE {column} WHEN 1 THEN true WHEN 0 THEN false END", value
        if of.base in TEXTS and kind is not Kind.BYTES:
            return _parsed(f"{column}::text", kind), value
    elif kind is Kind.LIST and of.element:
        items = f"ARRAY(SELECT json_array_elements_text({value}::json))"
        return f"{column}::text[]", f"CASE WHEN {value} IS NOT NULL THEN {items} END"
    elif kind in _NESTED or of.base == "jsonb":
        return f'{column}::jsonb::text COLLATE "C"', f"{value}::jsonb::text"
    return f'{text_of(column, of)} COLLATE "C"', _spelt(value, type_)


def _parsed(text: str, kind: Kind) -> str:
    """*text* as a value of *kind* wherever it is one; the forms are those that the engine reads."""
    day_exists = f"substr({text}, 9, 2)::int4 <= extract(day FROM (substr({text}, 1, 7) || '-01')::date + interval '1 month -1 day')"
    match kind:
        case Kind.BOOLEAN:
            return f"CASE WHEN lower({text}) IN ('1', 'true', 't') THEN true WHEN lower({text}) IN ('0', 'false', 'f') THEN false END"
        case Kind.DATE:
            form, native = f"^{_DAY}$", "date"
        case Kind.TIMESTAMP:
            form, native = f"^{_DAY}[T ]{_CLOCK}$", "timestamp"
        case Kind.TIMESTAMPTZ:
            form, native = f"^{_DAY}[T ]{_CLOCK}{_OFFSET}$", "timestamptz"
        case Kind.TIME:
            return f"CASE WHEN {text} ~ {literal(f'^{_CLOCK}$')} THEN {text}::time END"
        case _:
            raise AssertionError(kind)
    sound = f"{text} ~ {literal(form)} AND {text} NOT LIKE '0000%'"
    return f"CASE WHEN {sound} THEN CASE WHEN {day_exists} THEN {text}::{native} END END"


DIALECT: SqlDialect[Column] = SqlDialect(
    quote=identifier, equals=equals, same=same, sides=sides, text=text_of
)
