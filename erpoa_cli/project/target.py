"""targets/*.yml → Target, and one more Target for the lines of each document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from erpoa_cli.core.guard import DEFAULTS
from erpoa_cli.core.lowering.match import lower_match
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.target import (
    Limit,
    Mode,
    OnDrift,
    OnSourceGone,
    OnStale,
    OnVanished,
    Owns,
    ReportOrWrite,
    Target,
)
from erpoa_cli.project.lifecycle import build_lifecycle
from erpoa_cli.project.node import Mark, Node
from erpoa_cli.project.scope import Entry, Scope, own, share
from erpoa_cli.project.target_field import Side, build_fields
from erpoa_cli.project.target_lines import build_lines
from erpoa_cli.project.target_match import declared_match

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
    fields = build_fields(node.child("fields"), side, scope)
    match, unmatched = lower_match(entry.name, declared_match(node), node.child("key").texts(), fields)
    for finding in unmatched:
        scope.notes.add(finding)
    target = Target(
        name=entry.name,
        from_=relation,
        object=node.text("object"),
        key=node.child("key").texts(),
        fields=fields,
        at=entry.at,
        match=match,
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
    return [target, *build_lines(target, node.child("fields"), scope)]


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
        "reach": {
            name: (allowed.data,) if isinstance(allowed.data, str) else allowed.texts()
            for name, allowed in node.child("reach").items()
        },
    }
