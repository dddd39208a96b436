"""The base of connectors to SQL databases: one batch is one transaction, each row has its own outcome.

A dialect gives the hooks marked *abstract*: reflection, statements, bulk reading, bulk writing. The walk of a
batch is the same for all: the ledger table is there (made in a transaction of its own), then in ONE transaction
the ledger row, the rows, the commit. A row that the database refuses is set aside with the database's own
words; the rest goes on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import identifier
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import OUTCOMES, ObjectInfo, Writable, WriteBatch
from erpoa_cli.sdk.errors import InDoubt, Rejected, SystemFailure

LEDGER = "erpoa_ledger"
NARROWED = (
    "row-level security narrows what this role sees: rows that are not there may be hidden; give it BYPASSRLS, or read "
    "as the table's owner"
)

_SCALAR = {"type": ["string", "integer", "boolean", "null"]}
FILTER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "Only rows whose column equals the value (or one of the list); null means IS NULL.",
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
}
"""The filter of every SQL connector: column → value or list of values."""


class Outcomes:
    """What becomes of the rows of one batch, by position: applied unless said otherwise."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._ordinals = rows["ordinal"]
        self._others: dict[int, tuple[str, str, str]] = {}  # position → outcome, error class, error

    def reject(self, position: int, failure: SystemFailure) -> None:
        self._others[position] = (Outcome.REJECTED.value, failure.word, str(failure))

    def stale(self, position: int, words: str) -> None:
        self._others[position] = (Outcome.STALE.value, "stale", words)

    def applied(self) -> list[int]:
        """The positions of the rows that are applied."""
        return [at for at in range(len(self._ordinals)) if at not in self._others]

    def record_batch(self, ids: Mapping[str, pa.Array] | None = None) -> pa.RecordBatch:
        """The answer in the shape of `OUTCOMES`; *ids* (one value per row) become the `id.NAME` columns, NULL
        for rows that were not applied."""
        told: list[list[str | None]] = [
            [usual] * len(self._ordinals) for usual in (Outcome.APPLIED.value, None, None)
        ]
        for position, words in self._others.items():
            for column, word in zip(told, words, strict=True):
                column[position] = word
        columns = [self._ordinals, *(pa.array(column, pa.utf8()) for column in told)]
        applied = pc.equal(columns[1], Outcome.APPLIED.value)
        given = [pc.if_else(applied, values, None) for values in (ids or {}).values()]
        names = [*OUTCOMES.names, *(f"id.{name}" for name in ids or ())]
        return pa.RecordBatch.from_arrays([*columns, *given], names=names)


class SqlSession(Writable):
    """A session with a database that has transactions."""

    driver_errors: ClassVar[tuple[type[Exception], ...]]  # what the driver raises
    placeholder: ClassVar[str] = "?"  # of a parameter in a statement

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None: ...

    @abstractmethod
    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that may write; fails early when another writer is at work."""

    def commit(self) -> None:
        self.execute("COMMIT")

    @abstractmethod
    def failure(self, error: Exception) -> SystemFailure:
        """What *error* of the driver means. A `Rejected` is about one row; all else is about the whole batch."""

    @abstractmethod
    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        """Write the rows of *batch* in the running transaction and answer per row (`Outcomes`)."""

    def staged(self, batch: WriteBatch) -> Callable[[], pa.RecordBatch]:
        """What writes the rows of *batch* and answers per row, called once the ledger has its row. A dialect that loads
        them into a stage does it here, before anything is locked: a client that stands still while it sends is not
        idle to its server, and nothing would end its transaction."""
        return partial(self.write_rows, batch)

    def quote(self, name: str) -> str:
        return identifier(name)

    def ledger_ddl(self) -> str:
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quote(LEDGER)} (run_id VARCHAR(64) NOT NULL, batch BIGINT NOT NULL, "
            f"effects_digest VARCHAR(80) NOT NULL, {self.quote('at')} TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
            "PRIMARY KEY (run_id, batch))"
        )

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        with self.guarded():
            ready = not batch.ledger or self.has_ledger()
        if not ready:
            with self.transaction():
                self.execute(self.ledger_ddl())
        with self.transaction():
            place = self.staged(batch)
            if batch.ledger:
                self.enter_ledger(batch)
            answer = place()
        yield answer

    def committed(self, run: str, number: int) -> bool | None:
        with self.guarded():
            if not self.has_ledger():
                return False
            hole = self.placeholder
            sql = f"SELECT 1 FROM {self.quote(LEDGER)} WHERE run_id = {hole} AND batch = {hole}"
            return bool(self.rows(sql, (run, number)))

    @abstractmethod
    def has_ledger(self) -> bool: ...

    def enter_ledger(self, batch: WriteBatch) -> None:
        holes = ", ".join([self.placeholder] * 3)
        sql = f"INSERT INTO {self.quote(LEDGER)} (run_id, batch, effects_digest) VALUES ({holes})"
        try:
            self.execute(sql, (batch.run, batch.number, batch.effects_digest))
        except self.driver_errors as error:
            if isinstance(self.failure(error), Rejected):
                raise InDoubt(f"batch {batch.number} of run {batch.run} was committed before") from error
            raise

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Errors of the driver leave as `SystemFailure`."""
        try:
            yield
        except self.driver_errors as error:
            raise self.failure(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; errors of the driver leave as `SystemFailure` after the rollback."""
        with self.guarded():
            self.begin()
            try:
                yield
                self.commit()
            except BaseException:
                self.undo()
                raise

    def undo(self) -> None:
        """Roll back whatever is open; quiet when nothing is."""
        try:
            self.execute("ROLLBACK")
        except self.driver_errors:
            return


def place_by_halves(
    rows: pa.RecordBatch,
    place: Callable[[pa.RecordBatch], None],
    undo_to: Callable[[Sequence[pa.RecordBatch]], None],
    refused: Callable[[int, Exception], None],
    errors: tuple[type[Exception], ...],
) -> None:
    """Write *rows* by as few statements as the database lets pass.

    *place* writes a slice with one statement. When it fails, *undo_to* takes the transaction back to where only
    the given slices are written, and the slice is tried in halves, down to the single row that *refused* hears
    of (by position). *refused* raises for errors that are not about a row.
    """
    done: list[pa.RecordBatch] = []
    todo = [(0, rows)] if rows.num_rows else []
    while todo:
        start, part = todo.pop()
        try:
            place(part)
        except errors as error:
            undo_to(done)
            if part.num_rows == 1:
                refused(start, error)
            else:
                half = part.num_rows // 2
                todo += [(start + half, part.slice(half)), (start, part.slice(0, half))]
        else:
            done.append(part)


def missing_fields(info: ObjectInfo, names: Sequence[str]) -> str:
    """Words about those of *names* that the object lacks; empty when it has them all."""
    absent = [name for name in names if info.field(name) is None]
    return f"{info.address} has no field {', '.join(map(repr, absent))}" if absent else ""
