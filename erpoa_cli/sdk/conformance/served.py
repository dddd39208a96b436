"""What connectors of database servers promise when a connection, the server or both go away, and of clocks.

class TestMine(Served):
    connector = MyConnector
    def config(self): ...             # of a user whom nobody else is; its database has no tables but `thing`
    def by_hand(self, *statements): ...   # as administrator, in the same database
    …
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar
from unittest.mock import patch

import pyarrow as pa

from erpoa_cli.core.schema import INTEGER, STRING, Field
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.conformance.asking import Config, raised
from erpoa_cli.sdk.connector import Connector, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, ServedSession, doctor

_PATIENCE = 60.0  # seconds for what is awaited
_SOON = 15.0  # seconds until the server says that a connection is gone which is: less than its own limits
_PAUSE = 0.15  # MariaDB tells nothing new to who asks more often
_SHIFT = timedelta(hours=1)


class Served(ABC):
    """The table `thing` (`id` a number and the key, `v` a text) has one row: 1, 'old'."""

    connector: ClassVar[type[Connector]]
    stubborn: ClassVar[Sequence[str]]  # in a transaction: of two in a deadlock the other is ended
    deadlock: ClassVar[str]  # what a deadlock is told with
    many: ClassVar[str]  # adds rows 2 to 12000 with texts of 2,000 characters to `thing`

    @abstractmethod
    def config(self) -> Config:
        """A config; `thing` is as said above, and there is no ledger."""

    @abstractmethod
    def by_hand(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run *statements*, each committed; the rows of the last."""

    @abstractmethod
    def kill(self) -> None:
        """Have the server end all connections of the user."""

    @abstractmethod
    def waiting(self) -> list[Any]:
        """What the server calls the connections of the user that wait for a lock."""

    @abstractmethod
    def is_there(self, connection: Any) -> bool:
        """Whether the server still works for *connection* (of `waiting`)."""

    @abstractmethod
    def held(self) -> AbstractContextManager[Callable[[str], object]]:
        """While it lasts, a transaction of somebody else has locked the row of `thing`; what runs statements in it. It is
        rolled back at the end."""

    @abstractmethod
    def cut(self, session: ServedSession) -> None:
        """Cut the line of the session's connection; the server hears nothing of it."""

    @contextmanager
    def session(self, config: Config) -> Iterator[ServedSession]:
        session = self.connector().open(config)
        assert isinstance(session, ServedSession)
        try:
            yield session
        finally:
            session.close()

    def holds(self, value: str) -> bool:
        """Whether the row has *value*."""
        return self.by_hand("SELECT v FROM thing WHERE id = 1") == [(value,)]

    def until_waiting(self) -> list[Any]:
        """Wait until the user waits for a lock; `waiting`."""
        until(lambda: bool(self.waiting()))
        return self.waiting()

    # -- connections --

    def test_a_connection_lost_between_batches_is_made_anew(self) -> None:
        with self.session(self.config()) as session:
            assert outcome(session, update(1)) == ["applied"]
            self.kill()
            assert session.committed("r", 1) is True
            self.kill()
            assert outcome(session, update(2)) == ["stale"], "the row has our value now"
            self.kill()
            assert [i.address for i in session.objects()] == ["thing"]

    def test_a_connection_that_was_closed_is_made_anew(self) -> None:
        with self.session(self.config()) as session:
            session.close()
            assert session.check() == []

    def test_a_connection_lost_in_a_batch_leaves_nothing(self) -> None:
        with self.session(self.config()) as session:
            with self.held():
                write = Background(session, update(1))
                self.until_waiting()
                self.kill()
                assert isinstance(write.ended(), Transient)
            assert session.committed("r", 1) is False
            assert self.holds("old")
            assert outcome(session, update(1)) == ["applied"], "the same batch again"
            assert session.committed("r", 1) is True

    def test_a_server_process_that_does_not_know_we_are_gone_is_ended_before_anything_else(self) -> None:
        """Else it would still write what is planned again meanwhile."""
        for ledger in (True, False):
            with self.session(self.config()) as session:
                with self.held():
                    write = Background(session, update(1, ledger=ledger))
                    (connection,) = self.until_waiting()
                    self.cut(session)
                    assert isinstance(write.ended(), Transient)
                    assert self.is_there(connection), "the old one does not want to write any more"
                    assert not session.committed("r", 1)
                    until(lambda gone=connection: not self.is_there(gone), _SOON)  # type: ignore[misc]
                assert self.holds("old")

    def test_a_lost_connection_is_not_forgotten_because_its_end_took_too_long(self) -> None:
        with self.session(self.config()) as session:
            with self.held():
                write = Background(session, update(1))
                (connection,) = self.until_waiting()
                self.cut(session)
                assert isinstance(write.ended(), Transient)
                with (
                    patch.object(type(session), "is_ended", lambda *_: False),
                    patch("erpoa_cli.sdk.sql.served._PATIENCE", 0.0),
                ):
                    assert raised(lambda: session.committed("r", 1), Transient), "it was not awaited"
                assert session.committed("r", 1) is False
                until(lambda: not self.is_there(connection), _SOON)
            assert self.holds("old")

    def test_a_deadlock_is_transient_and_leaves_nothing(self) -> None:
        with self.session(self.config()) as session:
            with session.transaction():
                session.make_ledger()
            with self.held() as run:
                for statement in self.stubborn:
                    run(statement)
                write = Background(session, update(1))
                self.until_waiting()  # it has its ledger row and waits for ours
                run(f"INSERT INTO {LEDGER} (run_id, batch, effects_digest) VALUES ('r', 1, 'theirs')")
            error = write.ended()
            assert isinstance(error, Transient), error
            assert self.deadlock in str(error), error
            assert session.committed("r", 1) is False
            assert outcome(session, update(1)) == ["applied"]

    def test_a_read_that_loses_its_connection_has_failed(self) -> None:
        with self.session(self.config()) as session:
            self.by_hand(self.many)
            asked = ReadRequest(object="thing", fields=(Field("id", INTEGER), Field("v", STRING)))
            reading = session.read(asked)
            batches = iter(reading)
            next(batches)
            self.kill()
            read = 1 + sum(1 for _ in batches)
            assert reading.verdict.status == "failed", f"{read} batches: {reading.verdict}"

    # -- clocks --

    def test_clocks_that_do_not_agree_are_told(self) -> None:
        with self.session(self.config()) as session:
            for shift, words in ((-_SHIFT, "ahead of"), (_SHIFT, "behind")):
                with patch.object(doctor, "datetime", shifted(shift)):
                    told = session.check()
                assert len(told) == 1, told
                assert words in told[0], told


class Background:
    """A write in a thread: what it ends with."""

    def __init__(self, session: ServedSession, batch: WriteBatch) -> None:
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(session, batch))
        self._thread.start()

    def _run(self, session: ServedSession, batch: WriteBatch) -> None:
        try:
            outcome(session, batch)
        except SystemFailure as error:
            self.error = error

    def ended(self) -> Exception | None:
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()
        return self.error


def update(number: int, *, value: str = "ours", ledger: bool = True) -> WriteBatch:
    """The batch that makes of the row what *value* says."""
    return WriteBatch(
        object="thing", action=Action.UPDATE, run="r", number=number, effects_digest="d", id=("id",),
        rows=pa.RecordBatch.from_pydict(
            {"ordinal": pa.array([0]), "id.id": pa.array([1]), "set.v": [value], "was.v": ["old"]}
        ),
        types={"id": INTEGER, "v": STRING}, ledger=ledger,
    )  # fmt: skip


def outcome(session: ServedSession, batch: WriteBatch) -> list[str]:
    return [row["outcome"] for answer in session.write(batch) for row in answer.to_pylist()]


def until(condition: Callable[[], object], seconds: float = _PATIENCE) -> None:
    """Wait until *condition* holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(_PAUSE)


def shifted(by: timedelta) -> type[datetime]:
    """A clock that goes wrong."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + by

    return Shifted
