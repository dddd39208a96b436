"""Whether a system is the one whose rows are remembered under its name."""

from __future__ import annotations

from collections.abc import Mapping

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.project import System
from erpoa_cli.core.target import Target
from erpoa_cli.state import Known, Layout


def may_be_planned(now: str, known: Known | None) -> bool:
    """Whether plans may be made with the system *now*: nothing is remembered of another one, or it is a copy for trial."""
    return known is None or now in (known.identity, known.trial)


def another(system: System, now: str, known: Known) -> Diagnostic:
    """The finding that the name of *system* stands for another one than what is remembered: rows of that one would be
    taken for rows of this one."""
    if now == known.trial:
        return Diagnostic(
            "E0544",
            f"{now} is a copy of system {system.name} for trial: it is planned with, and nothing is applied to it",
            detail=f"What is remembered is of {known.identity}.",
            remedy="To apply to the copy, give it an environment of its own in erpoa.yml, and plan there.",
            at=system.at,
        )
    return Diagnostic(
        "E0544",
        f"system {system.name} is now {now}; what is remembered is of {known.identity}",
        detail="Systems are told apart by their addresses.",
        remedy="Check the configuration and the environment. If it is right, say what it is: "
        f"`erpoa state system {system.name} --moved` (the same data at another place), `--trial` (a copy, to plan with), or "
        "`--anew` (another system: everything remembered of the old one is forgotten).",
        at=system.at,
    )


def is_moved(target: Target, layout: Layout, now: str, known: Mapping[str, Known]) -> bool:
    """Whether *target* names another place than the one whose rows are remembered of it: another object, or a system,
    which is *now*, that was called otherwise and is another one."""
    before = known.get(layout.system)
    renamed = layout.system != target.system and (before is None or before.identity != now)
    return renamed or layout.object != target.object


def moved(target: Target, layout: Layout, now: str, known: Mapping[str, Known]) -> Diagnostic:
    """The finding that rows of one place would be taken for rows of another."""
    before = known.get(layout.system)
    was = f"{layout.system} ({before.identity})" if before else layout.system
    return Diagnostic(
        "E0545",
        f"{target.name}: what is remembered is of {layout.object} in system {was}; it is {target.object} in "
        f"{target.system} ({now}) now",
        remedy=f"Name the old place again; or, if it is right, run `erpoa state forget {target.name}`: the next plan meets "
        "the rows there as for the first time.",
        at=target.at,
    )
