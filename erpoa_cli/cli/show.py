"""`erpoa show`: a plan or a run, in any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Format, Options, application, command
from erpoa_cli.cli.plan import LIMIT, Full, Limit

app = application()


@command(app)
def show(
    options: Options,
    file: Annotated[
        Path, typer.Argument(help="A plan file, or a run of `erpoa runs ls`.", metavar="FILE|RUN")
    ],
    address: Annotated[
        list[str] | None, typer.Option("--address", metavar="ADDRESS", help="Only this row; repeatable.")
    ] = None,
    full: Full = False,
    limit: Limit = LIMIT,
) -> Ending:
    """Show a plan file, row by row, or what became of the changes of a run.

    Needs no connection. With --format parquet -o FILE all rows of the plan as a table."""
    project = opened.project(options)
    addresses = [opened.address(text) for text in address or ()]
    if not file.exists() and opened.is_run(project, str(file)):
        return Ending(opened.run_report(project, str(file), full=full, limit=limit), full=full)
    everything = full or bool(addresses) or options.format is Format.PARQUET
    report = opened.plan_report(project, file, full=everything, limit=limit, addresses=addresses)
    return Ending(report, full=full or bool(addresses))
