"""The server's column types and declared types: which hold each other exactly, and how values are read.

The SQL for reading is made here; that for comparing and writing in `values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import BOOLEAN, DATE, INTEGER, STRING, TIMESTAMP, TIMESTAMPTZ, Kind, Type, decimal
from erpoa_cli.sdk.arrow import arrow_type

FLOAT_DIGITS = 15  # decimal digits that every 64-bit float keeps
FLOAT4_DIGITS = 6  # … and every 32-bit float
INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year"})
FLOATS = frozenset({"float", "double"})
TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
WORDS = frozenset({"enum", "set", "uuid"})  # each value has one spelling
BINARIES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_PLAIN = {
    "date": DATE,
    "time": Type(Kind.TIME),
    "datetime": TIMESTAMP,
    "timestamp": TIMESTAMPTZ,
    "json": Type(Kind.JSON),
    **dict.fromkeys(INTEGERS, INTEGER),
    **dict.fromkeys(TEXTS | WORDS, STRING),
    **dict.fromkeys(BINARIES, Type(Kind.BYTES)),
}
_BIGGEST = decimal(20, 0)  # holds every unsigned integer of 64 bits
_NO_DAY = (
    "({0} < '0001-01-01' OR month({0}) = 0 OR dayofmonth({0}) = 0 "
    "OR dayofmonth({0}) > dayofmonth(last_day({0})))"
)
# what the server holds and no declared type does
_BEYOND = {
    "date": _NO_DAY,
    "datetime": _NO_DAY,
    "timestamp": "unix_timestamp({0}) = 0",
    "time": "({0} < '00:00:00' OR {0} >= '24:00:00')",
}
_ADVICE = {
    "float": f"is a floating-point number: declare {decimal(FLOAT_DIGITS, 6)}; values that need more than {FLOAT_DIGITS} digits are held",
    "double": f"is a floating-point number: declare {decimal(FLOAT_DIGITS, 6)}; values that need more than {FLOAT_DIGITS} digits are held",
}
_SIZED = re.compile(r"^(\w+)(?:\((\d+)(?:,(\d+))?\))?")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's type: as the server writes it, and its name without digits. `size` is the number in brackets: digits,
    characters, bits, bytes, or digits of a second; `scale` that of a decimal. `charset` and `collation` of texts are
    empty where they are not known."""

    native: str
    base: str
    size: int | None = None
    scale: int = 0
    unsigned: bool = False
    charset: str = ""
    collation: str = ""


def column(
    native: str, charset: str | None = None, collation: str | None = None, *, is_json: bool = False
) -> Column:
    """The column of type *native*, as information_schema writes it; *is_json*: a text that holds nothing else."""
    found = _SIZED.match(native.lower())
    base = found[1] if found else ""
    size = int(found[2]) if found and found[2] else None
    if base in ("datetime", "timestamp", "time") and size is None:
        size = 0
    if base == "decimal" and size is None:
        size = 10
    scale = int(found[3]) if found and found[3] else 0
    return Column(
        native,
        "jsontext" if is_json else base,
        size,
        scale,
        "unsigned" in native.lower(),
        charset or "",
        collation or "",
    )


def declared(of: Column) -> Type | None:
    """The type that holds every value of the column; None when there is none."""
    match of.base:
        case "decimal":
            return decimal(of.size or 10, of.scale) if (of.size or 10) <= 38 else None
        case "tinyint" if of.size == 1 and not of.unsigned:
            return BOOLEAN  # what MySQL makes of BOOLEAN; other numbers in it are held
        case "bigint" if of.unsigned:
            return _BIGGEST
        case "bit":
            return BOOLEAN if of.size == 1 else _BIGGEST if of.size == 64 else INTEGER
        case "jsontext":
            return Type(Kind.JSON)
        case _:
            return _PLAIN.get(of.base)


def refusal(of: Column, seen: Type | None) -> str:
    """Why the column has no declared type, and which to declare; *seen* holds the numbers found in it."""
    if of.base == "decimal":
        return f"{of.native} is beyond 38 digits: declare {seen or decimal(38, 9)}, or string"
    return _ADVICE.get(of.base, f"type {of.native} has no exact equal here: declare string")


def text_limit(of: Column) -> int | None:
    """Most characters of a char or varchar, most bytes of others; None where there is no limit."""
    limits = {
        "tinytext": 255,
        "tinyblob": 255,
        "text": 65535,
        "blob": 65535,
        "mediumtext": 2**24 - 1,
        "mediumblob": 2**24 - 1,
    }
    return limits.get(of.base, of.size)


# -- reading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a column is read: the SQL expression, the Arrow type it is handed on in, how what the server spelt becomes
    that, and `beyond`, the condition under which a value has no such equal (then the whole column is read as text)."""

    sql: str
    arrow: pa.DataType
    turned: Callable[[pa.Array], pa.Array]
    beyond: str = ""


def delivery(name: str, of: Column, type_: Type) -> Delivery:
    """How the column *name* (SQL) is read as *type_*."""
    if not _delivers_exactly(of, type_):
        return as_text(name, of, type_)
    arrow, sql, beyond = arrow_type(type_), name, _BEYOND.get(of.base, "").format(name)
    if of.base == "bit":
        sql = f"({name} + 0)"
    if type_.kind is Kind.BOOLEAN and of.base != "bit":
        beyond = f"{name} NOT IN (0, 1)"
    match type_.kind:
        case Kind.BYTES:
            return Delivery(sql, arrow, lambda found: found)
        case Kind.STRING | Kind.JSON:
            return Delivery(sql, arrow, _texts)
        case Kind.TIMESTAMPTZ:
            return Delivery(
                sql, arrow, lambda found: _texts(found).cast(pa.timestamp("us")).cast(arrow), beyond
            )
        case Kind.TIME:
            return Delivery(sql, arrow, _clocks, beyond)
        case _:
            return Delivery(sql, arrow, lambda found: _texts(found).cast(arrow), beyond)


def _delivers_exactly(of: Column, type_: Type) -> bool:
    if type_.kind is Kind.DECIMAL:
        found = (
            declared(of)
            if of.base == "decimal"
            else _BIGGEST
            if of.base in INTEGERS or of.base == "bit"
            else None
        )
        return (
            found is not None
            and found.scale <= type_.scale
            and found.precision - found.scale <= type_.precision - type_.scale
        )
    if type_.kind is Kind.INTEGER:
        return (of.base in INTEGERS and not (of.base == "bigint" and of.unsigned)) or (
            of.base == "bit" and of.size != 64
        )
    if type_.kind is Kind.JSON and of.base in TEXTS:
        return True  # a text: parsed by the engine either way
    return declared(of) == type_ or (of.base == "jsontext" and type_ == STRING)


def as_text(name: str, of: Column, type_: Type) -> Delivery:
    """The column as text that the engine parses; what no type can hold becomes words that none parses."""
    if of.base in FLOATS and type_.kind in (Kind.DECIMAL, Kind.INTEGER):
        turned = _float4s if of.base == "float" else _floats
        return Delivery(f"({name} + 0e0)", pa.utf8(), turned)
    return Delivery(text_of(name, of), pa.utf8(), _texts)


def text_of(name: str, of: Column) -> str:
    """The column as text of the connection's character set."""
    if of.base in TEXTS or of.base in WORDS or of.base in ("jsontext", "json"):
        return f"convert({name} USING utf8mb4)"
    if of.base in FLOATS:
        return f"cast({name} + 0e0 AS char)"
    if of.base == "bit":
        return f"cast({name} + 0 AS char)"
    if of.base in INTEGERS or of.base in (
        "decimal",
        "date",
        "datetime",
        "timestamp",
        "time",
        "inet4",
        "inet6",
    ):
        return f"cast({name} AS char)"
    return f"lower(hex({name}))"


def _texts(found: pa.Array) -> pa.Array:
    return found.cast(pa.utf8())  # checks that it is UTF-8


def _clocks(found: pa.Array) -> pa.Array:
    # Arrow reads no times of day, but those of a day
    moments = pc.binary_join_element_wise("1970-01-01", _texts(found), " ")
    return moments.cast(pa.timestamp("us")).cast(pa.time64("us"))


def _floats(found: pa.Array) -> pa.Array:
    return pa.array(
        [None if v is None else _spelt(Decimal(v.decode())) for v in found.to_pylist()], pa.utf8()
    )


def _float4s(found: pa.Array) -> pa.Array:
    """The server tells the double that a 32-bit float is; where six digits mean the same float, they are its value."""
    texts: list[str | None] = []
    for value in found.to_pylist():
        if value is None:
            texts.append(None)
            continue
        exact = Decimal(value.decode())
        short = Decimal(f"{exact:.{FLOAT4_DIGITS}g}")
        texts.append(_spelt(short if np.float32(short) == np.float32(exact) else exact))
    return pa.array(texts, pa.utf8())


def _spelt(number: Decimal) -> str:
    short = number.normalize()
    text, digits = f"{short:f}", len(short.as_tuple().digits)
    return text if digits <= FLOAT_DIGITS else f"{text} (a floating-point number, not an exact decimal)"
