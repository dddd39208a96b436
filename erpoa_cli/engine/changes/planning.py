"""A plan in the making, and what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.event import Listener
from erpoa_cli.core.guard import Measure, Waiver
from erpoa_cli.core.plan import GuardVerdict, Header, Read
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.changes.diff import Differ
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.transform import Built
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import Layout, Sealer, StateReader


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
    """The plan file written at `path`, and what it amounts to."""

    path: Path
    header: Header
    conclusion: PlanConclusion
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(kw_only=True)
class Planning:
    """A plan in the making: what each stage found, for those after it."""

    bound: Bound
    connections: Connections
    state: StateReader
    options: PlanOptions
    staging: Staging
    listener: Listener
    sealer: Sealer | None
    names: tuple[str, ...] = ()  # all compared targets, in order
    selected: tuple[str, ...] = ()  # those that are planned
    infos: Mapping[str, ObjectInfo] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)
    reads: dict[str, Read] = field(default_factory=dict)
    built: Built | None = None
    differ: Differ | None = None
    measures: list[Measure] = field(default_factory=list)
    guards: list[GuardVerdict] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    errored: bool = False

    @property
    def root(self) -> Path:
        return Path(self.bound.project.root)

    @property
    def relations(self) -> frozenset[str]:
        """The relations that the compared targets are fed from, and all behind them."""
        return self.bound.needed({self.bound.targets[n].from_ for n in self.names})
