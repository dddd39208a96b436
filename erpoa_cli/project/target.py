"""targets/*.yml → Target, and one more Target for the lines of each document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.guard import DEFAULTS
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.target import (
    Column,
    Limit,
    Lines,
    Mode,
    OnDrift,
    OnLineProblem,
    OnSourceGone,
    OnStale,
    OnVanished,
    Owns,
    Reference,
    ReportOrWrite,
    Target,
    TargetField,
)
from erpoa_cli.project.lifecycle import build_lifecycle
from erpoa_cli.project.node import Mark, Node
from erpoa_cli.project.scope import Entry, Scope, own, share
from erpoa_cli.project.target_field import Side, build_field, is_lines

_CRON = re.compile(r"\S+( \S+){4}")


def with_defaults(entry: Entry, defaults: Mapping[str, Any]) -> Entry:
    """*entry* with every key of *defaults* that it does not have itself."""
    node = entry.node
    missing = {key: value for key, value in defaults.items() if key not in node}
    if not missing:
        return entry
    marks = {key: [*node.mark[:2], _marked(value, node.mark)] for key, value in missing.items()}
    merged = Node({**node.data, **missing}, [*node.mark[:2], {**node.mark[2], **marks}], node.file)
    return replace(entry, node=merged)


def _marked(value: Any, mark: Mark) -> Mark:
    """A mark for *value* whose every part stands where *mark* does."""
    match value:
        case dict():
            return [*mark[:2], {key: [*mark[:2], _marked(child, mark)] for key, child in value.items()}]
        case list():
            return [*mark[:2], [_marked(child, mark) for child in value]]
        case _:
            return mark[:2]


def build_guards(node: Node) -> dict[str, Limit]:
    """The limits *node* sets; a bare number is a count."""
    made: dict[str, Limit] = {}
    for name, limit in node.items():
        if isinstance(limit.data, int):
            made[name] = Limit(count=limit.data, at=node.key_at(name))
        else:
            made[name] = Limit(
                count=limit.child("count").data,
                share=share(limit.text("share")) if "share" in limit else None,
                floor=limit.child("floor").data or 0,
                at=node.key_at(name),
            )
    return made


def build_target(
    entry: Entry, scope: Scope, guards: Mapping[str, Limit], contract_of: Mapping[str, str]
) -> list[Target]:
    """The target *entry* declares, followed by those of its lines.

    *guards* hold where the target sets none; *contract_of* tells the contract of a relation that has one.
    """
    node = entry.node
    scope.described("target", entry)
    relation = node.text("from")
    scope.need("relation", relation, node.child("from").at)
    scope.need("system", node.text("system"), node.child("system").at)
    contract = node.text("contract")
    if contract:
        scope.need("contract", contract, node.child("contract").at)
    for other in node.child("depends_on"):
        scope.need("target", str(other.data), other.at)
    for column in node.child("key"):
        scope.need_column(relation, str(column.data), column.at)
    agreed = scope.contracts.get(contract or contract_of.get(relation, ""))
    side = Side(node.text("system"), relation, agreed)
    fields = _fields(node.child("fields"), side, scope)
    target = Target(
        name=entry.name,
        from_=relation,
        object=node.text("object"),
        key=node.child("key").texts(),
        fields=fields,
        at=entry.at,
        match=_match(entry.name, node, node.child("key").texts(), fields, scope),
        id=node.child("id").texts(),
        returns=node.child("returns").texts(),
        filter=own(node.child("filter").data or {}),
        options=own(node.child("options").data or {}),
        contract=contract,
        description=node.text("description"),
        depends_on=node.child("depends_on").texts(),
        lifecycle=build_lifecycle(entry, fields, scope) if "lifecycle" in node else None,
        **_manner(entry, scope, guards),
    )
    return [target, *_lines(target, node.child("fields"), scope)]


def _manner(entry: Entry, scope: Scope, guards: Mapping[str, Limit]) -> dict[str, Any]:
    """What is written how and when; the lines of a document share it."""
    node = entry.node
    gone = OnSourceGone(node.text("on_source_gone", "keep"))
    if gone is OnSourceGone.DEACTIVATE and "deactivate" not in node:
        scope.notes.error(
            "E0113",
            node.child("on_source_gone").at,
            f"the target `{entry.name}` does not say how a row is deactivated",
            "Add `deactivate: {set: {active: false}, restore: {active: true}}`.",
        )
    conflict = node.text("on_conflict", "report")
    if conflict not in {"report", "write", "accept", *scope.known("system")}:
        known = ["report", "write", "accept", *scope.known("system")]
        scope.notes.error(
            "E0112",
            node.child("on_conflict").at,
            f"on_conflict cannot be {conflict!r}",
            did_you_mean(conflict, known),
        )
    schedule = node.text("schedule")
    if schedule and not _CRON.fullmatch(schedule):
        scope.notes.error(
            "E0127",
            node.child("schedule").at,
            f"{schedule!r} is not a schedule",
            'Write five fields like "*/15 * * * *".',
        )
    return {
        "system": node.text("system"),
        "owner": node.text("owner") or scope.owner,
        "mode": Mode(node.text("mode", "upsert")),
        "on_source_gone": gone,
        "deactivate": node.child("deactivate").child("set").data or {},
        "restore": node.child("deactivate").child("restore").data or {},
        "owns": Owns(node.text("owns", "applied")),
        "on_first_contact": ReportOrWrite(node.text("on_first_contact", "report")),
        "on_drift": OnDrift(node.text("on_drift", "report")),
        "on_conflict": conflict,
        "on_vanished": OnVanished(node.text("on_vanished", "report")),
        "on_new_field": ReportOrWrite(node.text("on_new_field", "write")),
        "on_stale": OnStale(node.text("on_stale", "skip")),
        "guards": {**DEFAULTS, **guards, **build_guards(node.child("guards"))},
        "batch": node.child("batch").data,
        "tags": node.child("tags").texts(),
        "schedule": schedule,
        "realtime": bool(node.child("realtime").data),
    }


def _fields(node: Node, side: Side, scope: Scope) -> tuple[TargetField, ...]:
    made = [
        build_field(name, child, at, side, scope) for name, child, at in _named(node) if not is_lines(child)
    ]
    scope.distinct([(name, at) for name, _, at in _named(node)], "fields")
    return tuple(field for field in made if field is not None)


def _named(node: Node) -> Iterator[tuple[str, Node, Location]]:
    if isinstance(node.data, list):
        for child in node:
            yield str(child.data), child, child.at
    else:
        for name, child in node.items():
            yield name, child, node.key_at(name)


def _match(
    name: str, node: Node, key: tuple[str, ...], fields: tuple[TargetField, ...], scope: Scope
) -> tuple[tuple[str, ...], ...]:
    """How an existing row is recognised; by default by the fields that the key columns feed."""
    if "match" in node:
        known = [f.name for f in fields]
        for alternative in node.child("match"):
            for field in alternative:
                if field.data not in known:
                    scope.notes.error(
                        "E0125",
                        field.at,
                        f"the target `{name}` has no field `{field.data}`",
                        did_you_mean(str(field.data), known),
                    )
        return tuple(alternative.texts() for alternative in node.child("match"))
    found: list[str] = []
    for column in node.child("key"):
        carrier = _carrier(str(column.data), key, fields)
        if carrier:
            found.append(carrier)
        else:
            scope.notes.error(
                "E0124",
                column.at,
                f"no field of `{name}` is fed from the key column `{column.data}`",
                "Add it to `fields:`, or say with `match:` how an existing row is recognised.",
            )
    return (tuple(dict.fromkeys(found)),)


def _carrier(column: str, key: tuple[str, ...], fields: tuple[TargetField, ...]) -> str:
    """The field that carries a key column: fed from it, or a reference found by key columns."""
    for field in fields:
        if field.value == Column(column):
            return field.name
    for field in fields:
        if (
            isinstance(field.value, Reference)
            and column in field.value.by
            and set(field.value.by) <= set(key)
        ):
            return field.name
    return ""


def _lines(target: Target, node: Node, scope: Scope) -> Iterator[Target]:
    if not isinstance(node.data, dict):
        return
    for name, child in node.items():
        if is_lines(child):
            made = _line_target(target, name, child, node.key_at(name), scope)
            if made is not None:
                yield made


def _line_target(target: Target, name: str, node: Node, at: Location, scope: Scope) -> Target | None:
    missing = [key for key in ("from", "key", "fields", "object", "parent") if key not in node]
    for key in missing:
        remedy = {
            "from": "Name the list column: `from: lines`.",
            "key": "Name what tells the lines of one document apart: `key: [line_no]`.",
            "fields": "Name the fields of a line.",
            "object": "Name the object that holds the lines.",
            "parent": "Name the field of a line that holds the document's id.",
        }[key]
        scope.notes.error("E0131", at, f"the lines `{name}` need `{key}:`", remedy)
    for key in node.keys():  # noqa: SIM118 - a Node iterates over elements
        if key in {
            "value",
            "ref",
            "result",
            "by",
            "defer",
            "when_null",
            "missing",
            "join",
            "text",
            "compare",
            "master",
            "reveal",
        }:
            scope.notes.error("E0115", node.key_at(key), f"`{key}` does not belong to lines", "Remove it.")
    if missing:
        return None
    scope.need_column(target.from_, node.text("from"), node.child("from").at)
    line_key = (*target.key, *node.child("key").texts())
    for column in node.child("key"):
        if column.data in target.key:
            scope.notes.error(
                "E0131",
                column.at,
                f"`{column.data}` is a key of the document already",
                "A line's key tells the lines of one document apart.",
            )
    fields = _fields(node.child("fields"), Side(target.system, "", None), scope)
    link = node.text("parent")
    if any(field.name == link for field in fields):
        scope.notes.error(
            "E0123",
            node.child("parent").at,
            f"`{link}` is a field of the lines too",
            "erpoa fills it; remove it from `fields:`.",
        )
    parent = TargetField(link, Reference(target.name, target.key), node.child("parent").at)
    fields = (parent, *fields)
    return replace(
        target,
        name=f"{target.name}.{name}",
        at=at,
        object=node.text("object"),
        key=line_key,
        fields=fields,
        match=_line_match(target, name, node, line_key, fields, scope),
        id=node.child("id").texts(),
        returns=(),
        filter={},
        options=own(node.child("options").data or {}),
        contract="",
        depends_on=(),
        mode=Mode.UPSERT,
        owns=Owns.APPLIED,
        on_source_gone=OnSourceGone(node.text("on_missing_line", "delete")),
        deactivate={},
        restore={},
        lifecycle=None,
        lines=Lines(
            target.name, node.text("from"), link, OnLineProblem(node.text("on_line_problem", "hold_document"))
        ),
    )


def _line_match(
    target: Target, name: str, node: Node, key: tuple[str, ...], fields: tuple[TargetField, ...], scope: Scope
) -> tuple[tuple[str, ...], ...]:
    """Within their document lines are recognised by their key: the link comes first in every alternative."""
    own_match = _match(f"{target.name}.{name}", node, key, fields, scope)
    link = fields[0].name
    return tuple((link, *(f for f in alternative if f != link)) for alternative in own_match)
