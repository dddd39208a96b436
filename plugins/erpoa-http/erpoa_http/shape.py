"""Values between the JSON of an API and ours: exact in both directions, or refused in words.

Inside, a JSON value is what `sdk.http` gives: texts, whole numbers, `Decimal` for every number with a point, true,
false, null, lists and mappings.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.http.body import json_text
from erpoa_cli.sdk.meaning import Unparsed, meaning

UNIX, UNIX_MS = "unix", "unix_ms"  # formats besides those of strptime: seconds and milliseconds since 1970
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Absent:
    """The value of a key that a JSON object does not have."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


class Unfit(ValueError):
    """A value that cannot be what is declared; the words quote nothing of it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How an API spells the values of `type`. `format`: of dates and times. `as_text`, `as_number`: how numbers and
    truth values are written where the type does not say it. `members`: of a struct; `item`: of a list."""

    type: Type
    format: str = ""
    as_text: bool = False
    as_number: bool = False
    members: tuple[Member, ...] = ()
    item: Shape | None = None

    def member(self, name: str) -> Member | None:
        return next((m for m in self.members if m.name == name), None)


@dataclass(frozen=True, slots=True)
class Member:
    """A named value of a record, or of a struct in it. `path`: the names that lead to it."""

    name: str
    path: tuple[str, ...]
    shape: Shape
    read_only: bool = False
    required: bool = False
    description: str = ""

    def of(self, record: Any) -> Any:
        """Its value in *record*; ABSENT when there is none."""
        for name in self.path:
            if not isinstance(record, Mapping):
                return ABSENT
            record = record.get(name, ABSENT)
        return record

    def put(self, record: dict[str, Any], value: Any) -> None:
        put(record, self.path, value)


def put(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set *value* at *path* of *record*; what is on the way is made, or copied."""
    *above, last = path
    for name in above:
        inner = record.get(name)
        record[name] = record = dict(inner) if isinstance(inner, Mapping) else {}
    record[last] = value


# -- from the API ------------------------------------------------------------------------------------------------


def text(value: Any, shape: Shape, wanted: Type) -> str | None:
    """*value* as the text that is parsed as *wanted*; null and ABSENT as None. Raises `Unfit`."""
    if value is None or value is ABSENT:
        return None
    match wanted.kind:
        case Kind.LIST | Kind.STRUCT:
            return json.dumps(_nested(value, shape, wanted), ensure_ascii=False)
        case Kind.JSON:
            return json_text(value)
        case _:
            return _leaf(value, shape)


def typed(value: Any, shape: Shape, wanted: Type) -> Any:
    """*value* as Arrow's `to_pylist` gives a value of *wanted*. Raises `Unfit`."""

    def leaf(value: Any, shape: Shape, wanted: Type) -> Any:
        found = meaning(_leaf(value, shape), wanted)
        if isinstance(found, Unparsed):
            raise Unfit(f"is no {wanted}")
        return found

    return _built(value, shape, wanted, leaf)


def _nested(value: Any, shape: Shape, wanted: Type) -> Any:
    def leaf(value: Any, shape: Shape, wanted: Type) -> Any:
        plain = wanted.kind in (Kind.INTEGER, Kind.BOOLEAN) and isinstance(value, int)
        return value if plain else _leaf(value, shape)

    return _built(value, shape, wanted, leaf)


def _built(value: Any, shape: Shape, wanted: Type, leaf: Callable[[Any, Shape, Type], Any]) -> Any:
    """*value* with its lists and objects as *wanted* has them, and what is neither as *leaf* makes it."""
    if value is None or value is ABSENT:
        return None
    match wanted.kind:
        case Kind.LIST:
            assert wanted.item is not None
            item, kind = shape.item or shape, wanted.item
            return [_built(each, item, kind, leaf) for each in _list(value)]
        case Kind.STRUCT:
            return {
                name: _built(_found(shape, name).of(_mapping(value)), _found(shape, name).shape, kind, leaf)
                for name, kind in wanted.members
            }
        case Kind.JSON:
            return json_text(value)
        case _:
            return leaf(value, shape, wanted)


def _found(shape: Shape, name: str) -> Member:
    member = shape.member(name)
    if member is None:
        raise Unfit(f"has no member {name}")
    return member


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Unfit("is no list")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unfit("is no object")
    return value


def _leaf(value: Any, shape: Shape) -> str:
    match value:
        case str():
            if max(value, default="") >= "\ud800" and any("\ud800" <= c <= "\udfff" for c in value):
                raise Unfit("has characters that are none")
            return _moment(value, shape) if shape.format else _bytes(value, shape)
        case bool():
            return "true" if value else "false"
        case int():
            return _moment(value, shape) if shape.format else str(value)
        case Decimal():
            return f"{value:f}"
        case _:
            raise Unfit("is a list or an object")


def _bytes(value: str, shape: Shape) -> str:
    if shape.type.kind is not Kind.BYTES:
        return value
    try:
        return base64.b64decode(value, validate=True).hex()
    except binascii.Error:
        raise Unfit("is no base64") from None


def _moment(value: str | int, shape: Shape) -> str:
    """A date or time in its declared format as ISO 8601."""
    kind = shape.type.kind
    if shape.format in {UNIX, UNIX_MS}:
        try:
            moment = _EPOCH + timedelta(**{"seconds" if shape.format == UNIX else "milliseconds": int(value)})
        except (ValueError, OverflowError):
            raise Unfit(f"is no {shape.format} time") from None
        return _iso(moment, kind)
    try:
        parsed = datetime.strptime(str(value), shape.format)  # noqa: DTZ007 - the type says what it means
    except ValueError:
        parsed = None
    if parsed is None or not _exactly(str(value), parsed, shape.format):
        raise Unfit(f"is not written {shape.format}")
    return _iso(parsed, kind)


def _exactly(text: str, moment: datetime, pattern: str) -> bool:
    """Whether *moment*, which Python reads in *text*, is all that it says: no day 366 of a year that has 365, no weekday of
    another date, no offset that no clock has. A number may lack its leading zeros, letters their case."""
    if abs(moment.utcoffset() or timedelta(0)) >= timedelta(hours=16):
        return False
    if re.search("%[zZf]", pattern):  # have several spellings
        return True
    return _plain(text) == _plain(moment.strftime(pattern))


def _plain(text: str) -> list[str]:
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", text).casefold().split()


def _iso(moment: datetime, kind: Kind) -> str:
    match kind:
        case Kind.DATE:
            return moment.date().isoformat()
        case Kind.TIME:
            return moment.time().isoformat(timespec="microseconds")
        case Kind.TIMESTAMPTZ:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return aware.astimezone(UTC).isoformat(timespec="microseconds")
        case _:
            return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


# -- to the API --------------------------------------------------------------------------------------------------


def native(value: Any, shape: Shape) -> Any:
    """*value*, as Arrow's `to_pylist` gives it, as the API takes it. Raises `Unfit` for what it would not be again."""
    match value:
        case None:
            return None
        case list():
            return [native(each, shape.item or shape) for each in value]
        case dict():
            inner: dict[str, Any] = {}
            for name, part in value.items():
                member = _found(shape, name)
                if not member.read_only:
                    member.put(inner, native(part, member.shape))
            return inner
        case bool():
            if shape.as_text:
                return "true" if value else "false"
            return int(value) if shape.as_number else value
        case int() | Decimal():
            return f"{value:f}" if shape.as_text or shape.type.kind is Kind.STRING else value
        case bytes():
            return base64.b64encode(value).decode()
        case date() | time():
            return _spelled(value, shape)
        case str() if shape.type.kind is Kind.JSON:
            return json.loads(value, parse_float=Decimal)
        case str() if shape.as_number:
            return _number(value)
        case _:
            return value


def _number(value: str) -> int | Decimal:
    found = meaning(value, Type(Kind.DECIMAL, 38, 0))
    if not isinstance(found, Decimal) or str(int(found)) != value:
        raise Unfit("is no whole number, or has leading zeros")
    return int(found)


def since(moment: Any, shape: Shape) -> Any:
    """*moment* as a parameter that asks for what is not older; rounded down to what its format can say."""
    if not shape.format or not isinstance(moment, date):
        return native(moment, shape)
    whole = _whole(moment, shape)
    if shape.format in {UNIX, UNIX_MS}:
        unit = timedelta(seconds=1) if shape.format == UNIX else timedelta(milliseconds=1)
        return (whole - _EPOCH) // unit
    return whole.strftime(shape.format)


def _spelled(value: date | time, shape: Shape) -> Any:
    if not shape.format:
        if isinstance(value, datetime) and shape.type.kind is Kind.TIMESTAMPTZ:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return value.isoformat()
    moment = _whole(value, shape)
    if shape.format in {UNIX, UNIX_MS}:
        unit = timedelta(seconds=1) if shape.format == UNIX else timedelta(milliseconds=1)
        number, rest = divmod(moment.astimezone(UTC) - _EPOCH, unit)
        if rest:
            raise Unfit(f"is finer than {shape.format} can say")
        return str(number) if shape.as_text else number
    written = moment.strftime(shape.format)
    if _moment(written, shape) != _iso(moment, shape.type.kind):
        raise Unfit(f"would not be the same written {shape.format}")
    return written


def _whole(value: date | time, shape: Shape) -> datetime:
    match value:
        case datetime():
            aware = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
            return aware if shape.type.kind is Kind.TIMESTAMPTZ else value.replace(tzinfo=UTC)
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        case time():
            return datetime(1900, 1, 1, value.hour, value.minute, value.second, value.microsecond, tzinfo=UTC)
    raise AssertionError(value)
