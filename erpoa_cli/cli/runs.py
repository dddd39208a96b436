"""`erpoa runs`: what was done."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import LIMIT, Full, Limit
from erpoa_cli.core.report import Answer, Table

app = application("List and show past runs.")


@command(app)
def ls(
    options: Options,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The latest N.")] = 50,
) -> Ending:
    """List runs, the latest first."""
    from erpoa_cli import usecase

    runs = usecase.runs(opened.workspace(options), limit)
    rows: list[dict[str, Any]] = [
        {
            "id": run.id,
            "status": run.status.value,
            "plan": run.plan,
            "who": run.who,
            "command": run.command,
            "opened": run.opened,
            "closed": run.closed,
            "serial": run.serial,
        }
        for run in runs
    ]
    columns = ("run", "status", "plan", "opened (UTC)", "who", "serial")
    told = tuple(
        (
            r.id,
            r.status.value,
            r.plan,
            f"{r.opened:%Y-%m-%d %H:%M:%S}",
            r.who,
            "" if r.serial is None else r.serial,
        )
        for r in runs
    )
    lines = () if runs else ("No run yet: `erpoa plan`, then `erpoa apply`.",)
    return Ending(Answer(data={"runs": rows}, tables=(Table(columns, told),), lines=lines))


@command(app)
def show(
    options: Options,
    run: Annotated[str, typer.Argument(help="A run of `erpoa runs ls`.", metavar="RUN")],
    full: Full = False,
    limit: Limit = LIMIT,
) -> Ending:
    """Show what became of every change of a run."""
    from erpoa_cli.usecase import run_report

    return Ending(run_report(opened.workspace(options), run, limit=None if full else limit), full=full)
