"""`erpoa apply`: execute a plan that was reviewed, or plan, show, ask, and apply that same plan."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending, tell, text_lines, width_of
from erpoa_cli.cli.exits import OF_RUN, Exit
from erpoa_cli.cli.interrupt import Stop, stopping
from erpoa_cli.cli.options import Options, application, command, no_color
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.core.event import Listener
    from erpoa_cli.core.plan import Header
    from erpoa_cli.usecase import PlanResult, RunResult, Workspace

app = application()

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask (a FILE is applied without a question anyway).")]
First = Annotated[
    int | None,
    typer.Option(
        "--first", metavar="N", min=1, help="Write only so many rows; the same FILE again writes more."
    ),
]
Verify = Annotated[bool, typer.Option("--verify/--no-verify", help="Read back every row that was written.")]


@command(app)
def apply(
    options: Options,
    file: Annotated[
        Path | None, typer.Argument(help="A plan file; without it a plan is made.", metavar="[FILE]")
    ] = None,
    yes: Yes = False,
    verify: Verify = True,
    first: First = None,
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
    show the plan, ask, and apply that same plan. Ctrl-C once stops after the current batch.

    With FILE and -s, -x or --first, a part of it is written: these targets and what their rows wait for, the first N
    rows. Applying the same FILE again writes the rest, nothing twice."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    if file is not None:
        return execute(
            options,
            work,
            file,
            verify=verify,
            full=full,
            limit=limit,
            select=select or (),
            exclude=exclude or (),
            first=first,
        )
    instant, waivers = planning.instant(as_of), planning.waivers(waive, reason)

    def plan(listen: Listener) -> PlanResult:
        return usecase.plan(
            work,
            select=select or (),
            exclude=exclude or (),
            as_of=instant,
            offline=offline,
            full_read=full_read,
            waivers=waivers,
            out=options.output,
            listener=listen,
        )

    return plan_and_apply(options, work, plan, yes=yes, verify=verify, full=full, limit=limit, first=first)


def plan_and_apply(
    options: Options,
    work: Workspace,
    plan: Callable[[Listener], PlanResult],
    *,
    yes: bool,
    verify: bool,
    full: bool,
    limit: int,
    first: int | None = None,
) -> Ending:
    """Make a plan, show it, ask, and apply that same plan file."""
    from erpoa_cli import usecase

    usecase.refuse_beside_unfinished(work)
    with listener(options) as listen:
        result = plan(listen)
    ending = planning.ending(work, result, detailed=False, full=full, limit=limit)
    if result.conclusion is PlanConclusion.BLOCKED:
        return ending
    if not result.header.applyable:  # nothing to write; what is set aside is told as after a run
        return replace(ending, exit=OF_RUN[result.remainder])
    if not yes:
        if not options.interactive:
            raise Failure(
                Diagnostic(
                    "E0602",
                    "nobody can be asked whether to apply",
                    detail=f"The plan is in {result.path}.",
                    remedy="Review it with `erpoa show FILE` and run `erpoa apply FILE`, or give --yes.",
                ),
            )
        _show(options, ending)
        if not _agreed():
            note = Answer(data={"applied": False}, lines=("Nothing was applied.",))
            return Ending(note, Exit.BLOCKED)
    return execute(
        options, work, result.path, shown=result.header, verify=verify, full=full, limit=limit, first=first
    )


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
    work: Workspace,
    file: Path,
    *,
    shown: Header | None = None,
    verify: bool,
    full: bool,
    limit: int,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    first: int | None = None,
) -> Ending:
    """Apply the plan file and report what became of every change. *shown*: the header of the plan that was agreed to."""
    from erpoa_cli import usecase

    with listener(options) as listen, stopping() as stop:
        result = usecase.apply(
            work,
            file,
            shown=shown,
            select=select,
            exclude=exclude,
            first=first,
            verify=verify,
            stop=stop,
            listener=listen,
        )
    return ended(work, result, stop, full=full, limit=limit, file=str(file))


def ended(
    work: Workspace, result: RunResult, stop: Stop, *, full: bool, limit: int, file: str = ""
) -> Ending:
    """A run as the answer: what became of every change of the plan, which came from *file*."""
    from erpoa_cli.usecase import run_report

    report = run_report(
        work, result.run, limit=None if full else limit, diagnostics=(*result.diagnostics, *result.remarks)
    )
    return Ending(replace(report, file=file or report.file), stop.exit(result), full=full)
