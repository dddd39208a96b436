"""`erpoa resolve`: a person settles what no look could settle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, File, Select
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
    file: File = "",
    select: Select = None,
    exclude: Exclude = None,
) -> Ending:
    """Say what became of operations whose answer was lost, where the system itself cannot be asked: of one row, of those of a
    file (columns `address`, `applied`, `id.FIELD`, `reason`), or of all of the selected targets.

    Look at the system first. What was applied is remembered like any other row; what was not is planned again."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    many = bool(select or exclude)
    if not address and not file and not many:
        return _listed(usecase.doubts(work))
    if sum((bool(address), bool(file), many)) > 1:
        raise Failure(Diagnostic("E0601", "name one row, or a --file, or a selection (-s, -x)"))
    row = opened.address(address) if address else None
    if not file and (applied is None or not reason):
        asked = address or "-s EXPR"
        raise Failure(
            Diagnostic(
                "E0612",
                "whether it happened, and how you know, must be said",
                remedy=f'`erpoa resolve {asked} --applied --id FIELD=VALUE --reason "…"`, or `--not-applied --reason "…"`',
            ),
        )
    given = dict(opened.assignment(text) for text in id or ())
    if file:
        settlements = list(usecase.read_settlements(file, applied=applied, reason=reason))
    elif many:
        targets = work.targets(select or (), exclude or ()) or ()
        rows = [d.address for d in usecase.doubts(work) if d.unsettled and d.address.target in targets]
        settlements = [usecase.Settlement(row, bool(applied), reason, given) for row in rows]
    else:
        assert row is not None
        settlements = [usecase.Settlement(row, bool(applied), reason, given)]
    done = usecase.settle(work, settlements)
    data = [{"address": str(one.row), "applied": one.applied} for one in settlements]
    if not address:
        happened = sum(one.applied for one in settlements)
        said = f"{done:,} rows settled: {happened:,} applied, {done - happened:,} not applied; the next plan has those again."
        return Ending(Answer(data={"rows": done, "settled": data}, lines=(said,)))
    words = "was applied" if applied else "was not applied; the next plan has it again"
    return Ending(Answer(data=data[0], lines=(f"{settlements[0].row}: settled, it {words}.",)))


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
