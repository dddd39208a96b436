"""Values between Tryton's JSON and ours, exact in both directions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any

from erpoa_cli.core.schema import Kind, Type

_MICROSECOND = timedelta(microseconds=1)
_DIGITS = Context(prec=80)
_PLAIN = re.compile(r"[^\x00\ud800-\udfff]*")


def dumps(value: Any) -> str:
    """*value* as Tryton's JSON: what JSON has no type for is tagged with its class."""
    return json.dumps(value, default=_tagged, ensure_ascii=False, allow_nan=False)


def untagged(value: Any) -> Any:
    """*value*, decoded JSON with `Decimal` for fractions, as Tryton means it."""
    match value:
        case dict():
            return _untagged({name: untagged(part) for name, part in value.items()})
        case list():
            return [untagged(part) for part in value]
        case _:
            return value


def _tagged(value: Any) -> dict[str, Any]:
    names: tuple[str, ...]
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case datetime():
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        case date():
            names = ("year", "month", "day")
        case time():
            names = ("hour", "minute", "second", "microsecond")
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case bytes():
            return {"__class__": "bytes", "base64": base64.b64encode(value).decode()}
        case _:
            raise TypeError(f"no JSON for {type(value).__name__}")
    return {"__class__": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _untagged(tagged: dict[str, Any]) -> Any:
    parts = {name: value for name, value in tagged.items() if name != "__class__"}
    match tagged.get("__class__"):
        case "Decimal":
            return Decimal(tagged["decimal"])
        case "datetime":
            return datetime(**parts)  # noqa: DTZ001 - Tryton's moments are UTC and say no zone
        case "date":
            return date(**parts)
        case "time":
            return time(**parts)
        case "timedelta":
            return timedelta(microseconds=round(Decimal(tagged["seconds"]) * 1_000_000))
        case "bytes":
            return base64.b64decode(tagged["base64"])
        case _:
            return tagged


def text_of(value: Any, native: str, type_: Type) -> str | None:
    """A value of Tryton's field type *native* as the text that the engine parses as *type_*."""
    match value:
        case None:
            return None
        case _ if native == "boolean":
            return "true" if value else "false"  # SQLite's backend gives 0 and 1
        case str():
            return value
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat(timespec="microseconds") + ("Z" if type_.kind is Kind.TIMESTAMPTZ else "")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value // _MICROSECOND)
        case bytes():
            return value.hex()
        case list() | tuple() | dict():
            return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
        case _:
            return str(value)


def native_of(value: Any, definition: Mapping[str, Any]) -> Any:
    """An Arrow value as the field *definition* takes it. Raises ValueError for what Tryton would change."""
    native = definition["type"]
    if value is None:
        return None
    match native:
        case "timedelta":
            return int(value) * _MICROSECOND
        case "timestamp" | "datetime":
            moment: datetime = value
            if moment.tzinfo is not None:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            if native == "datetime" and moment.microsecond:
                raise ValueError("Tryton keeps no fractions of a second here")
            return moment
        case "time" if value.microsecond:
            raise ValueError("Tryton keeps no fractions of a second here")
        case "numeric":  # zeros at the end count against the digits that Tryton allows
            plain = Decimal(value).normalize(_DIGITS)
            return plain if "E" not in str(plain) else Decimal(f"{plain:f}")
        case "float":
            number = float(value)
            if Decimal(repr(number)) != Decimal(value):
                raise ValueError("a floating-point number would round the value")
            return number
        case _ if isinstance(value, str) and not _PLAIN.fullmatch(value):
            raise ValueError("Tryton keeps no NUL and no half of a surrogate pair")
        case "char" | "text" if definition.get("strip") and _stripped(value, definition["strip"]) != value:
            raise ValueError("Tryton strips the blanks around the value")
        case "integer" if not -(2**31) <= value < 2**31:
            raise ValueError("Tryton keeps 32 bits here")
        case "multiselection" | "dict":
            return json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
        case _:
            return value


def _stripped(text: str, how: object) -> str:
    match how:
        case "leading":
            return text.lstrip()
        case "trailing":
            return text.rstrip()
        case _:
            return text.strip()
