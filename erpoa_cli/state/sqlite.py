"""The control store in SQLite: one file, written durably by one process and read by any number."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.database import Condition, Row
from erpoa_cli.state.durable import PRIVATE

_PATIENCE = 30.0  # seconds to wait for another writer's transaction
_PAUSE = 0.01
# A statement of ours that means nothing to the store tells that its schema is damaged.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)


class SqliteDatabase:
    """`Database` over a connection of sqlite3."""

    __slots__ = ("_connection",)

    shared = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = _row
        self._connection = connection

    @classmethod
    def reading(cls, path: Path) -> Self:
        """The store as it is now and stays for this connection; an empty one when *path* does not exist."""
        if not path.exists():
            return cls.empty()
        connection = _connect(f"{path.resolve().as_uri()}?mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:  # a read-only directory cannot hold the shared memory of WAL
            connection.close()
            connection = _connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _damaged(error) from error
        try:
            connection.execute("BEGIN")
            connection.execute(
                "SELECT name FROM sqlite_master"
            ).fetchone()  # the snapshot begins with the first read
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _damaged(error) from error
        return cls(connection)

    @classmethod
    def empty(cls) -> Self:
        """A store without tables that nobody else sees."""
        return cls(_connect(":memory:"))

    @classmethod
    def writing(cls, path: Path) -> Self:
        """The store for writing; created (mode 0600) when missing."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=PRIVATE, exist_ok=True)
        connection = _connect(f"{path.resolve().as_uri()}?mode=rw")
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _damaged(error) from error
        return cls(connection)

    def has(self, table: str) -> bool:
        return bool(self.query("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)))

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        with _readable():
            return self._connection.execute(sql, values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with _readable():
            self._connection.executemany(sql, rows)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with _readable():
            return self._connection.execute(sql, values).fetchall()

    claim = query  # a writing transaction excludes all others

    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        with _readable():
            yield from self._connection.execute(sql, values)

    def define(self, statement: str) -> None:
        self._connection.execute(statement)

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        with suppress(sqlite3.OperationalError):  # SQLite may have rolled back itself (disk full)
            self._connection.execute("ROLLBACK")

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def condition(self) -> Condition:
        return Condition(f"SQLite {sqlite3.sqlite_version}")

    def close(self) -> None:
        self._connection.close()


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=_PATIENCE, check_same_thread=False
    )


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. SQLite does not wait when another process is just doing the same."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


@contextmanager
def _readable() -> Iterator[None]:
    """A page that is no page any more, or a text that is none, is damage; what else goes wrong is raised as it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)  # a text that does not decode has none
        if code in _DAMAGE or (code is None and "decode" in str(error)):
            raise _damaged(error) from error
        raise


def _damaged(error: sqlite3.DatabaseError) -> Failure:
    return Failure(
        Diagnostic(
            "E0523",
            f"the control store cannot be read: {error}",
            remedy="restore .erpoa from a backup (`erpoa state backup` makes them)",
        )
    )
