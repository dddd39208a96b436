"""An open database: reading through snapshots of their own, writing batches in transactions.

A connection that is lost is made anew for the next batch or look-up. The server process behind the old one is ended
first: until it is gone, nobody can say what it still does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pyarrow as pa

from erpoa_cli.sdk.connector import ObjectInfo, Reading, ReadRequest, WriteBatch, failed_reading
from erpoa_cli.sdk.errors import ContractBroken, InDoubt, SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, SqlSession, missing_fields
from erpoa_postgres import doctor, select
from erpoa_postgres.config import Place
from erpoa_postgres.errors import failure
from erpoa_postgres.reflect import Db, find_relation, reflect, relations
from erpoa_postgres.write import Writing

_NEEDED = 130000  # gen_random_uuid, row-level RETURNING of partitions; the oldest version that gets fixes
_PATIENCE = 30.0  # seconds to come back after a connection is lost, and for the old one's process to end
_PAUSE = 0.5
# A process that was stopped inside a batch must not hold its rows for ever, nor commit when it wakes up and another
# has long done its work: the server ends the transaction.
_IDLE = "30s"


def connect(place: Place) -> Db:
    """A connection to *place* with our settings. Raises `SystemFailure`."""
    try:
        db = psycopg.connect(place.conninfo.reveal(), autocommit=True, prepare_threshold=None)
        for name, value in place.settings.items():
            db.execute("SELECT set_config(%s, %s, false)", (name, value))
        first = db.execute("SELECT current_schema()").fetchall()[0][0]
    except psycopg.Error as error:
        raise failure(error) from None  # the connection string must not be in a traceback
    if db.info.server_version < _NEEDED:
        db.close()
        raise ContractBroken(f"PostgreSQL 13 or newer is needed, this is {db.info.server_version // 10000}")
    if (
        place.schema and first != place.schema
    ):  # else tables of the same names in `public` would be taken for it
        db.close()
        raise ContractBroken(f"there is no schema {place.schema!r}, or the role has no USAGE right on it")
    return db


class PostgresSession(SqlSession):
    """One database."""

    driver_errors = (psycopg.Error,)
    placeholder = "%s"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._db = connect(place)
        self._process = self._own_process()
        self._readers = select.Readers(place)

    # -- what there is --

    def check(self) -> Sequence[str]:
        try:
            with self.guarded():
                return doctor.problems(self._alive(), self._place)
        except SystemFailure as error:
            return [str(error)]

    def identity(self) -> str:
        """The database and the schema in which names are looked for first, whoever set it."""
        with self.guarded():
            self._alive()
            ((schema,),) = self.rows("SELECT current_schema()")
        return f"{self._place.database}/{schema or ''}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self.guarded():
            db = self._alive()
            known = relations(db)
            wanted = list(known) if names is None else [name for name in names if name in known]
            return [reflect(db, known[name], samples=True).info for name in wanted]

    def close(self) -> None:
        self._readers.close()
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
            with self.guarded():
                return select.Selection(self._alive(), self._readers, request, sought).reading()
        except SystemFailure as error:
            return failed_reading(request, error)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, parameters or None)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, parameters or None).fetchall()

    def begin(self) -> None:
        self._alive()
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        self.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE}'")
        self.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # a row at fault is found while it can still be told apart

    def commit(self) -> None:
        try:
            ended = self._db.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            why = failure(error)
            if isinstance(why, Transient) and not (error.sqlstate or "").startswith("40"):
                raise InDoubt(f"the answer to the commit was lost: {why}") from error
            raise
        if ended != "COMMIT":
            raise Transient("the server rolled the transaction back")

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error)

    def committed(self, run: str, number: int) -> bool | None:
        with self.guarded():
            self._alive()
        return super().committed(run, number)

    def has_ledger(self) -> bool:
        self._alive()
        sql = "SELECT to_regclass(quote_ident(current_schema()) || '.' || quote_ident(%s)) IS NOT NULL"
        return bool(self.rows(sql, (LEDGER,))[0][0])

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        return self.staged(batch)()

    def staged(self, batch: WriteBatch) -> Callable[[], pa.RecordBatch]:
        table = reflect(self._db, find_relation(self._db, batch.object))
        names = dict.fromkeys((*batch.columns("id"), *batch.columns("set"), *batch.columns("was")))
        if problem := missing_fields(table.info, tuple(names)):
            raise ContractBroken(problem)
        return Writing(self._db, table, batch).all

    # -- a lost connection --

    def _alive(self) -> Db:
        """The connection; a new one where it was lost, once nothing of the old one can happen any more."""
        try:
            self._db.execute("")
        except psycopg.OperationalError:
            self._db.close()
        else:
            return self._db
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db = connect(self._place)
                break
            except Transient:
                if time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)
        old, self._process = self._process, self._own_process()
        sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
        while self.rows(sql, old):
            if time.monotonic() > until:
                raise Transient("the server still works for the connection that was lost")
            time.sleep(_PAUSE)
        return self._db

    def _own_process(self) -> tuple[Any, ...]:
        sql = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        return self.rows(sql)[0]
