"""Checking what a client sends: field by field, with the words of a refusal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import Any

from erpoa_twin.kinds import DIGITS, Field, Type

LONGEST = 400  # characters of a text
PLACES = 6  # decimal places of a quantity or price
DIGITS_BEFORE = 12  # digits before the decimal point
_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
_EXACT = Context(prec=100, rounding=ROUND_HALF_UP)  # wider than any product or sum of what is accepted


@dataclass
class Refusal(Exception):
    """The server does not do it: HTTP status, a stable code, words, and the field where there is one."""

    status: int
    code: str
    message: str
    field: str = ""

    def body(self) -> dict[str, Any]:
        where = {"field": self.field} if self.field else {}
        return {"error": {"code": self.code, "message": self.message, **where}}


@dataclass(frozen=True, slots=True)
class Normalising:
    """What a server silently does to values: `upper` to keys, `round` to prices, the others to every text."""

    trim: bool = False
    nfc: bool = False
    upper: bool = False
    round: bool = False


def accepted(
    fields: Iterable[Field],
    given: object,
    *,
    partly: bool = False,
    at: str = "",
    more: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """*given* with every value checked, decimals as text without an exponent; *partly*: what is required may be absent.

    References are not looked up. *at* precedes the names of fields in refusals; names in *more* are left to the caller.
    Raises `Refusal`."""
    if not isinstance(given, Mapping):
        raise Refusal(400, "BODY_INVALID", "an object is wanted", at.rstrip("."))
    known = {f.name: f for f in fields}
    for name in given:
        if name not in known and name not in more:
            raise Refusal(422, "FIELD_UNKNOWN", "there is no such field", at + printable(name))
        if name in known and known[name].computed:
            raise Refusal(422, "FIELD_READ_ONLY", "the server computes this field", at + name)
    for name, field in known.items():
        if field.required and (name in given or not partly) and given.get(name) in (None, ""):
            raise Refusal(422, "FIELD_REQUIRED", "a value is required", at + name)
    return {n: _value(known[n], v, at + n) for n, v in given.items() if n in known}


def _value(field: Field, value: object, at: str) -> object:
    if value is None and field.type is not Type.BOOLEAN:
        return None
    match field.type:
        case Type.BOOLEAN:
            if not isinstance(value, bool):
                raise Refusal(422, "FIELD_INVALID", "true or false is wanted", at)
            return value
        case Type.DECIMAL:
            return _decimal(value, at)
        case Type.INTEGER:
            raise Refusal(422, "FIELD_READ_ONLY", "the server gives this number", at)
        case Type.TEXT | Type.REFERENCE | Type.CURRENCY | Type.DATE:
            return _text(field.type, value, at)


def _decimal(value: object, at: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Refusal(422, "FIELD_INVALID", "a number is wanted", at)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise Refusal(422, "FIELD_INVALID", "a number is wanted", at)
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    if number.is_zero():
        return "0"
    if not isinstance(exponent, int) or number.adjusted() >= DIGITS_BEFORE:
        raise Refusal(422, "FIELD_INVALID", "the number is too large", at)
    if exponent < -PLACES:
        raise Refusal(422, "FIELD_INVALID", f"at most {PLACES} decimal places", at)
    return format(number, "f")


def _text(type_: Type, value: object, at: str) -> str:
    if not isinstance(value, str):
        raise Refusal(422, "FIELD_INVALID", "a text is wanted", at)
    if len(value) > LONGEST:
        raise Refusal(422, "FIELD_INVALID", f"at most {LONGEST} characters", at)
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        raise Refusal(422, "FIELD_INVALID", "the text has characters that are none", at)
    if type_ is Type.CURRENCY and value not in DIGITS:
        raise Refusal(422, "MASTER_UNKNOWN", f"currency {printable(value)!r} does not exist", at)
    if type_ is Type.DATE:
        try:
            whole = date.fromisoformat(value).isoformat()
        except ValueError:
            whole = ""
        if whole != value:
            raise Refusal(422, "FIELD_INVALID", "a date as 2026-01-31 is wanted", at)
    return value


def printable(text: str) -> str:
    """*text* in at most 80 characters that can be encoded."""
    return text[:80].encode("utf-8", "replace").decode()


def rounded(number: Decimal, currency: str) -> str:
    """An amount in the decimal places of *currency*, half up."""
    return format(number.quantize(Decimal(1).scaleb(-DIGITS[currency]), context=_EXACT), "f")


def amount(quantity: str, price: str, currency: str) -> str:
    """Quantity × price in the decimal places of *currency*."""
    return rounded(_EXACT.multiply(Decimal(quantity), Decimal(price)), currency)


def total(amounts: Iterable[str], currency: str) -> str:
    """The exact sum of *amounts*."""
    return rounded(reduce(_EXACT.add, map(Decimal, amounts), Decimal()), currency)


def normalised(
    fields: Iterable[Field], key: str, content: Mapping[str, Any], how: Normalising, currency: str
) -> dict[str, Any]:
    """*content* as a normalising server would keep it, lines left alone; *currency* may be empty."""
    return {
        f.name: _normal(f, content[f.name], replace(how, upper=how.upper and f.name == key), currency)
        for f in fields
        if f.name in content
    }


def _normal(field: Field, value: Any, how: Normalising, currency: str) -> Any:
    if isinstance(value, str) and field.type is Type.TEXT:
        value = unicodedata.normalize("NFC", value) if how.nfc else value
        value = value.strip() if how.trim else value
        return value.upper() if how.upper else value
    if how.round and field.name == "price" and currency in DIGITS:
        return rounded(Decimal(value), currency)
    return value
