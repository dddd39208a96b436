"""`erpoa state forget|protect|unprotect|rekey|adopt`: edits of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.state.asking import DryRun, Yes
from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.usecase import Edit, Workspace

app = application()
Row = Annotated[str, typer.Argument(help="TARGET/column=value", metavar="[ADDRESS]")]


@command(app)
def forget(
    options: Options,
    address: Row = "",
    file: planning.File = "",
    select: planning.Select = None,
    exclude: planning.Exclude = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Forget a row, every row when a TARGET is named or selected (-s), or those of a file: they stay in their system,
    and the next plan meets them as for the first time."""
    from erpoa_cli.usecase import Forget

    work = opened.workspace(options)
    if select or exclude:
        _one_of(bool(address), bool(file), True)
        targets = sorted(work.targets(select or (), exclude or ()) or ())
        edits: tuple[Edit, ...] = tuple(Forget(Address(target, ())) for target in targets)
    elif not file and address and "/" not in address:
        edits = (Forget(Address(address, ())),)
    else:
        edits = _edits(Forget, address, file, Forget)
    return _edit(options, work, edits, "forgotten", dry_run=dry_run, asks=not yes)


@command(app)
def protect(
    options: Options,
    address: Row = "",
    file: planning.File = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded.")] = "",
    dry_run: DryRun = False,
) -> Ending:
    """Protect a row, or those of a file (columns `address`, `reason`), from being deleted."""
    from erpoa_cli.usecase import Protect

    edits = _edits(Protect, address, file, lambda row: Protect(row, reason), reason)
    return _edit(options, opened.workspace(options), edits, "protected", dry_run=dry_run)


@command(app)
def unprotect(
    options: Options, address: Row = "", file: planning.File = "", dry_run: DryRun = False
) -> Ending:
    """Let a protected row, or those of a file, be deleted again."""
    from erpoa_cli.usecase import Unprotect

    edits = _edits(Unprotect, address, file, Unprotect)
    return _edit(options, opened.workspace(options), edits, "no longer protected", dry_run=dry_run)


@command(app)
def rekey(
    options: Options,
    address: Row = "",
    new: Annotated[str, typer.Argument(help="Its new address.", metavar="[NEW]")] = "",
    file: planning.File = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Give a managed row another key, so that a renamed code is not a delete and a create; or those of a file (columns
    `address`, `new`)."""
    from erpoa_cli.usecase import Rekey

    if bool(address) != bool(new):
        raise _unclear("both the row's address and its new one are needed")
    edits = _edits(Rekey, address, file, lambda row: Rekey(row, opened.address(new)))
    words = f"now {opened.address(new)}" if new else "named anew"
    return _edit(options, opened.workspace(options), edits, words, dry_run=dry_run, asks=not yes)


@command(app)
def adopt(
    options: Options,
    address: Row = "",
    id: Annotated[
        list[str] | None, typer.Option("--id", metavar="FIELD=VALUE", help="Their row's own id.")
    ] = None,
    file: planning.File = "",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Say which of their rows is ours, where recognition by `match` cannot tell; for one row, or those of a file (columns
    `address`, `id.FIELD`)."""
    from erpoa_cli.usecase import Adopt

    if address and not id:
        raise _unclear("--id FIELD=VALUE says which row of theirs it is")
    given = dict(opened.assignment(text) for text in id or ())
    edits = _edits(Adopt, address, file, lambda row: Adopt(row, given))
    return _edit(options, opened.workspace(options), edits, "adopted", dry_run=dry_run, asks=not yes)


def _edits(
    kind: type[Edit], address: str, file: str, single: Callable[[Address], Edit], reason: str = ""
) -> tuple[Edit, ...]:
    """The edit of the row that is named, or those of *file*."""
    from erpoa_cli.usecase import read_edits

    _one_of(bool(address), bool(file))
    return read_edits(file, kind, reason=reason) if file else (single(opened.address(address)),)


def _one_of(*given: bool) -> None:
    if sum(given) != 1:
        raise _unclear("which rows? Name one by its address, or many by --file")


def _unclear(words: str) -> Failure:
    return Failure(Diagnostic("E0601", words, remedy="`erpoa state COMMAND --help` has the ways."))


def _edit(
    options: Options,
    work: Workspace,
    edits: tuple[Edit, ...],
    words: str,
    *,
    dry_run: bool,
    asks: bool = False,
) -> Ending:
    """Make *edits*, or with *dry_run* say that they would be. What *asks* says first how many rows it concerns; of one row
    that is named a pipeline is not asked."""
    from erpoa_cli import usecase

    proposal = usecase.propose(work, *edits)
    rows, one = proposal.rows, len(edits) == 1
    # a whole target has no key
    name = str(edits[0].row).rstrip("/") if one else f"{len(edits):,} addresses" if edits else "nothing"
    managed = f"{rows:,} managed row{'' if rows == 1 else 's'}"
    are = ("would be", "will be", "is") if one else ("would be", "will be", "are")
    data: dict[str, Any] = {"address": name, "rows": rows} if one else {"addresses": len(edits), "rows": rows}
    if dry_run or not edits:
        told = (f"{name} {are[0]} {words}: {managed}.",)
        return Ending(Answer(data={**data, "changed": False}, lines=told))
    asks &= options.interactive or not one or not edits[0].row.key or rows > 1
    if asks and not opened.agreed(options, f"{name} {are[1]} {words}: {managed}."):
        return Ending(Answer(data={**data, "changed": False}, lines=("Nothing was changed.",)))
    usecase.carry_out(work, *edits)
    return Ending(Answer(data={**data, "changed": True}, lines=(f"{name} {are[2]} {words}: {managed}.",)))
