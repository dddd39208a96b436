"""What the control store remembers, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from erpoa_cli.core.situation import Action

if TYPE_CHECKING:  # who asks for runs or locks needs no Arrow
    import pyarrow as pa


class RunStatus(StrEnum):
    """RUNNING is also what a killed run looks like: `erpoa resume` continues it."""

    RUNNING = "running"
    APPLIED = "applied"  # every change was applied
    PARTIAL = "partial"  # some rows were rejected, stale, blocked or wait
    IN_DOUBT = "in_doubt"  # the outcome of some operations is unknown
    INTERRUPTED = "interrupted"  # stopped by a person or an error between two batches; can be resumed
    PAUSED = "paused"  # a part was asked for; applying the same plan again writes the rest
    ABORTED = "aborted"  # given up


RESUMABLE = frozenset({RunStatus.RUNNING, RunStatus.INTERRUPTED, RunStatus.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class Run:
    """One apply. `serial` is the environment's serial once the run was closed, else None."""

    id: str
    plan: str  # plan id
    blob: str  # archive digest of the plan file
    status: RunStatus
    who: str
    command: str
    opened: datetime
    closed: datetime | None
    serial: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """What of its plan a run was asked to write: the rows of `targets` and what they wait for (None: all), and of them the
    `first` (None: all) that are not among its batches up to number `begin` (exclusive) already."""

    targets: tuple[str, ...] | None = None
    first: int | None = None
    begin: int = 0


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class Intent:
    """One batch about to be written: which rows (ordinals of the plan's changes of *target*)."""

    number: int  # of the batch within the run, from 0
    target: str
    action: Action
    ordinals: pa.Int64Array
    wave: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """A journalled batch. `results` is None while only the intent is known; then its outcome is in doubt.

    Columns of results: `ordinal outcome error_class error`, `id_ID` of created rows, `d_F` what a pending
    value was resolved to, `deviated` (list of fields) with `s_F` their read-back values, `r_F` returned
    values. All but the first two may be absent."""

    run: str
    intent: Intent
    results: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock of an environment."""

    who: str
    host: str
    pid: int
    command: str
    since: datetime
    expires: datetime
    fencing: int

    def __str__(self) -> str:
        return (
            f"{self.who} on {self.host} (process {self.pid}, {self.command or 'erpoa'}), "
            f"since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        )


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row their system refused: withheld from plans while `digest` (of the desired row) is unchanged."""

    target: str
    key: str  # key JSON
    digest: str
    error_class: str
    reason: str
    first_seen: datetime
    last_seen: datetime
    attempts: int
    run: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row whose last operation has an unknown outcome: withheld until it is settled."""

    target: str
    key: str  # key JSON
    run: str
    ordinal: int
    action: Action
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Protection:
    """A row that must not be deleted."""

    target: str
    key: str  # key JSON
    who: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """The system whose rows are remembered, by its `identity`; `trial` is that of a copy with which plans may be made."""

    identity: str
    trial: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What only a person can do to a document; `run`: the one that told it first."""

    target: str
    key: str  # key JSON
    code: str
    reason: str
    since: datetime
    run: str


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One link of the audit chain: `digest` covers all the rest, `previous` the record before."""

    number: int
    at: str  # ISO 8601 in UTC, as it is hashed
    who: str
    environment: str
    command: str
    event: str
    plan: str
    run: str
    detail: str  # JSON
    previous: str
    digest: str
