"""A plan as values: what printing, saving, guarding and executing read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.situation import Action, Cause, Outcome, Situation


class Member(StrEnum):
    """The kinds of rows that a plan tells apart, each a table per target, in the order of the file. A row is set aside in one of
    the others, or is a change; it is drift or a conflict beside that."""

    CHANGES = "changes"  # written
    STATE = "state"  # only the state follows
    HELD = "held"
    WITHHELD = "withheld"
    TASKS = "tasks"
    DRIFT = "drift"
    CONFLICTS = "conflicts"

    @property
    def kind(self) -> str:
        """What one row of it is called."""
        return self.value.removesuffix("s")


APPLIED = (Member.CHANGES, Member.STATE)  # what apply does
ASIDE = tuple(member for member in Member if member not in APPLIED)  # what it does not
REPORTED = frozenset(
    {Member.DRIFT.kind, Member.CONFLICTS.kind}
)  # kinds of rows that are set aside and may be changes too


class ReadStatus(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a read ended. `reason` says why it is not complete; evidence values are JSON scalars, among them
    `rows`, and where offered `pages`, `total`, `scope`, `watermark`, `schema`, `digest`."""

    status: ReadStatus
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """A read that a plan rests on: `relation` is a source's name, or `actual.TARGET` for what a target held."""

    relation: str
    system: str
    verdict: Verdict
    held: int = 0  # rows set aside because a value did not parse or a test held them

    @property
    def held_of_ours(self) -> int:
        """Rows of a source that are held; what is held of theirs and concerns a row of ours is told with that row."""
        return 0 if self.relation.startswith("actual.") else self.held


@dataclass(frozen=True, slots=True)
class FieldChange:
    """The values of one field. `pending` names what gives the desired value when it is not known yet:
    (target, key text, field). `never`: nothing was agreed before, which is not an agreed NULL. `sensitive`: not to be
    told, except as far as `reveal` says."""

    before: Any = None
    after: Any = None
    agreed: Any = None
    seen: Any = None
    pending: tuple[str, str, str] | None = None
    never: bool = False
    sensitive: bool = False
    reveal: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a plan; of a document's way the steps that follow upon each other are one move."""

    address: Address
    action: Action
    situation: Situation
    cause: Cause
    fields: Mapping[str, FieldChange]  # the changed ones (all written ones for a create)
    ordinal: int
    wave: int = 0
    step: int = 1
    reason: str = ""
    outcome: Outcome | None = None  # of a run
    error: str = ""
    calls: tuple[str, ...] = ()  # of a move: how the document gets from the first state to the last

    @property
    def note(self) -> str:
        """The reason, and by which calls a document is moved."""
        called = f"({', '.join(self.calls)})" if self.calls else ""
        return " ".join(filter(None, [self.reason, called]))


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that is not written: held (a problem of its data), withheld (not proven, rejected before, in
    doubt), task (only a person can do it), drift or conflict that is only reported. `code` is a diagnostic code or short machine word."""

    address: Address
    kind: str  # as a `Member` of `ASIDE` calls it
    code: str
    reason: str
    wanted: Action | None = None  # what would have been done
    fields: Mapping[str, FieldChange] = field(default_factory=dict)

    @property
    def compared(self) -> bool:
        """Whether it tells how two sides differ; what is written of such a row stands among the changes."""
        return self.kind in REPORTED


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """A measured guard. `blocks` is False when within the limit, waived or only a warning; `at`: where the limit is
    written, None for one that holds by default or always."""

    guard: str
    target: str  # empty: the whole plan
    measured: int
    base: int  # what the share is of
    limit: str  # as a person reads it: "20 rows or 5 %"
    blocks: bool
    waived: str = ""  # the reason given
    message: str = ""
    at: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`plan.json`. `errored`: something failed while planning; `applyable`: has effects and nothing blocks;
    `complete`: nothing was left out by selection."""

    id: str
    created: datetime
    expires: datetime
    as_of: datetime
    project: str
    environment: str
    author: str
    tool: str
    lineage: str
    serial: int
    commit: str = ""
    dirty: bool = False
    selection: tuple[str, ...] = ()
    errored: bool = False
    applyable: bool = False
    complete: bool = True
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # target → action → rows
    plugins: Mapping[str, str] = field(default_factory=dict)  # connector → version
    effects_digest: str = ""
    manifest_digest: str = ""
    members: Mapping[str, str] = field(default_factory=dict)  # member → SHA-256
    format: int = 0  # of the file; said by what writes it


@dataclass(frozen=True, slots=True)
class Pattern:
    """Many changes told as one: `what` is e.g. `prefix +86 removed`; examples are addresses."""

    target: str
    action: Action
    field: str
    what: str
    rows: int
    cause: Cause
    examples: tuple[Address, ...] = ()


def share(measured: int, base: int) -> Decimal:
    """*measured* as a share of *base*; all of nothing is everything (1), nothing of nothing is 0."""
    return Decimal(measured) / base if base else Decimal(min(measured, 1))
