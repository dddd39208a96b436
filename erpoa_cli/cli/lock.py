"""`erpoa lock`: who holds the lock of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.usecase import Holder

app = application("Show or release the lock.")


@command(app)
def show(options: Options) -> Ending:
    """Show who holds the lock, where and since when."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    holder = usecase.lock_holder(work)
    name = work.project.environment
    words = f"{name} is locked by {holder}." if holder else f"{name} is not locked."
    return Ending(Answer(data={"holder": _told(holder)}, lines=(words,)))


@command(app)
def release(
    options: Options,
    yes: Annotated[bool, typer.Option("--yes", help="The holder is known to be gone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be released.")] = False,
) -> Ending:
    """Take the lock away from its holder, whose next write is then refused."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    holder = usecase.lock_holder(work)
    if holder is None:
        return Ending(
            Answer(data={"holder": None, "released": False}, lines=("There is no lock to release.",))
        )
    if not yes and not dry_run:
        raise Failure(
            Diagnostic(
                "E0602",
                f"{work.project.environment} is locked by {holder}",
                remedy="Make sure that run is gone, then give --yes.",
            ),
        )
    if not dry_run:
        holder = usecase.release_lock(work)
    words = f"{'Would release' if dry_run else 'Released'} the lock of {holder}."
    return Ending(Answer(data={"holder": _told(holder), "released": not dry_run}, lines=(words,)))


def _told(holder: Holder | None) -> dict[str, Any] | None:
    if holder is None:
        return None
    return {
        name: getattr(holder, name)
        for name in ("who", "host", "pid", "command", "since", "expires", "fencing")
    }
