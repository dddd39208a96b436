"""How a single value is written for a person: exact, unambiguous, never rounded.

Strings stand in quotes, so that NULL, "", "  " and "NULL" differ; numbers have all their digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from erpoa_cli.core.plan import FieldChange
from erpoa_cli.render import clean

HIDDEN = "(sensitive)"
HIDDEN_CHANGED = "(sensitive, changed)"
NEVER = "never"  # agreed; values stand in quotes or are no words, so that it cannot be one


def plain(value: Any) -> str:
    """*value* as text without quotes: canonical for programs, empty for NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep="T") + "Z"
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return "0x" + value.hex()
        case Mapping() | list() | tuple():
            return clean.json(json.dumps(value, ensure_ascii=False, default=plain))
        case _:
            return str(value)


def shown(value: Any) -> str:
    """*value* as a person reads it on a terminal: foreign text made visible, strings in quotes."""
    match value:
        case None:
            return "NULL"
        case str():
            return '"' + clean.terminal(value).replace('"', '\\"') + '"'
        case Mapping():
            return "{" + ", ".join(f"{clean.terminal(str(k))}: {shown(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(shown(v) for v in value) + "]"
        case datetime():
            return plain(value).replace("T", " ")
        case _:
            return clean.terminal(plain(value))


def revealed(value: Any, reveal: str) -> str:
    """A sensitive *value* as far as *reveal* (`last4`, `length`) allows; NULL and "" are told apart."""
    if value is None:
        return "NULL"
    text = plain(value)
    if not text:
        return '""'
    if reveal.startswith("last") and reveal[4:].isdigit():
        keep = int(reveal[4:])
        return f"…{clean.terminal(text[-keep:])}" if 0 < keep < len(text) else HIDDEN
    return HIDDEN


def pending(change: FieldChange) -> str:
    """What stands for a value that another row's write gives."""
    target, key, field = change.pending or ("", "", "")
    what = f"{field} of " if field else "id of "
    return f"({what}{clean.terminal(target)} {clean.terminal(readable_key(key))}, known after apply)"


def readable_key(text: str) -> str:
    """A key as JSON text → `code=S001`."""
    try:
        key = json.loads(text)
    except ValueError:
        return text
    return ",".join(f"{n}={v}" for n, v in key.items()) if isinstance(key, dict) else text


def agreed(change: FieldChange) -> str:
    """What both sides agreed on before, for a person; masked where the field is sensitive."""
    if change.never:
        return NEVER
    return revealed(change.agreed, change.reveal) if change.sensitive else shown(change.agreed)


def sides(change: FieldChange) -> tuple[str, str]:
    """(before, after) of a field for a person; masked where the field is sensitive."""
    if change.sensitive:
        before, after = revealed(change.before, change.reveal), revealed(change.after, change.reveal)
        if before == after != "NULL":
            after = HIDDEN_CHANGED
        return before, pending(change) if change.pending else after
    return shown(change.before), pending(change) if change.pending else shown(change.after)
