"""An open database: reading through connections of their own, writing batches in transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from erpoa_cli.sdk.connector import BatchReading, Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Denied, SystemFailure
from erpoa_cli.sdk.sql import LEDGER, NARROWED, REPLICA, Sought, SqlMoment, TransactionSession
from erpoa_sql.errors import failure
from erpoa_sql.reflect import Table, names, reflect
from erpoa_sql.select import Selection
from erpoa_sql.write import Writing

_CONSISTENT = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
# the isolation in which a transaction sees one state ("": its own), and the statement with which that begins. SQL Server's
# SNAPSHOT has to be allowed for each database: there every read sees what it finds
_STEADY = {
    "postgresql": ("REPEATABLE READ", "SELECT 1"),
    "mysql": ("REPEATABLE READ", _CONSISTENT),
    "mariadb": ("REPEATABLE READ", _CONSISTENT),
    "oracle": ("SERIALIZABLE", "SELECT 1 FROM dual"),
    "sqlite": ("", "SELECT 1 FROM sqlite_master"),
}


# whether the server shows what another one has; of other databases nothing is known
IS_REPLICA = {
    "postgresql": "SELECT pg_is_in_recovery()",
    "mysql": "SELECT @@global.read_only",
    "mariadb": "SELECT @@global.read_only",
}


class AlchemySession(TransactionSession):
    """One database, as one user sees it. `_db` is the connection of the running transaction."""

    driver_errors = (SQLAlchemyError,)
    _db: Connection

    def __init__(self, engine: Engine, *, schema: str | None, read_only: bool, replica: bool = False) -> None:
        self._engine = engine
        self._schema = schema
        self._read_only = read_only
        self._replica = replica
        self._ledger = sqlalchemy.Table(
            LEDGER,
            sqlalchemy.MetaData(),
            sqlalchemy.Column("run_id", sqlalchemy.String(64), primary_key=True),
            sqlalchemy.Column("batch", sqlalchemy.BigInteger, primary_key=True, autoincrement=False),
            sqlalchemy.Column("effects_digest", sqlalchemy.String(80), nullable=False),
            sqlalchemy.Column(
                "at", sqlalchemy.DateTime, nullable=False, server_default=sqlalchemy.func.now()
            ),
            schema=schema,
        )

    # -- what there is --

    def check(self) -> Sequence[str]:
        try:
            with self._connected() as connection:
                names(connection, self._schema)
        except SystemFailure as error:
            return [str(error)]
        return []

    def identity(self) -> str:
        """Dialect, host, port, database and the schema in use; of a file database the real path."""
        url = self._engine.url
        database = url.database or ""
        if not url.host and database and os.path.exists(database):  # noqa: PTH110 - whether it is a path is what is asked
            database = os.path.realpath(database)
        where = f"{url.host}:{url.port}" if url.host else ""
        service = url.query.get("service_name", "")
        with self._connected() as connection:
            schema = self._schema or sqlalchemy.inspect(connection).default_schema_name or ""
        return f"sql:{url.get_backend_name()}:{where}/{database}{service}/{schema}"

    def objects(self, names_: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self._connected() as connection:
            wanted = names(connection, self._schema) if names_ is None else names_
            tables = (self._table(connection, name) for name in wanted)
            return [table.info for table in tables if table is not None]

    def close(self) -> None:
        self._engine.dispose()

    # -- reading --

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        faults: list[str] = []
        return BatchReading(Selection.schema(request), self._batches(request, sought, faults), faults=faults)

    def _batches(
        self, request: ReadRequest, sought: Sought | None, faults: list[str]
    ) -> Iterator[pa.RecordBatch]:
        with self._connected(stream_results=True) as connection:
            yield from self._read(connection, request, sought, faults)

    def moment(self) -> Moment | None:
        """A transaction in which all statements see what the first one saw, where the database has such."""
        if self._engine.dialect.name not in _STEADY:
            return None
        level, first = _STEADY[self._engine.dialect.name]
        ending = ExitStack()
        try:
            options = {"isolation_level": level} if level else {}
            connection = ending.enter_context(self._connected(stream_results=True, **options))
            connection.exec_driver_sql(first).close()
        except BaseException:
            ending.close()
            raise

        def read(request: ReadRequest) -> Reading:
            faults: list[str] = []

            def batches() -> Iterator[pa.RecordBatch]:
                with self.guarded():
                    yield from self._read(connection, request, None, faults)

            return BatchReading(Selection.schema(request), batches(), faults=faults)

        return SqlMoment(self, read, ending.close)

    def _read(
        self, connection: Connection, request: ReadRequest, sought: Sought | None, faults: list[str]
    ) -> Iterator[pa.RecordBatch]:
        table = None if request.query else self._existing(connection, request.object)
        if sought is None and self._is_narrowed(table, request):
            faults.append(NARROWED)
        asked = IS_REPLICA.get(self._engine.dialect.name)
        if sought is None and asked and not self._replica and connection.exec_driver_sql(asked).scalar():
            faults.append(REPLICA)
        yield from Selection(connection, table, request).batches(sought)

    def _is_narrowed(self, table: Table | None, request: ReadRequest) -> bool:
        """Of policies of other databases nothing is known."""
        if self._engine.dialect.name != "postgresql":
            return False
        with self._connected() as connection:
            return Selection(connection, table, request).is_narrowed()

    # -- writing --

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if self._read_only:
            raise Denied("this system is declared read_only")
        yield from super().write(batch)

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        return Writing(self._db, self._existing(self._db, batch.object), batch).all()

    def begin(self) -> None:
        self._db = self._engine.connect()
        self._db.begin()

    def finish(self) -> None:
        self._db.commit()
        self._db.close()

    def undo(self) -> None:
        with suppress(SQLAlchemyError):
            self._db.close()  # rolls back

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error)

    def has_ledger(self) -> bool:
        with self._connected() as connection:
            return sqlalchemy.inspect(connection).has_table(LEDGER, self._schema)

    def make_ledger(self) -> None:
        self._ledger.create(self._db, checkfirst=True)

    def add_to_ledger(self, batch: WriteBatch) -> None:
        row = {"run_id": batch.run, "batch": batch.number, "effects_digest": batch.effects_digest}
        self._db.execute(sqlalchemy.insert(self._ledger), row)

    def is_in_ledger(self, run: str, number: int) -> bool:
        ledger = self._ledger.c
        with self._connected() as connection:
            asked = sqlalchemy.select(ledger.run_id).where(ledger.run_id == run, ledger.batch == number)
            return connection.execute(asked).first() is not None

    # -- connections --

    def _table(self, connection: Connection, address: str) -> Table | None:
        return reflect(connection, address, self._schema, read_only=self._read_only)

    def _existing(self, connection: Connection, address: str) -> Table:
        table = self._table(connection, address)
        if table is None:
            raise ContractBroken(f"there is no table or view {address!r}")
        return table

    @contextmanager
    def _connected(self, **options: Any) -> Iterator[Connection]:
        """A connection to read by."""
        with self.guarded(), self._engine.connect() as connection:
            yield connection.execution_options(erpoa_reading=True, **options)
