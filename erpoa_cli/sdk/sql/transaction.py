"""One batch is one transaction, each row has its own outcome.

The walk of a batch is the same for all databases: the ledger table is there (made in a transaction of its own), then in
ONE transaction the ledger row, the rows, the commit. A row that the database refuses is set aside with the database's
own words; the rest goes on. A read that cannot begin is a failed read, not an error.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import ClassVar

import pyarrow as pa

from erpoa_cli.sdk.connector import (
    Moment,
    Reading,
    ReadRequest,
    Steady,
    Writable,
    WriteBatch,
    failed_reading,
)
from erpoa_cli.sdk.errors import InDoubt, Rejected, SystemFailure, Transient

LEDGER = "erpoa_ledger"
Sought = tuple[tuple[str, ...], pa.Table]
"""What `find` looks for: the names of fields, and the sets of values as columns of these names."""


class SqlMoment(Moment):
    """The state of a database that a transaction of *session* sees, over a connection of its own: *select* reads in it, *end*
    ends it."""

    def __init__(
        self,
        session: TransactionSession,
        select: Callable[[ReadRequest], Reading],
        end: Callable[[], None],
        *,
        parallel: bool = False,
    ) -> None:
        self._session, self._select, self._end = session, select, end
        self.parallel = parallel

    def read(self, request: ReadRequest) -> Reading:
        try:
            with self._session.guarded():
                return self._select(request)
        except SystemFailure as error:
            return failed_reading(request, error)

    def close(self) -> None:
        self._end()


class TransactionSession(Writable, Steady):
    """A session with a database that has transactions, whichever way it is spoken to."""

    driver_errors: ClassVar[tuple[type[Exception], ...]]  # what the driver raises

    # -- what a connector gives --

    @abstractmethod
    def failure(self, error: Exception) -> SystemFailure:
        """What *error* of the driver means. A `Rejected` is about one row; all else is about the whole batch."""

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that may write; fails early when another writer is at work."""

    @abstractmethod
    def finish(self) -> None:
        """End the transaction for good, what it did is kept; raises the driver's errors."""

    @abstractmethod
    def undo(self) -> None:
        """Roll back whatever is open; quiet when nothing is."""

    def is_undone(self, error: Exception) -> bool:  # noqa: ARG002 - for the databases that say so
        """Whether *error* of `finish` says that nothing of the transaction was kept. Otherwise a passing failure may have
        come after the commit."""
        return False

    @abstractmethod
    def has_ledger(self) -> bool: ...

    @abstractmethod
    def make_ledger(self) -> None:
        """Create the table `LEDGER` in the running transaction; not an error when another did meanwhile."""

    @abstractmethod
    def add_to_ledger(self, batch: WriteBatch) -> None:
        """Insert the row of *batch*; `failure` of the driver's error is a `Rejected` where there is one already."""

    @abstractmethod
    def is_in_ledger(self, run: str, number: int) -> bool: ...

    @abstractmethod
    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        """Write the rows of *batch* in the running transaction and answer per row (`Outcomes`)."""

    def staged(self, batch: WriteBatch) -> Callable[[], pa.RecordBatch]:
        """What writes the rows of *batch* and answers per row, called once the ledger has its row. A dialect that loads
        them into a stage does it here, before anything is locked: a client that stands still while it sends is not
        idle to its server, and nothing would end its transaction."""
        return partial(self.write_rows, batch)

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        """All that is asked for, or the rows that have values that are *sought*; errors leave as they are. Not needed where
        `read` and `find` are overridden."""
        raise NotImplementedError

    # -- reading --

    def moment(self) -> Moment | None:
        """None; for a database in which several statements can see one state, a `SqlMoment`."""
        return None

    def read(self, request: ReadRequest) -> Reading:
        return self._reading(request, None)

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        return self._reading(request, (tuple(by), values))

    def _reading(self, request: ReadRequest, sought: Sought | None) -> Reading:
        try:
            with self.guarded():
                return self.select(request, sought)
        except SystemFailure as error:
            return failed_reading(request, error)

    # -- writing --

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        with self.guarded():
            ready = not batch.ledger or self.has_ledger()
        if not ready:
            with self.transaction():
                self.make_ledger()
        with self.transaction():
            place = self.staged(batch)
            if batch.ledger:
                self.enter_ledger(batch)
            answer = place()
        yield answer

    def committed(self, run: str, number: int) -> bool | None:
        with self.guarded():
            return self.has_ledger() and self.is_in_ledger(run, number)

    def enter_ledger(self, batch: WriteBatch) -> None:
        """Note *batch* as part of the running transaction; `InDoubt` when it was committed before."""
        try:
            self.add_to_ledger(batch)
        except self.driver_errors as error:
            if isinstance(self.failure(error), Rejected):
                raise InDoubt(f"batch {batch.number} of run {batch.run} was committed before") from error
            raise

    def commit(self) -> None:
        """Keep what the transaction did. Where the answer is lost, nobody knows whether it is kept: `InDoubt`."""
        try:
            self.finish()
        except self.driver_errors as error:
            why = self.failure(error)
            if isinstance(why, Transient) and not self.is_undone(error):
                raise InDoubt(f"the answer to the commit was lost: {why}") from error
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
