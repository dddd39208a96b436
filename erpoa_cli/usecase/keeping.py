"""Care for the state as a whole: its format, copies of it, and what is remembered of a target made anew."""

from __future__ import annotations

from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.usecase.workspace import Workspace


def rebuild(work: Workspace, target: str) -> int:
    """Make what is remembered of *target* anew, of the archived plans and the journal: how many rows are managed. `Failure`
    E0605 when no run ever wrote to it, E0524 when an archived plan is not there, or damaged."""
    with work.writing() as store:
        rows = store.rebuild(target, work.sealer)
    if rows is None:
        words = f"no run ever wrote to {target!r}: there is nothing to make anew"
        remedy = did_you_mean(target, work.project.targets) or "See `erpoa runs ls`."
        raise Failure(Diagnostic("E0605", words, remedy=remedy))
    return rows


def newest_format() -> int:
    """The format of the state that `migrate` leads to."""
    from erpoa_cli.state import FORMAT

    return FORMAT


def migrate(work: Workspace, renamed_from: str = "") -> int:
    """Bring the state's format up to date, and make a shared state that is missing; the format it now has. *renamed_from*:
    what the project was called when the shared state was made."""
    from erpoa_cli.state import migrate as bring_up

    return bring_up(work.root, work.project.state, work.project.name, renamed_from=renamed_from)


def backup(work: Workspace, file: Path | str) -> int:
    """Copy the whole state, local or shared, without its key, to the tar *file*; how many files it holds."""
    from erpoa_cli.state.backup import backup as copy

    return copy(work.root, Path(file).resolve(), work.project.state, work.project.name)


def restore(work: Workspace, file: Path | str) -> int:
    """Make the environment's state what the tar *file* of `backup` holds; its serial. `Failure` E0519 when there is a state
    already, which is never overwritten."""
    from erpoa_cli.state import restore as bring_back

    project = work.project
    return bring_back(
        work.root,
        Path(file).resolve(),
        project.environment,
        project.state,
        project.name,
        operator=work.operator,
    )
