"""The control store: one SQLite database, written durably by one process and read by any number.

The only module that knows SQLite; the statements elsewhere keep to what PostgreSQL understands too.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.state.durable import PRIVATE
from erpoa_cli.state.schema import FORMAT, MIGRATIONS

_PATIENCE = 30.0  # seconds to wait for another writer's transaction
_PAUSE = 0.01
_MIGRATE = "run `erpoa state migrate`"

Row = sqlite3.Row


def now() -> str:
    """The present instant as the store writes instants."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Control:
    """A connection to the control store; usable from several threads, one at a time."""

    __slots__ = ("_connection", "_mutex")

    def __init__(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        self._connection = connection
        self._mutex = threading.RLock()

    @classmethod
    def reading(cls, path: Path) -> Self:
        """The store as it is now and stays for this connection; an empty one when *path* does not exist."""
        if not path.exists():
            control = cls(_connect(":memory:"))
            control.migrate()
            return control
        connection = _connect(f"{path.resolve().as_uri()}?mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:  # a read-only directory cannot hold the shared memory of WAL
            connection.close()
            connection = _connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _damaged(error) from error
        control = cls(connection)
        control._refuse_other_formats()
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM meta").fetchone()  # the snapshot begins with the first read
        return control

    @classmethod
    def writing(cls, path: Path, *, migrate: bool = False) -> Self:
        """The store for writing; created (mode 0600) when missing. *migrate* brings an older format up to date."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=PRIVATE, exist_ok=True)
        connection = _connect(f"{path.resolve().as_uri()}?mode=rw")
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _damaged(error) from error
        control = cls(connection)
        with control.transaction():
            if migrate or control.format == 0:
                control.migrate()
        control._refuse_other_formats()
        return control

    @property
    def format(self) -> int:
        """The store's format; 0 for a store without tables."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'meta'"):
            return 0
        return int(self.rows("SELECT value FROM meta WHERE name = 'format'")[0]["value"])

    def migrate(self) -> None:
        """Bring the store to the newest format, step by step."""
        for statements in MIGRATIONS[self.format :]:
            for statement in statements:
                self.run(statement)
        self.run(
            "INSERT INTO meta (name, value) VALUES ('format', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            str(FORMAT),
        )

    def _refuse_other_formats(self) -> None:
        try:
            found = self.format
        except sqlite3.DatabaseError as error:
            self.close()
            raise _damaged(error) from error
        if found != FORMAT:
            self.close()
            newer = found > FORMAT
            raise Failure(
                Diagnostic(
                    "E0522",
                    f"the state has format {found}, this erpoa {'knows up to' if newer else 'needs'} {FORMAT}",
                    remedy="use the newer erpoa that wrote it" if newer else _MIGRATE,
                ),
                exit=Exit.INVALID,
            )

    def rows(self, sql: str, *values: Any) -> list[Row]:
        with self._mutex:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row, if any."""
        with self._mutex:
            found: Row | None = self._connection.execute(sql, values).fetchone()
            return found

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement; how many rows it changed."""
        with self._mutex:
            return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._mutex:
            self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, synced to disk when the block ends; excludes other writers and threads."""
        with self._mutex:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.OperationalError):  # SQLite may have rolled back itself (disk full)
                    self._connection.execute("ROLLBACK")
                raise

    def copy_to(self, path: Path) -> None:
        """A consistent copy of the whole store."""
        with self._mutex:
            copy = sqlite3.connect(path)
            try:
                self._connection.backup(copy)
            finally:
                copy.close()

    def close(self) -> None:
        with self._mutex:
            self._connection.close()


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


def _damaged(error: sqlite3.DatabaseError) -> Failure:
    return Failure(
        Diagnostic(
            "E0523",
            f"the control store cannot be read: {error}",
            remedy="restore .erpoa from a backup (`erpoa state backup` makes them)",
        )
    )
