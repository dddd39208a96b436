"""Values between SQLite's dynamic storage classes and declared types, exactly or not at all.

SQLite converts what it stores by the *affinity* of the column: a number in a TEXT column becomes text, a text
that looks like a number becomes a 64-bit integer or float in a NUMERIC column. What would be changed that way is
refused before it is written; what was stored that way is read as text that no declared type parses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.meaning import Unparsed, meaning

Stored = int | float | str | bytes | None

FLOAT_DIGITS = 15  # decimal digits that every 64-bit float keeps
_EXACT_INTEGERS = 2**53  # integers that every 64-bit float keeps
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


class Affinity(StrEnum):
    """What a column does to the values put into it (https://sqlite.org/datatype3.html, section 3)."""

    INTEGER = "integer"
    TEXT = "text"
    BLOB = "blob"
    REAL = "real"
    NUMERIC = "numeric"

    @property
    def numeric(self) -> bool:
        return self not in (Affinity.TEXT, Affinity.BLOB)


def affinity(native: str, *, strict: bool = False) -> Affinity:
    """The affinity of a column declared as *native*, by SQLite's own rules in their order."""
    name = native.upper()
    if strict and name == "ANY":
        return Affinity.BLOB
    if "INT" in name:
        return Affinity.INTEGER
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return Affinity.TEXT
    if not name or "BLOB" in name:
        return Affinity.BLOB
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return Affinity.REAL
    return Affinity.NUMERIC


@dataclass(frozen=True, slots=True)
class Store:
    """How a column stores: its affinity, whether it can only hold integers, and whether its decimals are kept as
    BLOBs of their text (as Tryton does, because a BLOB escapes the NUMERIC affinity)."""

    affinity: Affinity = Affinity.BLOB
    integers_only: bool = False
    blobs: bool = False


# -- from the store -----------------------------------------------------------------------------------------


def arriving(store: Store, type_: Type) -> pa.DataType:
    """The Arrow type in which a column of *type_* is delivered."""
    if type_.kind is Kind.BYTES:
        return pa.binary()
    return pa.int64() if type_.kind is Kind.INTEGER and store.integers_only else pa.utf8()


def decode(store: Store, type_: Type, values: Sequence[Stored]) -> tuple[pa.Array, list[int]]:
    """*values* (texts as bytes) as an array of `arriving`, and the positions of those that no text or bytes can
    stand for (they are NULL in the array): invalid UTF-8, or a number where bytes are declared."""
    match type_.kind:
        case Kind.BYTES:
            return _bytes(values)
        case Kind.INTEGER:
            numbers = _integers(values)
            if numbers is not None:
                return (numbers if store.integers_only else numbers.cast(pa.utf8())), []
            return _slowly(_integer_text, values)
        case Kind.BOOLEAN:
            numbers = _integers(values)
            return _slowly(_boolean_text, values) if numbers is None else (_booleans(numbers), [])
        case Kind.DECIMAL:
            texts = _decimals(values)
            return _slowly(_decimal_text, values) if texts is None else (texts, [])
        case _:
            try:
                return pa.array(values, pa.utf8()), []
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                return _slowly(_text, values)


def _bytes(values: Sequence[Stored]) -> tuple[pa.Array, list[int]]:
    bad = [at for at, value in enumerate(values) if not (value is None or isinstance(value, bytes))]
    wrong = set(bad)
    kept = [None if at in wrong else value for at, value in enumerate(values)] if bad else values
    return pa.array(kept, pa.binary()), bad


def _integers(values: Sequence[Stored]) -> pa.Array | None:
    """*values* when all are integers or NULL. Inferred: asked for int64, Arrow would cut floats silently."""
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return array.cast(pa.int64()) if pa.types.is_integer(array.type) or pa.types.is_null(array.type) else None


def _booleans(numbers: pa.Array) -> pa.Array:
    known = pc.if_else(pc.equal(numbers, 1), "true", "false")
    return pc.if_else(pc.is_in(numbers, pa.array([0, 1])), known, numbers.cast(pa.utf8()))


def _decimals(values: Sequence[Stored]) -> pa.Array | None:
    """*values* as plain decimal texts when that takes no value by value look: all integers, all texts without
    exponent, or numbers with at most 15 digits."""
    try:
        array = pa.array(values)
        texts = array.cast(pa.utf8())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    if pa.types.is_integer(array.type) or pa.types.is_null(array.type):
        return texts
    if _any(pc.match_substring_regex(texts, "[eE]")):
        return None
    if pa.types.is_floating(array.type):
        digits = pc.utf8_length(pc.replace_substring_regex(texts, r"^-?0*\.?0*|\.", ""))
        return None if _any(pc.greater(digits, FLOAT_DIGITS)) else texts
    return texts


def _any(mask: pa.Array) -> bool:
    return bool(pc.any(mask).as_py())


def _slowly(text: Callable[[Stored], str | None], values: Sequence[Stored]) -> tuple[pa.Array, list[int]]:
    texts: list[str | None] = []
    bad: list[int] = []
    for at, value in enumerate(values):
        try:
            texts.append(text(value))
        except UnicodeDecodeError:
            texts.append(None)
            bad.append(at)
    return pa.array(texts, pa.utf8()), bad


def _text(value: Stored) -> str | None:
    match value:
        case None | str():
            return value
        case bytes():
            return value.decode()
        case _:
            return repr(value)


def _integer_text(value: Stored) -> str | None:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_INTEGERS:
        return str(int(value))
    return _text(value)


def _boolean_text(value: Stored) -> str | None:
    return ("true" if value else "false") if value in (0, 1) and value is not None else _text(value)


def _decimal_text(value: Stored) -> str | None:
    if isinstance(value, float):
        return _float_text(value)
    text = _text(value)
    if text is None or not re.search("[eE]", text):
        return text
    try:
        return f"{Decimal(text):f}"
    except InvalidOperation:
        return text


def _float_text(value: float) -> str:
    """The decimal that a float stands for, if 15 digits say it; otherwise words that no decimal parses."""
    shortest = Decimal(repr(value))
    if shortest.is_finite() and len(shortest.normalize().as_tuple().digits) <= FLOAT_DIGITS:
        return f"{shortest:f}"
    return f"{value!r} (a 64-bit float, not an exact decimal)"


# -- comparing ----------------------------------------------------------------------------------------------


def value_of(stored: Stored, type_: Type) -> Any:
    """What *stored* means as *type_* (`sdk.meaning`): values are equal when their meanings are."""
    match type_.kind:
        case Kind.BYTES:
            return stored
        case Kind.INTEGER:
            text = _integer_text(stored)
        case Kind.DECIMAL:
            text = _decimal_text(stored)
        case Kind.BOOLEAN:
            text = _boolean_text(stored)
        case _:
            text = _text(stored)
    return meaning(text, type_)


def canonical_of(stored: Stored, type_: Type) -> str | None:
    """The canonical text of what *stored* means; the stored text itself, marked, when it does not parse."""
    value = value_of(stored, type_)
    return f"\0{value.text}" if isinstance(value, Unparsed) else canonical(value, type_)


def reached(stored: Stored, watermark: str, type_: Type) -> bool:
    """Whether *stored* is at or after the canonical text *watermark*; what has no value or does not parse is."""
    value, mark = value_of(stored, type_), value_of(watermark, type_)
    return value is None or isinstance(value, Unparsed) or value >= mark


# -- to the store -------------------------------------------------------------------------------------------


def encode(store: Store, type_: Type, array: pa.Array) -> tuple[list[Stored], dict[int, str]]:
    """The values to bind for *array*, and why those at some positions cannot be kept exactly."""
    match type_.kind:
        case Kind.DECIMAL:
            return _encode_decimals(store, type_, array)
        case Kind.INTEGER if store.affinity is Affinity.REAL:
            values = array.to_pylist()
            return values, _over(values, _EXACT_INTEGERS)
        case Kind.INTEGER | Kind.BYTES:
            return array.to_pylist(), {}
        case Kind.BOOLEAN if store.affinity is not Affinity.TEXT:
            return array.cast(pa.int8()).to_pylist(), {}
        case Kind.STRING | Kind.JSON:
            values = array.to_pylist()
            return values, _turned(store, array, values)
        case Kind.DATE | Kind.TIME | Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return _times(array).to_pylist(), {}
        case _:
            return [canonical(value, type_) for value in array.to_pylist()], {}


def _times(array: pa.Array) -> pa.Array:
    """Dates and times as Python's and Tryton's `isoformat(" ")`: no fraction when there is none."""
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp("us", tz="UTC"))
    texts = pc.replace_substring_regex(array.cast(pa.utf8()), r"\.000000", "")
    return pc.replace_substring(texts, "Z", "+00:00")


def _encode_decimals(store: Store, type_: Type, array: pa.Array) -> tuple[list[Stored], dict[int, str]]:
    texts = array.cast(pa.utf8())
    if _any(pc.match_substring(texts, "E")):  # Arrow writes small ones with an exponent
        texts = pa.array(
            [None if v is None else f"{v:.{type_.scale}f}" for v in array.to_pylist()], pa.utf8()
        )
    if store.blobs:
        return texts.cast(pa.binary()).to_pylist(), {}
    if not store.affinity.numeric:
        return texts.to_pylist(), {}
    if type_.precision <= FLOAT_DIGITS:  # the affinity turns whole floats into integers
        return texts.cast(pa.float64()).to_pylist(), {}
    values = texts.to_pylist()
    unfit = {
        at: f"more than {FLOAT_DIGITS} digits, and the column keeps a 64-bit number"
        for at, text in enumerate(values)
        if text is not None and not _fits(text, store)
    }
    return [None if text is None or at in unfit else _number(text) for at, text in enumerate(values)], unfit


def _fits(text: str, store: Store) -> bool:
    """Whether 15 digits of a float, or a 64-bit integer where the column keeps integers, hold the decimal *text*."""
    whole, _, fraction = text.lstrip("-").partition(".")
    fraction = fraction.rstrip("0")
    return len((whole + fraction).strip("0")) <= FLOAT_DIGITS or (
        store.affinity is not Affinity.REAL and not fraction and abs(int(whole)) < 2**63
    )


def _number(text: str) -> int | float:
    whole, _, fraction = text.partition(".")
    return float(text) if fraction.strip("0") or abs(int(whole)) >= 2**63 else int(whole)


def _over(values: Sequence[Any], limit: int) -> dict[int, str]:
    return {
        at: "beyond the integers that the column's 64-bit float keeps"
        for at, value in enumerate(values)
        if value is not None and abs(value) > limit
    }


def _turned(store: Store, array: pa.Array, values: Sequence[Any]) -> dict[int, str]:
    """Texts that look like numbers, in a column that would store another number or text instead."""
    if not store.affinity.numeric or not _any(pc.match_substring_regex(array, _NUMBER)):
        return {}
    return {
        at: "the column keeps numbers: a text that looks like one would be changed"
        for at, value in enumerate(values)
        if value is not None and re.match(_NUMBER, value) and not _survives(store, value)
    }


def _survives(store: Store, text: str) -> bool:
    try:
        whole = int(text)
    except ValueError:
        number = float(text)
        return repr(number) == text and not (number.is_integer() and store.affinity is not Affinity.REAL)
    return str(whole) == text and store.affinity is not Affinity.REAL and abs(whole) < 2**63
