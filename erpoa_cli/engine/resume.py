"""Continuing a run that did not finish, with the journal's memory; or ending it as it is."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.apply import walk
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.writing.batch import placing
from erpoa_cli.engine.writing.gate import can_open, same_systems
from erpoa_cli.engine.writing.tally import Tally
from erpoa_cli.engine.writing.walk import ApplyOptions, RunResult
from erpoa_cli.sdk.connector import OUTCOMES
from erpoa_cli.state import RunStatus, Sealer, StateReader, StateWriter, load_sealer
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
    name = _resumable(run, store)
    plan = store.plan(name)
    same_systems(plan, bound.project, connections, store.systems())
    sealer = load_sealer(Path(bound.project.root), bound.project.key)
    can_open(plan, store.targets(), sealer)
    return walk(plan, bound, connections, store, store.resume(name, sealer), sealer, options, listener)


def give_up(run: str | None, store: StateWriter, sealer: Sealer | None) -> RunResult:
    """End *run* (None: the one that did not finish) without asking any system: nothing more is written. Batches of which only
    the intent is known are in doubt."""
    name = _resumable(run, store)
    journal = store.resume(name, sealer)
    tallies: dict[str, Tally] = {}
    for entry in journal.batches():
        target, results = entry.intent.target, entry.results
        if results is None:
            rows = [{"ordinal": n, **_NOBODY_LOOKED} for n in entry.intent.ordinals.to_pylist()]
            results = pa.Table.from_pylist(rows, OUTCOMES)
            journal.record(entry.intent.number, results)
        if target not in tallies:
            tallies[target] = Tally(placing(journal.plan, target))
        told = results["outcome"].value_counts().to_pylist()
        tallies[target].take(results, {Outcome(t["values"]): t["counts"] for t in told})
    serial = journal.close(RunStatus.ABORTED)
    outcomes = {target: tally.counts() for target, tally in tallies.items()}
    return RunResult(name, journal.plan, RunStatus.ABORTED, serial, outcomes)


_NOBODY_LOOKED = {
    "outcome": Outcome.IN_DOUBT.value,
    "error_class": Outcome.IN_DOUBT.value,
    "error": "the run was given up, and nobody looked",
}


def _resumable(run: str | None, store: StateReader) -> str:
    """The run that is to be continued, or ended."""
    name = run or _unfinished(store)
    known = store.run(name)
    if known is None:
        raise Failure(Diagnostic("E0605", f"no run {name!r}", remedy="See `erpoa runs ls`."))
    if known.status not in RESUMABLE:
        said = f"run {name} is over ({known.status.value}); there is nothing to resume"
        raise Failure(Diagnostic("E0539", said, remedy="See `erpoa runs ls`."))
    return name


def _unfinished(store: StateReader) -> str:
    for run in store.runs():
        if run.status in RESUMABLE:
            return run.id
    raise Failure(Diagnostic("E0539", "there is no unfinished run", remedy="See `erpoa runs ls`."))
