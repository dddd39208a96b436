"""Looking, without changing anything: why a row is in a plan, what a system offers, whether everything is in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.engine.discover import Offer
    from erpoa_cli.engine.doctor import Check
    from erpoa_cli.engine.explain import Explanation
    from erpoa_cli.state import PlanFile, StateReader


def explain(work: Workspace, address: Address, file: Path | None = None) -> Explanation:
    """The way of a row into the plan *file* (None: the one made last, of those below .erpoa/plans and that of the last
    run): source rows, SQL, mapping, rule, and the values that were compared. `Failure` E0605 for an unknown target, E0606 for an address that names no row."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.explain import explain as explained
    from erpoa_cli.state import PlanFile

    bound = work.bound
    if address.target not in bound.targets:
        raise _unknown("target", address.target, bound.targets)
    key = bound.targets[address.target].key
    if {name for name, _ in address.key} != set(key):
        words = f"{address} does not name a row: the key of {address.target} is {', '.join(key)}"
        raise Failure(Diagnostic("E0606", words))
    with Connections(work.project) as connections, work.reading() as state:
        plan = PlanFile.open(file) if file else _latest(work.root, state)
        return explained(address, plan, bound, connections, state, work.sealer)


def _latest(root: Path, state: StateReader) -> PlanFile:
    from erpoa_cli.state import PlanFile

    files = (root / ".erpoa" / "plans").glob("*.erpoaplan")
    archived = [state.plan(run.id) for run in state.runs(limit=1)]
    plans = sorted([*archived, *map(PlanFile.open, files)], key=lambda plan: plan.header.created)
    if not plans:
        raise Failure(
            Diagnostic(
                "E0605",
                "there is no plan to explain from",
                remedy="Run `erpoa plan`, or name one with --plan.",
            ),
        )
    return plans[-1]


def discover(work: Workspace, system: str, objects: Sequence[str] = ()) -> list[Offer]:
    """What *system* offers, or those *objects* of it, with declarations that read and write them. `Failure` E0605 for a
    system or an object that is not there."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.discover import offers
    from erpoa_cli.project import remembering

    project = work.project
    if system not in project.systems:
        raise _unknown("system", system, project.systems)
    with remembering(work.root) as conforms, Connections(project) as connections:
        found = offers(connections, project, system, objects or None, conforms)
        missing = [name for name in objects if name not in {o.info.address for o in found}]
        if missing:
            raise _unknown("object", missing[0], [info.address for info in connections.objects(system)])
    return found


def examine(work: Workspace) -> list[Check]:
    """Connectors, connections and privileges, the state with its lock and unfinished runs, and private files."""
    from erpoa_cli.engine.doctor import examine as examined

    return [*examined(work.bound), *_state(work)]


def problems(checks: Sequence[Check]) -> tuple[Diagnostic, ...]:
    """What is not in order among *checks*."""
    from erpoa_cli.engine.doctor import diagnostics

    return diagnostics(checks)


def _state(work: Workspace) -> Iterator[Check]:
    """Whether the store can be reached, what its role may, and whether a run waits to be finished."""
    from erpoa_cli.engine.doctor import Check
    from erpoa_cli.state import condition

    name = work.project.environment
    try:
        found = condition(work.root, work.project.state)
        yield Check("state", "store", found.told)
        for problem in found.problems:
            yield Check("state", "store", found.told, problem, "See docs/state.md.")
        with work.reading() as state:
            yield Check("state", name, f"serial {state.serial}, {state.lock_holder() or 'not locked'}")
            for run in state.unfinished():
                yield Check(
                    "state", run.id, run.status.value, "the run did not finish", "Run `erpoa resume`."
                )
            state.try_key(work.sealer, work.project.sources)
    except Failure as failure:
        for diagnostic in failure.diagnostics:
            yield Check("state", name, "", diagnostic.summary, diagnostic.remedy)


def _unknown(what: str, name: str, known: Iterable[str]) -> Failure:
    remedy = did_you_mean(name, [*known])
    return Failure(Diagnostic("E0605", f"no {what} {name!r}", remedy=remedy))
