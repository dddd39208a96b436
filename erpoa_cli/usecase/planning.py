"""Making plans. Nothing is written but the plan file: no lock, no state, no system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.guard import Waiver
from erpoa_cli.usecase.authorship import author, commit
from erpoa_cli.usecase.history import run_id
from erpoa_cli.usecase.workspace import Workspace, expressions

if TYPE_CHECKING:
    from erpoa_cli.engine.plan import PlanOptions, PlanResult
    from erpoa_cli.state import Run


def plan(
    work: Workspace,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    as_of: datetime | None = None,
    offline: bool = False,
    full_read: bool = False,
    adopt: bool = False,
    retry: bool = False,
    waivers: Sequence[Waiver] = (),
    out: Path | str | None = None,
    listener: Listener = ignore,
) -> PlanResult:
    """Compare what is wanted with what is there and with what was last applied, and freeze the difference.

    *as_of*: the plan's instant; None: now. *offline*: from the last snapshots, without reading sources. *full_read*:
    incremental sources are read completely. *adopt*: rows are recognised, nothing is written. *retry*: rows are included
    that were refused and have not changed since. *out*: the plan file; None: a new one below .erpoa/plans."""
    asked = _asked(work, select, exclude, as_of, waivers, out)
    wanted = replace(asked, offline=offline, full=full_read, adopt=adopt, retry=retry)
    return _made(work, _clean(work, wanted), listener)


def drift(
    work: Workspace,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    out: Path | str | None = None,
    listener: Listener = ignore,
) -> PlanResult:
    """What others changed in the targets since the last applied plan: a plan that nobody applies."""
    asked = _asked(work, select, exclude, None, (), out)
    return _made(work, replace(asked, drift_only=True), listener)


def rollback(
    work: Workspace,
    run: Run | str,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    waivers: Sequence[Waiver] = (),
    out: Path | str | None = None,
    listener: Listener = ignore,
) -> PlanResult:
    """A plan that takes back what *run* applied; rows that somebody changed since are withheld. `Failure` E0542 when
    the run is unknown or applied nothing."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.rollback import changed_targets
    from erpoa_cli.engine.rollback import rollback as take_back

    run, asked = run_id(run), _clean(work, _asked(work, select, exclude, None, waivers, out))
    with Connections(work.project) as connections, work.reading() as state:
        changed = changed_targets(run, work.bound, state)
        wanted = changed if asked.targets is None else changed & asked.targets
        told = (*asked.selection, f"what run {run} wrote")
        asked = replace(asked, targets=wanted, selection=told)
        return take_back(run, work.bound, connections, state, asked, listener)


def _asked(
    work: Workspace,
    select: Sequence[str],
    exclude: Sequence[str],
    as_of: datetime | None,
    waivers: Sequence[Waiver],
    out: Path | str | None,
) -> PlanOptions:
    from erpoa_cli.engine.plan import PlanOptions

    head, dirty = commit(work.root)
    return PlanOptions(
        as_of=as_of or datetime.now(UTC),
        author=author(work.operator),
        targets=work.targets(select, exclude),
        selection=(*(f"-s {e}" for e in expressions(select)), *(f"-x {e}" for e in expressions(exclude))),
        out=None if out is None else Path(out),
        waivers=tuple(waivers),
        commit=head,
        dirty=dirty,
        variables=dict(work.variables),
    )


def _clean(work: Workspace, asked: PlanOptions) -> PlanOptions:
    """*asked*; `Failure` E0611 when the environment plans only from a clean commit, and this is none."""
    if work.project.clean_git and (asked.dirty or not asked.commit):
        what = "has changes that are not committed" if asked.commit else "is not in git"
        raise Failure(
            Diagnostic(
                "E0611",
                f"the project {what}, and {work.project.environment} plans only from a clean commit",
                remedy="Commit what `git status` shows, or plan in another environment.",
            ),
        )
    return asked


def _made(work: Workspace, asked: PlanOptions, listener: Listener) -> PlanResult:
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.plan import make_plan

    with Connections(work.project) as connections, work.reading() as state:
        return make_plan(work.bound, connections, state, asked, listener)
