"""Making plans. Nothing is written but the plan file: no lock, no state, no system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.guard import Waiver
from erpoa_cli.usecase.authorship import Commit, author, commit
from erpoa_cli.usecase.history import run_id
from erpoa_cli.usecase.workspace import Workspace, expressions

if TYPE_CHECKING:
    from erpoa_cli.engine.plan import PlanOptions, PlanResult
    from erpoa_cli.state import Run

_NAMED = 5  # files that a refusal names


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
    asked = _asked(work, select, exclude, as_of, waivers, out, clean=True)
    wanted = replace(asked, offline=offline, full=full_read, adopt=adopt, retry=retry)
    return _made(work, wanted, listener)


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

    run, asked = run_id(run), _asked(work, select, exclude, None, waivers, out, clean=True)
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
    *,
    clean: bool = False,
) -> PlanOptions:
    """*clean*: where the environment plans only from a clean commit, nothing else is planned from."""
    from erpoa_cli.engine.plan import PlanOptions

    out = None if out is None else Path(out)
    if out is not None and out.exists() and not out.is_file():
        raise Failure(Diagnostic("E0615", f"{out} is no regular file", remedy="Name a file for the plan."))
    made_from = commit(work.root, work.project.files)
    if clean:
        _clean(work, made_from)
    return PlanOptions(
        as_of=as_of or datetime.now(UTC),
        author=author(work.operator),
        targets=work.targets(select, exclude),
        selection=(*(f"-s {e}" for e in expressions(select)), *(f"-x {e}" for e in expressions(exclude))),
        out=out,
        waivers=tuple(waivers),
        commit=made_from.name,
        dirty=bool(made_from.other),
        variables=dict(work.variables),
    )


def _clean(work: Workspace, made_from: Commit) -> None:
    """`Failure` E0611 when the environment plans only from a clean commit, and this is none."""
    if not work.project.clean_git or (made_from.name and not made_from.other):
        return
    what = "differs from what is committed" if made_from.name else "is not in git, or git does not answer"
    named = ", ".join(made_from.other[:_NAMED]) + (", …" if len(made_from.other) > _NAMED else "")
    raise Failure(
        Diagnostic(
            "E0611",
            f"the project {what}, and {work.project.environment} plans only from a clean commit",
            detail=f"Not as in {made_from.name[:12]}: {named}." if made_from.other else "",
            remedy="Commit these files, or take those of the commit again (`git checkout HEAD -- FILE`); git itself may "
            "have been told not to look at them (`git ls-files -v`). Or plan in another environment."
            if made_from.other
            else f"`git -C {quote(str(work.root))} rev-parse HEAD` says why; or plan in another environment.",
        ),
    )


def _made(work: Workspace, asked: PlanOptions, listener: Listener) -> PlanResult:
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.plan import make_plan

    with Connections(work.project) as connections, work.reading() as state:
        return make_plan(work.bound, connections, state, asked, listener)
