"""`erpoa state system`: which system a name stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.state.asking import DryRun, Yes
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.usecase import Declared, Standing

app = application()


@command(app)
def system(
    options: Options,
    name: Annotated[str, typer.Argument(help="A system.", metavar="SYSTEM")],
    moved: Annotated[bool, typer.Option("--moved", help="It is the same data, at another place.")] = False,
    trial: Annotated[
        bool, typer.Option("--trial", help="It is a copy: plan with it, apply nothing.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="It is another system: forget what is remembered of the old one.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Show which system a name stands for, and which one is remembered; say what it is when they differ."""
    from erpoa_cli import usecase

    declared = _declared(moved=moved, trial=trial, anew=anew)
    work = opened.workspace(options)
    found = usecase.standing(work, name, declared)
    told = _told(found)
    data: dict[str, Any] = {
        "system": name,
        "identity": found.identity,
        "remembered": found.remembered,
        "trial": found.trial,
        "rows": found.rows,
    }
    if declared is None or dry_run:
        return Ending(Answer(data={**data, "changed": False}, lines=told))
    says = _WORDS[declared]
    effect = f": {found.rows:,} managed rows will be forgotten" if anew else ""
    if not yes and not opened.agreed(options, f"{' '.join(told)} It is {says}{effect}."):
        return Ending(Answer(data={**data, "changed": False}, lines=("Nothing was changed.",)))
    usecase.declare_system(work, found, declared)
    lines = (f"{name} is {says}, at {found.identity}.",)
    return Ending(Answer(data={**data, "changed": True}, lines=lines))


_WORDS = {"moved": "moved", "trial": "a copy for trial", "anew": "a new start"}


def _declared(*, moved: bool, trial: bool, anew: bool) -> Declared | None:
    from erpoa_cli.usecase import Declared

    if moved + trial + anew > 1:
        words = "--moved, --trial and --anew exclude each other"
        raise Failure(Diagnostic("E0601", words))
    return Declared.MOVED if moved else Declared.TRIAL if trial else Declared.ANEW if anew else None


def _told(found: Standing) -> tuple[str, ...]:
    told = [
        f"{found.system} is {found.identity}.",
        f"{found.rows:,} managed rows are remembered of {'none' if found.remembered is None else found.remembered}.",
    ]
    if found.trial:
        told.append(f"Plans may also be made with its copy {found.trial}.")
    return tuple(told)
