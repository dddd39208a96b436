"""sources/*.yml → Source."""

from __future__ import annotations

from dataclasses import replace

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.moment_format import DIRECTIVES, unknown_directives
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Completeness, Incremental, Source
from erpoa_cli.core.schema import STRING, Field, Kind, Sensitivity, Type
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Entry, Scope, duration, own, share


def build_source(entry: Entry, scope: Scope) -> Source:
    """The source *entry* declares. Broken fields are noted and read as text."""
    node, notes = entry.node, scope.notes
    scope.described("source", entry)
    scope.need("system", node.text("system"), node.child("system").at)
    contract = node.text("contract")
    if contract:
        scope.need("contract", contract, node.child("contract").at)
    if ("object" in node) == ("query" in node):
        at = node.key_at("query") if "query" in node else entry.at
        notes.error(
            "E0115",
            at,
            f"the source `{entry.name}` needs one of `object` and `query`",
            "Write exactly one of them.",
        )
    fields = build_fields(node.child("fields"), scope, contract)
    scope.columns[entry.name] = fields
    for column in node.child("key"):
        scope.need_column(entry.name, str(column.data), column.at)
        _open_key(fields, column, scope)
    return Source(
        name=entry.name,
        system=node.text("system"),
        key=node.child("key").texts(),
        fields=fields,
        at=entry.at,
        object=node.text("object"),
        query=node.text("query"),
        filter=own(node.child("filter").data or {}),
        options=own(node.child("options").data or {}),
        contract=contract,
        incremental=_incremental(entry.name, node.child("incremental"), scope),
        complete=_completeness(node.child("complete")),
        fresh_within=duration(node.text("fresh_within")) if node.text("fresh_within") else None,
        capture=own(node.child("capture").data or {}),
        description=node.text("description"),
        owner=node.text("owner") or scope.owner,
        tags=node.child("tags").texts(),
    )


def _open_key(fields: tuple[Field, ...], column: Node, scope: Scope) -> None:
    if any(f.name == column.data and f.sensitivity.sealed for f in fields):
        scope.notes.error(
            "E0136",
            column.at,
            f"the key field `{column.data}` is sensitive",
            "Keys are shown as addresses in every plan; choose a key that may be shown.",
        )


def build_fields(node: Node, scope: Scope, contract: str) -> tuple[Field, ...]:
    """The fields *node* declares: a mapping with types, or a list of names typed by *contract*."""
    scope.distinct(_names(node), "fields")
    if isinstance(node.data, list):
        return tuple(_from_contract(child, scope, contract) for child in node)
    return tuple(_field(name, child, node.key_at(name), scope, contract) for name, child in node.items())


def _names(node: Node) -> list[tuple[str, Location]]:
    if isinstance(node.data, list):
        return [(str(child.data), child.at) for child in node]
    return [(name, node.key_at(name)) for name, _ in node.items()]


def _from_contract(node: Node, scope: Scope, contract: str) -> Field:
    name = str(node.data)
    found = scope.contracts.get(contract)
    if found is not None:
        for known in found.properties:
            if known.name == name:
                return Field(name, known.type, sensitivity=known.sensitivity)
        hint = did_you_mean(name, [p.name for p in found.properties])
        scope.notes.error("E0130", node.at, f"the contract `{contract}` has no property `{name}`", hint)
    elif not contract:
        scope.notes.error(
            "E0126",
            node.at,
            f"the field `{name}` has no type",
            f"Write `{name}: string` (or another type), or name a `contract:`.",
        )
    return Field(name, STRING)


def _field(name: str, node: Node, at: Location, scope: Scope, contract: str) -> Field:
    if isinstance(node.data, str):
        return Field(name, scope.type(node.data, node.at) or STRING)
    if "type" in node:
        made = Field(name, scope.type(node.text("type"), node.child("type").at) or STRING)
    elif contract in scope.contracts and any(p.name == name for p in scope.contracts[contract].properties):
        known = next(p for p in scope.contracts[contract].properties if p.name == name)
        made = Field(name, known.type, sensitivity=known.sensitivity)
    else:
        made = Field(name, STRING)
        scope.notes.error(
            "E0126", at, f"the field `{name}` has no type", "Add `type:`, or name a `contract:` that has it."
        )
    if "zone" in node and made.type.kind is not Kind.TIMESTAMP:
        scope.notes.error(
            "E0127",
            node.child("zone").at,
            f"`zone` belongs to timestamp, not to {made.type}",
            "Remove it, or write type: timestamp.",
        )
    elif "zone" in node:
        made = replace(made, type=Type(Kind.TIMESTAMPTZ))  # a local time whose zone is known is an instant
    if unknown := unknown_directives(node.text("format")):
        scope.notes.error(
            "E0127",
            node.child("format").at,
            f"{node.text('format')!r} is not a pattern of a date or time: there is no {', '.join(unknown)}",
            f"There are {' '.join(DIRECTIVES)}.",
        )
    return replace(
        made,
        path=node.text("path"),
        sensitivity=Sensitivity(node.text("class")) if "class" in node else made.sensitivity,
        format=node.text("format"),
        nulls=node.child("nulls").texts(),
        zone=scope.zone(node.child("zone")) if "zone" in node else "",
        description=node.text("description"),
    )


def _incremental(source: str, node: Node, scope: Scope) -> Incremental | None:
    if not node.data:
        return None
    scope.need_column(source, node.text("cursor"), node.child("cursor").at)
    if "lookback" not in node and "full_every" not in node:
        scope.notes.warn(
            "W0357",
            node.at,
            f"source {source}: nothing finds what its cursor passes by",
            "Add `full_every: P1D`, after which everything is read, and where rows show late `lookback: PT10M`.",
        )
    return Incremental(
        node.text("cursor"),
        duration(node.text("lookback", "PT0S")),
        duration(node.text("full_every")) if "full_every" in node else None,
    )


def _completeness(node: Node) -> Completeness:
    return Completeness(
        node.child("min_rows").data or 0,
        share(node.text("max_drop")) if node.text("max_drop") else None,
        node.at,
    )
