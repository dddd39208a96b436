"""Executing a plan: everything it rests on is checked again, then its batches are walked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.target import Owns
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.staging import Staging
from erpoa_cli.engine.writing.desk import desks
from erpoa_cli.engine.writing.gate import can_open, gate
from erpoa_cli.engine.writing.recheck import recheck
from erpoa_cli.engine.writing.walk import ApplyOptions, RunResult, Walk
from erpoa_cli.state import WHOLE, Journal, PlanFile, Sealer, StateReader, StateWriter, load_sealer
from erpoa_cli.state.records import RESUMABLE


def apply(
    plan: PlanFile,
    bound: Bound,
    connections: Connections,
    store: StateWriter,
    options: ApplyOptions,
    listener: Listener = ignore,
) -> RunResult:
    """Execute *plan* under the lock that *store* is, after everything it rests on was checked again.

    Raises `Failure` before anything is written when the plan may not be applied; afterwards a run always
    ends in a `RunResult`."""
    refuse_unfinished(store)
    project = bound.project
    plan = store.take(plan)  # what is checked from here on is what is written
    gate(plan, project, connections, store.systems(), datetime.now(UTC))
    if options.part != WHOLE:
        _refuse_first(plan, bound, store)
    sealer = load_sealer(Path(project.root), project.key)
    can_open(plan, store.targets(), sealer)
    recheck(plan, bound, connections, sealer, datetime.now(UTC))
    return walk(
        plan, bound, connections, store, store.open_run(plan, sealer, options.part), sealer, options, listener
    )


def walk(
    plan: PlanFile,
    bound: Bound,
    connections: Connections,
    state: StateReader,
    journal: Journal,
    sealer: Sealer | None,
    options: ApplyOptions,
    listener: Listener,
) -> RunResult:
    """Walk the batches of *plan* from where its journal stands to the end."""
    with (
        Staging(Path(bound.project.root), as_of=plan.header.as_of) as staging,
        desks(plan, bound.targets, bound.project, connections, staging, state) as opened,
    ):
        staging.lock()
        return Walk(plan, sealer, opened, journal, options, listener).run()


def _refuse_first(plan: PlanFile, bound: Bound, store: StateReader) -> None:
    """Refuse a part of the first plan of a target that owns all: what a stranger is, the whole of it says."""
    known = store.targets()
    first = [n for n in plan.targets if n not in known and bound.targets[n].owns is Owns.ALL]
    if first:
        raise Failure(
            *(
                Diagnostic(
                    "E0537",
                    f"target {name} owns all rows, and this is its first plan: it is applied whole",
                    remedy=f"Apply the plan without -s, -x and --first, or plan without it (`erpoa plan -x {name}`).",
                    at=bound.targets[name].at,
                )
                for name in first
            )
        )


def refuse_unfinished(store: StateReader) -> None:
    """Refuse to start while an earlier run has to be resumed."""
    for run in store.runs():
        if run.status in RESUMABLE:
            raise Failure(
                Diagnostic(
                    "E0538",
                    f"run {run.id} of {run.opened:%Y-%m-%d %H:%M} UTC did not finish ({run.status.value})",
                    remedy="Run `erpoa resume` first; `erpoa resume --give-up` ends it without the rest.",
                ),
            )
