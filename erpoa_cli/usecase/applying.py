"""Writing what a plan says, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.usecase.history import run_id
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.core.plan import Header
    from erpoa_cli.engine.writing.walk import RunResult
    from erpoa_cli.state import Run


def apply(
    work: Workspace,
    file: Path | str,
    *,
    shown: Header | None = None,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    first: int | None = None,
    verify: bool = True,
    stop: Event | None = None,
    listener: Listener = ignore,
) -> RunResult:
    """Write exactly what the plan *file* says, after checking that it still holds: its bytes, the project, the systems,
    its age and its guards.

    *select*, *exclude*: only these targets, and those that their rows wait for; *first*: so many rows at most. The run is
    then `paused`: applying the same file again writes more of it, nothing twice, as long as nothing else was applied. *shown*: the header of the plan that was agreed to; `Failure` E0506 when *file* has another. *verify*: read back every
    row that was written. *stop*: once it is set, the run ends after the current batch."""
    from erpoa_cli.engine.apply import apply as execute
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.writing.walk import ApplyOptions
    from erpoa_cli.state import Part, PlanFile, exchanged

    targets, bound, file = work.targets(select, exclude), work.bound, Path(file)
    plan = PlanFile.open(file)
    if shown is not None and plan.header != shown:
        raise exchanged(file)
    with Connections(work.project) as connections, work.writing() as store:
        wanted = ApplyOptions(
            verify=verify,
            stop=stop or Event(),
            part=Part(None if targets is None else tuple(sorted(targets)), first),
        )
        return execute(plan, bound, connections, store, wanted, listener)


def resume(
    work: Workspace,
    run: Run | str | None = None,
    *,
    verify: bool = True,
    stop: Event | None = None,
    listener: Listener = ignore,
) -> RunResult:
    """Continue an interrupted run (None: the unfinished one) to the end that an undisturbed one has. Operations whose
    outcome is unknown are looked up in the system, never repeated blindly."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.resume import resume as continue_run
    from erpoa_cli.engine.writing.walk import ApplyOptions

    bound = work.bound
    with Connections(work.project) as connections, work.writing() as store:
        wanted = ApplyOptions(verify=verify, stop=stop or Event())
        return continue_run(None if run is None else run_id(run), bound, connections, store, wanted, listener)


def give_up(work: Workspace, run: Run | str | None = None) -> RunResult:
    """End an interrupted run (None: the unfinished one) without asking any system: nothing more is written. What was not
    recorded is in doubt; the next plan has what is left."""
    from erpoa_cli.engine.resume import give_up as end

    with work.writing() as store:
        return end(None if run is None else run_id(run), store, work.sealer)


def refuse_beside_unfinished(work: Workspace) -> None:
    """`Failure` where a run did not finish, which has to be ended first (E0538), or is under way (E0520)."""
    from erpoa_cli.engine.apply import refuse_unfinished

    with work.records() as state:
        open_runs = state.unfinished()
    if open_runs:
        with work.writing() as store:  # whoever holds the lock is alive, or gives it up
            refuse_unfinished(store)
