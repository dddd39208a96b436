"""The lines of a document → one more Target, whose rows are the elements of a list column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.target import (
    Lines,
    Mode,
    OnLineProblem,
    OnSourceGone,
    Owns,
    Reference,
    Target,
    TargetField,
)
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Scope, own
from erpoa_cli.project.target_field import Side, build_fields, is_lines
from erpoa_cli.project.target_match import build_match

_DOCUMENT = "document"  # how lines that live inside their document name it


def build_lines(target: Target, node: Node, scope: Scope) -> Iterator[Target]:
    """The targets of the lines among the fields *node* of *target*."""
    if not isinstance(node.data, dict):
        return
    for name, child in node.items():
        if is_lines(child):
            made = _line_target(target, name, child, node.key_at(name), scope)
            if made is not None:
                yield made


def _line_target(target: Target, name: str, node: Node, at: Location, scope: Scope) -> Target | None:
    embedded = "object" not in node and "parent" not in node
    needed = ("from", "key", "fields", *(() if embedded else ("object", "parent")))
    missing = [key for key in needed if key not in node]
    for key in missing:
        remedy = {
            "from": "Name the list column: `from: lines`.",
            "key": "Name what tells the lines of one document apart: `key: [line_no]`.",
            "fields": "Name the fields of a line.",
            "object": "Name the object that holds the lines; without `parent:` too they live inside their document.",
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
    fields = build_fields(node.child("fields"), Side(target.system, "", None), scope)
    if embedded:
        _fit_inside(name, node, fields, scope)
    link = node.text("parent") or _DOCUMENT
    here = at if embedded else node.child("parent").at
    if any(field.name == link for field in fields):
        scope.notes.error(
            "E0123",
            here,
            f"`{link}` is a field of the lines too",
            "It is how erpoa names the document of a line; give the lines an object of their own."
            if embedded
            else "erpoa fills it; remove it from `fields:`.",
        )
    own_id = node.child("id").texts()
    parent = TargetField(link, Reference(target.name, target.key), here)
    fields = (parent, *fields)
    return replace(
        target,
        name=f"{target.name}.{name}",
        at=at,
        object=f"{target.object}.{name}" if embedded else node.text("object"),
        key=line_key,
        fields=fields,
        match=_line_match(target, name, node, line_key, fields, scope),
        id=(link, *own_id) if embedded and own_id else own_id,
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
            target.name,
            node.text("from"),
            link,
            OnLineProblem(node.text("on_line_problem", "hold_document")),
            within=name if embedded else "",
        ),
    )


def _fit_inside(name: str, node: Node, fields: tuple[TargetField, ...], scope: Scope) -> None:
    """What lines of an object of their own can have and those inside their document cannot."""
    if "options" in node:
        scope.notes.error(
            "E0115",
            node.key_at("options"),
            f"`options` belongs to an object, and the lines `{name}` live inside their document",
            "Remove it, or write it under the target.",
        )
    for field in fields:
        deferred = isinstance(field.value, Reference) and field.value.defer
        if deferred or field.zone:
            scope.notes.error(
                "E0115",
                field.at,
                f"`{'defer' if deferred else 'zone'}` is not possible in lines that live inside their document",
                "A document is written once, with all its lines: let the other target wait instead."
                if deferred
                else "Give the list's members the values that their system keeps.",
            )


def _line_match(
    target: Target, name: str, node: Node, key: tuple[str, ...], fields: tuple[TargetField, ...], scope: Scope
) -> tuple[tuple[str, ...], ...]:
    """Within their document lines are recognised by their key: the link comes first in every alternative."""
    own_match = build_match(f"{target.name}.{name}", node, key, fields, scope)
    link = fields[0].name
    return tuple((link, *(f for f in alternative if f != link)) for alternative in own_match)
