"""`erpoa show`: a plan or a run, in any format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Format, Options, application, command
from erpoa_cli.cli.plan import LIMIT, Full, Limit
from erpoa_cli.cli.reveal import revealing
from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import PlanReport

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
    reveal: Annotated[
        list[str] | None,
        typer.Option("--reveal", metavar="FIELD", help="Show this sensitive field's values; recorded."),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why they are revealed; recorded.")
    ] = "",
    full: Full = False,
    limit: Limit = LIMIT,
) -> Ending:
    """Show a plan file, row by row, or what became of the changes of a run.

    Needs no connection. With --format parquet -o FILE all rows of the plan as a table."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    addresses = [opened.address(text) for text in address or ()]
    run = str(file) if not file.exists() and usecase.is_run(work, str(file)) else ""
    revealed = None
    if reveal:
        revealed = revealing(options, work, usecase.sealed_fields(work, file, run), reveal, reason)
    fields = revealed.fields if revealed else frozenset()
    everything = full or bool(addresses) or options.format is Format.PARQUET
    most = None if everything else limit
    if run:
        report = usecase.run_report(work, run, limit=most, addresses=addresses, revealed=fields)
    else:
        report = usecase.plan_report(work, file, limit=most, addresses=addresses, revealed=fields)
    _found(report, addresses)
    if revealed:
        usecase.record_reveal(work, revealed, addresses)
    return Ending(report, full=full or bool(addresses))


def _found(report: PlanReport, addresses: Sequence[Address]) -> None:
    """Refuse addresses that the plan says nothing of: silence would read as "nothing to do"."""
    told = {row.address for target in report.targets for row in target.changes}
    told |= {row.address for target in report.targets for row in target.set_aside}
    missing = [str(address) for address in addresses if address not in told]
    if missing:
        raise Failure(
            *(
                Diagnostic(
                    "E0605",
                    f"the plan says nothing of {name}",
                    remedy=f"`erpoa explain {name}` tells why; `erpoa show FILE --full` lists what is in it.",
                )
                for name in missing
            ),
        )
