"""What a connector implements. The engine owns order, guards, retry, journal and doubt; a connector
reads, writes one batch, and finds rows again.

Abilities are base classes of the session: `Readable`, `Writable`. The engine checks every answer and
blames the connector by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import pyarrow as pa

from erpoa_cli.core.lifecycle import Lifecycle
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.project import Limits
from erpoa_cli.core.schema import Field, Kind, Type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.errors import SystemFailure

_FAULTS_TOLD = 5


class CreateSafety(StrEnum):
    """How a create is made safe against being done twice."""

    TRANSACTION = "transaction"  # written together with the ledger row, or not at all
    KEY = "key"  # the system enforces an idempotency key
    LOOKUP = "lookup"  # found by our reference before any repeat
    NONE = "none"  # an unclear outcome waits for a person


NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
"""What a column of numbers takes whose digits no type tells: a float, a number without precision and scale."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field of an object as discovery sees it. `type` is None when no type reads it without loss;
    `refused` then says why and which type to declare. `untyped`: every value there has a type of its own (a cell, a JSON
    value), so `type` is only what those looked at have, and what is written may have another. `takes`: the kinds of which it keeps values all the same when
    it is written, each exactly or not at all: a float keeps decimals of up to 15 digits."""

    name: str
    type: Type | None
    native: str
    nullable: bool = True
    generated: bool = False  # given by the system: may be left out of a create
    writable: bool = True
    refused: str = ""
    sample: str = ""
    untyped: bool = False
    takes: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True)
class ForeignKey:
    fields: tuple[str, ...]
    object: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hanging:
    """Rows of another object that a delete here takes along (`CASCADE`) or changes (`SET NULL`, `SET DEFAULT`): those whose
    `fields` are the `references` of the deleted row; these are empty where they are no fields of the row: then nobody knows
    how many hang on it. `object` can be asked by `read` and `find`. With the `event` UPDATE: what an update of the
    `references` does."""

    object: str
    fields: tuple[str, ...]
    references: tuple[str, ...]
    effect: str
    event: str = "DELETE"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """An object of a system: table, file, model or endpoint.

    `rows_per_call`: action (`create`, `update`, `delete`) or name of a lifecycle's call → rows that one call to the system writes at
    most, where a write may take several; `max_calls` counts these."""

    address: str
    fields: tuple[FieldInfo, ...]
    id: tuple[str, ...] = ()  # its own identifier (primary key)
    keys: tuple[tuple[str, ...], ...] = ()  # other unique sets of fields
    enforced: tuple[tuple[str, ...], ...] = ()  # sets of fields of which the system refuses a second row
    exchangeable: tuple[
        tuple[str, ...], ...
    ] = ()  # unique sets of fields that are checked when a statement or the transaction ends
    foreign_keys: tuple[ForeignKey, ...] = ()
    hanging: tuple[Hanging, ...] = ()  # on rows that are deleted
    following: tuple[Hanging, ...] = ()  # rows of which the referenced fields are updated
    triggers: tuple[str, ...] | None = (
        None  # that write by themselves when its rows are written; None: it does not tell
    )
    readable: bool = True
    refused: str = ""  # why it cannot be described; it has no fields then
    writable: bool = True
    create_safety: CreateSafety = CreateSafety.TRANSACTION
    batch_size: int | None = None  # rows per write; None: no limit of its own
    rows_per_call: Mapping[str, int] = field(default_factory=dict)
    settles: float = 0.0  # seconds until a write that was answered shows in what is read
    lingers: float = 0.0  # seconds that a call whose answer was lost may still be at work
    lifecycle: Lifecycle | None = None  # of known business documents; a target may declare another

    def field(self, name: str) -> FieldInfo | None:
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What to read: `fields` with their declared types; `since`: only rows whose `cursor` field is at or
    after this canonical text. `query` is set instead of `object` where the source gives one."""

    object: str
    fields: tuple[Field, ...]
    query: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    cursor: str = ""
    since: str = ""


class Reading(ABC):
    """A read under way: iterate the record batches, then ask for the verdict.

    A column arrives either in exactly the Arrow type of its declared type (`sdk.arrow.arrow_type`) or as
    utf8 text; text is parsed by the engine, which holds a row whose value does not parse. Columns are named
    after the fields (`Field.name`). A reading never raises away what it has: an error while iterating ends
    the iteration with a `failed` verdict.

    Evidence `at_once: true` says that all rows are of one state of the system, as those of one answer or one file are; rows
    of several pages are not. Reads of a `Moment` need not say so.
    """

    @property
    @abstractmethod
    def schema(self) -> pa.Schema: ...

    @abstractmethod
    def __iter__(self) -> Iterator[pa.RecordBatch]: ...

    @property
    @abstractmethod
    def verdict(self) -> Verdict:
        """How the read ended; `failed` when asked before the batches are exhausted."""


class BatchReading(Reading):
    """A `Reading` over an iterator of record batches: counts rows and turns errors into the verdict.

    *faults* and *evidence* may be added to by the iterator while it runs: rows it had to leave out, in words, and what
    shows how much there was. A read with faults is `partial`."""

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        evidence: Mapping[str, Any] | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        self._schema = schema
        self._batches = batches
        self._evidence = {} if evidence is None else evidence
        self._faults = faults
        self._verdict = Verdict(ReadStatus.FAILED, "the read was not finished")

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        rows = 0
        try:
            for batch in self._batches:
                rows += batch.num_rows
                yield batch
        except Exception as error:  # noqa: BLE001 - whatever a driver raises ends this read, not the program
            words = str(error) if isinstance(error, SystemFailure) else f"{type(error).__name__}: {error}"
            self._verdict = Verdict(ReadStatus.FAILED, words, {"rows": rows})
            return
        evidence = {**self._evidence, "rows": rows}
        if self._faults:
            evidence["left_out"] = len(self._faults)
            self._verdict = Verdict(ReadStatus.PARTIAL, _told(self._faults), evidence)
        else:
            self._verdict = Verdict(ReadStatus.COMPLETE, evidence=evidence)

    @property
    def verdict(self) -> Verdict:
        return self._verdict


def failed_reading(request: ReadRequest, error: Exception) -> Reading:
    """The reading of a request that cannot even begin: no rows, and a verdict that says why."""

    def nothing() -> Iterator[pa.RecordBatch]:
        yield from ()
        raise error

    return BatchReading(pa.schema([(f.name, pa.utf8()) for f in request.fields]), nothing())


def _told(faults: Sequence[str]) -> str:
    rest = len(faults) - _FAULTS_TOLD
    return "; ".join(faults[:_FAULTS_TOLD]) + (f"; and {rest} more" if rest > 0 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBatch:
    """Rows to write in one go: all with the same action and the same written fields.

    Columns of `rows`, typed as declared: `ordinal` (int64, the engine's row number); `id.NAME` for every
    id field (update, delete); `set.NAME` the values to write (create, update); `was.NAME` the values the row
    must still have (update, delete): a row that has others is `stale` and stays as it is. A create is `stale`
    when a row with equal values in one of the field sets `unless` exists.

    Where an object has no transactions (its `create_safety`), `rows` has `key` too: a text per row that stays the
    same whenever the same effect is asked for, for systems that take an idempotency key.
    """

    object: str
    action: Action  # create | update | delete | move
    rows: pa.RecordBatch
    run: str
    number: int  # of the batch within the run
    effects_digest: str
    id: tuple[str, ...]
    types: Mapping[str, Type]  # declared type of every field that occurs
    unless: tuple[tuple[str, ...], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    ledger: bool = True
    call: str = ""  # of a move: the name of the lifecycle's call

    def columns(self, prefix: str) -> tuple[str, ...]:
        """Names of the fields whose columns begin with *prefix* (`id`, `set` or `was`)."""
        start = prefix + "."
        return tuple(n.removeprefix(start) for n in self.rows.schema.names if n.startswith(start))


class Session(ABC):
    """An open connection to one system. Used from one thread at a time; the engine opens several."""

    @abstractmethod
    def check(self) -> Sequence[str]:
        """Problems with connection, credentials or privileges; empty when all is well (`erpoa doctor`)."""

    @abstractmethod
    def identity(self) -> str:
        """Endpoint and tenant, stable and free of secrets: a plan made for one is refused at another."""

    @abstractmethod
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        """All objects, or those of *names* that exist (an address with the target's `options` applied)."""

    @abstractmethod
    def close(self) -> None: ...


class Readable(Session):
    @abstractmethod
    def read(self, request: ReadRequest) -> Reading: ...


class Moment(ABC):
    """One state of a system, which every read of it sees, whatever is written meanwhile."""

    parallel: bool = False  # whether several reads may be under way at once, in threads of their own

    @abstractmethod
    def read(self, request: ReadRequest) -> Reading:
        """As that of a session. An error that ends the state makes this read and those that follow `failed`."""

    @abstractmethod
    def close(self) -> None: ...


class Steady(Readable):
    """A session with a system that can be looked at in one state by several reads."""

    @abstractmethod
    def moment(self) -> Moment | None:
        """The state of now, held until it is closed; None where this system cannot hold one. Nothing else is asked of the
        session meanwhile. Raises `SystemFailure`."""


class Writable(Readable):
    @abstractmethod
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        """Write *batch*; yield `OUTCOMES`-shaped batches with exactly one row per ordinal.

        Outcome `applied`, `rejected` (with the system's own words; the rest goes on) or `stale`; `id.NAME`
        columns give a created row's own identifier. With `batch.ledger` the rows and the ledger row
        `(run, number)` are committed in one transaction. Raises `sdk.errors.SystemFailure` when
        the whole batch failed or its outcome is unknown (`InDoubt`).

        What their system made of an applied row is told where it was read before anybody else could change the row (in the
        transaction, from the file before it took its place, from the answer): column `READ` (boolean) is true, and
        `seen.NAME` has what the row then held of every field written, in the type of `set.NAME`. A deleted row is then
        gone. All applied rows of an answer are read, or none. The engine reads the others itself, after the write, and
        cannot tell what their system made from what somebody else did meanwhile.

        Without transactions a row may also be `in_doubt`: nobody knows whether it happened; the engine looks it up.
        With `error_class` `transient` it surely did not happen, and is tried again. A batch that is refused as a
        whole without naming the row (`Rejected`, nothing of it written) is cut in two by the engine.
        """

    def unwritable(self, object: str) -> str:  # noqa: ARG002 - its name everywhere; most objects can be
        """Why no write of *object* (an address) can succeed as it is now, in words that end with what to do; empty: nothing
        is known that is in the way. A plan that would write asks, and holds the rows."""
        return ""

    @abstractmethod
    def committed(self, run: str, number: int) -> bool | None:
        """Whether the ledger has this batch; None when the system keeps no ledger (then rows are looked up)."""

    @abstractmethod
    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        """The rows whose fields *by* equal a row of *values* (columns named as *by*, typed as declared)."""


class Movable(Writable):
    @abstractmethod
    def move(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        """Make the call `batch.call` on every row of *batch* (`id.NAME`, `was.NAME`, `key`); outcomes as of `write`.

        The engine knows the state a call starts from and the one it leads to: it looks the document up before any
        repeat, so a move is never repeated here."""


class Connector(ABC):
    """A kind of system. `config_schema` is a JSON Schema (2020-12) of `config:`; a property with
    `"x-erpoa": {"secret": true}` must come from `secret()`; one with `"path": true` is a file, taken relative
    to the project directory before it reaches `open`."""

    name: ClassVar[str]
    config_schema: ClassVar[Mapping[str, Any]]
    abilities: ClassVar[tuple[type[Session], ...]] = (Readable,)
    source_options: ClassVar[Mapping[str, Any]] = {"type": "object", "additionalProperties": False}
    target_options: ClassVar[Mapping[str, Any]] = {"type": "object", "additionalProperties": False}
    filter_schema: ClassVar[Mapping[str, Any]] = {"type": "object", "additionalProperties": False}
    queries: ClassVar[bool] = False  # a source may give `query:` instead of `object:`
    paced: ClassVar[bool] = False  # keeps `limits.requests_per_second`
    drafts: ClassVar[frozenset[str]] = frozenset()  # kinds of interface documents it can read: `openapi`

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        """One instance stands for one system: all its sessions together keep *limits*."""
        self.limits = limits

    @classmethod
    def draft(cls, kind: str, document: Any, system: str) -> str:
        """The YAML text of a `config:` for what the interface *document* (parsed; one of `drafts`) describes; *system*
        begins the names of its secrets. `ValueError`, in words, when there is nothing to describe."""
        raise NotImplementedError(f"{cls.name} drafts nothing from {kind}")

    @classmethod
    def problems(cls, config: Mapping[str, Any]) -> Iterable[tuple[Sequence[str | int], str]]:  # noqa: ARG003
        """What is wrong with *config* besides what its JSON Schema says, each with the path that leads to it. Asks no
        system. Secrets may have any value."""
        return ()

    @classmethod
    def idle(
        cls,
        config: Mapping[str, Any],  # noqa: ARG003
        objects: Collection[str],  # noqa: ARG003
    ) -> Iterable[tuple[Sequence[str | int], str]]:
        """What of a sound *config* has no effect where sources and targets have only *objects*, each with the path that leads to
        it. Asks no system."""
        return ()

    @abstractmethod
    def open(self, config: Mapping[str, Any]) -> Session:
        """Open a session. *config* is valid against `config_schema`; secrets are `Secret` values."""


OUTCOMES = pa.schema(
    [("ordinal", pa.int64()), ("outcome", pa.utf8()), ("error_class", pa.utf8()), ("error", pa.utf8())]
)
"""Columns of a write's answer; `id.NAME` columns follow for creates, `READ` and `seen.NAME` where rows were read again."""

READ = "read"
