"""Whether a plan still fits the state: not consumed, same lineage, and none of its rows touched since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import APPLIED, Member
from erpoa_cli.core.situation import REMOVALS
from erpoa_cli.state.columns import key_texts
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import RunStatus

if TYPE_CHECKING:
    from erpoa_cli.state.reader import StateReader

_EXAMPLES = 3
_ALL = "*"


def check_consumed(state: StateReader, plan: str) -> None:
    """Refuse a plan that was applied before (E0534)."""
    run = state.consumed_by(plan)
    if run is not None and run.status is RunStatus.PAUSED:
        raise Failure(
            Diagnostic(
                "E0536",
                "the state moved on since a part of the plan was applied",
                detail=f"By {run.who} at {run.opened:%Y-%m-%d %H:%M:%S} UTC, run {run.id}; other changes were recorded since.",
                remedy="plan again: the new plan has what is left",
            ),
        )
    if run is not None:
        raise Failure(
            Diagnostic(
                "E0534",
                "the plan was applied already",
                detail=f"By {run.who} at {run.opened:%Y-%m-%d %H:%M:%S} UTC, run {run.id} ({run.status}).",
                remedy="plan again; `erpoa resume` continues a run that did not finish",
            ),
        )


def check_state(state: StateReader, plan: PlanFile) -> None:
    """Refuse a plan of another lineage (E0535), or whose rows were touched since it was made (E0536)."""
    if plan.header.lineage not in ("", state.lineage):
        raise Failure(
            Diagnostic(
                "E0535",
                "the plan was made from another state",
                detail=f"It knows lineage {plan.header.lineage}; this environment has {state.lineage}.",
                remedy="choose the environment with -e, or plan again here",
            ),
        )
    if plan.header.serial == state.serial:
        return
    touched = _touched(state, plan.header.serial)
    both = [
        f"{target} {key}" for target, keys in _rows(plan) for key in keys if _met(touched.get(target), key)
    ]
    if both:
        raise Failure(
            Diagnostic(
                "E0536",
                "the state moved on since the plan was made",
                detail=f"{len(both):,} of its rows were written or edited meanwhile, e.g. {'; '.join(both[:_EXAMPLES])}.",
                remedy="plan again",
            ),
        )


def check_protected(state: StateReader, plan: PlanFile) -> None:
    """Refuse a plan that removes rows which were protected since it was made (E0536)."""
    met = []
    for target in plan.members(Member.CHANGES):
        protected = {one.key for one in state.protected(target)}
        if protected:
            key = plan.layout(target).key
            rows = plan.table(Member.CHANGES, target, columns=[*_columns(key), "action"])
            removed = rows.filter(pc.is_in(rows["action"], pa.array([action.value for action in REMOVALS])))
            met += [f"{target} {text}" for text in key_texts(removed, key) if text in protected]
    if met:
        raise Failure(
            Diagnostic(
                "E0536",
                "rows that the plan removes were protected since it was made",
                detail=f"{len(met):,} of them, e.g. {'; '.join(met[:_EXAMPLES])}.",
                remedy="plan again; `erpoa state unprotect` lifts a protection",
            ),
        )


def _met(keys: set[str] | None, key: str) -> bool:
    return keys is not None and (key in keys or _ALL in keys)


def _rows(plan: PlanFile) -> Iterator[tuple[str, list[str]]]:
    for member in APPLIED:
        for target in plan.members(member):
            key = plan.layout(target).key
            yield target, key_texts(plan.table(member, target, columns=_columns(key)), key)


def _columns(key: Iterable[str]) -> list[str]:
    return [KEY(name) for name in key]


def _touched(state: StateReader, serial: int) -> dict[str, set[str]]:
    """Target → keys that runs wrote (or tried to) or that were edited after *serial*."""
    found: dict[str, set[str]] = {}
    for target, key in state.edits_since(serial):
        found.setdefault(target, set()).add(key)
    for run in state.runs():
        if run.serial is None or run.serial > serial:
            plan = state.plan(run.id)
            for target in plan.members(Member.STATE):
                types = plan.layout(target).key
                keys = key_texts(plan.table(Member.STATE, target, columns=_columns(types)), types)
                found.setdefault(target, set()).update(keys)
            for batch in state.batches(run.id):
                types = plan.layout(batch.intent.target).key
                rows = plan.table(
                    Member.CHANGES,
                    batch.intent.target,
                    columns=_columns(types),
                    ordinals=batch.intent.ordinals,
                )
                keys = key_texts(rows, types)
                found.setdefault(batch.intent.target, set()).update(keys)
    return found
