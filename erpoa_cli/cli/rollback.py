"""`erpoa rollback`: a plan that restores what a run overwrote; it never writes by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener

app = application()


@command(app)
def rollback(
    options: Options,
    run: Annotated[str, typer.Argument(help="A run of `erpoa runs ls`.", metavar="RUN")],
    select: planning.Select = None,
    exclude: planning.Exclude = None,
    waive: planning.Waive = None,
    reason: planning.Reason = None,
    detailed_exitcode: planning.Detailed = False,
    full: planning.Full = False,
    limit: planning.Limit = planning.LIMIT,
) -> Ending:
    """Make a plan from the before-values that a run recorded; review it and apply it like any other.

    Rows that somebody changed since are left alone and shown."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    waivers = planning.waivers(waive, reason)
    with listener(options) as listen:
        result = usecase.rollback(
            work,
            run,
            select=select or (),
            exclude=exclude or (),
            waivers=waivers,
            out=options.output,
            listener=listen,
        )
    return planning.ending(work, result, detailed=detailed_exitcode, full=full, limit=limit)
