"""What a text means as a declared type: two texts are the same value when their meanings are equal."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from erpoa_cli.core.json_value import json_meaning
from erpoa_cli.core.parse import DATE, OFFSET, TIME
from erpoa_cli.core.schema import Kind, Type

_MOMENT = f"{DATE}[T ]{TIME}({OFFSET})?"
_FORMS = {
    kind: re.compile(form, re.ASCII)
    for kind, form in {
        Kind.INTEGER: r"[+-]?\d+",
        Kind.DECIMAL: r"[+-]?(\d+\.?\d*|\.\d+)",
        Kind.DATE: DATE,
        Kind.TIME: TIME,
        Kind.TIMESTAMP: _MOMENT,
        Kind.TIMESTAMPTZ: _MOMENT,
    }.items()
}
_TRUE, _FALSE = frozenset({"1", "true", "t"}), frozenset({"0", "false", "f"})


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A value that is not one of its declared type; equal only to the same text."""

    text: str


def meaning(text: str | None, type_: Type) -> Any:
    """The value of *type_* that *text* spells: `7.0920` and `7.092` mean one decimal, `…12:00:00+00:00` and
    `…20:00:00+08:00` one instant; JSON by its value (`core.json_value`). None is None; `Unparsed` when it spells none. An instant without offset is UTC."""
    if text is None or type_.kind is Kind.STRING:
        return text
    if type_.kind in _FORMS and not _FORMS[type_.kind].fullmatch(text):
        return Unparsed(text)  # Python also reads full-width digits, underscores and blanks around
    try:
        return _parsed(text, type_)
    except (ValueError, InvalidOperation):
        return Unparsed(text)


def _parsed(text: str, type_: Type) -> Any:
    match type_.kind:
        case Kind.INTEGER:
            return int(text)
        case Kind.DECIMAL:
            return Decimal(text)
        case Kind.BOOLEAN:
            word = text.lower()
            return True if word in _TRUE else False if word in _FALSE else Unparsed(text)
        case Kind.DATE:
            return date.fromisoformat(text)
        case Kind.TIME:
            return time.fromisoformat(text)
        case Kind.TIMESTAMP:
            return datetime.fromisoformat(text)
        case Kind.TIMESTAMPTZ:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        case Kind.LIST | Kind.STRUCT:
            return json.loads(text)
        case Kind.BYTES:
            return bytes.fromhex(text)
        case Kind.JSON:
            return json_meaning(text)
        case _:
            return text
