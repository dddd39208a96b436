r"""Values of the stage in statements: how a column takes them, and whether it still has them.

Whatever a collation takes for equal (`a` and `A`, `x` and `x `) is two values here: texts are compared byte by byte,
beside a comparison in the column's own collation where an index shall serve. Expressions never fail and never warn,
whatever a column holds: in a statement that writes, a warning is an error. Patterns end in `\z`, for `$` also matches
before a last line feed.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.sql import SqlDialect
from erpoa_mysql.columns import (
    BINARIES,
    FLOAT4_DIGITS,
    FLOAT_DIGITS,
    FLOATS,
    INTEGERS,
    TEXTS,
    Column,
    text_limit,
    text_of,
)
from erpoa_mysql.encode import quoted

_NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
_COUNTED = INTEGERS | {"decimal", "bit"}
_SAME_BASE = {
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "datetime",
    Kind.TIMESTAMPTZ: "timestamp",
}
_SIX = 6  # digits of a second
# as many digits as a decimal of the server has
_NUMBER = r"'^[+-]?([0-9]{1,35}([.][0-9]{0,30})?|[.][0-9]{1,30})\\z'"
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"


def is_exact(of: Column, type_: Type, values: pa.Array) -> bool:
    """Whether the column takes each of *values* unchanged or refuses it by itself."""
    match type_.kind:
        case Kind.INTEGER:
            return of.base in (INTEGERS - {"year"}) or of.base == "decimal"
        case Kind.DECIMAL:
            return of.base == "decimal" and of.scale >= type_.scale
        case Kind.BOOLEAN:
            return of.base in (INTEGERS - {"year"}) or of.base == "bit"
        case Kind.BYTES:
            return of.base in (BINARIES - {"binary"}) and _fits(of, values)
        case Kind.STRING:
            return of.base in (TEXTS - {"char"}) and of.charset == "utf8mb4" and _fits(of, values)
        case Kind.JSON:
            return of.base == "jsontext" and of.charset == "utf8mb4"
        case Kind.LIST | Kind.STRUCT:
            return False
        case _:
            return of.base == _SAME_BASE[type_.kind] and of.size in (None, _SIX)


def _fits(of: Column, values: pa.Array) -> bool:
    """Whether all are short enough: blanks at the end would be cut off without a word."""
    limit = text_limit(of)
    lengths = pc.utf8_length(values) if of.base == "varchar" else pc.binary_length(values)
    return limit is None or (pc.max(lengths).as_py() or 0) <= limit


def to_native(value: str, of: Column, type_: Type) -> str:
    """*value* of the stage as what is assigned to the column. May fail when assigned; never changes what is_exact."""
    if of.base in TEXTS or of.base in ("jsontext", "enum", "set"):
        return _spelt(value, type_)
    if of.base == "json":
        return f"CASE WHEN json_valid({value}) THEN {value} END"
    if of.base in BINARIES and type_.kind is Kind.STRING:
        return f"unhex({value})"
    if of.base == "bit" and type_.kind is not Kind.STRING:
        return f"CASE WHEN {value} >= 0 THEN {value} END"  # a negative number would become a large one
    return value


def _spelt(value: str, type_: Type) -> str:
    """*value* as canonical text."""
    match type_.kind:
        case Kind.TIME:
            return f"date_format({value}, '%H:%i:%s.%f')"
        case Kind.TIMESTAMP:
            return f"date_format({value}, '%Y-%m-%dT%H:%i:%s.%f')"
        case Kind.TIMESTAMPTZ:
            return f"date_format({value}, '%Y-%m-%dT%H:%i:%s.%fZ')"
        case Kind.BOOLEAN:
            return f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
        case Kind.BYTES:
            return f"lower(hex({value}))"
        case Kind.INTEGER | Kind.DECIMAL | Kind.DATE:
            return f"cast({value} AS char)"
        case _:
            return value


def same(column: str, of: Column, type_: Type, value: str) -> str:
    """Whether *column* still has *value*; true or false, whatever the column holds."""
    left, right = sides(column, of, type_, value)
    test = f"{left} <=> {right}"
    # what does not parse is NULL on the left, and no NULL in the column
    return f"({test} AND ({column} IS NULL) = ({value} IS NULL))" if left.startswith("CASE") else f"({test})"


def survives(native: str, of: Column, type_: Type, value: str) -> str:
    """Whether *native*, a column of the target's type to which *value* was assigned, has it unchanged."""
    # what is no member of an enumeration becomes its zeroth, which reads as an empty text
    member = f" AND coalesce({native} + 0 <> 0, true)" if of.base == "enum" else ""
    return f"({same(native, of, type_, value)}{member})"


def equals(column: str, of: Column, type_: Type, value: str) -> str:
    """Whether *column* is *value* and neither is NULL: in a form that an index serves, and exact."""
    left, right = sides(column, of, type_, value)
    exact = f"{left} = {right}"
    if type_.kind is Kind.STRING and of.base in TEXTS and of.collation:
        near = value if of.charset == "utf8mb4" else f"convert({value} USING {of.charset})"
        return f"({column} = {near} COLLATE {of.collation} AND {exact})"
    return f"({exact})"


def sides(column: str, of: Column, type_: Type, value: str) -> tuple[str, str]:
    """What to compare: the meaning of the column (NULL where it has none) and the value, or both as bytes of text."""
    kind = type_.kind
    if kind in _NUMBERS:
        if of.base in _COUNTED:
            return _counted(column, of), value
        if of.base in FLOATS:
            return f"CASE WHEN {_is_float(column, of, value)} THEN {value} END", value
        if of.base in TEXTS:
            text = text_of(column, of)
            return f"CASE WHEN {text} REGEXP {_NUMBER} THEN cast({text} AS decimal(65,30)) END", value
    elif kind is Kind.BOOLEAN and of.base in _COUNTED:
        return f"CASE {_counted(column, of)} WHEN 1 THEN 1 WHEN 0 THEN 0 END", value
    elif (kind in _SAME_BASE and of.base == _SAME_BASE[kind]) or (kind is Kind.BYTES and of.base in BINARIES):
        return column, value
    elif kind in (Kind.BOOLEAN, *_SAME_BASE) and of.base in TEXTS:
        return _parsed(f"({text_of(column, of)} COLLATE utf8mb4_bin)", kind), value
    elif of.base == "json":
        return _bytes(text_of(column, of)), _bytes(
            f"convert(CASE WHEN json_valid({value}) THEN cast({value} AS json) END USING utf8mb4)"
        )
    return _bytes(text_of(column, of)), _bytes(_spelt(value, type_))


def _bytes(text: str) -> str:
    return f"cast({text} AS binary)"


def _counted(column: str, of: Column) -> str:
    # a year compared with 24 would be compared with 2024
    return f"({column} + 0)" if of.base in ("bit", "year") else column


def _is_float(column: str, of: Column, value: str) -> str:
    """Whether the floating-point *column* reads as *value*: few enough digits, and the same float."""
    digits = f"length(trim(BOTH '0' FROM replace(replace(cast({value} AS char), '-', ''), '.', '')))"
    double = f"({digits} <= {FLOAT_DIGITS} AND {column} = cast({value} AS double))"
    if of.base == "double":
        return double
    return f"({double} OR ({digits} <= {FLOAT4_DIGITS} AND {column} = cast({value} AS float)))"


def _parsed(text: str, kind: Kind) -> str:
    """*text* as a value of *kind* wherever it is one; the forms are those that the engine reads."""
    match kind:
        case Kind.BOOLEAN:
            small = f"lower({text})"  # = would pass over blanks at the end
            return f"CASE WHEN {small} REGEXP '^(1|true|t)\\\\z' THEN 1 WHEN {small} REGEXP '^(0|false|f)\\\\z' THEN 0 END"
        case Kind.TIME:
            return f"CASE WHEN {text} REGEXP '^{_CLOCK}\\\\z' THEN cast(left({text}, 15) AS time(6)) END"
        case Kind.DATE:
            return f"CASE WHEN {_sound(text, _DAY)} THEN cast({text} AS date) END"
        case Kind.TIMESTAMP:
            return f"CASE WHEN {_sound(text, f'{_DAY}[T ]{_CLOCK}')} THEN {_moment(text, f'substr({text}, 12)')} END"
        case _:
            return _instant(text)


def _sound(text: str, form: str) -> str:
    """Whether *text* has the form, and its day is one of its month."""
    exists = f"substr({text}, 9, 2) + 0 <= dayofmonth(last_day(concat(substr({text}, 1, 7), '-01')))"
    # CASE, for what stands behind AND may be looked at all the same
    return f"CASE WHEN {text} REGEXP '^{form}\\\\z' AND {text} NOT LIKE '0000%' THEN {exists} ELSE false END"


def _moment(text: str, clock: str) -> str:
    # zeros behind the microseconds are left out
    return f"cast(concat(substr({text}, 1, 10), ' ', left({clock}, 15)) AS datetime(6))"


def _instant(text: str) -> str:
    """A day, a clock and an offset as the moment in UTC."""
    offset = f"regexp_substr(substr({text}, 17), '[+-][0-9:]+\\\\z')"
    local = _moment(text, f"regexp_substr({text}, '{_CLOCK}')")
    minutes = (
        f"CASE WHEN {text} LIKE '%Z' THEN 0 ELSE (CASE WHEN {offset} LIKE '-%' THEN 1 ELSE -1 END) * "
        f"(substr({offset}, 2, 2) * 60 + CASE WHEN length({offset}) > 3 THEN right({offset}, 2) ELSE 0 END) END"
    )
    form = f"{_DAY}[T ]{_CLOCK}{_OFFSET}"
    return f"CASE WHEN {_sound(text, form)} THEN date_add({local}, INTERVAL ({minutes}) MINUTE) END"


DIALECT: SqlDialect[Column] = SqlDialect(quote=quoted, equals=equals, same=same, sides=sides, text=text_of)
