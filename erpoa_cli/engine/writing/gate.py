"""What must hold before a plan is applied: the right bytes, project, environment, systems and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from erpoa_cli.core.columns import NOW, WANTED
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import APPLIED
from erpoa_cli.core.project import Project
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.identity import another
from erpoa_cli.state import Known, Layout, PlanFile, Sealer, require_again

_POLICIES = "policies/"  # may change after the plan: the current rules count, see the guards


def gate(
    plan: PlanFile, project: Project, connections: Connections, known: Mapping[str, Known], now: datetime
) -> None:
    """Raise `Failure` with everything that forbids applying *plan*; *known*: the systems whose rows are
    remembered. That it was not used before and that the
    state did not move on is the store's to say."""
    stale = [
        *_wrong_place(plan, project),
        *_expired(plan, now),
        *_changed_files(plan, project),
        *_other_systems(plan, project, connections, known),
    ]
    if stale:
        raise Failure(*stale)
    if plan.header.errored:
        raise Failure(
            Diagnostic("E0537", "the plan met errors while it was made", remedy="Mend them and plan again."),
        )
    blocking = [g for g in plan.guards if g.blocks]
    if blocking:
        raise Failure(
            *(
                Diagnostic(
                    "E0537",
                    f"{g.guard} blocks {g.target or 'the plan'}: measured {g.measured}, limit {g.limit}",
                    detail=g.message,
                    remedy="Plan again with the cause mended, or with --waive and a --reason.",
                    at=g.at,
                )
                for g in blocking
            ),
        )


def same_systems(
    plan: PlanFile, project: Project, connections: Connections, known: Mapping[str, Known]
) -> None:
    """Raise `Failure` when a target system of *plan* is not the one it was made for, or not the one that is *known*."""
    if others := list(_other_systems(plan, project, connections, known)):
        raise Failure(*others)


def can_open(plan: PlanFile, known: Mapping[str, Layout], sealer: Sealer | None) -> None:
    """Raise `Failure` when *plan*, or what is *known* of its targets, holds sealed values that *sealer* does not open:
    without the key (E0513), or with another one (E0514), what is written would be what is sealed."""
    for member in APPLIED:
        for target in plan.members(member):
            if target in known and known[target].sealed_fields:
                require_again(sealer)
            if fields := plan.layout(target).sealed_fields:
                sealed = [image(name) for name in fields for image in (WANTED, NOW)]
                next(plan.batches(member, target, require_again(sealer), columns=sealed), None)


def _wrong_place(plan: PlanFile, project: Project) -> Iterator[Diagnostic]:
    for what, planned, here in (
        ("project", plan.header.project, project.name),
        ("environment", plan.header.environment, project.environment),
    ):
        if planned != here:
            yield Diagnostic(
                "E0535",
                f"the plan is for {what} {planned!r}, this is {here!r}",
                remedy="Choose the environment with -e, or plan again here.",
            )


def _expired(plan: PlanFile, now: datetime) -> Iterator[Diagnostic]:
    if now >= plan.header.expires:
        yield Diagnostic(
            "E0533",
            f"the plan expired at {plan.header.expires:%Y-%m-%d %H:%M:%S} UTC",
            remedy="Run `erpoa plan` again.",
        )


def _changed_files(plan: PlanFile, project: Project) -> Iterator[Diagnostic]:
    planned: Mapping[str, str] = plan.inputs["files"]
    for file in sorted({*planned, *project.files}):
        if not file.startswith(_POLICIES) and planned.get(file) != project.files.get(file):
            how = "removed" if file not in project.files else "added" if file not in planned else "changed"
            yield Diagnostic(
                "E0531",
                f"{file} was {how} after the plan was made",
                remedy="Run `erpoa plan` again and review the new plan.",
            )


def _other_systems(
    plan: PlanFile, project: Project, connections: Connections, known: Mapping[str, Known]
) -> Iterator[Diagnostic]:
    planned = {target["system"]: target["identity"] for target in plan.targets.values()}
    for system in sorted(planned.keys() & project.systems.keys()):
        now = connections.identity(system)
        if now != planned[system]:
            yield Diagnostic(
                "E0532",
                f"system {system} is now {now}; the plan was made for {planned[system]}",
                remedy="Check the system's configuration and the environment, then plan again.",
                at=project.systems[system].at,
            )
        elif system in known and known[system].identity != now:
            yield another(project.systems[system], now, known[system])
