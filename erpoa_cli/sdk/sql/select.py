"""What SQL connectors share about reading: filters, and what is said of a read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
