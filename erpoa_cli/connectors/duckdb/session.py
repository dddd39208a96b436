"""An open DuckDB file: Arrow in, Arrow out, batches as set-based statements.

DuckDB ends a whole transaction at the first refused row, so a batch with bad rows is written again without them:
halved down to the row at fault, all within what becomes one transaction.
"""

from __future__ import annotations

import os
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from erpoa_cli.connectors.duckdb import columns as col
from erpoa_cli.connectors.duckdb.reflect import address, find_table, table_names
from erpoa_cli.connectors.duckdb.select import Selection, begin
from erpoa_cli.core.schema import identifier
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    Fatal,
    MasterMissing,
    Rejected,
    SystemFailure,
    Transient,
)
from erpoa_cli.sdk.sql import (
    LEDGER,
    Outcomes,
    Sought,
    SqlMoment,
    SqlSession,
    place_by_halves,
    require_fields,
)

_ROWS = "erpoa_rows"  # the rows of a statement, registered as a view
_VALUES = re.compile(r"\b((?i:key|string|value)) (['\"]).*\2", re.DOTALL)
_FILES = threading.Lock()  # DuckDB refuses to open a file that another thread is about to close
_WRITERS: dict[str, threading.Lock] = defaultdict(threading.Lock)  # per file
_BUSY_SECONDS = 60.0
_SAFE = {
    "enable_external_access": "false",  # a query of the project reads this database and nothing else
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection to the existing file *path* in UTC. Raises `SystemFailure`; never creates a file."""
    if not path.is_file():
        raise Fatal(f"there is no file {path}")
    try:
        with _FILES:
            db = duckdb.connect(str(path), read_only=read_only, config=dict(_SAFE))
        db.execute("SET TimeZone = 'UTC'")
    except duckdb.Error as error:
        raise failure(error) from error
    return db


def failure(error: Exception) -> SystemFailure:
    """What *error* of the driver means. DuckDB quotes the values it refuses; they may be sensitive and are left out."""
    words = _VALUES.sub(r"\1 (…)", str(error))
    match error:
        case duckdb.ConstraintException() if "still referenced" in words:  # nothing is missing: it is needed
            return Rejected(words)
        case duckdb.ConstraintException() if "foreign key" in words.lower():
            return MasterMissing(words)
        case duckdb.ConstraintException() if "uplicate key" in words:
            return Duplicate(words)
        case duckdb.ConstraintException() | duckdb.ConversionException() | duckdb.OutOfRangeException():
            return Rejected(words)
        case duckdb.TransactionException():
            return Transient(words)
        case duckdb.IOException() if "lock" in words:
            return Transient(words)
        case duckdb.PermissionException():
            return Denied(words)
        case duckdb.CatalogException() | duckdb.BinderException() | duckdb.ParserException():
            return ContractBroken(words)
        case duckdb.InvalidInputException() if "read-only" in words:
            return Denied(words)
        case _:
            return Fatal(words)


class DuckdbSession(SqlSession):
    """One DuckDB file."""

    driver_errors = (duckdb.Error,)

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._db = connect(path, read_only=read_only)

    # -- what there is --

    def check(self) -> Sequence[str]:
        try:
            with self.guarded():
                self._db.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
        except SystemFailure as error:
            return [f"{self._path}: {error}"]
        if not self._read_only and not os.access(self._path, os.W_OK):
            return [f"{self._path} cannot be written; set read_only: true if it is only read"]
        return []

    def identity(self) -> str:
        """The real path of the file: a copy elsewhere is another database (as with SQLite)."""
        return f"duckdb:{os.path.realpath(self._path)}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self.guarded():
            known = {address(*found): found for found in table_names(self._db)}
            wanted = list(known) if names is None else [name for name in names if name in known]
            return [find_table(self._db, name, read_only=self._read_only).info for name in wanted]

    def close(self) -> None:
        with _FILES:
            self._db.close()

    # -- reading --

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        return Selection(self._db.cursor(), request, sought).reading()

    def moment(self) -> Moment:
        db = self._db.cursor()
        with self.guarded():
            begin(db)
        return SqlMoment(self, lambda request: Selection(db, request, None, shared=True).reading(), db.close)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, list(parameters))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, list(parameters)).fetchall()

    def begin(self) -> None:
        self._db.execute("BEGIN TRANSACTION")

    def finish(self) -> None:
        try:
            self._db.execute("COMMIT")
        except duckdb.ConstraintException as error:  # another transaction committed the same key meanwhile
            raise Transient(str(error)) from error

    def is_undone(self, error: Exception) -> bool:  # noqa: ARG002 - no answer is lost between us and a file
        return True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One at a time, for two of us must not both find that a row is not there and create it. They are of one process:
        DuckDB lets no other in."""
        with _FILES:
            writer = _WRITERS[self.identity()]
        if not writer.acquire(timeout=_BUSY_SECONDS):
            raise Transient(f"another session writes to {self._path} and does not come to an end")
        try:
            with super().transaction():
                yield
        finally:
            writer.release()

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error)

    def has_ledger(self) -> bool:
        return bool(
            self.rows(
                "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'main' AND table_name = ?", (LEDGER,)
            )
        )

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        table = find_table(self._db, batch.object, read_only=self._read_only)
        require_fields(table.info, batch)
        outcomes = Outcomes(batch.rows)
        rows, generated = self._numbered(table, batch)
        self._set_aside(table, batch, rows, outcomes)
        positions = outcomes.applied()
        self._place(table, batch, rows.take(pa.array(positions, pa.int64())), positions, outcomes)
        outcomes.read({})  # no trigger and no column changes what was written
        given = [n for n in table.info.id if n in batch.columns("set") and n not in generated]
        ids = {n: rows[f"set.{n}"] for n in (*given, *generated)} if batch.action is Action.CREATE else {}
        return outcomes.record_batch(ids)

    def _numbered(self, table: col.Table, batch: WriteBatch) -> tuple[pa.RecordBatch, list[str]]:
        """The rows, with the identifiers that the table's defaults give to created ones, and their names."""
        if batch.action is not Action.CREATE:
            return batch.rows, []
        missing = [n for n in table.info.id if n not in batch.columns("set") and n in table.defaults]
        if not missing:
            return batch.rows, []
        given = ", ".join(f"{table.defaults[n]} AS {identifier('set.' + n)}" for n in missing)
        with self._registered(batch.rows):
            found = self._db.execute(f"SELECT *, {given} FROM {_ROWS}").to_arrow_table()
        return found.combine_chunks().to_batches()[0], missing

    def _set_aside(
        self, table: col.Table, batch: WriteBatch, rows: pa.RecordBatch, outcomes: Outcomes
    ) -> None:
        """Rows that a column would change (rejected), and rows that are not as planned (stale)."""
        size = rows.num_rows
        with self._registered(rows.append_column("pos", pa.array(range(size), pa.int64()))):
            for name in batch.columns("set"):
                native, type_ = table.natives[name], batch.types[name]
                if not col.is_exact(native, type_):
                    test = col.survives(f"r.{identifier('set.' + name)}", native, type_)
                    for (at,) in self.rows(f"SELECT pos FROM {_ROWS} r WHERE NOT {test}"):
                        outcomes.changed(at, name, native)
            if batch.action is Action.CREATE:
                for at in self._taken(table, batch):
                    outcomes.taken(at)
                return
            sql = f"SELECT r.pos, count(*) FROM {table.name} t JOIN {_ROWS} r ON {self._as_planned(table, batch)} GROUP BY r.pos"
            found = dict(self.rows(sql))
            for at in outcomes.applied():
                if at not in found:
                    outcomes.moved(at)
                elif found[at] > 1:
                    outcomes.ambiguous(at, found[at])

    def _taken(self, table: col.Table, batch: WriteBatch) -> Iterator[int]:
        for fields in batch.unless:
            pairs = [
                (f"t.{identifier(n)}", table.natives[n], batch.types[n], f"r.{identifier('set.' + n)}")
                for n in fields
            ]
            on = " AND ".join(f"{col.same(*pair)} AND {pair[3]} IS NOT NULL" for pair in pairs)
            yield from (
                at for (at,) in self.rows(f"SELECT DISTINCT r.pos FROM {_ROWS} r JOIN {table.name} t ON {on}")
            )
            values = ", ".join(f"r.{identifier('set.' + n)}" for n in fields)
            whole = " AND ".join(f"r.{identifier('set.' + n)} IS NOT NULL" for n in fields)
            again = f"SELECT r.pos FROM {_ROWS} r WHERE {whole} QUALIFY row_number() OVER (PARTITION BY {values} ORDER BY r.pos) > 1"
            yield from (at for (at,) in self.rows(again))

    def _as_planned(self, table: col.Table, batch: WriteBatch) -> str:
        tests = [(n, f"r.{identifier('id.' + n)}") for n in batch.id]
        tests += [(n, f"r.{identifier('was.' + n)}") for n in batch.columns("was")]
        return " AND ".join(
            col.same(f"t.{identifier(n)}", table.natives[n], batch.types[n], value) for n, value in tests
        )

    def _place(
        self,
        table: col.Table,
        batch: WriteBatch,
        rows: pa.RecordBatch,
        positions: Sequence[int],
        outcomes: Outcomes,
    ) -> None:
        sql = self._statement(table, batch, rows)

        def place(part: pa.RecordBatch) -> None:
            with self._registered(part):
                written = self._db.execute(sql).fetchone()
            if written is None or written[0] != part.num_rows:
                raise Transient(f"{batch.object}: {written} of {part.num_rows} rows were written")

        def attempt(part: pa.RecordBatch) -> None:
            self.begin()
            try:
                place(part)
            finally:
                self.undo()

        def restart(done: Sequence[pa.RecordBatch]) -> None:
            self.undo()
            self.begin()
            if batch.ledger:
                self.enter_ledger(batch)
            if done:
                place(pa.Table.from_batches(done).combine_chunks().to_batches()[0])

        def refused(at: int, error: Exception) -> None:
            why = failure(error)
            if not isinstance(why, Rejected):
                raise why from error
            outcomes.reject(positions[at], why)

        try:
            place(rows)
        except self.driver_errors as error:
            if not isinstance(failure(error), Rejected):
                raise
            self.undo()
            place_by_halves(rows, attempt, lambda _: None, refused, self.driver_errors)
            restart([])
            good = set(outcomes.applied())
            kept = [at for at, position in enumerate(positions) if position in good]
            positions = [positions[at] for at in kept]
            # rows that are refused only together (two of the batch with one key) are found here
            place_by_halves(
                rows.take(pa.array(kept, pa.int64())), place, restart, refused, self.driver_errors
            )

    def _statement(self, table: col.Table, batch: WriteBatch, rows: pa.RecordBatch) -> str:
        names = [n.removeprefix("set.") for n in rows.schema.names if n.startswith("set.")]
        values = [
            col.to_native(f"r.{identifier('set.' + n)}", table.natives[n], batch.types[n])
            if n in batch.types
            else f"r.{identifier('set.' + n)}"
            for n in names
        ]
        if batch.action is Action.CREATE:
            into = f"({', '.join(map(identifier, names))})"
            return f"INSERT INTO {table.name} {into} SELECT {', '.join(values)} FROM {_ROWS} r"
        where = self._as_planned(table, batch)
        if batch.action is Action.DELETE:
            return f"DELETE FROM {table.name} AS t USING {_ROWS} r WHERE {where}"
        assign = ", ".join(f"{identifier(n)} = {v}" for n, v in zip(names, values, strict=True))
        return f"UPDATE {table.name} AS t SET {assign} FROM {_ROWS} r WHERE {where}"

    def _registered(self, rows: pa.RecordBatch) -> _Registered:
        return _Registered(self._db, rows)


class _Registered:
    """Makes *rows* visible to statements for as long as the block lasts."""

    def __init__(self, db: duckdb.DuckDBPyConnection, rows: pa.RecordBatch) -> None:
        self._db, self._rows = db, rows

    def __enter__(self) -> None:
        self._db.register(_ROWS, pa.Table.from_batches([self._rows]))

    def __exit__(self, *_: object) -> None:
        self._db.unregister(_ROWS)
