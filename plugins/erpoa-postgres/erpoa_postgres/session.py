"""An open database: reading through snapshots of their own, writing batches in transactions.

A connection is known by its server process: its number and when it began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pyarrow as pa

from erpoa_cli.sdk.connector import Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, ServedSession, Sought, SqlMoment, require_fields
from erpoa_postgres import doctor, select
from erpoa_postgres.config import Place
from erpoa_postgres.errors import failure
from erpoa_postgres.reflect import Db, find_relation, reflect, relations
from erpoa_postgres.write import Writing

_NEEDED = 130000  # gen_random_uuid, row-level RETURNING of partitions; the oldest version that gets fixes
# A process that was stopped inside a batch must not hold its rows for ever, nor commit when it wakes up and another
# has long done its work: the server ends the transaction.
_IDLE = "30s"
_MARK = "pid || ' ' || backend_start"


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


class PostgresSession(ServedSession):
    """One database."""

    driver_errors = (psycopg.Error,)
    placeholder = "%s"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._readers = select.Readers(place)
        super().__init__()

    # -- what there is --

    def problems(self) -> Sequence[str]:
        return doctor.problems(self._db, self._place)

    def identity(self) -> str:
        """The database and the schema in which names are looked for first, whoever set it."""
        with self.guarded():
            self.revive()
            ((schema,),) = self.rows("SELECT current_schema()")
        return f"{self._place.database}/{schema or ''}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self.guarded():
            self.revive()
            known = relations(self._db)
            wanted = list(known) if names is None else [name for name in names if name in known]
            return [reflect(self._db, known[name], samples=True).info for name in wanted]

    def close(self) -> None:
        self._readers.close()
        self._db.close()

    # -- reading --

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        self.revive()
        return select.Selection(self._db, self._readers, request, sought).reading()

    def moment(self) -> Moment:
        """A snapshot that one connection exports and every reading one sets: they may be of different processes of a pooler,
        but not of different servers."""
        with self.guarded():
            self.revive()
            held, name = self._readers.hold()

        def read(request: ReadRequest) -> Reading:
            return select.Selection(self._db, self._readers, request, None, name).reading()

        return SqlMoment(self, read, held.close, parallel=True)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.execute(sql, parameters or None)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, parameters or None).fetchall()

    def begin(self) -> None:
        self.revive()
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        self.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE}'")
        self.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # a row at fault is found while it can still be told apart

    def finish(self) -> None:
        if self._db.execute("COMMIT").statusmessage != "COMMIT":
            raise Transient("the server rolled the transaction back")

    def is_undone(self, error: Exception) -> bool:
        return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith("40")

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error)

    def has_ledger(self) -> bool:
        self.revive()
        sql = "SELECT to_regclass(quote_ident(current_schema()) || '.' || quote_ident(%s)) IS NOT NULL"
        return bool(self.rows(sql, (LEDGER,))[0][0])

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        return self.staged(batch)()

    def staged(self, batch: WriteBatch) -> Callable[[], pa.RecordBatch]:
        table = reflect(self._db, find_relation(self._db, batch.object))
        require_fields(table.info, batch)
        return Writing(self, self._db, table, batch).all

    # -- a lost connection --

    def connect(self) -> str:
        db = connect(self._place)
        with self.guarded():
            sql = f"SELECT {_MARK} FROM pg_stat_activity WHERE pid = pg_backend_pid()"
            ((mark,),) = db.execute(sql).fetchall()
        self._db = db
        return str(mark)

    def is_connected(self) -> bool:
        try:
            self._db.execute("")
        except psycopg.OperationalError:
            self._db.close()
            return False
        return True

    def is_ended(self, mark: str) -> bool:
        sql = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_MARK} = %s"
        return not self.rows(sql, (mark,))
