"""Lifecycles bound to the objects whose documents go through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.lifecycle import Lifecycle
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import BOOLEAN, STRING, Field, Kind
from erpoa_cli.core.target import Constant, OnSourceGone, Ownership, Target, TargetField
from erpoa_cli.engine.binding.lineage import lineage
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.sdk.connector import ObjectInfo

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # nothing runs while binding
_PLACE = ("actual", "document")


@dataclass(frozen=True, slots=True)
class Documented:
    """`target` as it keeps documents: with their lifecycle, its own or that of the object, and the field of the
    wanted state."""

    target: Target
    diagnostics: tuple[Diagnostic, ...] = ()


def lifecycle_of(target: Target, info: ObjectInfo) -> Lifecycle | None:
    """What *target* declares of its documents, else what their connector knows."""
    return target.lifecycle or (None if target.lines else info.lifecycle)


def documented(target: Target, info: ObjectInfo) -> Documented:
    """*target* with the lifecycle of its documents, if they have one, bound to the fields of *info*.

    Where a connector knows the lifecycle and the target wants no state, the state is left alone, and all the same
    nothing matches what is dead."""
    lifecycle = lifecycle_of(target, info)
    if lifecycle is None:
        lost = target.on_source_gone is OnSourceGone.UNDO
        return Documented(target, (_no_lifecycle(target, info),) if lost else ())
    found = list(_misfits(target, lifecycle, info))
    if lifecycle.computed:
        columns, problems = _columns(target, lifecycle, info)
        lifecycle, found = replace(lifecycle, columns=columns), [*found, *problems]
    wanted = next((f for f in target.fields if f.name == lifecycle.field), None)
    if wanted is None:
        nothing = TargetField(lifecycle.field, Constant(None), target.at)
        target = replace(target, fields=(*target.fields, nothing))
    elif wanted.type is not None and wanted.type.kind is not Kind.STRING and wanted.value != Constant(None):
        found.append(_no_text(target, wanted))
    fields = tuple(
        replace(f, type=STRING, compare=(), ownership=Ownership.OURS) if f.name == lifecycle.field else f
        for f in target.fields
    )
    return Documented(replace(target, lifecycle=lifecycle, fields=fields), tuple(found))


def _columns(
    target: Target, lifecycle: Lifecycle, info: ObjectInfo
) -> tuple[tuple[str, ...], list[Diagnostic]]:
    """The fields of the object that the predicates read; what does not fit it."""
    fields = [Field(f.name, f.type) for f in info.fields if f.type is not None]
    read: set[str] = set()
    found: list[Diagnostic] = []
    with Staging(None, as_of=_NEVER, threads=1) as staging:
        staging.lock()
        staging.create(*_PLACE, fields)
        for state, predicate in lifecycle.states.items():
            sql = f"SELECT ({predicate}\n) AS holds FROM {relation(*_PLACE)}"
            try:
                ((_, type_, native),) = staging.describe(sql)
            except SqlProblem as problem:
                found.append(_misfit(target, state, problem.summary, problem.hint))
                continue
            if type_ != BOOLEAN:
                found.append(_misfit(target, state, f"it gives {native}, not true or false"))
            (origin,) = lineage(staging.syntax(sql), {_PLACE: [f.name for f in fields]}, ["holds"])
            read |= {column for _, column in origin.columns}
    return tuple(f.name for f in fields if f.name in read), found


def _misfits(target: Target, lifecycle: Lifecycle, info: ObjectInfo) -> Iterator[Diagnostic]:
    named = dict.fromkeys(lifecycle.sets)
    if not lifecycle.computed:
        named[lifecycle.field] = None
    for name in named:
        own = info.field(name)
        if own is None or own.type is None or (name in lifecycle.sets and not own.writable):
            why = "has no field" if own is None else "cannot be moved by the field"
            yield Diagnostic(
                "E0317",
                f"target {target.name}: lifecycle: {info.address} {why} {name!r}",
                remedy=did_you_mean(name, [f.name for f in info.fields])
                if own is None
                else "Name another field.",
                at=target.at,
            )


def _misfit(target: Target, state: str, problem: str, hint: str = "") -> Diagnostic:
    return Diagnostic(
        "E0338",
        f"target {target.name}: the state {state}: {problem}",
        remedy=hint
        or "A predicate is a condition over the fields of the object, as `erpoa discover` lists them.",
        at=target.at,
    )


def _no_lifecycle(target: Target, info: ObjectInfo) -> Diagnostic:
    return Diagnostic(
        "E0317",
        f"target {target.name}: on_source_gone: undo, but nothing says which states {info.address} has",
        remedy="Declare its `lifecycle:`, or write another `on_source_gone:`.",
        at=target.at,
    )


def _no_text(target: Target, wanted: TargetField) -> Diagnostic:
    return Diagnostic(
        "E0318",
        f"target {target.name}: {wanted.name} says which state is wanted, and is {wanted.type}, not a text",
        remedy="Give the name of a state, `undo`, or NULL to leave the document as it is.",
        at=wanted.at,
    )
