"""Values of drivers as texts, declared values as parameters, and when two are the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import types as sa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Field, Kind, Type
from erpoa_cli.sdk.meaning import meaning

_FLOAT_DIGITS = 15


def text_of(value: Any) -> str | None:
    """*value* as a driver gives it, as the text that its declared type parses."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}" if value.is_finite() else str(value)
        case float():
            return _float(value)
        case datetime():
            return (value if value.tzinfo is None else value.astimezone(UTC)).isoformat()
        case date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def _float(value: float) -> str:
    """A float by its shortest digits; words that no type parses where 15 digits do not say it."""
    exact = Decimal(repr(value))
    if not exact.is_finite() or len(exact.as_tuple().digits) > _FLOAT_DIGITS:
        return f"{value} (a floating-point number, not an exact decimal)"
    return f"{exact:f}"


def understood(text: str | None, type_: Type) -> Any:
    """What *text* means as *type_*, comparable: lists and structs by their content, numbers in them by their digits."""
    if text is None:
        return None
    if type_.kind in (Kind.LIST, Kind.STRUCT):
        try:
            return json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            return text
    return meaning(text, type_)


def same(one: Any, other: Any, type_: Type) -> bool:
    """Whether two values, as a driver or as Arrow gives them, are one value of *type_*."""
    return bool(understood(text_of(one), type_) == understood(text_of(other), type_))


def key(values: Iterable[Any], fields: Sequence[Field]) -> str:
    """A text that is the same for the same values of *fields*, however a driver or Arrow gives them."""
    return repr([_one(understood(text_of(value), f.type)) for value, f in zip(values, fields, strict=True)])


def _one(value: Any) -> Any:
    """The same for decimals that differ in trailing zeros only."""
    if not isinstance(value, Decimal):
        return value
    digits = f"{value:f}"
    return ("decimal", digits.rstrip("0").rstrip(".") if "." in digits else digits)


def parameter(value: Any, type_: Type, column: sa.TypeEngine[Any]) -> Any:
    """*value* of *type_* as *column* takes it. Raises ValueError with words where the column cannot have it."""
    if value is None:
        return None
    text = canonical(value, type_)
    assert text is not None
    match column:
        case sa.String() | sa.Enum() | sa.JSON() | sa.Uuid() | sa.NullType():
            return text
        case sa.Boolean() if type_.kind is Kind.BOOLEAN:
            return value
        case sa.Integer() if type_.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.DECIMAL):
            return _whole(Decimal(int(value) if type_.kind is Kind.BOOLEAN else value))
        case sa.Numeric() if type_.kind in (Kind.INTEGER, Kind.DECIMAL):
            return Decimal(text)
        case sa.DateTime() if type_.kind is Kind.TIMESTAMPTZ:
            moment = value.astimezone(UTC)
            return moment if column.timezone else moment.replace(tzinfo=None)
        case sa.DateTime() if type_.kind is Kind.TIMESTAMP:
            return value
        case sa.DateTime() if type_.kind is Kind.DATE:
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a day without a zone
        case sa.Date() if type_.kind is Kind.DATE:
            return value
        case sa.Time() if type_.kind is Kind.TIME:
            return value
        case sa.LargeBinary() if type_.kind is Kind.BYTES:
            return value
        case _:
            raise ValueError(f"a column of type {column} cannot keep a value of type {type_}")


def _whole(value: Decimal) -> int:
    if value != value.to_integral_value():
        raise ValueError("a column of whole numbers cannot keep a fraction")
    return int(value)


def is_comparable(column: sa.TypeEngine[Any], type_: Type, dialect: str) -> bool:
    """Whether the database's `=` finds every value of *column* that is equal as *type_* (it may find more): not where
    texts spell numbers or times, not for large objects and JSON, which many databases do not compare at all."""
    if isinstance(column, sa.LargeBinary | sa.JSON | sa.NullType):
        return False
    if isinstance(column, sa.Text) and dialect in _LARGE_TEXTS:
        return False
    return not isinstance(column, sa.String) or type_.kind is Kind.STRING


_LARGE_TEXTS = {"mssql", "oracle"}
