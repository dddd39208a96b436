"""An open database: reading through connections of their own, writing batches in transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from erpoa_cli.sdk.connector import BatchReading, ObjectInfo, Reading, ReadRequest, Writable, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Denied, InDoubt, SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, NARROWED
from erpoa_sql.errors import failure
from erpoa_sql.reflect import Table, names, reflect
from erpoa_sql.select import Selection
from erpoa_sql.write import Writing


class AlchemySession(Writable):
    """One database, as one user sees it."""

    def __init__(self, engine: Engine, *, schema: str | None, read_only: bool) -> None:
        self._engine = engine
        self._schema = schema
        self._read_only = read_only
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

    def read(self, request: ReadRequest) -> Reading:
        return self._reading(request)

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        return self._reading(request, (tuple(by), values))

    def _reading(self, request: ReadRequest, sought: tuple[Sequence[str], pa.Table] | None = None) -> Reading:
        faults: list[str] = []
        return BatchReading(Selection.schema(request), self._batches(request, sought, faults), faults=faults)

    def _batches(
        self, request: ReadRequest, sought: tuple[Sequence[str], pa.Table] | None, faults: list[str]
    ) -> Iterator[pa.RecordBatch]:
        with self._connected(stream_results=True) as connection:
            table = None if request.query else self._existing(connection, request.object)
            if sought is None and self._is_narrowed(table, request):
                faults.append(NARROWED)
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
        if batch.ledger and not self._has_ledger():
            with self._transaction() as connection:
                self._ledger.create(connection, checkfirst=True)
        with self._transaction() as connection:
            if batch.ledger:
                self._enter(connection, batch)
            answer = Writing(connection, self._existing(connection, batch.object), batch).all()
        yield answer

    def committed(self, run: str, number: int) -> bool | None:
        if not self._has_ledger():
            return False
        ledger = self._ledger.c
        with self._connected() as connection:
            asked = sqlalchemy.select(ledger.run_id).where(ledger.run_id == run, ledger.batch == number)
            return connection.execute(asked).first() is not None

    def _has_ledger(self) -> bool:
        with self._connected() as connection:
            return sqlalchemy.inspect(connection).has_table(LEDGER, self._schema)

    def _enter(self, connection: Connection, batch: WriteBatch) -> None:
        row = {"run_id": batch.run, "batch": batch.number, "effects_digest": batch.effects_digest}
        try:
            connection.execute(sqlalchemy.insert(self._ledger), row)
        except IntegrityError as error:
            raise InDoubt(f"batch {batch.number} of run {batch.run} was committed before") from error

    # -- connections --

    def _table(self, connection: Connection, address: str) -> Table | None:
        return reflect(connection, address, self._schema, read_only=self._read_only)

    def _existing(self, connection: Connection, address: str) -> Table:
        table = self._table(connection, address)
        if table is None:
            raise ContractBroken(f"there is no table or view {address!r}")
        return table

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise failure(error) from error

    @contextmanager
    def _connected(self, **options: Any) -> Iterator[Connection]:
        """A connection to read by."""
        with self._guarded(), self._engine.connect() as connection:
            yield connection.execution_options(erpoa_reading=True, **options)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """All or nothing. A connection lost while it commits leaves the outcome open."""
        with self._guarded(), self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                yield connection
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except SQLAlchemyError as error:
                why = failure(error)
                if isinstance(why, Transient):
                    raise InDoubt(f"the answer to the COMMIT was lost: {why}") from error
                raise
