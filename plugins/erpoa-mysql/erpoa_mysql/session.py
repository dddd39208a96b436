"""An open database: reading through snapshots of their own, writing batches in transactions.

Each connection holds a lock with a name of its own, by which the next one recognises it, whatever numbers the server has
given out since.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.sdk.connector import Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, SystemFailure, Transient
from erpoa_cli.sdk.sql import LEDGER, ServedSession, Sought, SqlMoment, require_fields
from erpoa_mysql import doctor, select
from erpoa_mysql.config import Place
from erpoa_mysql.encode import quoted
from erpoa_mysql.errors import NO_SUCH_PROCESS, ROLLED_BACK, failure, told
from erpoa_mysql.reflect import find_relation, reflect, relations, what_hangs
from erpoa_mysql.settings import connect, end_when_idle
from erpoa_mysql.write import Writing


class MysqlSession(ServedSession):
    """One database."""

    driver_errors = (Error,)
    placeholder = "%s"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._locked = ""
        super().__init__()

    # -- what there is --

    def problems(self) -> Sequence[str]:
        return doctor.problems(self._db, self._place)

    def identity(self) -> str:
        return self._place.identity

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        with self.guarded():
            self.revive()
            db = self._db
            known = relations(db)
            wanted = list(known) if names is None else [name for name in names if name in known]
            hanging = what_hangs(db)
            return [reflect(db, known[name], samples=True, hanging=hanging).info for name in wanted]

    def close(self) -> None:
        if self._db.open:
            self._db.close()

    # -- reading --

    def select(self, request: ReadRequest, sought: Sought | None) -> Reading:
        self.revive()
        return select.Selection(self._db, self._place, request, sought).reading()

    def moment(self) -> Moment:
        """Snapshots belong to one connection here: reads go one after the other."""
        with self.guarded():
            self.revive()
            shared = select.snapshot(self._place)

        def read(request: ReadRequest) -> Reading:
            return select.Selection(self._db, self._place, request, None, shared).reading()

        def end() -> None:
            if shared[0].open:
                shared[0].close()

        return SqlMoment(self, read, end)

    # -- writing --

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._db.run(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._db.rows(sql, parameters)

    def quote(self, name: str) -> str:
        return quoted(name)

    def begin(self) -> None:
        self.revive()
        # what others commit while we wait for a lock is seen; nothing is locked beside the rows written
        self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self.execute("START TRANSACTION")

    def is_undone(self, error: Exception) -> bool:
        return told(error)[0] in ROLLED_BACK

    def failure(self, error: Exception) -> SystemFailure:
        return failure(error)

    def has_ledger(self) -> bool:
        self.revive()
        found = self.rows(
            "SELECT t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e "
            "ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = database() AND t.TABLE_NAME = %s",
            (LEDGER,),
        )
        if found and found[0][1] != "YES":
            raise ContractBroken(_no_transactions(LEDGER, found[0][0]))
        return bool(found)

    def ledger_ddl(self) -> str:
        # runs are told apart by case; the server's own engine may have no transactions
        plain = (
            super().ledger_ddl().replace("VARCHAR(64)", "VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin")
        )
        return f"{plain} ENGINE=InnoDB"

    def write_rows(self, batch: WriteBatch) -> pa.RecordBatch:
        relation = find_relation(self._db, batch.object)
        if relation.is_view:
            raise ContractBroken(f"{batch.object} is a view: write to the table beneath it")
        if not relation.is_transactional:
            raise ContractBroken(_no_transactions(batch.object, relation.engine))
        table = reflect(self._db, relation)
        require_fields(table.info, batch)
        if batch.unless:
            self._lock(f"erpoa {hashlib.sha256(relation.name.encode()).hexdigest()[:32]}")
        return Writing(self, self._db, table, batch).all()

    # -- one at a time --

    def _lock(self, name: str) -> None:
        """Two of us must not both find that a row is not there and create it; others are stopped by unique keys alone.
        Kept until the transaction has ended."""
        ((locked,),) = self.rows("SELECT get_lock(%s, %s)", (name, self._place.lock_timeout))
        if not locked:
            raise Transient("another writer creates rows in the same table and does not come to an end")
        self._locked = name

    @contextmanager
    def transaction(self) -> Iterator[None]:
        try:
            with super().transaction():
                yield
        finally:
            if self._locked and self._db.open:
                with suppress(Error):  # lost with the connection
                    self.rows("SELECT release_lock(%s)", (self._locked,))
            self._locked = ""

    # -- a lost connection --

    def connect(self) -> str:
        mark, db = f"erpoa session {secrets.token_hex(16)}", connect(self._place)
        with self.guarded():
            end_when_idle(db)
            db.rows("SELECT get_lock(%s, 0)", (mark,))
        self._db = db
        return mark

    def is_connected(self) -> bool:
        try:
            self._db.ping(reconnect=False)
        except Error:
            self.close()
            return False
        return True

    def is_ended(self, mark: str) -> bool:
        ((holder,),) = self.rows("SELECT is_used_lock(%s)", (mark,))
        if holder is not None:
            try:
                self.execute(f"KILL {int(holder)}")
            except Error as error:
                if told(error)[0] != NO_SUCH_PROCESS:
                    raise
        return holder is None


def _no_transactions(table: str, engine: str) -> str:
    return (
        f"{table} is kept by {engine}, which has no transactions: half a batch could stay behind. "
        "ALTER TABLE … ENGINE=InnoDB, or read it only"
    )
