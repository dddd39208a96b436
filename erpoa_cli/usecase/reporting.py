"""Plans and runs as reports: values that every door renders in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import PlanReport
from erpoa_cli.usecase.history import run_id, unknown_run
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.engine.report import Revealed
    from erpoa_cli.state import Run

LIMIT = 20
"""Rows of a target that a report lists singly; of the others it has the number."""


def plan_report(
    work: Workspace,
    file: Path | str,
    *,
    limit: int | None = LIMIT,
    addresses: Sequence[Address] = (),
    diagnostics: Sequence[Diagnostic] = (),
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """What the plan *file* says of every row, or of those of *addresses*. *limit*: rows of a target listed singly; None:
    all. Sensitive values stay masked, but for the fields that are *revealed*."""
    from erpoa_cli.engine.report import report
    from erpoa_cli.state import PlanFile

    file = Path(file)
    plan = PlanFile.open(file)
    told = report(
        plan,
        work.root,
        limit=limit,
        addresses=addresses,
        sealer=work.sealer,
        revealed=revealed,
    )
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    expired = datetime.now(UTC) >= plan.header.expires
    run = _applied(work, plan.header.id)
    return replace(told, file=str(shown), diagnostics=tuple(diagnostics), applied=run, expired=expired)


def _applied(work: Workspace, plan: str) -> str:
    """The run that applied the plan with this id; empty when none did, or the state cannot be asked: showing a plan needs
    no connection."""
    try:
        with work.records() as state:
            run = state.consumed_by(plan)
    except Failure:
        return ""
    return run.id if run else ""


def run_report(
    work: Workspace,
    run: Run | str,
    *,
    limit: int | None = LIMIT,
    addresses: Sequence[Address] = (),
    diagnostics: Sequence[Diagnostic] = (),
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """What became of every change of the plan that *run* applied, or of the rows of *addresses*; as `plan_report`. `Failure`
    E0605 when no run is called so."""
    from erpoa_cli.engine.report import run_report as report

    with work.reading() as state:
        if state.run(run_id(run)) is None:
            raise unknown_run(run_id(run), state.runs())
        told = report(
            state, run_id(run), limit=limit, addresses=addresses, sealer=work.sealer, revealed=revealed
        )
    return replace(told, diagnostics=tuple(diagnostics))


def is_run(work: Workspace, name: str) -> bool:
    """Whether the state knows a run called *name*."""
    with work.records() as state:
        return state.run(name) is not None
