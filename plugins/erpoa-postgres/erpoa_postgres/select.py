"""One SELECT over a snapshot: whole, since a cursor, or only the rows with given values.

Read by ADBC: binary COPY, decoded to Arrow as it arrives, in a transaction of its own that sees one state of the
database and may not write. Values never stand in the statement: COPY takes no parameters, so they wait in settings
of the transaction.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]
import pyarrow as pa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import STRING, Field, Kind, Type, identifier, literal
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.errors import SystemFailure, Transient
from erpoa_cli.sdk.sql import NARROWED, REPLICA, Sought, where
from erpoa_cli.sdk.sql import Selection as SqlSelection
from erpoa_postgres.columns import Delivery, as_text, delivery
from erpoa_postgres.config import Place
from erpoa_postgres.errors import failure_of
from erpoa_postgres.reflect import Db, described, find_relation
from erpoa_postgres.values import DIALECT, equals, staged

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WITHOUT_HURRY = (
    "SELECT count(set_config(name, '0', true)) FROM pg_settings "
    "WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')"
)
_IS_REPLICA = "SELECT pg_is_in_recovery()"
_SAID = re.compile(r"(?:ERROR|FATAL|PANIC):\s+(.*?)(?:\n|$)")  # the driver adds the whole statement
_REFUSED = "42501"  # insufficient_privilege
_BLOCK = 4 << 20  # bytes per record batch, so that memory stays bounded whatever the rows are


def failure(error: Exception) -> SystemFailure:
    """What an error of the reading driver means."""
    code = getattr(error, "sqlstate", None)
    said = _SAID.search(str(error))
    words = " ".join((said[1] if said else str(error)).split())
    return failure_of(code, words) if code and code.strip("\0") else Transient(words)


class Readers:
    """Connections to read over. To learn the server's types takes ten times as long as to connect: once is enough."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._first: Any = None
        self._guard = threading.Lock()

    def open(self) -> Any:
        """A new connection, for its user to close. Raises `SystemFailure`."""
        try:
            with self._guard:
                if self._first is None:
                    self._first = adbc.connect(self.place.conninfo.reveal(), autocommit=True)
                connection = self._first.adbc_clone()
        except adbc_driver_manager.Error as error:
            raise failure(error) from error
        connection.adbc_connection.set_autocommit(True)  # a clone begins a transaction of its own
        return connection

    def hold(self) -> tuple[Any, str]:
        """A connection that holds a snapshot until it is closed, and the name by which other connections see the same.
        The server does not end it for being idle: it has nothing to do but to be there. Raises `SystemFailure`."""
        connection = self.open()
        try:
            _do(connection, _SNAPSHOT)
            _row(connection, _WITHOUT_HURRY)
            (name,) = _row(connection, "SELECT pg_export_snapshot()")
        except BaseException:
            connection.close()
            raise
        return connection, str(name)

    def close(self) -> None:
        if self._first is not None:
            self._first.close()
            self._first = None


class Selection(SqlSelection):
    """A read request: described over *db*, read over a connection of *readers* that the reading closes."""

    def __init__(
        self,
        db: Db,
        readers: Readers,
        request: ReadRequest,
        sought: Sought | None,
        shared: str = "",
    ) -> None:
        """*shared*: the name of a snapshot that another connection holds; empty: one of its own."""
        super().__init__(request)
        self._readers = readers
        self._shared = shared
        self._sought = sought
        self._settings: list[str] = []
        self._from = f"({request.query}\n)" if request.query else find_relation(db, request.object).name
        self._columns = described(db, self._from)
        self.require(self._columns)
        self._where = where([*self.tests(), *([self._matches(*sought)] if sought is not None else [])])

    def reading(self) -> BatchReading:
        connection, snapshot = self._begun()
        try:
            faults = [] if self._sought is not None else list(self._doubts(connection))
            deliveries = self._deliveries(connection)
        except BaseException:
            connection.close()
            raise
        schema = pa.schema([(f.name, d.arrow) for f, d in zip(self.request.fields, deliveries, strict=True)])
        batches = self._batches(connection, deliveries, schema)
        return BatchReading(schema, batches, {"snapshot": snapshot}, faults)

    def _doubts(self, connection: Any) -> Iterator[str]:
        """Why rows may be there that are not shown."""
        if self._narrowed(connection):
            yield NARROWED
        if not self._readers.place.replica and _row(connection, _IS_REPLICA)[0]:
            yield REPLICA

    def _narrowed(self, connection: Any) -> bool:
        """Whether row-level security keeps rows from this role: with it switched off the server refuses such a query
        instead of answering with fewer rows."""
        _do(connection, "SAVEPOINT narrowed")
        try:
            _do(connection, "SET LOCAL row_security = off")
            _do(connection, f"SELECT FROM {self._from} t LIMIT 0")
        except adbc_driver_manager.Error as error:
            if getattr(error, "sqlstate", None) != _REFUSED:
                raise failure(error) from error
            return True
        finally:
            _do(connection, "ROLLBACK TO narrowed")
        return False

    def _begun(self) -> tuple[Any, str]:
        """A connection with a snapshot and the settings that hold our values."""
        connection = self._readers.open()
        try:
            _set(connection, self._readers.place.settings, "false")
            _do(connection, _SNAPSHOT)
            if self._shared:
                _do(connection, f"SET TRANSACTION SNAPSHOT {literal(self._shared)}")
            _set(connection, {f"erpoa.v{at}": value for at, value in enumerate(self._settings)}, "true")
            (snapshot,) = _row(connection, "SELECT pg_current_snapshot()::text")
        except BaseException:
            connection.close()
            raise
        return connection, str(snapshot)

    def _deliveries(self, connection: Any) -> list[Delivery]:
        """How each field is read. Columns that may hold what no declared type does are looked through first, in the
        same snapshot: those that do are read as text. Where rows are sought, a second search costs more than text."""
        found = [
            delivery(self.column(f.source), self._columns[f.source], f.type) for f in self.request.fields
        ]
        doubtful = [at for at, one in enumerate(found) if one.beyond]
        if not doubtful:
            return found
        if self._sought is not None:
            fields = self.request.fields
            return [
                as_text(self.column(f.source), self._columns[f.source]) if one.beyond else one
                for f, one in zip(fields, found, strict=True)
            ]
        tests = ", ".join(f"coalesce(bool_or({found[at].beyond}), false)" for at in doubtful)
        beyond = _row(connection, f"SELECT {tests} FROM {self._from} t{self._where}")
        for at, is_beyond in zip(doubtful, beyond, strict=True):
            if is_beyond:
                source = self.request.fields[at].source
                found[at] = as_text(self.column(source), self._columns[source])
        return found

    def _batches(
        self, connection: Any, deliveries: Sequence[Delivery], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f"{d.sql} AS {identifier(f'c{at}')}" for at, d in enumerate(deliveries))
        try:
            with closing(connection), closing(connection.cursor()) as cursor:
                cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BLOCK)})
                cursor.execute(f"SELECT {columns} FROM {self._from} t{self._where}")
                for batch in cursor.fetch_record_batch():
                    yield pa.RecordBatch.from_arrays(
                        [
                            _delivered(array, wanted)
                            for array, wanted in zip(batch.columns, schema.types, strict=True)
                        ],
                        schema=schema,
                    )
        except (adbc_driver_manager.Error, OSError) as error:
            raise failure(error) from error

    # -- which rows --

    def _value(self, text: str) -> str:
        """The SQL expression of *text*, which waits in a setting."""
        self._settings.append(text)
        return f"current_setting('erpoa.v{len(self._settings) - 1}')"

    def column(self, name: str) -> str:
        return DIALECT.column(name)

    def reached(self, cursor: Field) -> str:
        mark = f"{self._value(self.request.since)}::{staged(cursor.type)}"
        return DIALECT.reached(cursor.source, self._columns[cursor.source], cursor.type, mark)

    def equals(self, name: str, wanted: str | int) -> str:
        if not isinstance(wanted, str):
            return f"{self.column(name)} = {wanted}"
        if "\0" in wanted:
            return "false"
        return equals(self.column(name), self._columns[name], STRING, self._value(wanted))

    def _matches(self, by: tuple[str, ...], values: pa.Table) -> str:
        fields = {f.name: f for f in self.request.fields}
        lists = ", ".join(
            f"{self._value(_array(values[n], fields[n].type))}::{staged(fields[n].type)}[]" for n in by
        )
        names = ", ".join(f"v{at}" for at in range(len(by)))
        tests = " AND ".join(
            equals(self.column(fields[n].source), self._columns[fields[n].source], fields[n].type, f"f.v{at}")
            for at, n in enumerate(by)
        )
        return f"EXISTS (SELECT FROM (SELECT DISTINCT * FROM unnest({lists}) u({names})) f WHERE {tests})"


def _array(values: pa.ChunkedArray, type_: Type) -> str:
    """The values as the text of a PostgreSQL array; a text with NUL is in no row, and neither is NULL."""
    if type_.kind is Kind.INTEGER:
        return "{" + ",".join(text or "NULL" for text in values.cast(pa.utf8()).to_pylist()) + "}"
    texts = (canonical(value, type_) for value in values.to_pylist())
    prefix = "\\\\x" if type_.kind is Kind.BYTES else ""
    return (
        "{" + ",".join("NULL" if t is None or "\0" in t else f'"{prefix}{_escaped(t)}"' for t in texts) + "}"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _delivered(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if array.type == wanted:
        return array
    if pa.types.is_decimal128(wanted) and pa.types.is_int64(array.type):
        return _scaled(array, wanted)
    return array.cast(wanted)


def _scaled(digits: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Integers as decimals with these digits: the point moves, no digit does."""
    whole = digits.cast(pa.decimal128(19, 0))
    buffers = whole.buffers()
    return pa.Array.from_buffers(wanted, len(whole), buffers, whole.null_count, whole.offset)


def _do(connection: Any, sql: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(sql)


def _set(connection: Any, settings: Mapping[str, str], local: str) -> None:
    """All *settings* in one statement."""
    if settings:
        calls = (f"set_config(${at}, ${at + 1}, {local})" for at in range(1, 2 * len(settings), 2))
        _row(connection, f"SELECT {', '.join(calls)}", [text for pair in settings.items() for text in pair])


def _row(connection: Any, sql: str, parameters: Sequence[str] = ()) -> tuple[Any, ...]:
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute(sql, parameters or None)
            return tuple(cursor.fetchone())
    except (adbc_driver_manager.Error, OSError) as error:
        raise failure(error) from error
