"""The one text that stands for a value: in keys, addresses and digests.

Decimals at their declared scale without exponent, times with microseconds, instants in UTC, booleans as
`true` and `false`; the same on every machine. DuckDB writes the same texts through `canonical_sql`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from erpoa_cli.core.schema import Kind, Type


def canonical(value: Any, type_: Type) -> str | None:
    """*value* (as Arrow's `to_pylist` gives it) of *type_* as canonical text; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() if type_.kind is Kind.DECIMAL:
            return f"{Decimal(value):.{type_.scale}f}"
        case int():
            return str(value)
        case Decimal():
            return f"{value:.{type_.scale}f}"
        case datetime() if type_.kind is Kind.TIMESTAMPTZ:
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)
        case datetime():
            return value.replace(tzinfo=None).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec="microseconds")
        case bytes():
            return value.hex()
        case _:
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def canonical_sql(expression: str, type_: Type) -> str:
    """The DuckDB expression (session zone UTC) that gives `canonical` of *expression*."""
    match type_.kind:
        case Kind.STRING:
            return expression
        case Kind.TIMESTAMPTZ:
            return f"strftime({expression}, '%Y-%m-%dT%H:%M:%S.%fZ')"
        case Kind.TIMESTAMP:
            return f"strftime({expression}, '%Y-%m-%dT%H:%M:%S.%f')"
        case Kind.TIME:
            return f"strftime(DATE '2000-01-01' + {expression}, '%H:%M:%S.%f')"
        case Kind.BYTES:
            return f"lower(hex({expression}))"
        case Kind.LIST | Kind.STRUCT:
            return f"CAST(to_json({expression}) AS VARCHAR)"
        case _:
            return f"CAST({expression} AS VARCHAR)"


def key_text(key: Mapping[str, str | None]) -> str:
    """A row's key as compact JSON text, columns in declared order, values canonical."""
    return json.dumps(dict(key), ensure_ascii=False, separators=(",", ":"))
