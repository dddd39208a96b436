"""Fields of a description, out of the schema of a record."""

from __future__ import annotations

import re
from typing import Any

from erpoa_http.openapi.document import Document, Schema
from erpoa_http.openapi.written import Note

_PLAIN = re.compile(r"[^\W\d]\w*")
_NUMBER = Note("decimal(18,6)", "how many digits?")


def fields(
    document: Document, record: Schema, create: Schema | None, update: Schema | None, id_: str
) -> dict[str, Any]:
    """`fields:` of a record. What neither body takes is read only, and so is an identifier that a create does not send;
    what a create requires is required."""
    first, second = (_taken(document, record, body) for body in (create, update))
    taken = {**second, **first}
    needed = set(_inside(document, record, create).get("required") or ()) if create else set()
    said: dict[str, Any] = {}
    for name, schema in document.properties(record).items():
        unsent = bool(taken) and (name not in taken or (name == id_ and bool(first) and name not in first))
        read_only = bool(schema.get("readOnly")) or unsent
        said.update([_field(document, name, schema, read_only, name in needed, taken.get(name))])
    return said


def _taken(document: Document, record: Schema, body: Schema | None) -> dict[str, dict[str, Any]]:
    return document.properties(_inside(document, record, body)) if body else {}


def _inside(document: Document, record: Schema, body: Schema) -> Schema:
    """The part of *body* that stands for the record."""
    for name in document.around(body, set(document.properties(record))) or ():
        body = document.properties(body).get(name, {})
    return body


def _field(
    document: Document,
    name: str,
    schema: Schema,
    read_only: bool,
    required: bool,
    sent: Schema | None = None,
) -> tuple[str, Any]:
    word = name if _PLAIN.fullmatch(name) else re.sub(r"\W+", "_", name).strip("_") or "field"
    said: dict[str, Any] = {} if word == name and "." not in name else {"path": name}
    inner = document.resolved(schema.get("items")) if schema.get("type") == "array" else schema
    if inner.get("properties"):
        known = document.properties(
            document.resolved(sent.get("items")) if sent and sent.get("type") == "array" else sent or {}
        )
        parts = dict(
            _field(document, n, s, bool(s.get("readOnly")) or (bool(known) and n not in known), False)
            for n, s in document.properties(inner).items()
        )
        said["items" if inner is not schema else "fields"] = parts
    else:
        said["type"] = _type(document, schema)
    if read_only:
        said["read_only"] = True
    elif required:
        said["required"] = True
    return word, said["type"] if list(said) == ["type"] else said


def _type(document: Document, schema: Schema) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):  # 3.1: [string, "null"]
        kind = next((k for k in kind if k != "null"), None)
    match kind, schema.get("format"):
        case "string", "date":
            return "date"
        case "string", "date-time":
            return "timestamptz"
        case "string", "byte":
            return "bytes"
        case "string", _:
            return "string"
        case "integer", _:
            return "integer"
        case "number", _:
            return _NUMBER
        case "boolean", _:
            return "boolean"
        case "array", _:
            item = _type(document, document.resolved(schema.get("items")))
            return f"list<{item}>" if isinstance(item, str) and item != "json" else "json"
        case _:
            return "json"
