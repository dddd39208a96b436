"""What desired, actual, agreed and seen say about one field: the verdict as a SQL expression."""

from __future__ import annotations

from enum import IntFlag

from erpoa_cli.core.columns import AGREED, ECHO, NOW, PENDING, SEEN, WANTED
from erpoa_cli.core.lifecycle import UNDO
from erpoa_cli.core.reconcile.compare import empty, equal
from erpoa_cli.core.reconcile.shape import Shape, value_sql
from erpoa_cli.core.schema import literal
from erpoa_cli.core.target import (
    BoundField,
    OnDrift,
    Ownership,
    Reference,
    ReportOrWrite,
    Result,
    Target,
)


class Verdict(IntFlag):
    """One bit each: the verdicts of a million rows times their fields stay small, and those of one row are
    or-ed to tell what it needs."""

    SAME = 0  # nothing to do
    SETTLE = 1  # both sides hold the same: base follows
    ACCEPT = 2  # theirs is taken as it is: base follows
    WRITE = 4  # we changed it (or nobody knew it before)
    FILL = 8  # first contact, and their side is empty
    REVERT = 16  # they changed a field whose master we are, and that is undone
    DRIFT = 32  # they changed it; only reported
    CONFLICT = 64  # both changed it; only reported
    TASK = 128  # a document's state that only a person can change

    SETTLED = SETTLE | ACCEPT
    WRITTEN = WRITE | FILL | REVERT
    REPORTED = DRIFT | CONFLICT


def extra_fields(shape: Shape) -> tuple[BoundField, ...]:
    """What is only carried as fields of ours, so that one rule judges everything."""
    some = shape.fields[0]
    return tuple(
        BoundField(name=name, value=some.value, at=some.at, type=type_)
        for name, type_ in shape.carried.items()
    )


def confirmed(shape: Shape, field: BoundField) -> str:
    """The verdict of a field of a row that both sides have and we know."""
    if field == shape.state:
        return state(shape, field)
    if field not in shape.compared:
        return str(Verdict.SAME)
    return _judge(shape, field, new=_new_field(shape, field))


def state(shape: Shape, field: BoundField) -> str:
    """The verdict of the state of a document that is known. `goal` and `way` tell what is wanted where it is.

    What went on by itself to where no move leads back from (received after confirmed) is progress and followed; what
    can be brought back was changed by somebody. A new wish is carried out from wherever the document is."""
    d, a = WANTED.sql(field.name), NOW.sql(field.name)
    agreed, seen = AGREED.sql(field.name), SEEN.sql(field.name)
    known = f"coalesce(list_contains(known, {literal(field.name)}), false)"
    settled = f"{known} AND ({agreed} IS NOT DISTINCT FROM {d} OR {agreed} = {a}) AND {seen} IS NOT DISTINCT FROM {a}"
    report = shape.target.on_new_field is ReportOrWrite.REPORT
    return f"""CASE WHEN goal IS NULL THEN {Verdict.SAME}
        WHEN {d} IS NULL OR goal = {a} THEN CASE WHEN {settled} THEN {Verdict.SAME} ELSE {Verdict.SETTLE} END
        WHEN {d} = {literal(UNDO)} THEN CASE WHEN way IS NULL THEN {Verdict.TASK} ELSE {Verdict.WRITE} END
        WHEN NOT {known} THEN CASE WHEN way IS NULL THEN {Verdict.ACCEPT}
            ELSE {Verdict.DRIFT if report else Verdict.WRITE} END
        WHEN {agreed} IS DISTINCT FROM {d} THEN CASE WHEN way IS NULL THEN {Verdict.TASK} ELSE {Verdict.WRITE} END
        WHEN {seen} IS NOT DISTINCT FROM {a} THEN {Verdict.SAME}
        WHEN way IS NULL THEN {Verdict.ACCEPT} ELSE {_drift(shape.target)} END"""


def _found_state(shape: Shape, field: BoundField) -> str:
    """The verdict of the state of a document that is met for the first time."""
    d, a = WANTED.sql(field.name), NOW.sql(field.name)
    writes = shape.target.on_first_contact is ReportOrWrite.WRITE
    lost = f"CASE WHEN {d} = {literal(UNDO)} THEN {Verdict.TASK if writes else Verdict.DRIFT} ELSE {Verdict.ACCEPT} END"
    return f"""CASE WHEN goal IS NULL THEN {Verdict.SAME}
        WHEN {d} IS NULL OR goal = {a} THEN {Verdict.SETTLE}
        WHEN way IS NULL THEN {lost} ELSE {Verdict.WRITE if writes else Verdict.DRIFT} END"""


def found(shape: Shape, field: BoundField) -> str:
    """The verdict of a field of a row of theirs that is met for the first time."""
    if field == shape.state:
        return _found_state(shape, field)
    if field not in shape.compared:
        return str(Verdict.SAME)
    d, a = WANTED.sql(field.name), NOW.sql(field.name)
    report = Verdict.DRIFT if shape.target.on_first_contact is ReportOrWrite.REPORT else Verdict.WRITE
    shared = field.ownership is Ownership.SHARED
    differs = _unknown_shared(shape.target, field) if shared else report
    # Their value that ours lacks is theirs to bring: the opposite target carries it.
    theirs = f"WHEN {empty(field, d)} THEN {Verdict.SAME} " if shared else ""
    wanted = f"NOT {empty(field, d)}"
    if isinstance(field.value, Reference | Result):
        pending = PENDING.sql(field.name)
        return f"""CASE WHEN list_contains(waiting, {literal(field.name)}) THEN {Verdict.SAME}
            WHEN {pending} IS NULL AND {equal(field, d, a)} THEN {Verdict.SETTLE}
            WHEN {empty(field, a)} AND ({pending} IS NOT NULL OR {wanted}) THEN {Verdict.FILL} ELSE {differs} END"""
    return f"""CASE WHEN {equal(field, d, a)} THEN {Verdict.SETTLE} {_echoed(shape, field)}
        WHEN {empty(field, a)} AND {wanted} THEN {Verdict.FILL} {theirs}ELSE {differs} END"""


def restored(shape: Shape, field: BoundField) -> str:
    """The verdict of an extra field of a confirmed row: ours only while it bears our deactivation."""
    return f"CASE WHEN {ours_inactive(shape, field)} THEN {_judge(shape, field, new=str(Verdict.SAME))} ELSE {Verdict.SAME} END"


def ours_inactive(shape: Shape, field: BoundField) -> str:
    """We set this field when the row's source was gone, and `restore` says what it was."""
    if field.name not in shape.deactivate or field.name not in shape.target.restore:
        return "false"
    wanted = value_sql(shape.deactivate[field.name], field.type)
    return f"coalesce(list_contains(known, {literal(field.name)}) AND {AGREED.sql(field.name)} IS NOT DISTINCT FROM {wanted}, false)"


def deactivated(shape: Shape, field: BoundField) -> str:
    """The verdict of a field of `deactivate` of a row that is gone from the source."""
    d, a = WANTED.sql(field.name), NOW.sql(field.name)
    agreed, seen = AGREED.sql(field.name), SEEN.sql(field.name)
    known = f"coalesce(list_contains(known, {literal(field.name)}), false)"
    ours = f"({known} AND {d} IS NOT DISTINCT FROM {agreed})"
    return f"""CASE WHEN {d} IS NOT DISTINCT FROM {a}
            THEN CASE WHEN {ours} AND {a} IS NOT DISTINCT FROM {seen} THEN {Verdict.SAME} ELSE {Verdict.SETTLE} END
        WHEN NOT {ours} THEN {Verdict.WRITE}
        WHEN {a} IS NOT DISTINCT FROM {seen} THEN {Verdict.SAME} ELSE {_drift(shape.target)} END"""


def _echoed(shape: Shape, field: BoundField) -> str:
    """A branch of a CASE: what the opposite target brought from here became what we would bring back, for their system keeps it
    in a form of its own. Nobody changed it."""
    known = shape.opposite is not None and field.name in shape.opposite.fields
    return f"WHEN {ECHO.sql(field.name)} THEN {Verdict.SETTLE}" if known else ""


def _judge(shape: Shape, field: BoundField, *, new: str) -> str:
    target = shape.target
    d, a = WANTED.sql(field.name), NOW.sql(field.name)
    agreed, seen = AGREED.sql(field.name), SEEN.sql(field.name)
    known = f"coalesce(list_contains(known, {literal(field.name)}), false)"
    ours, theirs = equal(field, d, agreed), equal(field, a, seen)
    same = equal(field, d, a)
    waits = "false"
    if isinstance(field.value, Reference | Result):
        # A pending value is none that anybody knew before: it differs from everything.
        pending = f"{PENDING.sql(field.name)} IS NOT NULL"
        ours, same = f"(NOT {pending} AND {ours})", f"(NOT {pending} AND {same})"
        waits = f"list_contains(waiting, {literal(field.name)})"
    shared = field.ownership is Ownership.SHARED
    return f"""CASE WHEN {waits} THEN {Verdict.SAME}
        WHEN {same} THEN CASE WHEN {known} AND {ours} AND {theirs} THEN {Verdict.SAME} ELSE {Verdict.SETTLE} END
        WHEN NOT {known} THEN {new}
        WHEN {ours} AND {theirs} THEN {Verdict.SAME}
        {_echoed(shape, field)}
        WHEN {theirs} THEN {Verdict.WRITE}
        WHEN {ours} THEN {Verdict.SAME if shared else _drift(target)}
        ELSE {_conflict(target, field)} END"""


def _new_field(shape: Shape, field: BoundField) -> str:
    target = shape.target
    if field.ownership is Ownership.SHARED:
        d, a = WANTED.sql(field.name), NOW.sql(field.name)
        return (
            f"CASE {_echoed(shape, field)} WHEN {empty(field, d)} THEN {Verdict.SAME} WHEN {empty(field, a)} THEN {Verdict.WRITE} "
            f"ELSE {_unknown_shared(target, field)} END"
        )
    return str(Verdict.WRITE if target.on_new_field is ReportOrWrite.WRITE else Verdict.DRIFT)


def _unknown_shared(target: Target, field: BoundField) -> Verdict:
    """A shared field that nobody knew before and whose sides differ: two opposite targets that both wrote
    would swap the values, so only `on_conflict` decides."""
    return _conflict(target, field)


def _drift(target: Target) -> Verdict:
    match target.on_drift:
        case OnDrift.REPORT:
            return Verdict.DRIFT
        case OnDrift.REVERT:
            return Verdict.REVERT
        case OnDrift.ACCEPT:
            return Verdict.ACCEPT


def _conflict(target: Target, field: BoundField) -> Verdict:
    """`write` and `accept` decide fields of ours; for shared fields a system is named, and its value wins."""
    choice = target.on_conflict
    if field.ownership is Ownership.SHARED:
        if choice in ("report", "write", "accept"):
            return Verdict.CONFLICT
        return Verdict.ACCEPT if choice == target.system else Verdict.WRITE
    return {"write": Verdict.WRITE, "accept": Verdict.ACCEPT}.get(choice, Verdict.CONFLICT)
