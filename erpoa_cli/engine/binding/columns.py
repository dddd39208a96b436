"""From a bound target and its object to the columns of its relations: for the diff, and for what is kept."""

from __future__ import annotations

from collections.abc import Mapping

from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.schema import STRING, Type
from erpoa_cli.core.target import Reference, Target
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.lines import lists
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import FieldLayout, Layout


def extras(target: Target, info: ObjectInfo) -> dict[str, Type]:
    """Fields of `deactivate`, `restore` and the moves of documents that are no target fields, with the types of the
    object. Where moves are updates, what says the state is among them: it must still be as it was."""
    managed = {f.name for f in target.fields}
    moved = target.lifecycle.sets if target.lifecycle else ()
    told = target.lifecycle.columns if target.lifecycle and target.lifecycle.updates else ()
    names = [n for n in (*target.deactivate, *target.restore, *moved, *told) if n not in managed]
    found = {n: info.field(n) for n in dict.fromkeys(names)}
    return {n: f.type for n, f in found.items() if f is not None and f.type is not None}


def shape(bound: Bound, target: Target, info: ObjectInfo) -> Shape:
    """The columns of *target* (bound, with every field typed) on the object *info*."""
    managed = {f.name: f.type for f in target.fields}  # their rows are read in these types
    ids = {n: managed.get(n) or _type(info, n) for n in target.id or info.id}
    parent = bound.targets[target.lines.parent] if target.lines else None
    return Shape(
        lists=lists(bound.targets, target, info),
        target=target,
        key=_key(bound, target),
        id=ids,
        extras=extras(target, info),
        siblings=siblings(bound.targets, target),
        document=len(parent.key) if parent else 0,
        wish=parent.lifecycle.field if parent and parent.lifecycle else "",
        unique=() if target.embedded else _unique(target, info),
    )


def _unique(target: Target, info: ObjectInfo) -> tuple[tuple[str, ...], ...]:
    """Of what the system keeps unique, the sets of fields that are written together, and not by a later step."""
    late = {f.name for f in target.fields if isinstance(f.value, Reference) and f.value.defer}
    written = {f.name for f in target.fields} - late
    known = dict.fromkeys((info.id, *info.keys, *info.enforced))
    return tuple(
        names for names in known if names and set(names) <= written and names not in info.exchangeable
    )


def layout(shape: Shape) -> Layout:
    """The columns of *shape* as base images and plan files keep them."""
    target = shape.target
    pending = {f.name for f in shape.pending}
    fields = {
        f.name: FieldLayout(f.type, f.sensitivity, f.reveal, f.ownership, f.name in pending)
        for f in shape.fields
    }
    more = {name: FieldLayout(type_, extra=True) for name, type_ in shape.extras.items()}
    more |= {f.name: FieldLayout(f.type, f.sensitivity, extra=True) for f in shape.lists.values()}
    return Layout(
        target=target.name,
        system=target.system,
        object=target.object,
        key=shape.key,
        id=shape.id,
        fields={**fields, **more},
        state=shape.state.name if shape.state else "",
    )


def _key(bound: Bound, target: Target) -> Mapping[str, Type]:
    columns = {f.name: f.type for f in bound.relations[target.from_]}
    if target.lines:
        listing = columns[target.lines.column]
        members = dict(listing.item.members) if listing.item else {}
        columns = {**members, **columns}
    return {k: columns[k] for k in target.key}


def siblings(targets: Mapping[str, Target], target: Target) -> tuple[str, ...]:
    """The other targets that keep the same rows of the same object."""
    here = (target.system, target.object, target.key)
    return tuple(
        name
        for name, other in targets.items()
        if name != target.name and (other.system, other.object, other.key) == here
    )


def _type(info: ObjectInfo, name: str) -> Type:
    found = info.field(name)
    return found.type if found is not None and found.type is not None else STRING
