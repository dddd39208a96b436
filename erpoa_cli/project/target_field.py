"""A field of a target → TargetField: where its value comes from, how it is compared, whose word counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from erpoa_cli.core.contract import Contract
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.target import Column, Compare, Constant, Ownership, Reference, Result, TargetField, Value
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Scope

_KINDS = ("from", "value", "ref", "result")
_COMMON = frozenset({"master", "compare", "reveal"})
_BELONGS = {
    "from": _COMMON | {"zone"},
    "value": _COMMON,
    "ref": _COMMON | {"by", "defer", "when_null", "missing"},
    "result": _COMMON | {"by", "join", "text"},
}
LINE_KEYS = frozenset(
    {"fields", "key", "object", "parent", "id", "match", "options", "on_line_problem", "on_missing_line"}
)


@dataclass(frozen=True, slots=True)
class Side:
    """What the fields of one target have in common: its system, the relation it is fed from (empty for lines,
    whose columns are members of a list) and the contract that says whose word counts."""

    system: str
    relation: str
    contract: Contract | None


def is_lines(node: Node) -> bool:
    """Whether a field is the lines of a document."""
    return isinstance(node.data, dict) and bool({"fields", "key"} & node.data.keys())


def build_fields(node: Node, side: Side, scope: Scope) -> tuple[TargetField, ...]:
    """The fields that *node* names, as a list or a mapping, without the lines among them."""
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


def build_field(name: str, node: Node, at: Location, side: Side, scope: Scope) -> TargetField | None:
    """The target field *name*; None (noted) when it does not say where its value comes from."""
    if isinstance(node.data, str):
        value: Value | None = _column(node, side, scope)
    else:
        value = _value(name, node, at, side, scope)
    if value is None:
        return None
    return TargetField(
        name=name,
        value=value,
        at=at,
        compare=build_compare(node.child("compare")),
        ownership=_ownership(name, node, value, side, scope),
        reveal=node.text("reveal") if isinstance(node.data, dict) else "",
        zone=scope.zone(node.child("zone")) if "zone" in node else "",
    )


def _value(name: str, node: Node, at: Location, side: Side, scope: Scope) -> Value | None:
    kinds = [kind for kind in _KINDS if kind in node]
    if len(kinds) != 1:
        scope.notes.error(
            "E0115",
            at,
            f"the field `{name}` needs exactly one of {', '.join(_KINDS)}",
            "Say where its value comes from.",
        )
        return None
    kind = kinds[0]
    for key in node.keys():  # noqa: SIM118 - a Node iterates over elements
        if key != kind and key not in _BELONGS[kind]:
            owner = (
                "the lines of a document"
                if key in LINE_KEYS
                else " and ".join(k for k in _KINDS if key in _BELONGS[k])
            )
            scope.notes.error(
                "E0115", node.key_at(key), f"`{key}` belongs to {owner}, not to `{kind}`", "Remove it."
            )
    match kind:
        case "from":
            return _column(node.child("from"), side, scope)
        case "value":
            return Constant(node.child("value").data)
        case _:
            return _linked(name, kind, node, side, scope)


def _column(node: Node, side: Side, scope: Scope) -> Column:
    if side.relation:
        scope.need_column(side.relation, str(node.data), node.at)
    return Column(str(node.data))


def _linked(name: str, kind: str, node: Node, side: Side, scope: Scope) -> Value | None:
    by = node.child("by")
    if not by.data:
        scope.notes.error(
            "E0113",
            node.key_at(kind),
            f"`by` is missing in the field `{name}`",
            "Add `by: [column]`: columns that hold the other row's key.",
        )
        return None
    for column in by:
        if side.relation:
            scope.need_column(side.relation, str(column.data), column.at)
    other = node.child(kind)
    if kind == "ref":
        if not scope.need("target", str(other.data), other.at):
            return None
        return Reference(
            str(other.data),
            by.texts(),
            defer=bool(node.child("defer").data),
            when_null=node.text("when_null", "null"),
            missing="null"
            if "missing" in node and node.child("missing").data is None
            else node.text("missing", "hold"),
        )
    target, _, field = str(other.data).rpartition(".")
    if not scope.need("target", target, other.at):
        return None
    return Result(target, field, by.texts(), join=node.text("join"), text=node.text("text"))


def build_compare(node: Node) -> tuple[Compare, ...]:
    """The steps of a normalisation, in order."""
    return tuple(
        Compare("tolerance", Decimal(step.text("tolerance")))
        if isinstance(step.data, dict)
        else Compare(str(step.data))
        for step in node
    )


def _ownership(name: str, node: Node, value: Value, side: Side, scope: Scope) -> Ownership:
    master = node.text("master") if isinstance(node.data, dict) else ""
    if master and master != "shared":
        scope.need("system", master, node.child("master").at)
    match master or _master(name, value, side.contract):
        case "shared":
            return Ownership.SHARED
        case found if found == side.system:
            return Ownership.THEIRS
        case _:
            return Ownership.OURS


def _master(name: str, value: Value, contract: Contract | None) -> str:
    """Who masters the value by contract: its property is the column the field is fed from, else of the field's
    name. Numbers and states that come back from elsewhere (`result`) are never mastered here."""
    if contract is None or isinstance(value, Result):
        return ""
    masters = {p.name: p.master or contract.master for p in contract.properties}
    match value:
        case Column(column):
            return masters.get(column) or masters.get(name, "")
        case Reference(by=(column,)):
            return masters.get(column) or masters.get(name, "")
        case _:
            return masters.get(name, "")
