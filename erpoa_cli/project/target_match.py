"""How an existing row of a target is recognised: `match:`, or the fields that the key feeds."""

from __future__ import annotations

from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.target import Column, Reference, TargetField
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Scope


def build_match(
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
