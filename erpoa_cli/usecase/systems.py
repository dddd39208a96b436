"""Which system a name stands for, and which one is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.usecase.workspace import Workspace


class Declared(StrEnum):
    """What a system is that another one is remembered of."""

    MOVED = "moved"  # the same data, at another place
    TRIAL = "trial"  # a copy: plans are made with it, nothing is applied
    ANEW = "anew"  # another system: what is remembered of the old one is forgotten


@dataclass(frozen=True, slots=True)
class Standing:
    """`identity`: which system the name stands for now; `remembered`: the one that `rows` managed rows are of (None: of
    none); `trial`: a copy of that one with which plans may be made (None: there is none)."""

    system: str
    identity: str
    remembered: str | None
    trial: str | None
    rows: int


def standing(work: Workspace, system: str, declared: Declared | None = None) -> Standing:
    """Which system *system* is now, and which one was; the rows are those that declaring it anew would forget. `Failure`
    E0605 for a system that the project does not have, and where it cannot be what it would be *declared*."""
    from erpoa_cli.engine.connect import Connections

    project = work.project
    if system not in project.systems:
        remedy = did_you_mean(system, project.systems)
        raise Failure(Diagnostic("E0605", f"there is no system {system!r}", remedy=remedy))
    with Connections(project) as connections:
        now = connections.identity(system)
    with work.reading() as state:
        known = state.systems().get(system)
        of_it = [target for target, layout in state.targets().items() if layout.system == system]
        rows = sum(state.managed(target, sealer=work.sealer) for target in of_it)
    if declared is Declared.TRIAL and known is None:
        words = f"nothing is remembered of system {system}: there is nothing that it could be a copy of"
        remedy = "Where plans shall be made and nothing applied, give it `read_only`, or an environment of its own."
        raise Failure(Diagnostic("E0605", words, remedy=remedy))
    remembered, trial = (known.identity, known.trial or None) if known else (None, None)
    return Standing(system, now, remembered, trial, rows)


def declare_system(work: Workspace, found: Standing, declared: Declared) -> None:
    """Record what the system is that was *found*; ANEW forgets every row of the old one, and how far it was read."""
    with work.writing() as store:
        if declared is Declared.ANEW:
            store.begin_anew(found.system, work.sealer)
        store.declare_system(found.system, found.identity, trial=declared is Declared.TRIAL)
