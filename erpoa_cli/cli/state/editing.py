"""`erpoa state forget|protect|unprotect|rekey|adopt`: edits of single rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.state.asking import DryRun, Yes
from erpoa_cli.core.address import Address
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.usecase import Edit

app = application()
Row = Annotated[str, typer.Argument(help="TARGET/column=value", metavar="ADDRESS")]


@command(app)
def forget(options: Options, address: Row, yes: Yes = False, dry_run: DryRun = False) -> Ending:
    """Forget a row, or every row when a TARGET is named: they stay in their system, and the next plan meets
    them as for the first time."""
    from erpoa_cli.usecase import Forget

    row = opened.address(address) if "/" in address else Address(address, ())
    return _edit(options, Forget(row), "forgotten", dry_run=dry_run, asks=not yes)


@command(app)
def protect(
    options: Options,
    address: Row,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded.")] = "",
    dry_run: DryRun = False,
) -> Ending:
    """Protect a row from being deleted."""
    from erpoa_cli.usecase import Protect

    return _edit(options, Protect(opened.address(address), reason), "protected", dry_run=dry_run)


@command(app)
def unprotect(options: Options, address: Row, dry_run: DryRun = False) -> Ending:
    """Let a protected row be deleted again."""
    from erpoa_cli.usecase import Unprotect

    return _edit(options, Unprotect(opened.address(address)), "no longer protected", dry_run=dry_run)


@command(app)
def rekey(
    options: Options,
    address: Row,
    new: Annotated[str, typer.Argument(help="Its new address.", metavar="NEW")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Give a managed row another key, so that a renamed code is not a delete and a create."""
    from erpoa_cli.usecase import Rekey

    edit = Rekey(opened.address(address), opened.address(new))
    return _edit(options, edit, f"now {edit.new}", dry_run=dry_run, asks=not yes)


@command(app)
def adopt(
    options: Options,
    address: Row,
    id: Annotated[list[str], typer.Option("--id", metavar="FIELD=VALUE", help="Their row's own id.")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Say which of their rows is ours, where recognition by `match` cannot tell."""
    from erpoa_cli.usecase import Adopt

    edit = Adopt(opened.address(address), dict(opened.assignment(text) for text in id))
    return _edit(options, edit, "adopted", dry_run=dry_run, asks=not yes)


def _edit(options: Options, edit: Edit, words: str, *, dry_run: bool, asks: bool = False) -> Ending:
    """Make *edit*, or with *dry_run* say that it would be. What *asks* says first how many rows it concerns; of one row
    that is named a pipeline is not asked."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    name = str(edit.row).rstrip("/")  # a whole target has no key
    proposal = usecase.propose(work, edit)
    if asks or dry_run:
        usecase.refuse_absent(proposal)
    rows = proposal.rows
    managed = f"{rows:,} managed row{'' if rows == 1 else 's'}"
    data: dict[str, Any] = {"address": name, "rows": rows}
    if dry_run:
        return Ending(
            Answer(data={**data, "changed": False}, lines=(f"{name} would be {words}: {managed}.",))
        )
    asks &= options.interactive or not edit.row.key or rows > 1
    if asks and not opened.agreed(options, f"{name} will be {words}: {managed}."):
        return Ending(Answer(data={**data, "changed": False}, lines=("Nothing was changed.",)))
    usecase.carry_out(work, edit)
    return Ending(Answer(data={**data, "changed": True}, lines=(f"{name} is {words}: {managed}.",)))
