"""What SQL connectors share about reading: filters, and what is said of a read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from erpoa_cli.sdk.connector import ObjectInfo

NARROWED = (
    "row-level security narrows what this role sees: rows that are not there may be hidden; give it BYPASSRLS, or read "
    "as the table's owner"
)

_SCALAR = {"type": ["string", "integer", "boolean", "null"]}
FILTER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "Only rows whose column equals the value (or one of the list); null means IS NULL.",
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
}
"""The filter of every SQL connector: column → value or list of values."""


def missing_fields(info: ObjectInfo, names: Sequence[str]) -> str:
    """Words about those of *names* that the object lacks; empty when it has them all."""
    absent = [name for name in names if info.field(name) is None]
    return f"{info.address} has no field {', '.join(map(repr, absent))}" if absent else ""
