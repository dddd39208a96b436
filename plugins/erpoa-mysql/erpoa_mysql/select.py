"""One SELECT over a snapshot: whole, since a cursor, or only the rows with given values.

Read over a connection of its own, in a transaction that sees one state of the database and may not write. The rows are
decoded as they arrive (`rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pymysql.constants import ER  # type: ignore[import-untyped]
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import STRING, Field
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.sql import REPLICA, Sought, where
from erpoa_cli.sdk.sql import Selection as SqlSelection
from erpoa_mysql.columns import INTEGERS, TEXTS, WORDS, Column, Delivery, as_text, delivery
from erpoa_mysql.config import Place
from erpoa_mysql.encode import constant
from erpoa_mysql.errors import failure, told
from erpoa_mysql.reflect import columns_of, described, find_relation
from erpoa_mysql.settings import connect
from erpoa_mysql.values import DIALECT, equals
from erpoa_mysql.wire import Wire

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
# no such right; no such statement (MySQL before 8.0.22)
_MAY_NOT_ASK = frozenset({ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, ER.PARSE_ERROR})
_SOUGHT = 500  # values named in one statement


def snapshot(place: Place) -> tuple[Wire, str]:
    """A connection that sees one state of the database and may not write, and when that was."""
    db = connect(place)
    try:
        db.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        db.run(_SNAPSHOT)
        ((moment,),) = db.rows("SELECT cast(utc_timestamp(6) AS char)")
    except BaseException:
        db.close()
        raise
    return db, moment


def is_replica(db: Wire) -> bool:
    """Whether the server takes its rows from another one. Few users may ask what it replicates; then it is one if it takes no
    writes, as replicas do, or says that it is at it (MariaDB)."""
    try:
        return bool(db.rows("SHOW REPLICA STATUS"))
    except Error as error:
        if told(error)[0] not in _MAY_NOT_ASK:
            raise
    if db.rows("SHOW GLOBAL STATUS WHERE Variable_name = 'Slave_running' AND Value = 'ON'"):
        return True
    return bool(db.rows("SELECT @@global.read_only")[0][0])


class Selection(SqlSelection):
    """A read request: described over *db*, read over a connection of its own that the reading closes, or over that of
    *shared*, a `snapshot` of several reads."""

    def __init__(
        self,
        db: Wire,
        place: Place,
        request: ReadRequest,
        sought: Sought | None,
        shared: tuple[Wire, str] | None = None,
    ) -> None:
        super().__init__(request)
        self._place = place
        self._shared = shared
        self._sought = sought
        if request.query:
            self._from, self._columns = f"({request.query}\n)", described(db, request.query)
        else:
            relation = find_relation(db, request.object)
            self._from, self._columns = relation.name, columns_of(db, relation)
        self.require(self._columns)
        tests = self.tests()
        self._wheres = (
            [where(tests)]
            if sought is None
            else [where([*tests, matched]) for matched in self._matches(*sought)]
        )

    def reading(self) -> BatchReading:
        db, moment = self._shared or snapshot(self._place)
        try:
            deliveries = self._deliveries(db)
            late = self._sought is None and not self._place.replica and is_replica(db)
        except BaseException:
            self._done(db, ended=False)
            raise
        schema = pa.schema([(f.name, d.arrow) for f, d in zip(self.request.fields, deliveries, strict=True)])
        faults = [REPLICA] if late else []
        return BatchReading(schema, self._batches(db, deliveries, schema), {"snapshot": moment}, faults)

    def _deliveries(self, db: Wire) -> list[Delivery]:
        """How each field is read. Columns that may hold what no declared type does are looked through first, in the
        same snapshot: those that do are read as text."""
        fields = self.request.fields
        found = [delivery(self.column(f.source), self._columns[f.source], f.type) for f in fields]
        doubtful = [at for at, one in enumerate(found) if one.beyond]
        if not doubtful:
            return found
        tests = ", ".join(f"coalesce(max({found[at].beyond}), 0)" for at in doubtful)
        for clause in self._wheres:
            (beyond,) = db.rows(f"SELECT {tests} FROM {self._from} t{clause}")
            for at, is_beyond in zip(doubtful, beyond, strict=True):
                if is_beyond:
                    field = fields[at]
                    found[at] = as_text(self.column(field.source), self._columns[field.source], field.type)
        return found

    def _batches(
        self, db: Wire, deliveries: Sequence[Delivery], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f"{d.sql} AS c{at}" for at, d in enumerate(deliveries))
        ended = False
        try:
            for clause in self._wheres:
                try:
                    for block in db.stream(f"SELECT {columns} FROM {self._from} t{clause}"):
                        arrays = [d.turned(array) for d, array in zip(deliveries, block, strict=True)]
                        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
                except Error as error:
                    raise failure(error) from error
            ended = True
        finally:
            self._done(db, ended=ended)

    def _done(self, db: Wire, *, ended: bool) -> None:
        """What is shared is read by others, unless an answer may still be on its way."""
        if self._shared is None or not ended:
            db.close()

    # -- which rows --

    def column(self, name: str) -> str:
        return DIALECT.column(name)

    def reached(self, cursor: Field) -> str:
        mark = constant(self.request.since, cursor.type)
        return DIALECT.reached(cursor.source, self._columns[cursor.source], cursor.type, mark)

    def equals(self, name: str, wanted: str | int) -> str | None:
        column, of = self.column(name), self._columns[name]
        match wanted:
            case bool():
                return f"{column} + 0 = {int(wanted)}" if of.base in INTEGERS or of.base == "bit" else None
            case int() if not _is_text(of):
                return f"{column} + 0 = {wanted}"
            case _:  # compared with a number, a text would be taken for the number it begins with
                return equals(column, of, STRING, constant(str(wanted), STRING))

    def _matches(self, by: tuple[str, ...], values: pa.Table) -> Iterator[str]:
        """Conditions that together hold for each row sought, one of them for each."""
        fields = {f.name: f for f in self.request.fields}
        lists = [[canonical(v, fields[n].type) for v in values[n].to_pylist()] for n in by]
        wanted = [row for row in dict.fromkeys(zip(*lists, strict=True)) if None not in row]
        for at in range(0, len(wanted), _SOUGHT):
            rows = (
                " AND ".join(
                    equals(
                        self.column(fields[n].source), self._columns[fields[n].source], fields[n].type,
                        constant(text or "", fields[n].type),
                    )
                    for n, text in zip(by, row, strict=True)
                )
                for row in wanted[at : at + _SOUGHT]
            )  # fmt: skip
            yield f"({' OR '.join(rows)})"


def _is_text(of: Column) -> bool:
    return of.base in TEXTS or of.base in WORDS or of.base == "jsontext"
