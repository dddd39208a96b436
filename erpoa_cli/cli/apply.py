"""`erpoa apply`: execute a plan that was reviewed, or plan, show, ask, and apply that same plan."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending, tell, text_lines, width_of
from erpoa_cli.cli.interrupt import stopping
from erpoa_cli.cli.options import Options, application, command, no_color
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.core.plan import Header
    from erpoa_cli.core.project import Project
    from erpoa_cli.engine.binding.bound import Bound
    from erpoa_cli.engine.plan import PlanOptions

app = application()

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask (a FILE is applied without a question anyway).")]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Read back every row that was written.")]


@command(app)
def apply(
    options: Options,
    file: Annotated[
        Path | None, typer.Argument(help="A plan file; without it a plan is made.", metavar="[FILE]")
    ] = None,
    yes: Yes = False,
    verify: Verify = True,
    select: planning.Select = None,
    exclude: planning.Exclude = None,
    as_of: planning.AsOf = None,
    offline: planning.Offline = False,
    full_read: planning.FullRead = False,
    waive: planning.Waive = None,
    reason: planning.Reason = None,
    full: planning.Full = False,
    limit: planning.Limit = planning.LIMIT,
) -> Ending:
    """Write exactly what a plan says, after checking that it still holds.

    With FILE: verify its bytes, the project, the systems, its age and its guards, then write. Without FILE: plan,
    show the plan, ask, and apply that same plan. Ctrl-C once stops after the current batch."""
    bound = opened.bound(options)
    if file is not None:
        return execute(options, bound, file, verify=verify, full=full, limit=limit)
    asked = planning.asked(
        options,
        bound,
        select=select,
        exclude=exclude,
        as_of=as_of,
        offline=offline,
        full_read=full_read,
        waivers=planning.waivers(waive, reason),
    )
    return plan_and_apply(options, bound, asked, yes=yes, verify=verify, full=full, limit=limit)


def plan_and_apply(
    options: Options, bound: Bound, asked: PlanOptions, *, yes: bool, verify: bool, full: bool, limit: int
) -> Ending:
    """Make a plan, show it, ask, and apply that same plan file."""
    _refuse_beside_unfinished(options, bound.project)
    result = planning.make(options, bound, asked)
    ending = planning.ending(bound, result, detailed=False, full=full, limit=limit)
    if result.exit is Exit.BLOCKED or not result.header.applyable:
        return ending
    if not yes:
        if not options.interactive:
            raise Failure(
                Diagnostic(
                    "E0602",
                    "nobody can be asked whether to apply",
                    detail=f"The plan is in {result.path}.",
                    remedy="Review it with `erpoa show FILE` and run `erpoa apply FILE`, or give --yes.",
                ),
                exit=Exit.INVALID,
            )
        _show(options, ending)
        if not _agreed():
            note = Answer(data={"applied": False}, lines=("Nothing was applied.",))
            return Ending(note, Exit.SUCCESS)
    return execute(options, bound, result.path, shown=result.header, verify=verify, full=full, limit=limit)


def _refuse_beside_unfinished(options: Options, project: Project) -> None:
    """Before anybody plans: a run that did not finish is ended first (E0538), one that is under way is waited for
    (E0520)."""
    from erpoa_cli.engine.apply import refuse_unfinished

    with opened.records(project) as state:
        open_runs = state.unfinished()
    if open_runs:
        with opened.writing(options, project) as store:  # whoever holds the lock is alive, or gives it up
            refuse_unfinished(store)


def _show(options: Options, ending: Ending) -> None:
    """The plan, on stderr: stdout is for the outcome of the run."""
    from erpoa_cli.render import terminal

    tell(options, ending.report.diagnostics)
    color = not no_color(options, terminal=sys.stderr.isatty())
    terminal.write(text_lines(ending, width_of(sys.stderr)), sys.stderr, color=color)


def _agreed() -> bool:
    sys.stderr.write("\nApply exactly this plan? Only `yes` applies it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def execute(
    options: Options,
    bound: Bound,
    file: Path,
    *,
    shown: Header | None = None,
    verify: bool,
    full: bool,
    limit: int,
) -> Ending:
    """Apply the plan file and report what became of every change. *shown*: the header of the plan that was agreed to;
    Failure E0506 when *file* has another."""
    from erpoa_cli.engine.apply import apply as execute_plan
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.writing.walk import ApplyOptions
    from erpoa_cli.state import PlanFile, exchanged

    project = bound.project
    plan = PlanFile.open(file)
    if shown is not None and plan.header != shown:
        raise exchanged(file)
    with (
        Connections(project) as connections,
        opened.writing(options, project) as store,
        listener(options) as listen,
        stopping() as stop,
    ):
        wanted = ApplyOptions(verify=verify, stop=stop)
        result = execute_plan(plan, bound, connections, store, wanted, listen)
    report = opened.run_report(project, result.run, full=full, limit=limit, diagnostics=result.diagnostics)
    return Ending(replace(report, file=str(file)), stop.exit(result), full=full)
