"""What is asked of a plan, what its stages work with, and what each of them returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.event import Finished, Listener, Started
from erpoa_cli.core.guard import Measure, Waiver
from erpoa_cli.core.plan import GuardVerdict, Header, Read
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.changes.diff import Differ
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.remainder import remainder
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import Layout, PlanFile, Sealer, StateReader


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

    @property
    def remainder(self) -> RunConclusion:
        """What is left undone when all of it is written."""
        return remainder(PlanFile.open(self.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every stage of one plan works with: the project as declared, the systems, the state, and the staging area."""

    bound: Bound
    connections: Connections
    state: StateReader
    options: PlanOptions
    staging: Staging
    listener: Listener
    sealer: Sealer | None

    @property
    def root(self) -> Path:
        return Path(self.bound.project.root)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Tell the listener when a stage begins and when it is over."""
        self.listener(Started(name))
        yield
        self.listener(Finished(name, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """`names`: the targets that are compared, each after those it refers to; `selected`: those of them that are planned;
    `relations`: what they are fed from, and all behind it."""

    names: tuple[str, ...]
    selected: tuple[str, ...]
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The compared targets as their systems describe them: `bound` with every field typed, and per target its object
    (`infos`, also of targets that only models read), the columns that are compared, its layout in plan and base, and the
    identity of its system."""

    bound: Bound
    infos: Mapping[str, ObjectInfo]
    shapes: Mapping[str, Shape]
    layouts: Mapping[str, Layout]
    identities: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What `diff."T"` was filled by, the reads with what comparing added to their evidence, and per target how many rows of
    others go along with what it deletes."""

    differ: Differ
    reads: Mapping[str, Read]
    along: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What the plan does, measured per target, and what guards, freezes and rules say of it."""

    measures: tuple[Measure, ...]
    guards: tuple[GuardVerdict, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
