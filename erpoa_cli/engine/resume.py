"""Continuing a run that did not finish: the same walk, with the journal's memory."""

from __future__ import annotations

from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.engine.apply import walk
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.writing.gate import can_open, same_systems
from erpoa_cli.engine.writing.walk import ApplyOptions, RunResult
from erpoa_cli.state import StateReader, StateWriter, load_sealer
from erpoa_cli.state.records import RESUMABLE


def resume(
    run: str | None,
    bound: Bound,
    connections: Connections,
    store: StateWriter,
    options: ApplyOptions,
    listener: Listener = ignore,
) -> RunResult:
    """Finish *run* (None: the one that did not finish). Batches whose outcome is unknown are looked up first.

    The plan was checked when the run began and its first writes are done: its age and its guards no longer
    matter, but the systems must still be the same ones."""
    name = run or _unfinished(store)
    known = store.run(name)
    if known is None:
        raise Failure(Diagnostic("E0605", f"no run {name!r}", remedy="See `erpoa runs ls`."))
    if known.status not in RESUMABLE:
        said = f"run {name} is over ({known.status.value}); there is nothing to resume"
        raise Failure(Diagnostic("E0539", said, remedy="See `erpoa runs ls`."))
    plan = store.plan(name)
    same_systems(plan, bound.project, connections, store.systems())
    sealer = load_sealer(Path(bound.project.root), bound.project.key)
    can_open(plan, store.targets(), sealer)
    return walk(plan, bound, connections, store, store.resume(name, sealer), sealer, options, listener)


def _unfinished(store: StateReader) -> str:
    for run in store.runs():
        if run.status in RESUMABLE:
            return run.id
    raise Failure(Diagnostic("E0539", "there is no unfinished run", remedy="See `erpoa runs ls`."))
