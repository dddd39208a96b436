"""Reading: one SELECT, every value as text, and what a condition of the database only nearly says decided here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, or_, select
from sqlalchemy import types as sa
from sqlalchemy.exc import DBAPIError

from erpoa_cli.core.schema import Field
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import Unparsed, meaning
from erpoa_cli.sdk.sql import missing_fields
from erpoa_sql.bulk import bulk
from erpoa_sql.reflect import Table
from erpoa_sql.values import is_comparable, key, parameter, text_of

_ROWS = 10_000  # per record batch
_REFUSED = "42501"  # insufficient_privilege
_PARAMETERS = 900  # in one statement; every database takes so many


class Selection:
    """A read request over a connection."""

    def __init__(self, connection: Connection, table: Table | None, request: ReadRequest) -> None:
        self._connection = connection
        self._table = table
        self._request = request
        if table is not None and (problem := missing_fields(table.info, [f.source for f in request.fields])):
            raise ContractBroken(problem)

    @staticmethod
    def schema(request: ReadRequest) -> pa.Schema:
        """Every field as text."""
        return pa.schema([(f.name, pa.utf8()) for f in request.fields])

    def batches(self, sought: tuple[Sequence[str], pa.Table] | None) -> Iterator[pa.RecordBatch]:
        """All rows asked for, or those that have one of the values *sought* in its fields."""
        schema = self.schema(self._request)
        if sought is None and (batches := bulk(self._connection, self._statement())) is not None:
            for batch in batches:
                yield self._since(batch.cast(schema))
            return
        for rows in self._found(*sought) if sought is not None else self._all():
            values = (row.values() for row in rows)
            columns = [pa.array(map(text_of, column), pa.utf8()) for column in zip(*values, strict=True)]
            if columns:
                yield self._since(pa.RecordBatch.from_arrays(columns, schema=schema))

    def is_narrowed(self) -> bool:
        """Whether PostgreSQL's row-level security keeps rows from this user: with it switched off the server refuses such
        a query instead of answering with fewer rows. The transaction is of no use afterwards."""
        try:
            self._connection.execute(sqlalchemy.text("SET LOCAL row_security = off"))
            self._connection.execute(self._statement().limit(0))
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _REFUSED:
                raise
            return True
        return False

    def _all(self) -> Iterator[Sequence[RowMapping]]:
        yield from self._connection.execute(self._statement()).mappings().partitions(_ROWS)

    def _statement(self) -> Select[Any]:
        """All rows asked for."""
        request = self._request
        if self._table is None:
            columns: list[Any] = [sqlalchemy.column(f.source).label(f.name) for f in request.fields]
            return select(*columns).select_from(sqlalchemy.text(f"({request.query}\n) t"))
        return self._select().where(*self._filters(), *self._after())

    def _found(self, by: Sequence[str], values: pa.Table) -> Iterator[Sequence[RowMapping]]:
        assert self._table is not None
        fields = {f.name: f for f in self._request.fields}
        yield from found(
            self._connection, self._table, self._select(), [fields[name] for name in by],
            [tuple(row[name] for name in by) for row in values.select(list(by)).to_pylist()],
        )  # fmt: skip

    def _select(self) -> Select[Any]:
        assert self._table is not None
        return select(*(self._table.table.c[f.source].label(f.name) for f in self._request.fields))

    def _filters(self) -> Iterator[ColumnElement[bool]]:
        assert self._table is not None
        for name, wanted in self._request.filter.items():
            if self._table.info.field(name) is None:
                raise ContractBroken(f"{self._table.info.address} has no column {name!r} to filter by")
            column = self._table.table.c[name]
            values = wanted if isinstance(wanted, list) else [wanted]
            known = [value for value in values if value is not None]
            tests = [column.in_(known)] if known else []
            yield or_(*tests, column.is_(None)) if len(known) < len(values) else tests[0]

    def _after(self) -> Iterator[ColumnElement[bool]]:
        """The watermark, where the column orders as the declared type does."""
        request = self._request
        if not request.since or self._table is None:
            return
        field = next(f for f in request.fields if f.name == request.cursor)
        column = self._table.table.c[field.source]
        if not isinstance(column.type, sa.String | sa.JSON | sa.NullType):
            mark = parameter(meaning(request.since, field.type), field.type, column.type)
            yield or_(column >= mark, column.is_(None))

    def _since(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows at or after the watermark; one without a readable value must not be missed."""
        if not self._request.since:
            return batch
        type_ = next(f.type for f in self._request.fields if f.name == self._request.cursor)
        mark = meaning(self._request.since, type_)
        kept = [
            isinstance(value, Unparsed) or value is None or value >= mark
            for value in (meaning(text, type_) for text in batch[self._request.cursor].to_pylist())
        ]
        return batch.filter(pa.array(kept, pa.bool_()))


def found(
    connection: Connection,
    table: Table,
    statement: Select[Any],
    by: Sequence[Field],
    values: Sequence[tuple[Any, ...]],
) -> Iterator[Sequence[RowMapping]]:
    """The rows of *statement*, which selects the fields *by* among others under their names, that have one of
    *values*. What the database takes for equal (collations, padding) is looked at again."""
    wanted = {key(row, by): row for row in values if None not in row}
    rows = list(wanted.values())
    dialect = connection.dialect.name
    size = max(1, _PARAMETERS // len(by))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        keys = {key(row, by) for row in part}
        tests = [test for row in part if (test := _equal(table, by, row, dialect)) is not None]
        if not tests:
            continue
        answer = connection.execute(statement.where(or_(*tests))).mappings().fetchall()
        kept = [row for row in answer if key((row[f.name] for f in by), by) in keys]
        if kept:
            yield kept


def _equal(
    table: Table, by: Sequence[Field], row: tuple[Any, ...], dialect: str
) -> ColumnElement[bool] | None:
    """The database's own `=`; None where no row of it can have such a value."""
    tests: list[ColumnElement[bool]] = []
    for field, value in zip(by, row, strict=True):
        column = table.table.c[field.source]
        if isinstance(value, str) and "\0" in value and dialect == "postgresql":
            return None  # it has no such texts, and refuses the whole statement
        if not is_comparable(column.type, field.type, dialect):
            continue
        try:
            tests.append(column == parameter(value, field.type, column.type))
        except ValueError:
            return None
    return and_(sqlalchemy.true(), *tests)
