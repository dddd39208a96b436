"""One SELECT over a snapshot: whole, since a cursor, or only the rows with given values.

Read over a connection of its own, in a transaction that sees one state of the database and may not write. The rows are
decoded as they arrive (`rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pyarrow as pa
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_mysql.columns import INTEGERS, TEXTS, WORDS, Column, Delivery, as_text, delivery
from erpoa_mysql.config import Place
from erpoa_mysql.encode import constant, quoted
from erpoa_mysql.errors import failure
from erpoa_mysql.reflect import columns_of, described, find_relation
from erpoa_mysql.settings import connect
from erpoa_mysql.values import equals, sides
from erpoa_mysql.wire import Wire

_SNAPSHOT = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_SOUGHT = 500  # values named in one statement


class Selection:
    """A read request: described over *db*, read over a connection of its own that the reading closes."""

    def __init__(
        self,
        db: Wire,
        place: Place,
        request: ReadRequest,
        sought: tuple[tuple[str, ...], pa.Table] | None = None,
    ) -> None:
        self._place = place
        self._request = request
        if request.query:
            self._from, self._columns = f"({request.query}\n)", described(db, request.query)
        else:
            relation = find_relation(db, request.object)
            self._from, self._columns = relation.name, columns_of(db, relation)
        absent = [n for n in (*(f.source for f in request.fields), *request.filter) if n not in self._columns]
        if absent:
            what = "the query" if request.query else request.object
            raise ContractBroken(f"{what} has no column {', '.join(map(repr, absent))}")
        tests = [self._equals(n, wanted) for n, wanted in request.filter.items()]
        if request.since:
            tests.append(self._since())
        self._wheres = (
            [_where(tests)]
            if sought is None
            else [_where([*tests, matched]) for matched in self._matches(*sought)]
        )

    def reading(self) -> BatchReading:
        db = connect(self._place)
        try:
            db.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            db.run(_SNAPSHOT)
            ((moment,),) = db.rows("SELECT cast(utc_timestamp(6) AS char)")
            deliveries = self._deliveries(db)
        except BaseException:
            db.close()
            raise
        schema = pa.schema([(f.name, d.arrow) for f, d in zip(self._request.fields, deliveries, strict=True)])
        return BatchReading(schema, self._batches(db, deliveries, schema), {"snapshot": moment})

    def _deliveries(self, db: Wire) -> list[Delivery]:
        """How each field is read. Columns that may hold what no declared type does are looked through first, in the
        same snapshot: those that do are read as text."""
        fields = self._request.fields
        found = [delivery(_t(f.source), self._columns[f.source], f.type) for f in fields]
        doubtful = [at for at, one in enumerate(found) if one.beyond]
        if not doubtful:
            return found
        tests = ", ".join(f"coalesce(max({found[at].beyond}), 0)" for at in doubtful)
        for where in self._wheres:
            (beyond,) = db.rows(f"SELECT {tests} FROM {self._from} t{where}")
            for at, is_beyond in zip(doubtful, beyond, strict=True):
                if is_beyond:
                    field = fields[at]
                    found[at] = as_text(_t(field.source), self._columns[field.source], field.type)
        return found

    def _batches(
        self, db: Wire, deliveries: Sequence[Delivery], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        columns = ", ".join(f"{d.sql} AS c{at}" for at, d in enumerate(deliveries))
        with closing(db):
            for where in self._wheres:
                try:
                    for block in db.stream(f"SELECT {columns} FROM {self._from} t{where}"):
                        arrays = [d.turned(array) for d, array in zip(deliveries, block, strict=True)]
                        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
                except Error as error:
                    raise failure(error) from error

    # -- which rows --

    def _since(self) -> str:
        """At or after the watermark, or without a readable value: such a row must not be missed."""
        cursor = next(f for f in self._request.fields if f.name == self._request.cursor)
        mark = constant(self._request.since, cursor.type)
        found, mark = sides(_t(cursor.source), self._columns[cursor.source], cursor.type, mark)
        return f"({found} >= {mark} OR {found} IS NULL)"

    def _matches(self, by: tuple[str, ...], values: pa.Table) -> Iterator[str]:
        """Conditions that together hold for each row sought, one of them for each."""
        fields = {f.name: f for f in self._request.fields}
        lists = [[canonical(v, fields[n].type) for v in values[n].to_pylist()] for n in by]
        wanted = [row for row in dict.fromkeys(zip(*lists, strict=True)) if None not in row]
        for at in range(0, len(wanted), _SOUGHT):
            rows = (
                " AND ".join(
                    equals(
                        _t(fields[n].source), self._columns[fields[n].source], fields[n].type,
                        constant(text or "", fields[n].type),
                    )
                    for n, text in zip(by, row, strict=True)
                )
                for row in wanted[at : at + _SOUGHT]
            )  # fmt: skip
            yield f"({' OR '.join(rows)})"

    def _equals(self, name: str, wanted: object) -> str:
        column, of = _t(name), self._columns[name]
        match wanted:
            case None:
                return f"{column} IS NULL"
            case list():
                return "(" + " OR ".join(self._equals(name, one) for one in wanted) + ")"
            case bool() if of.base in INTEGERS or of.base == "bit":
                return f"{column} + 0 = {int(wanted)}"
            case int() if not isinstance(wanted, bool):
                # compared with a number, a text would be taken for the number it begins with
                if _is_text(of):
                    return self._equals(name, str(wanted))
                return f"{column} + 0 = {wanted}"
            case str():
                type_ = Type(Kind.STRING)
                return equals(column, of, type_, constant(wanted, type_))
            case _:
                raise ContractBroken(
                    f"{name}: a filter compares with text, whole numbers or null, and with true or false where the column "
                    f"holds such, not {wanted!r}"
                )


def _where(tests: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(tests)}" if tests else ""


def _is_text(of: Column) -> bool:
    return of.base in TEXTS or of.base in WORDS or of.base == "jsontext"


def _t(name: str) -> str:
    return f"t.{quoted(name)}"
