"""The base of connectors to SQL databases: one batch is one transaction, each row has its own outcome.

A dialect gives the hooks marked *abstract*: reflection, statements, bulk reading, bulk writing. The walk of a
batch is the same for all: the ledger table is there (made in a transaction of its own), then in ONE transaction
the ledger row, the rows, the commit. A row that the database refuses is set aside with the database's own
words; the rest goes on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa

from erpoa_cli.core.schema import identifier
from erpoa_cli.sdk.connector import Writable, WriteBatch
from erpoa_cli.sdk.errors import InDoubt, Rejected, SystemFailure

LEDGER = "erpoa_ledger"


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
