"""Which target brings shared fields the other way: from the object that a target writes to the one that it is fed from."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from erpoa_cli.core.project import Source
from erpoa_cli.core.reconcile.shape import Opposite
from erpoa_cli.core.target import Column, Ownership, Target, TargetField


def opposite(
    target: Target, targets: Mapping[str, Target], sources: Mapping[str, Source], known: Collection[str]
) -> Opposite | None:
    """The opposite of *target* among *targets* of which the state knows rows (*known*); None where there is none, or where models
    lie between, and nobody can tell which field became which."""
    there = sources.get(target.from_)
    if there is None or target.lines is not None:
        return None
    for other in targets.values():
        here = sources.get(other.from_)
        if other.name not in known or here is None or other.lines is not None:
            continue
        if _place(there) == (other.system, other.object) and _place(here) == (target.system, target.object):
            found = _matched(target, there, other, here)
            if found is not None:
                return found
    return None


def _place(source: Source) -> tuple[str, str]:
    return source.system, source.object


def _matched(target: Target, there: Source, other: Target, here: Source) -> Opposite | None:
    """*target* is fed from *there*, which *other* writes; *other* from *here*, which *target* writes."""
    theirs = {f.source: f.name for f in there.fields}  # their field → our column
    ours = {f.name: f.source for f in here.fields}  # the other's column → our field
    back = {theirs.get(f.name, ""): f for f in other.fields if isinstance(f.value, Column)}
    key = {k: _column(back[k]) for k in target.key if k in back}
    fields = {
        f.name: back[_column(f)].name
        for f in target.fields
        if _is_shared(f)
        and _is_shared(back.get(_column(f)))
        and ours.get(_column(back[_column(f)])) == f.name
    }
    if not fields or set(key) != set(target.key) or sorted(key.values()) != sorted(other.key):
        return None
    return Opposite(name=other.name, key=key, fields=fields)


def _column(field: TargetField) -> str:
    return field.value.name if isinstance(field.value, Column) else ""


def _is_shared(field: TargetField | None) -> bool:
    return field is not None and field.ownership is Ownership.SHARED and isinstance(field.value, Column)
