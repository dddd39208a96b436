"""DuckDB's column types and declared types: which hold each other exactly, and how values are read and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.schema import STRING, Kind, Type, decimal, identifier
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo, ObjectInfo

FLOAT_DIGITS = 15  # decimal digits that every 64-bit float keeps

_EXACT: Mapping[str, Type] = {
    "BIGINT": Type(Kind.INTEGER),
    "VARCHAR": STRING,
    "BOOLEAN": Type(Kind.BOOLEAN),
    "DATE": Type(Kind.DATE),
    "TIME": Type(Kind.TIME),
    "TIMESTAMP": Type(Kind.TIMESTAMP),
    "TIMESTAMP WITH TIME ZONE": Type(Kind.TIMESTAMPTZ),
    "BLOB": Type(Kind.BYTES),
    "JSON": Type(Kind.JSON),
}
_WIDENED: Mapping[str, Type] = {
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER"), Type(Kind.INTEGER)
    ),
    "UBIGINT": decimal(20, 0),
    "HUGEINT": decimal(38, 0),
    "UHUGEINT": decimal(38, 0),
    "UUID": STRING,
    "TIMESTAMP_S": Type(Kind.TIMESTAMP),
    "TIMESTAMP_MS": Type(Kind.TIMESTAMP),
}
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_TEMPORAL = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Table:
    """An object, its name in SQL, the native type of each column and the defaults that number its rows."""

    info: ObjectInfo
    name: str
    natives: Mapping[str, str]
    defaults: Mapping[str, str]


def declared(native: Any) -> Type | None:
    """The type that holds every value of the DuckDB type *native* (a `DuckDBPyType`); None when there is none."""
    name = str(native)
    if name in _EXACT:
        return _EXACT[name]
    if name in _WIDENED:
        return _WIDENED[name]
    match native.id:
        case "decimal":
            sizes = dict(native.children)
            return decimal(sizes["precision"], sizes["scale"])
        case "enum":
            return STRING
        case "list":
            item = declared(native.children[0][1])
            return None if item is None or not _nests(item) else Type(Kind.LIST, item=item)
        case "struct":
            members = [(label, declared(member)) for label, member in native.children]
            kept = tuple((label, type_) for label, type_ in members if type_ is not None and _nests(type_))
            return Type(Kind.STRUCT, members=kept) if len(kept) == len(members) else None
        case _:
            return None


def _nests(type_: Type) -> bool:
    return type_.kind is not Kind.JSON


def refusal(native: str) -> str:
    """Why a column of the DuckDB type *native* has no declared type, and which to declare."""
    if native in _FLOATS:
        return f"is a floating-point number: declare {decimal(FLOAT_DIGITS, 6)}; values that need more than {FLOAT_DIGITS} digits are held"
    if native == "TIMESTAMP_NS":
        return "has nanoseconds: declare string, or make the column TIMESTAMP"
    return f"type {native} has no exact equal here: declare string"


def field_info(
    name: str, native: Any, *, nullable: bool, generated: bool, writable: bool, sample: str
) -> FieldInfo:
    """The column as discovery shows it; *native* is a `DuckDBPyType`."""
    type_ = declared(native)
    return FieldInfo(
        name=name,
        type=type_,
        native=str(native),
        nullable=nullable,
        generated=generated,
        writable=writable,
        refused="" if type_ is not None else refusal(str(native)),
        sample=sample,
        takes=NUMBERS if str(native) in _FLOATS else frozenset(),
    )


def is_exact(native: str, type_: Type) -> bool:
    """Whether a column of *native* holds exactly the values of *type_*, so that no conversion is needed."""
    return _EXACT.get(native) == type_ or (type_.kind is Kind.DECIMAL and native == type_.duckdb)


def delivers_exactly(native: str, type_: Type) -> bool:
    """Whether the column can be cast to *type_* without loss; infinite dates are looked for separately."""
    if is_exact(native, type_) or _WIDENED.get(native) == type_:
        return native not in ("HUGEINT", "UHUGEINT")  # 39 digits do not fit
    if type_.kind in (Kind.LIST, Kind.STRUCT):
        return _plain(native) == _plain(type_.duckdb)
    return False


def _plain(native: str) -> str:
    return native.replace('"', "").upper()


def may_be_infinite(native: str, type_: Type) -> bool:
    return type_.kind in _TEMPORAL and delivers_exactly(native, type_)


def text_of(column: str, native: str) -> str:
    """The column as text that the engine parses; floats that 15 digits do not say become words that no type parses."""
    text = f"CAST({column} AS VARCHAR)"
    if native in _FLOATS:
        plain = (
            f"coalesce({', '.join(_plain_number(text, column, native, scale) for scale in (0, 37))}, {text})"
        )
        plain = f"CASE WHEN contains({text}, 'e') THEN {plain} ELSE regexp_replace({text}, '\\.0$', '') END"
        digits = f"length(regexp_replace({text}, '^-?0*\\.?0*|\\.|e.*$|\\.0$', '', 'g'))"
        return f"CASE WHEN {digits} > {FLOAT_DIGITS} THEN {text} || ' (a floating-point number, not an exact decimal)' ELSE {plain} END"
    if native == "TIMESTAMP_NS":
        return f"CASE WHEN epoch_ns({column}) % 1000 <> 0 THEN {text} || ' (nanoseconds)' ELSE {text} END"
    return text


def _plain_number(text: str, column: str, native: str, scale: int) -> str:
    """The float *text* without exponent; NULL where *scale* digits behind the point do not say it."""
    number = f"TRY_CAST({text} AS DECIMAL(38,{scale}))"
    digits = f"CAST({number} AS VARCHAR)"
    shown = f"regexp_replace({digits}, '0+$', '')" if scale else digits
    # by way of the text: DuckDB's own way from decimals to floats rounds twice
    return f"CASE WHEN CAST({digits} AS {native}) = {column} THEN {shown} END"


def to_native(value: str, native: str, type_: Type) -> str:
    """*value* of *type_* as the column stores it; NULL where it cannot be converted at all."""
    if is_exact(native, type_):
        return value
    if native == "VARCHAR":
        return canonical_sql(value, type_)
    return f"TRY_CAST({value} AS {native})"


def from_native(column: str, native: str, type_: Type) -> str:
    """What a column means as *type_*; NULL where it does not parse."""
    if is_exact(native, type_):
        return column
    if native in _FLOATS and type_.kind in NUMBERS:
        return f"TRY_CAST({text_of(column, native)} AS {type_.duckdb})"
    return f"TRY_CAST({column} AS {type_.duckdb})"


def same(column: str, native: str, type_: Type, value: str) -> str:
    """Whether the column still has *value* of *type_*: byte for byte for texts, whatever collation the column has."""
    if type_.kind in (Kind.STRING, Kind.JSON):
        return f"encode(CAST({column} AS VARCHAR)) IS NOT DISTINCT FROM encode({value})"
    test = f"{from_native(column, native, type_)} IS NOT DISTINCT FROM {value}"
    if not is_exact(native, type_):
        # what does not parse is no NULL
        test += f" AND ({column} IS NULL) = ({value} IS NULL)"
    if native in _FLOATS and type_.kind in NUMBERS:
        test += f" AND {column} IS NOT DISTINCT FROM TRY_CAST({value} AS {native})"
    elif type_.kind is Kind.DECIMAL and not is_exact(native, type_):
        # the cast to the declared scale rounds; the stored value must not need it
        test += f" AND TRY_CAST({column} AS DECIMAL(38,18)) IS NOT DISTINCT FROM TRY_CAST({value} AS DECIMAL(38,18))"
    return f"({test})"


def equal(column: str, native: str, type_: Type, value: str) -> str:
    """`same` for a *value* that is not NULL, where DuckDB can tell so: then it reads only what may hold such values."""
    if is_exact(native, type_) and type_.kind not in (Kind.STRING, Kind.JSON):
        return f"{column} = {value}"
    return same(column, native, type_, value)


def survives(value: str, native: str, type_: Type) -> str:
    """Whether *value* of *type_* comes back unchanged from a column of *native*."""
    stored = to_native(value, native, type_)
    if native in _FLOATS and type_.kind in NUMBERS:
        return same(f"({stored})", native, type_, value)
    back = f"TRY_CAST(TRY_CAST({stored} AS {native}) AS {type_.duckdb})"
    if type_.kind is Kind.STRING:
        back = f"CAST(TRY_CAST({value} AS {native}) AS VARCHAR)"
    return f"({back} IS NOT DISTINCT FROM {value})"


def quoted(schema: str, table: str) -> str:
    return f"{identifier(schema)}.{identifier(table)}"
