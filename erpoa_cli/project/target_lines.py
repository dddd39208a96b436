"""The lines among the fields of a target, as they are written → DeclaredLines, which `core.lowering` makes a target of."""

from __future__ import annotations

from collections.abc import Iterator

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.lowering.lines import DeclaredLines, lower_lines
from erpoa_cli.core.lowering.named import Named
from erpoa_cli.core.target import OnLineProblem, OnSourceGone, Target
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Scope, own
from erpoa_cli.project.target_field import Side, build_fields, is_lines
from erpoa_cli.project.target_match import declared_match

_NEEDED = {
    "from": "Name the list column: `from: lines`.",
    "key": "Name what tells the lines of one document apart: `key: [line_no]`.",
    "fields": "Name the fields of a line.",
    "object": "Name the object that holds the lines; without `parent:` too they live inside their document.",
    "parent": "Name the field of a line that holds the document's id.",
}
_OF_OBJECT = ("object", "parent")  # of lines that do not live inside their document
_OF_FIELDS = frozenset({
    "value", "ref", "result", "by", "defer", "when_null", "missing", "join", "text", "compare", "master", "reveal",
})  # fmt: skip


def build_lines(target: Target, node: Node, scope: Scope) -> Iterator[Target]:
    """The targets of the lines among the fields *node* of *target*."""
    if not isinstance(node.data, dict):
        return
    for name, child in node.items():
        if is_lines(child) and _is_whole(name, child, node.key_at(name), scope):
            made, findings = lower_lines(target, _declared(target, name, child, node.key_at(name), scope))
            for finding in findings:
                scope.notes.add(finding)
            yield made


def _is_whole(name: str, node: Node, at: Location, scope: Scope) -> bool:
    """Whether the lines *name* have the keys that they need; noted when not, as are keys that lines do not have."""
    embedded = not any(key in node for key in _OF_OBJECT)
    missing = [key for key in _NEEDED if key not in node and not (embedded and key in _OF_OBJECT)]
    for key in missing:
        scope.notes.error("E0131", at, f"the lines `{name}` need `{key}:`", _NEEDED[key])
    for key in node.keys():  # noqa: SIM118 - a Node iterates over elements
        if key in _OF_FIELDS:
            scope.notes.error("E0115", node.key_at(key), f"`{key}` does not belong to lines", "Remove it.")
    return not missing


def _declared(target: Target, name: str, node: Node, at: Location, scope: Scope) -> DeclaredLines:
    scope.need_column(target.from_, node.text("from"), node.child("from").at)
    return DeclaredLines(
        name=name,
        at=at,
        column=node.text("from"),
        fields=build_fields(node.child("fields"), Side(target.system, "", None), scope),
        match=declared_match(node),
        object=node.text("object"),
        parent=Named(node.text("parent"), node.child("parent").at) if "parent" in node else None,
        id=node.child("id").texts(),
        options=own(node.child("options").data or {}),
        options_at=node.key_at("options") if "options" in node else None,
        on_problem=OnLineProblem(node.text("on_line_problem", "hold_document")),
        on_missing=OnSourceGone(node.text("on_missing_line", "delete")),
    )
