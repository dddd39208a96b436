"""`erpoa state rebuild|migrate|backup|restore`: care for the state as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.state.asking import DryRun
from erpoa_cli.core.report import Answer

app = application()


@command(app)
def rebuild(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target.", metavar="TARGET")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Make what is remembered of a target anew, of the archived plans and the journal."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    data: dict[str, Any] = {"target": target, "changed": not dry_run}
    if dry_run:
        return Ending(Answer(data=data, lines=(f"What is remembered of {target} would be made anew.",)))
    rows = usecase.rebuild(work, target)
    told = f"What is remembered of {target} was made anew: {rows:,} managed rows."
    return Ending(Answer(data={**data, "rows": rows}, lines=(told,)))


@command(app)
def migrate(
    options: Options,
    renamed_from: Annotated[
        str,
        typer.Option(
            "--renamed-from", metavar="NAME", help="What the project was called before it was renamed."
        ),
    ] = "",
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Bring the state's format up to date; make a shared state that is missing."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    if dry_run:
        number = usecase.newest_format()
        told = f"The state would have format {number}."
        return Ending(Answer(data={"format_of_state": number, "changed": False}, lines=(told,)))
    number = usecase.migrate(work, renamed_from)
    return Ending(Answer(data={"format_of_state": number}, lines=(f"The state has format {number}.",)))


@command(app)
def backup(
    options: Options,
    file: Annotated[Path, typer.Argument(help="The tar file to write.", metavar="FILE")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Copy the whole state, local or shared, without its key, to a tar file."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    if dry_run:
        return Ending(Answer(data={"file": str(file), "files": 0}, lines=(f"{file} would be written.",)))
    files = usecase.backup(work, file)
    return Ending(Answer(data={"file": str(file), "files": files}, lines=(f"{file} holds {files} files.",)))


@command(app)
def restore(
    options: Options,
    file: Annotated[Path, typer.Argument(help="The tar file of `erpoa state backup`.", metavar="FILE")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Make an environment's state what a copy holds; from local to shared or back, too. Nothing is overwritten."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    name = work.project.environment
    if dry_run:
        told = f"The state of {name} would be that of {file}."
        return Ending(Answer(data={"file": str(file), "restored": False}, lines=(told,)))
    serial = usecase.restore(work, file)
    told = f"The state of {name} is restored, serial {serial}."
    return Ending(Answer(data={"file": str(file), "restored": True, "serial": serial}, lines=(told,)))
