"""The staging area: one in-memory DuckDB per run, private, encrypted where it spills, and locked before project
SQL runs in it. Results leave through Arrow only.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import FunctionNullHandling, PythonUDFType

from erpoa_cli.core.interrupt import interrupt_behind
from erpoa_cli.core.json_value import JSON_MEANING, json_meaning
from erpoa_cli.core.project import Project
from erpoa_cli.core.relation import ACTUAL, KINDS, schema_of
from erpoa_cli.core.schema import Field, Type, identifier, literal
from erpoa_cli.engine.described import declared_type
from erpoa_cli.engine.problem import SqlProblem, TimedOut

_CATALOG = "staging"
SCHEMAS = (*dict.fromkeys(kind.schema for kind in KINDS), ACTUAL, "theirs", "desired", "base", "diff", "held")
_BATCH = 1 << 16  # rows per record batch that leaves
SLICE = 1 << 18  # rows of one relation that are loaded at once, about
_WIDE = 1 << 27  # bytes that they may take
ROOM = 1_000_000_000  # bytes that relations may take before they are compressed
_SETTINGS = (
    "SET checkpoint_threshold = '1TB'",  # relations are compressed when there is need, by `compact`
    "SET max_vacuum_tasks = 0",  # to merge row groups that are not full takes twice as long as to compress them
    "SET TimeZone = 'UTC'",
    "SET Calendar = 'gregorian'",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    "SET preserve_insertion_order = false",
    "SET default_null_order = 'nulls_first'",
)
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")


class Staging:
    """One run's DuckDB. Threads load through `insert`; SQL of projects runs only after `lock`. Statements that write run
    one after the other: none can be under way while relations are compressed.

    The directory *root*/.erpoa/tmp takes what does not fit into *memory* (DuckDB's words: "4GB"); directories
    that dead processes left there are removed. Without *root* nothing spills and nothing touches the disk.

    What spills is encrypted where DuckDB can do that safely (its own crypto only reads; `httpfs` brings one that
    writes). Where it cannot, *sensitive* values do not spill at all: the statement fails for lack of memory."""

    def __init__(
        self,
        root: Path | None,
        *,
        as_of: datetime,
        sensitive: bool = True,
        memory: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._spill = _private_directory(root / ".erpoa" / "tmp") if root else None
        self._db = duckdb.connect(":memory:")
        self._db.execute(f"ATTACH ':memory:' AS {_CATALOG} (COMPRESS)")
        self._db.execute(f"USE {_CATALOG}")
        self._lock = threading.Lock()
        self._late = threading.Event()
        self._holes = False
        self.locked = False
        self.as_of = as_of
        for statement in _SETTINGS:
            self._db.execute(statement)
        self.encrypts = _encrypts(self._db)
        self.spills = self._spill is not None and (self.encrypts or not sensitive)
        self._db.execute(f"SET temp_directory = {literal(str(self._spill) if self.spills else '')}")
        if memory:
            self._db.execute(f"SET memory_limit = {literal(memory)}")
        if threads:
            self._db.execute(f"SET threads = {int(threads)}")
        for schema in SCHEMAS:
            self._db.execute(f"CREATE SCHEMA {identifier(schema)}")
        self._db.execute(f"SET VARIABLE as_of = TIMESTAMPTZ {literal(as_of.isoformat())}")
        for name, function in (("nfkc", _nfkc), (JSON_MEANING, _json_meanings)):
            self._db.create_function(
                name,
                function,
                ["VARCHAR"],
                "VARCHAR",
                type=PythonUDFType.ARROW,
                null_handling=FunctionNullHandling.SPECIAL,
            )

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement whose rows nobody wants."""
        with self._lock, self._told():
            self._db.execute(sql, list(parameters) or None)

    def sql(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The rows of one query."""
        with self._lock, self._told():
            return self._db.execute(sql, list(parameters) or None).to_arrow_table()

    def reader(self, sql: str) -> pa.RecordBatchReader:
        """The rows of one query, as a stream; independent of what is executed meanwhile."""
        cursor = self._cursor()
        with self._told(cursor):
            return cursor.execute(sql).to_arrow_reader(_BATCH)

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row, as a Python value; None when there is none."""
        table = self.sql(sql, parameters)
        return table.column(0)[0].as_py() if table.num_rows else None

    def describe(self, sql: str) -> list[tuple[str, Type | None, str]]:
        """The columns of a query without running it: name, declared type (None: there is none), DuckDB's type.

        Only a single SELECT is described; anything else is a `SqlProblem`."""
        with self._lock, self._told():
            statements = self._db.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise SqlProblem("Parser Error: it is not one SELECT statement")
            try:
                rows = self._db.sql(sql)
            except duckdb.Error as error:
                raise self._located(sql, error) from None
            return [(n, declared_type(t), str(t)) for n, t in zip(rows.columns, rows.types, strict=True)]

    def _located(self, sql: str, error: duckdb.Error) -> SqlProblem:
        """*error* with its place, which DuckDB tells only when a statement is executed."""
        try:
            self._db.execute(f"EXPLAIN\n{sql}")
        except duckdb.Error as again:
            problem = SqlProblem(str(again))
            problem.line = max(0, problem.line - 1)
            return problem
        return SqlProblem(str(error))

    def syntax(self, sql: str) -> dict[str, Any]:
        """DuckDB's syntax tree of one SELECT; `{"error": true, …}` for what it cannot serialise."""
        with self._lock, self._told():
            row = self._db.execute(f"SELECT json_serialize_sql({literal(sql)})").fetchone()
        assert row is not None
        tree: dict[str, Any] = json.loads(row[0])
        return tree

    def create(self, schema: str, name: str, fields: Iterable[Field]) -> None:
        """An empty relation with exactly *fields*."""
        columns = ", ".join(f"{identifier(f.name)} {f.type.duckdb}" for f in fields)
        self.execute(f"CREATE OR REPLACE TABLE {relation(schema, name)} ({columns})")

    def insert(self, schema: str, name: str, reader: Any, select: str = "SELECT * FROM incoming") -> None:
        """Append to a relation what *select* makes of *reader* (Arrow data, named `incoming`): row by row, for it
        is given in slices. Thread-safe; nobody waits for what *reader* waits for."""
        into = f"INSERT INTO {relation(schema, name)} BY NAME {select}"
        for part in _slices(reader):
            self.compact(ROOM)
            self._fed(into, {"incoming": part})
            pa.default_memory_pool().release_unused()

    def make(self, schema: str, name: str, reader: Any, select: str = "SELECT * FROM incoming") -> None:
        """Create a relation as what *select* makes of *reader*, as `insert` does. Thread-safe."""
        empty = pa.Table.from_batches([], reader.schema)
        self._fed(f"CREATE OR REPLACE TABLE {relation(schema, name)} AS {select}", {"incoming": empty})
        self.insert(schema, name, reader, select)

    def compare(self, sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The rows of a query over Arrow *tables*, by the names they are given."""
        with self._feeding(tables) as cursor, self._told(cursor):
            return cursor.execute(sql).to_arrow_table()

    def _fed(self, sql: str, tables: Mapping[str, pa.Table]) -> None:
        with self._feeding(tables) as cursor, self._lock, self._told(cursor):
            cursor.execute(sql)

    @contextmanager
    def _feeding(self, tables: Mapping[str, Any]) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own that sees *tables* as temporary views."""
        cursor = self._cursor()
        try:
            for name, table in tables.items():
                cursor.register(name, table)
            yield cursor
        finally:
            cursor.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            cursor = self._db.cursor()
        cursor.execute(f"USE {_CATALOG}")
        return cursor

    def delete(self, schema: str, name: str, where: str) -> None:
        """Remove the rows of a relation (named `r` in *where*) before anybody remembers their numbers."""
        self.execute(f"DELETE FROM {relation(schema, name)} r WHERE {where}")
        self._holes = True

    def compact(self, beyond: int = 0) -> bool:
        """Compress what relations hold, to about a fifth, if they take more than *beyond* bytes: it costs more than
        to read them once. Whether there is nothing left to compress: while somebody reads a relation of which there
        is a newer one already, DuckDB does not compress."""
        if beyond and self._taken() <= beyond:
            return True
        with self._lock, self._told():
            try:
                self._db.execute(f"CHECKPOINT {_CATALOG}")
            except duckdb.TransactionException:
                return False
            self._holes = False
        return True

    def number(self) -> None:
        """From now on the numbers of rows (`rowid`) may be remembered: compressing changes them where rows were
        deleted, and that is done once before, when nobody reads."""
        if self._holes and not self.compact():
            raise RuntimeError("rows cannot be numbered while relations are read")

    def _taken(self) -> int:
        with self._lock:
            row = self._db.execute("SELECT sum(memory_usage_bytes)::BIGINT FROM duckdb_memory()").fetchone()
        return row[0] if row else 0

    def lock(self) -> None:
        """From now on nothing reaches out: no file, URL, ATTACH, COPY, extension or setting. Arrow data can still
        be registered and relations can still spill."""
        if not self.locked:
            for statement in _LOCKS:
                self._db.execute(statement)
            self.locked = True

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """A statement within that is still running after *seconds* is stopped, with `TimedOut`."""
        self._late.clear()

        def stop() -> None:
            self._late.set()
            self._db.interrupt()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._late.clear()

    @contextmanager
    def _told(self, connection: duckdb.DuckDBPyConnection | None = None) -> Iterator[None]:
        """Turn errors of DuckDB, on *connection* (None: that of all), into `SqlProblem`, what `limited` stopped into
        `TimedOut`, and into the interrupt itself what DuckDB made of one, while the statement may run on and be waited
        for when the connection is closed."""
        try:
            yield
        except UnicodeDecodeError:  # what it quotes of a row is cut within a character
            raise SqlProblem("") from None
        except (duckdb.Error, RuntimeError) as error:
            if interrupt := interrupt_behind(error):
                (connection or self._db).interrupt()
                raise interrupt from None
            if self._late.is_set():
                raise TimedOut("Timeout Error: it takes too long and was stopped") from None
            if isinstance(error, duckdb.Error):
                raise SqlProblem(str(error)) from None
            raise

    def close(self, *, waits: bool = True) -> None:
        """Without *waits* what other threads load is left to end with the process."""
        if waits:
            self._db.close()
        if self._spill:
            shutil.rmtree(self._spill, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(waits=not interrupt_behind(error))


def relation(schema: str, name: str) -> str:
    """A relation of the staging area as SQL names it."""
    return f"{identifier(schema)}.{identifier(name)}"


def located(project: Project, name: str) -> str:
    """The relation of *project* called *name*, as SQL names it where it lies; KeyError when there is none."""
    return relation(schema_of(project, name), name)


def _slices(data: Any) -> Iterator[pa.Table]:
    """*data* (a table, a reader) in parts of about `SLICE` rows, fewer where they are wide; at least one, which may be
    empty."""
    reader = data.to_reader(max_chunksize=SLICE) if isinstance(data, pa.Table) else data
    batches, ended = iter(reader), False
    while not ended:
        part: list[pa.RecordBatch] = []
        rows = size = 0
        while not ended and rows < SLICE and size < _WIDE:
            batch = next(batches, None)
            ended = batch is None
            if batch is not None:
                part.append(batch)
                rows, size = rows + batch.num_rows, size + batch.nbytes
        yield pa.Table.from_batches(part, reader.schema)


def _encrypts(db: duckdb.DuckDBPyConnection) -> bool:
    """Turn the encryption of spilled files on, if the crypto that makes it safe is installed."""
    try:
        db.execute("LOAD httpfs")
    except duckdb.Error:
        return False
    db.execute("SET temp_file_encryption = true")
    return True


def _nfkc(column: Any) -> Any:
    return pc.utf8_normalize(column, form="NFKC")


def _json_meanings(column: Any) -> Any:
    return pa.array([None if text is None else json_meaning(text) for text in column.to_pylist()], pa.utf8())


def _private_directory(parent: Path) -> Path:
    """A new directory only we can read, named after this process; those of dead processes are removed."""
    for directory in (parent.parent, parent):
        directory.mkdir(mode=0o700, exist_ok=True)
    for left in parent.iterdir():
        if not _alive(left.name.partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    made = parent / f"{os.getpid()}-{secrets.token_hex(8)}"
    made.mkdir(mode=0o700)
    return made


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
