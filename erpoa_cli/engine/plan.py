"""From a project to a frozen plan: one visible list of stages, none of which writes state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Exit
from erpoa_cli.core.plan import Header


@dataclass(frozen=True, slots=True)
class Waiver:
    """`--waive TARGET.GUARD=COUNT`: lets exactly COUNT pass, for a stated reason, in this one plan."""

    target: str
    guard: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What the command line may ask of a plan. `targets`: the selected ones (None: all, the plan is complete);
    `selection`: the expressions as typed, for the header; `adopt`: first contact only, no writes; `drift_only`:
    what others changed, no desired change; `retry`: rows rejected before are planned again."""

    as_of: datetime
    author: str
    targets: frozenset[str] | None = None
    selection: tuple[str, ...] = ()
    out: Path | None = None
    offline: bool = False
    full: bool = False
    adopt: bool = False
    drift_only: bool = False
    retry: bool = False
    waivers: tuple[Waiver, ...] = ()
    commit: str = ""
    dirty: bool = False
    expires_after: timedelta = timedelta(hours=24)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The plan file written at `path`; `exit` is SUCCESS, CHANGES (something would be done) or BLOCKED; the
    command line turns CHANGES into 0 unless `--detailed-exitcode`."""

    path: Path
    header: Header
    exit: Exit
    diagnostics: tuple[Diagnostic, ...] = ()
