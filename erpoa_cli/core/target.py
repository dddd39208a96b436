"""A target as declared: which relation a system's object is kept in agreement with, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.lifecycle import Lifecycle
from erpoa_cli.core.schema import Sensitivity, Type


class Mode(StrEnum):
    UPSERT = "upsert"
    CREATE_ONLY = "create_only"
    UPDATE_ONLY = "update_only"


class OnSourceGone(StrEnum):
    KEEP = "keep"
    DEACTIVATE = "deactivate"
    DELETE = "delete"
    UNDO = "undo"  # documents: what `undo` of the lifecycle says
    TASK = "task"  # lines: they stay until a person removes them


class OnDrift(StrEnum):
    REPORT = "report"
    REVERT = "revert"
    ACCEPT = "accept"


class OnVanished(StrEnum):
    REPORT = "report"
    RECREATE = "recreate"
    FORGET = "forget"


class ReportOrWrite(StrEnum):
    REPORT = "report"
    WRITE = "write"


class Owns(StrEnum):
    APPLIED = "applied"
    ALL = "all"


class OnStale(StrEnum):
    SKIP = "skip"
    ABORT = "abort"


class Ownership(StrEnum):
    """Whose word counts for a field, seen from the target's system; from `master` of contract or field."""

    OURS = "ours"  # the master is elsewhere: we write, their edits are drift
    THEIRS = "theirs"  # the master is the target's own system: seeded on create, then left alone
    SHARED = "shared"  # flows from the side that changed


class OnLineProblem(StrEnum):
    HOLD_DOCUMENT = "hold_document"
    HOLD_LINE = "hold_line"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the relation the target is fed from."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of another target's row, found by `by` (columns of `from`, in the order of its key).

    Deferred: written by an update after all creates, which breaks a cycle."""

    target: str
    by: tuple[str, ...]
    defer: bool = False
    when_null: str = "null"  # null | hold: what a NULL in `by` gives
    missing: str = "hold"  # hold | null: what an unknown key gives


@dataclass(frozen=True, slots=True)
class Result:
    """A field that another target's rows hold after they were written (a number, a state)."""

    target: str
    field: str
    by: tuple[str, ...]
    join: str = ""
    text: str = ""  # a pattern with {value}


Value = Column | Constant | Reference | Result


@dataclass(frozen=True, slots=True)
class Compare:
    """One step of the normalisation before comparing, e.g. `trim`; `tolerance` carries its amount."""

    kind: str  # exact trim ci nfkc collapse_space digits_only unordered tolerance ignore
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class TargetField:
    """`type` and `sensitivity` are known after binding (`engine.check`), when columns have types: `bound`. `zone`: their field
    holds local times of this IANA zone; what is wanted and compared are instants."""

    name: str
    value: Value
    at: Location
    compare: tuple[Compare, ...] = ()
    ownership: Ownership = Ownership.OURS
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    reveal: str = ""  # "" | last4 | …
    type: Type | None = None
    zone: str = ""

    @property
    def bound(self) -> BoundField:
        """The field with its type; `ValueError` before it has one."""
        if self.type is None:
            raise ValueError(f"field {self.name} has no type yet")
        return BoundField(
            self.name,
            self.value,
            self.at,
            self.compare,
            self.ownership,
            self.sensitivity,
            self.reveal,
            type=self.type,
            zone=self.zone,
        )


@dataclass(frozen=True, slots=True)
class BoundField(TargetField):
    """A field whose type is known, as the diff has them all."""

    type: Type = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """A guard's limit: exceeded when count *or* share is; a share counts only from `floor` changes on. `at`: where it
    is written; None: by default."""

    count: int | None = None
    share: Decimal | None = None  # 0.05 is 5 %
    floor: int = 0
    at: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Lines:
    """Marks a target as the lines of a document: a child relation with rows of its own.

    The rows are `column` of the parent's `from`, one per list element; `link` is the field of a line that holds
    the parent row's id. Lines follow their document: they are removed as missing lines only while the
    document itself stays.

    `within`: the field of the document that is the list of its lines; a document is then written with all its lines,
    and `link` exists in the staging area only. Empty: lines are rows of an object of their own."""

    parent: str
    column: str
    link: str
    on_problem: OnLineProblem = OnLineProblem.HOLD_DOCUMENT
    within: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One declared target. `key` are columns of `from_`; `match` sets of target fields; `id` their own
    identifier's fields (empty: what the connector describes). Lines of a document are a Target with `lines`
    set, named `PARENT.FIELD`, whose key is the parent's key followed by the line key."""

    name: str
    from_: str
    system: str
    object: str
    key: tuple[str, ...]
    fields: tuple[TargetField, ...]
    at: Location
    match: tuple[tuple[str, ...], ...] = ()
    id: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    filter: Mapping[str, Any] = field(default_factory=dict)
    contract: str = ""
    description: str = ""
    owner: str = ""
    mode: Mode = Mode.UPSERT
    on_source_gone: OnSourceGone = OnSourceGone.KEEP
    deactivate: Mapping[str, Any] = field(default_factory=dict)
    restore: Mapping[str, Any] = field(default_factory=dict)
    owns: Owns = Owns.APPLIED
    on_first_contact: ReportOrWrite = ReportOrWrite.REPORT
    on_drift: OnDrift = OnDrift.REPORT
    on_conflict: str = "report"  # report | write | accept; for shared fields: report or a system's name
    on_vanished: OnVanished = OnVanished.REPORT
    on_new_field: ReportOrWrite = ReportOrWrite.WRITE
    on_stale: OnStale = OnStale.SKIP
    guards: Mapping[str, Limit] = field(default_factory=dict)
    batch: int | None = None  # rows per write; None: as many as the object takes
    depends_on: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    schedule: str = ""
    realtime: bool = False
    lines: Lines | None = None
    lifecycle: Lifecycle | None = None  # of documents; its `field` is among `fields`
    reach: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What its writes may do beyond its rows: object → `delete`, `set_null`, `set_default`; trigger → `trigger`."""

    def field(self, name: str) -> TargetField:
        return next(f for f in self.fields if f.name == name)

    @property
    def embedded(self) -> bool:
        """Whether its rows are lines that live inside their documents."""
        return self.lines is not None and bool(self.lines.within)


def embedded(targets: Mapping[str, Target], document: str) -> tuple[Target, ...]:
    """The targets whose rows live as lists inside the rows of the target *document*."""
    return tuple(t for t in targets.values() if t.lines and t.lines.within and t.lines.parent == document)
