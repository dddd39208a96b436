"""How an existing row of a target is recognised: the sets of fields that are declared, or those that the key feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.lowering.named import Named
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.target import Column, Reference, TargetField

Match = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class DeclaredMatch:
    """The `key` columns that are written here, and the alternatives of `match:`, each a set of fields; None: there is no
    `match:`."""

    key: tuple[Named, ...]
    alternatives: tuple[tuple[Named, ...], ...] | None = None


def lower_match(
    name: str, declared: DeclaredMatch, key: Sequence[str], fields: Sequence[TargetField]
) -> tuple[Match, list[Diagnostic]]:
    """The sets of *fields* by which a row of the target *name* is recognised; *key*: all its key columns. Found: fields
    that it does not have (E0125), key columns that feed none (E0124)."""
    if declared.alternatives is None:
        return _by_key(name, declared.key, key, fields)
    known = [field.name for field in fields]
    found = [
        Diagnostic(
            "E0125",
            f"the target `{name}` has no field `{field.text}`",
            remedy=did_you_mean(field.text, known),
            at=field.at,
        )
        for alternative in declared.alternatives
        for field in alternative
        if field.text not in known
    ]
    return tuple(tuple(field.text for field in alternative) for alternative in declared.alternatives), found


def _by_key(
    name: str, columns: Sequence[Named], key: Sequence[str], fields: Sequence[TargetField]
) -> tuple[Match, list[Diagnostic]]:
    carriers = {column: _carrier(column.text, key, fields) for column in columns}
    found = [
        Diagnostic(
            "E0124",
            f"no field of `{name}` is fed from the key column `{column.text}`",
            remedy="Add it to `fields:`, or say with `match:` how an existing row is recognised.",
            at=column.at,
        )
        for column, carrier in carriers.items()
        if not carrier
    ]
    return (tuple(dict.fromkeys(carrier for carrier in carriers.values() if carrier)),), found


def _carrier(column: str, key: Sequence[str], fields: Sequence[TargetField]) -> str:
    """The field that carries a key column: fed from it, or a reference found by key columns. Empty when there is none."""
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
