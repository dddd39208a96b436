"""An open SQLite file: reading through snapshots of its own, writing batches in immediate transactions.

Every read opens a connection of its own and sees one snapshot, whatever is written meanwhile. Preconditions
stand in the UPDATE and DELETE statements: the stored value must be the one expected, byte for byte, or, where
another spelling means the same (`7.0920` and `7.092`), the same value of the declared type.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from erpoa_cli.connectors.sqlite import reflect
from erpoa_cli.connectors.sqlite.errors import failure
from erpoa_cli.connectors.sqlite.select import Selection
from erpoa_cli.connectors.sqlite.values import Stored, canonical_of, reached, value_of
from erpoa_cli.connectors.sqlite.write import Writing
from erpoa_cli.core.schema import parse_type
from erpoa_cli.sdk.connector import Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Fatal, MasterMissing, SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, Sought, SqlMoment, SqlSession, require_fields

_NEEDED = (3, 37, 0)  # STRICT tables, RETURNING
_BUSY_SECONDS = 5.0
_type = lru_cache(parse_type)


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection to the existing file *path*: texts arrive as bytes, foreign keys are enforced, nothing can be
    loaded into it. Raises `SystemFailure`; never creates a file."""
    if sqlite3.sqlite_version_info < _NEEDED:
        raise Fatal(
            f"SQLite {'.'.join(map(str, _NEEDED))} or newer is needed, this is {sqlite3.sqlite_version}"
        )
    if not path.is_file():
        raise Fatal(f"there is no file {path}")
    uri = f"file:{quote(str(path.absolute()))}?mode={'ro' if read_only else 'rw'}"
    try:
        db = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.text_factory = bytes
        db.create_function("erpoa_same", 3, _same, deterministic=True)
        db.create_function("erpoa_canonical", 2, _canonical, deterministic=True)
        db.create_function("erpoa_reached", 3, _reached, deterministic=True)
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise failure(error) from error
    return db


def _same(stored: Stored, expected: Stored, type_: str) -> bool:
    declared = _type(type_)
    return bool(value_of(stored, declared) == value_of(expected, declared))


def _canonical(stored: Stored, type_: str) -> str | None:
    return canonical_of(stored, _type(type_))


def _reached(stored: Stored, watermark: str, type_: str) -> bool:
    return reached(stored, watermark, _type(type_))


class SqliteSession(SqlSession):
    """One SQLite file."""

    driver_errors = (sqlite3.Error,)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._db = connect(path, read_only=read_only)
        self._careful = False

    # -- what there is --

    def check(self) -> Sequence[str]:
        """Reads one page of every table's root; with write access configured, also takes the write lock once."""
        try:
            with self.guarded():
                self._db.execute("PRAGMA schema_version").fetchone()
                if not self._read_only:
                    self._db.execute("BEGIN IMMEDIATE")
                    self._db.execute("ROLLBACK")
        except Transient as error:
            return [str(error)]
        except SystemFailure as error:
            return [f"{self._path}: {error}; set read_only: true if it is only read"]
        return []

    def identity(self) -> str:
        """The real path of the file: a SQLite database is the file at a place, so a copy elsewhere is another
        database. (Nothing is stored in the file to mark it: a copy would carry the mark, and a plan never writes.)"""
        return f"sqlite:{os.path.realpath(self._path)}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self.guarded():
            wanted = reflect.table_names(self._db) if names is None else names
            tables = (reflect.reflect(self._db, name) for name in wanted)
            return [self._info(table) for table in tables if table is not None]

    def _info(self, table: reflect.Table) -> ObjectInfo:
        return replace(table.info, writable=False) if self._read_only else table.info

    def close(self) -> None:
        self._db.close()

    # -- reading --

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        return Selection(connect(self._path, read_only=True), request, sought).reading()

    def moment(self) -> Moment:
        """One transaction of one connection: those of several do not begin at the same time."""
        db = connect(self._path, read_only=True)
        try:
            with self.guarded():
                db.execute("BEGIN")
                db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # now, not with the first read
        except BaseException:
            db.close()
            raise
        return SqlMoment(self, lambda request: Selection(db, request, None, shared=True).reading(), db.close)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, tuple(parameters))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, tuple(parameters)).fetchall()

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def is_undone(self, error: Exception) -> bool:  # noqa: ARG002 - no answer is lost between us and a file
        return True

    def undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error) if isinstance(error, sqlite3.Error) else Fatal(str(error))

    def has_ledger(self) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (LEDGER,)))

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        try:
            yield from super().write(batch)
        except MasterMissing:  # from the COMMIT: foreign keys checked only there
            self._careful = True
            try:
                yield from super().write(batch)
            finally:
                self._careful = False

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        table = reflect.reflect(self._db, batch.object)
        if table is None:
            raise ContractBroken(f"there is no table {batch.object!r}")
        require_fields(table.info, batch)

        def restart() -> None:
            self.begin()
            if batch.ledger:
                self.enter_ledger(batch)

        writing = Writing(self._db, table, batch, restart)
        return writing.without_dangling() if self._careful else writing.all()
