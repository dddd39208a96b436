"""What was done: runs, and the audit trail."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import near
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Run
    from erpoa_cli.state.records import AuditRecord


def runs(work: Workspace, limit: int | None = None) -> list[Run]:
    """The runs of the environment, the latest first. *limit*: the latest of them; None: all."""
    with work.records() as state:
        return state.runs(limit)


def run_id(run: Run | str) -> str:
    """The id of a run that is given as itself, or by its id."""
    return run if isinstance(run, str) else run.id


def unknown_run(run: str, known: Iterable[Run]) -> Failure:
    """E0605: no run is called *run*."""
    close = near(run, [other.id for other in known])
    remedy = f"Did you mean `{close}`?" if close else "`erpoa runs ls` lists them."
    return Failure(Diagnostic("E0605", f"no run {run!r}", remedy=remedy))


def verify_audit(work: Workspace) -> AuditRecord | None:
    """The head of the audit trail after checking every link of it; None when it is empty. `Failure` E0525 names the first
    record that is wrong."""
    with work.records() as state:
        return state.verify_audit()


def export_audit(work: Workspace, file: Path | str, after: int = 0) -> tuple[int, AuditRecord | None]:
    """Check the whole trail and write its records after number *after* to the new *file* of JSON lines: how many, and the
    trail's head."""
    with work.records() as state:
        return state.export_audit(Path(file), after)


def audit_lines(work: Workspace, after: int = 0) -> list[str]:
    """The lines that `export_audit` writes to a file."""
    with work.records() as state:
        return state.audit_lines(after)
