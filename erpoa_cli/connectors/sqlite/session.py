"""An open SQLite file: reading through snapshots of its own, writing batches in immediate transactions.

Every read opens a connection of its own and sees one snapshot, whatever is written meanwhile. Preconditions
stand in the UPDATE and DELETE statements: the stored value must be the one expected, byte for byte, or, where
another spelling means the same (`7.0920` and `7.092`), the same value of the declared type.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from erpoa_cli.connectors.sqlite import reflect
from erpoa_cli.connectors.sqlite.select import Lookup, Selection
from erpoa_cli.connectors.sqlite.values import Stored, canonical_of, encode, reached, value_of
from erpoa_cli.core.schema import identifier, literal, parse_type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import ObjectInfo, Reading, ReadRequest, WriteBatch, failed_reading
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    Fatal,
    InDoubt,
    MasterMissing,
    Rejected,
    SystemFailure,
    Transient,
)
from erpoa_cli.sdk.sql import LEDGER, Outcomes, SqlSession, missing_fields

_BUSY_SECONDS = 5.0
_TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}
_ROW = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
_DUPLICATE = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}
_MOVED = "the row is gone or has other values than when it was planned"


_type = lru_cache(parse_type)


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection to the existing file *path*: texts arrive as bytes, foreign keys are enforced, nothing can be
    loaded into it. Raises `SystemFailure`; never creates a file."""
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


def failure(error: sqlite3.Error) -> SystemFailure:
    """What *error* means, by SQLite's result code."""
    code = getattr(error, "sqlite_errorcode", None)
    words = str(error)
    primary = None if code is None else code & 0xFF
    if code in _DUPLICATE:
        return Duplicate(words)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return MasterMissing(words)
    if primary in _ROW:
        return Rejected(words)
    if primary in _TRANSIENT:
        return Transient(f"{words}: another process is writing")
    if primary in _DENIED:
        return Denied(words)
    if primary == sqlite3.SQLITE_IOERR:
        return InDoubt(words)
    if primary == sqlite3.SQLITE_ERROR:
        return ContractBroken(words)
    return Fatal(words)


class SqliteSession(SqlSession):
    """One SQLite file."""

    driver_errors = (sqlite3.Error,)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._db = connect(path, read_only=read_only)
        self._cursor = self._db.cursor()

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
            tables = (reflect.reflect(self._db, name) for name in names or reflect.table_names(self._db))
            return [self._info(table) for table in tables if table is not None]

    def _info(self, table: reflect.Table) -> ObjectInfo:
        return replace(table.info, writable=False) if self._read_only else table.info

    def _table(self, name: str) -> reflect.Table:
        table = reflect.reflect(self._db, name)
        if table is None:
            raise ContractBroken(f"there is no table or view {name!r}")
        return table

    def close(self) -> None:
        self._db.close()

    # -- reading --

    def read(self, request: ReadRequest) -> Reading:
        return self._reading(request)

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        return self._reading(request, (tuple(by), values))

    def _reading(
        self, request: ReadRequest, sought: tuple[tuple[str, ...], pa.Table] | None = None
    ) -> Reading:
        try:
            return Selection(connect(self._path, read_only=True), request, sought).reading()
        except (SystemFailure, sqlite3.Error) as error:
            return failed_reading(request, error)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, tuple(parameters))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, tuple(parameters)).fetchall()

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error) if isinstance(error, sqlite3.Error) else Fatal(str(error))

    def has_ledger(self) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (LEDGER,)))

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        table = self._table(batch.object)
        names = dict.fromkeys((*batch.columns("id"), *batch.columns("set"), *batch.columns("was")))
        if problem := missing_fields(table.info, tuple(names)):
            raise ContractBroken(problem)
        if batch.action is Action.CREATE:
            return self._create(table, batch)
        return self._change(table, batch)

    def _create(self, table: reflect.Table, batch: WriteBatch) -> pa.RecordBatch:
        outcomes = Outcomes(batch.rows)
        names = batch.columns("set")
        bound = self._bound(table, batch, "set", names, outcomes)
        for at in self._taken(table, batch):
            outcomes.stale(at, "a row with this key exists already")
        given = [n for n in table.info.id if n in names and not batch.rows[f"set.{n}"].null_count]
        asked = [n for n in table.info.id if n not in given]
        target, columns = identifier(batch.object), ", ".join(identifier(n) for n in names)
        holes = f"({columns}) VALUES ({', '.join('?' * len(names))})" if names else "DEFAULT VALUES"
        # OR ABORT: a conflict clause in the table's own definition (REPLACE, IGNORE, ROLLBACK) must not win
        sql = f"INSERT OR ABORT INTO {target} {holes}"
        todo = outcomes.applied()
        found: list[tuple[Any, ...] | None] = [None] * batch.rows.num_rows
        if asked:
            sql += f" RETURNING {', '.join(identifier(n) for n in asked)}"
        if asked or not self._at_once(sql, bound, todo, batch.rows.num_rows):
            self._one_by_one(sql, bound, todo, outcomes, found if asked else None)
        ids = {n: batch.rows[f"set.{n}"] for n in given}
        for place, name in enumerate(asked):
            stored = [None if row is None else row[place] for row in found]
            ids[name] = _id_array(stored)
        return outcomes.record_batch(ids)

    def _change(self, table: reflect.Table, batch: WriteBatch) -> pa.RecordBatch:
        outcomes = Outcomes(batch.rows)
        sets = batch.columns("set")
        bound = [
            *self._bound(table, batch, "set", sets, outcomes),
            *self._bound(table, batch, "id", batch.id, None),
            *self._bound(table, batch, "was", batch.columns("was"), None),
        ]
        assign = ", ".join(f"{identifier(n)} = ?" for n in sets)
        head = f"UPDATE OR ABORT {identifier(batch.object)} AS t SET {assign}"
        if batch.action is Action.DELETE:
            head = f"DELETE FROM {identifier(batch.object)} AS t"
        sql = f"{head} WHERE {_tests(batch, len(sets) + 1)}"
        todo = outcomes.applied()
        if not self._at_once(sql, bound, todo, batch.rows.num_rows):
            self._one_by_one(sql, bound, todo, outcomes, None)
        return outcomes.record_batch()

    def _bound(
        self,
        table: reflect.Table,
        batch: WriteBatch,
        prefix: str,
        names: Sequence[str],
        outcomes: Outcomes | None,
    ) -> list[list[Stored]]:
        """The values to bind per column; rows with a value that the column cannot keep are rejected."""
        columns = []
        for name in names:
            values, unfit = encode(table.stores[name], batch.types[name], batch.rows[f"{prefix}.{name}"])
            columns.append(values)
            for at, words in unfit.items():
                if outcomes is not None:
                    outcomes.reject(at, Rejected(f"{name}: {words}"))
        return columns

    def _at_once(self, sql: str, bound: Sequence[Sequence[Stored]], todo: Sequence[int], size: int) -> bool:
        """Write all rows with one call of the driver; False, with nothing written, unless each took effect."""
        if len(todo) != size or not bound:
            return False
        self._cursor.execute("SAVEPOINT erpoa_batch")
        try:
            self._cursor.executemany(sql, zip(*bound, strict=True))
            if self._cursor.rowcount == size:
                self._cursor.execute("RELEASE erpoa_batch")
                return True
        except sqlite3.Error as error:
            if not isinstance(failure(error), Rejected) or not self._db.in_transaction:
                raise
        self._cursor.execute("ROLLBACK TO erpoa_batch")
        self._cursor.execute("RELEASE erpoa_batch")
        return False

    def _one_by_one(
        self,
        sql: str,
        bound: Sequence[Sequence[Stored]],
        todo: Sequence[int],
        outcomes: Outcomes,
        found: list[tuple[Any, ...] | None] | None,
    ) -> None:
        """Write the rows *todo* each by its own statement, which SQLite undoes by itself when it fails. Where
        *found* is given, the statement returns the created row's identifier."""
        execute = self._cursor.execute
        creates = sql.startswith("INSERT")
        for at in todo:
            try:
                cursor = execute(sql, [column[at] for column in bound])
                if found is not None:
                    found[at] = cursor.fetchone()
                    written = found[at] is not None
                    cursor.fetchone()
                else:
                    written = cursor.rowcount == 1
            except sqlite3.Error as error:
                why = failure(error)
                if not isinstance(why, Rejected) or not self._db.in_transaction:
                    raise
                outcomes.reject(at, why)
                continue
            if not written and creates:
                outcomes.reject(at, Rejected("the database ignored the row (a trigger says so)"))
            elif not written:
                outcomes.stale(at, _MOVED)

    def _taken(self, table: reflect.Table, batch: WriteBatch) -> set[int]:
        """Positions of the rows to create that exist already, by one of the field sets `unless`."""
        taken: set[int] = set()
        for fields in batch.unless:
            values = pa.table({name: batch.rows[f"set.{name}"] for name in fields})
            lookup = Lookup(self._db, table, fields, values, {n: batch.types[n] for n in fields})
            taken |= lookup.present() | lookup.repeated()
            lookup.close()
        return taken


def _tests(batch: WriteBatch, first: int) -> str:
    """The WHERE of an update or delete; its parameters are numbered from *first*: identifiers, then what the
    row must still have. The plus sign keeps SQLite from converting a stored value before it is compared."""
    tests = [f"t.{identifier(name)} = ?{first + at}" for at, name in enumerate(batch.id)]
    for at, name in enumerate(batch.columns("was"), first + len(batch.id)):
        column, type_ = f"t.{identifier(name)}", literal(str(batch.types[name]))
        tests.append(f"(+{column} COLLATE BINARY IS ?{at} OR erpoa_same({column}, ?{at}, {type_}))")
    return " AND ".join(tests)


def _id_array(values: Sequence[Any]) -> pa.Array:
    texts = [value.decode() if isinstance(value, bytes) else value for value in values]
    return pa.array(texts)
