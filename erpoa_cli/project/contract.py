"""contracts/*.yml → Contract: a JSON Schema whose references are followed inside the folder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from erpoa_cli.core.contract import Contract, Property
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Sensitivity,
    Type,
    decimal,
)
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Entry, Scope

_MAX_DEPTH = 16
_FORMATS = {
    "date": DATE,
    "time": Type(Kind.TIME),
    "date-time": TIMESTAMPTZ,
    "date-time-local": TIMESTAMP,
}
_LOOKAROUND = re.compile(r"\(\?<?[=!]|\\[1-9]")


class _Unresolved(Exception):
    def __init__(self, code: str, summary: str, remedy: str) -> None:
        super().__init__(summary)
        self.code, self.summary, self.remedy = code, summary, remedy


def build_contract(entry: Entry, scope: Scope, files: Mapping[str, Any]) -> Contract:
    """The contract *entry* declares; *files* are the parsed contracts by path, for `$ref`."""
    node = entry.node
    general = node.child("x-erpoa")
    properties = node.child("properties")
    required = set(node.child("required").texts())
    scope.distinct([(name, properties.key_at(name)) for name, _ in properties.items()], "properties")
    for name in node.child("required"):
        _has(properties, str(name.data), name.at, entry.name, scope)
    for name in general.child("key"):
        _has(properties, str(name.data), name.at, entry.name, scope)
    _master(general, scope)
    built = tuple(
        made
        for name, child in properties.items()
        if (made := _property(name, child, properties.key_at(name), name in required, scope, files))
        is not None
    )
    if not node.text("description") and not node.text("title"):
        scope.notes.warn(
            "W0101", entry.at, f"the contract `{entry.name}` has no description", "Add `description:`."
        )
    return Contract(
        name=entry.name,
        properties=built,
        at=entry.at,
        key=general.child("key").texts(),
        version=general.text("version"),
        master=general.text("master"),
        description=node.text("description") or node.text("title"),
        schema=node.data,
    )


def _has(properties: Node, name: str, at: Location, contract: str, scope: Scope) -> None:
    if name not in properties:
        hint = did_you_mean(name, [known for known, _ in properties.items()])
        scope.notes.error("E0130", at, f"the contract `{contract}` has no property `{name}`", hint)


def _master(node: Node, scope: Scope) -> None:
    master = node.text("master")
    if master and master != "shared":
        scope.need("system", master, node.child("master").at)


def _property(
    name: str, node: Node, at: Location, required: bool, scope: Scope, files: Mapping[str, Any]
) -> Property | None:
    try:
        resolved = _resolve(node.data, node.file, files, ())
        type_ = _type(resolved)
        _pattern(resolved)
    except _Unresolved as problem:
        scope.notes.error(
            problem.code, node.key_at("$ref") if "$ref" in node else at, problem.summary, problem.remedy
        )
        return None
    _master(node.child("x-erpoa"), scope)
    extra = resolved.get("x-erpoa", {})
    return Property(
        name=name,
        type=type_,
        required=required,
        schema=resolved,
        at=at,
        master=extra.get("master", ""),
        sensitivity=Sensitivity(extra.get("class", "public")),
        unit=extra.get("unit", ""),
    )


def _resolve(schema: Any, file: str, files: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
    """*schema* with every `$ref` replaced by what it points to (keywords beside it win)."""
    if isinstance(schema, list):
        return [_resolve(item, file, files, seen) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return {key: _resolve(value, file, files, seen) for key, value in schema.items()}
    path, _, pointer = reference.partition("#")
    if "://" in reference or reference.startswith("urn:"):
        raise _Unresolved(
            "E0103", f"$ref {reference!r} leads out of the project", "Put the schema into contracts/."
        )
    other = posixpath.normpath(posixpath.join(posixpath.dirname(file), path)) if path else file
    if not other.startswith("contracts/"):
        raise _Unresolved(
            "E0103", f"$ref {reference!r} leads out of contracts/", "Put the schema into contracts/."
        )
    place = f"{other}#{pointer}"
    if place in seen or len(seen) > _MAX_DEPTH:
        raise _Unresolved(
            "E0122", f"$ref goes in a circle: {' → '.join((*seen, place))}", "Break the circle."
        )
    if other not in files:
        hint = did_you_mean(path, [posixpath.basename(name) for name in files])
        raise _Unresolved("E0120", f"$ref {reference!r}: there is no file {other}", hint)
    found = files[other]
    for step in filter(None, pointer.split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or key not in found:
            hint = did_you_mean(key, list(found) if isinstance(found, dict) else [])
            raise _Unresolved("E0120", f"$ref {reference!r} points to nothing", hint or "Check the pointer.")
        found = found[key]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    target = _resolve(found, other, files, (*seen, place))
    if not isinstance(target, dict):
        raise _Unresolved(
            "E0129", f"$ref {reference!r} points to something that is no schema", "Point to a mapping."
        )
    return {**target, **{key: _resolve(value, file, files, seen) for key, value in beside.items()}}


def _type(schema: Mapping[str, Any]) -> Type:
    spelled = schema.get("type", "string" if {"enum", "const", "pattern"} & schema.keys() else "")
    kinds = [kind for kind in ([spelled] if isinstance(spelled, str) else spelled) if kind != "null"]
    if len(kinds) != 1 or not kinds[0]:
        raise _Unresolved(
            "E0129",
            "a property needs exactly one type besides null",
            "Add `type:`, for example `type: string`.",
        )
    digits = schema.get("x-erpoa", {}).get("decimal")
    match kinds[0]:
        case "number" | "integer" | "string" if digits:
            if not 1 <= digits[0] <= 38 or digits[1] > digits[0]:
                raise _Unresolved(
                    "E0129",
                    f"decimal: {digits} is not possible",
                    "Write [digits in all (1 to 38), digits after the point].",
                )
            return decimal(*digits)
        case "number":
            raise _Unresolved(
                "E0129",
                "a number needs its digits",
                "Add `x-erpoa: {decimal: [18, 2]}`: amounts are exact, never floats.",
            )
        case "integer":
            return INTEGER
        case "boolean":
            return BOOLEAN
        case "string" if schema.get("contentEncoding") == "base64":
            return Type(Kind.BYTES)
        case "string":
            return _FORMATS.get(schema.get("format", ""), STRING)
        case "array":
            items = schema.get("items")
            if not isinstance(items, dict):
                raise _Unresolved("E0129", "a list needs `items:`", "Say what it is a list of.")
            return Type(Kind.LIST, item=_type(items))
        case "object" if isinstance(schema.get("properties"), dict):
            return Type(Kind.STRUCT, members=tuple((n, _type(s)) for n, s in schema["properties"].items()))
        case "object":
            return Type(Kind.JSON)
        case other:
            raise _Unresolved(
                "E0129",
                f"there is no type {other!r}",
                "Write string, integer, number, boolean, array or object.",
            )


def _pattern(schema: Mapping[str, Any]) -> None:
    pattern = schema.get("pattern")
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        raise _Unresolved(
            "E0129", f"the pattern cannot be read: {error}", "Check its brackets and backslashes."
        ) from None
    if _LOOKAROUND.search(pattern):
        raise _Unresolved(
            "E0129",
            "the pattern looks around or back",
            "Contracts are checked in DuckDB, whose patterns (RE2) have no (?=…), (?!…) and \\1.",
        )
