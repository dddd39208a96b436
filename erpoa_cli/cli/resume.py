"""`erpoa resume`: continue a run that was interrupted, settling what is in doubt by looking."""

from __future__ import annotations

from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.apply import Verify, Yes, ended
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.interrupt import stopping
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import LIMIT, Full, Limit
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.report import Answer

app = application()


@command(app)
def resume(
    options: Options,
    run: Annotated[
        str | None, typer.Argument(help="Which run; default: the unfinished one.", metavar="[RUN]")
    ] = None,
    give_up: Annotated[
        bool,
        typer.Option(
            "--give-up", help="End it: ask no system, write nothing more; what nobody knows is in doubt."
        ),
    ] = False,
    yes: Yes = False,
    verify: Verify = True,
    full: Full = False,
    limit: Limit = LIMIT,
) -> Ending:
    """Continue an interrupted run to the same end that an undisturbed one has.

    Operations whose outcome is unknown are looked up in the system, never repeated blindly."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    if give_up:
        asked = "The run will be ended: nothing more is written, and what was not recorded is in doubt."
        if not yes and not opened.agreed(options, asked):
            return Ending(Answer(data={"changed": False}, lines=("Nothing was changed.",)))
        with stopping() as stop:
            return ended(work, usecase.give_up(work, run), stop, full=full, limit=limit)
    with listener(options) as listen, stopping() as stop:
        result = usecase.resume(work, run, verify=verify, stop=stop, listener=listen)
    return ended(work, result, stop, full=full, limit=limit)
