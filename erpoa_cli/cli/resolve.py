"""`erpoa resolve`: a person settles what no look could settle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.usecase import InDoubt

app = application()


@command(app)
def resolve(
    options: Options,
    address: Annotated[
        str,
        typer.Argument(help="TARGET/column=value; without it, list what is in doubt.", metavar="[ADDRESS]"),
    ] = "",
    applied: Annotated[
        bool | None, typer.Option("--applied/--not-applied", help="Whether it happened in their system.")
    ] = None,
    id: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="FIELD=VALUE", help="The own id of the row that was created."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How you know; recorded.")] = "",
) -> Ending:
    """Say what became of an operation whose answer was lost, where the system itself cannot be asked.

    Look at the system first. What was applied is remembered like any other row; what was not is planned again."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    if not address:
        return _listed(usecase.doubts(work))
    row = opened.address(address)
    if applied is None or not reason:
        raise Failure(
            Diagnostic(
                "E0612",
                "whether it happened, and how you know, must be said",
                remedy=f'`erpoa resolve {address} --applied --id FIELD=VALUE --reason "…"`, or `--not-applied --reason "…"`',
            ),
        )
    given = dict(opened.assignment(text) for text in id or ())
    usecase.resolve(work, row, applied=applied, reason=reason, id=given)
    words = "was applied" if applied else "was not applied; the next plan has it again"
    return Ending(
        Answer(data={"address": str(row), "applied": applied}, lines=(f"{row}: settled, it {words}.",))
    )


def _listed(found: Sequence[InDoubt]) -> Ending:
    names = ("address", "action", "run", "since", "next", "reason")
    rows = tuple(
        (
            str(doubt.address),
            doubt.action.value,
            doubt.run,
            f"{doubt.since:%Y-%m-%d %H:%M} UTC",
            "erpoa resolve" if doubt.unsettled else "erpoa resume",
            doubt.reason,
        )
        for doubt in found
    )
    data = [dict(zip(names, row, strict=True)) for row in rows]
    lines = () if rows else ("Nothing is in doubt.",)
    return Ending(Answer(data={"in_doubt": data}, tables=(Table(names, rows),) if rows else (), lines=lines))
