"""`erpoa plan`: the whole way to a frozen plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.exits import OF_PLAN, Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.guard import Waiver

if TYPE_CHECKING:
    from erpoa_cli.usecase import PlanResult, Workspace

app = application()

Select = Annotated[
    list[str] | None, typer.Option("-s", "--select", metavar="EXPR", help="Only these nodes (dbt's grammar).")
]
Exclude = Annotated[
    list[str] | None, typer.Option("-x", "--exclude", metavar="EXPR", help="Not these nodes.")
]
File = Annotated[
    str,
    typer.Option(
        "--file", metavar="CSV", help="Rows of a CSV file (UTF-8; -: standard input) with a column `address`."
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="INSTANT", help="The plan's instant; default: now.")
]
Offline = Annotated[bool, typer.Option("--offline", help="From the last snapshots, without reading sources.")]
FullRead = Annotated[bool, typer.Option("--full-read", help="Read incremental sources completely.")]
Waive = Annotated[
    list[str] | None,
    typer.Option("--waive", metavar="TARGET.GUARD=COUNT", help="Let a guard pass for exactly this count."),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why a guard is waived; recorded.")
]
Detailed = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes.")]
Full = Annotated[bool, typer.Option("--full", help="List every row, fold nothing.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=0, help="Rows listed singly per target.")]
LIMIT = 20


@command(app)
def plan(
    options: Options,
    select: Select = None,
    exclude: Exclude = None,
    as_of: AsOf = None,
    offline: Offline = False,
    full_read: FullRead = False,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="First contact: recognise rows, write nothing.")
    ] = False,
    waive: Waive = None,
    reason: Reason = None,
    detailed_exitcode: Detailed = False,
    full: Full = False,
    limit: Limit = LIMIT,
) -> Ending:
    """Compare what is wanted with what is there and with what was last applied; freeze the difference.

    Writes a plan file (-o FILE, else below .erpoa/plans) and nothing else: no lock, no state, no system. The
    plan is applied by `erpoa apply FILE`, exactly as it was shown."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    instant_, waived = instant(as_of), waivers(waive, reason)
    with listener(options) as listen:
        result = usecase.plan(
            work,
            select=select or (),
            exclude=exclude or (),
            as_of=instant_,
            offline=offline,
            full_read=full_read,
            adopt=adopt,
            waivers=waived,
            out=options.output,
            listener=listen,
        )
    return ending(work, result, detailed=detailed_exitcode, full=full, limit=limit)


def ending(work: Workspace, result: PlanResult, *, detailed: bool, full: bool, limit: int) -> Ending:
    """The plan as the answer; changes end in 0 unless *detailed*."""
    from erpoa_cli.usecase import plan_report

    report = plan_report(work, result.path, limit=None if full else limit, diagnostics=result.diagnostics)
    code = OF_PLAN[result.conclusion]
    return Ending(report, Exit.SUCCESS if code is Exit.CHANGES and not detailed else code, full=full)


def instant(text: str | None) -> datetime | None:
    """The moment that *text* names (RFC 3339; without a zone UTC); None when it is None."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            Diagnostic(
                "E0601", f"--as-of {text!r} is not a moment", remedy="Write 2026-11-30T18:00:00+08:00."
            ),
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def waivers(texts: list[str] | None, reason: str | None) -> tuple[Waiver, ...]:
    """The guards that --waive names, all for one --reason."""
    if not texts:
        return ()
    if not (reason or "").strip():
        raise _waiver("a waiver needs a reason", 'Add --reason "why it is right this time".')
    found = []
    for text in texts:
        name, equals, number = text.partition("=")
        target, dot, guard = name.rpartition(".")
        if not equals or not number.isdigit() or not guard or (dot and not target):
            raise _waiver(
                f"--waive {text!r} cannot be read", "Write --waive TARGET.GUARD=COUNT as the plan shows it."
            )
        found.append(Waiver(target, guard, int(number), reason or ""))
    return tuple(found)


def _waiver(summary: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0607", summary, remedy=remedy))
