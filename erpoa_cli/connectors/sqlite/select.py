"""One SELECT over a SQLite snapshot: whole, since a cursor, or only the rows with given values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext

import pyarrow as pa

from erpoa_cli.connectors.sqlite.reflect import Table, reflect
from erpoa_cli.connectors.sqlite.values import Affinity, Store, Stored, arriving, canonical_of, decode, encode
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Field, Kind, Type, identifier, literal
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import Selection as SqlSelection
from erpoa_cli.sdk.sql import Sought, where

_ROWS = 20_000  # per record batch
_ANY = Store()


def is_direct(store: Store, type_: Type) -> bool:
    """Whether equal values of *type_* are equal as stored, so that an index can find them."""
    if type_.kind is Kind.STRING:
        return store.affinity is Affinity.TEXT
    return type_.kind is Kind.INTEGER and store.affinity is Affinity.INTEGER


class Lookup:
    """Rows of a table by values: the values wait in a temporary table and are joined to it."""

    def __init__(
        self,
        db: sqlite3.Connection,
        table: Table,
        by: Sequence[str],
        values: pa.Table,
        types: Mapping[str, Type],
    ) -> None:
        self._db = db
        self._table = table
        self._by = tuple(by)
        self._types = types
        self._direct = {name: is_direct(table.stores[name], types[name]) for name in by}
        db.execute("DROP TABLE IF EXISTS temp.erpoa_sought")
        columns = ", ".join(f"v{i}" for i in range(len(self._by)))
        db.execute(f"CREATE TEMP TABLE erpoa_sought (at INTEGER PRIMARY KEY, {columns})")
        holes = ", ".join("?" * len(self._by))
        bound = [self._bind(name, values[name]) for name in self._by]
        rows = ((at, *row) for at, row in enumerate(zip(*bound, strict=True)))
        db.executemany(f"INSERT INTO temp.erpoa_sought VALUES (?, {holes})", rows)
        db.execute(f"CREATE INDEX temp.erpoa_sought_by ON erpoa_sought ({columns})")

    def _bind(self, name: str, values: pa.ChunkedArray) -> list[Stored]:
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if self._direct[name]:
            return list(encode(self._table.stores[name], self._types[name], array)[0])
        type_ = self._types[name]
        meant = canonical_of if type_.kind is Kind.JSON else canonical
        return [meant(value, type_) for value in array.to_pylist()]

    @property
    def joined(self) -> str:
        """`FROM` and `WHERE` of the rows that have one of the value sets; the table is `t`, the values `f`."""
        tests = " AND ".join(self._test(name, f"f.v{i}") for i, name in enumerate(self._by))
        table = f"{identifier(self._table.info.address)} t"
        # CROSS JOIN fixes the order: into the table by its index, else through the table once
        by_index = any(self._direct[n] and n in self._table.indexed for n in self._by)
        order = (
            f"temp.erpoa_sought f CROSS JOIN {table}"
            if by_index
            else f"{table} CROSS JOIN temp.erpoa_sought f"
        )
        return f"FROM {order} WHERE {tests}"

    def _test(self, name: str, value: str) -> str:
        column = f"t.{identifier(name)}"
        if self._direct[name]:
            return f"{column} COLLATE BINARY = {value}"
        return f"erpoa_canonical({column}, {literal(str(self._types[name]))}) = {value}"

    def counts(self) -> dict[int, int]:
        """How many rows have the values at each position; positions with none are left out."""
        return dict(self._db.execute(f"SELECT f.at, count(*) {self.joined} GROUP BY f.at"))

    def repeated(self) -> set[int]:
        """Positions of values that an earlier position has too (NULL is never equal)."""
        columns = ", ".join(f"v{i}" for i in range(len(self._by)))
        whole = " AND ".join(f"v{i} IS NOT NULL" for i in range(len(self._by)))
        sql = f"SELECT at FROM (SELECT at, row_number() OVER (PARTITION BY {columns} ORDER BY at) n FROM temp.erpoa_sought WHERE {whole}) WHERE n > 1"
        return {at for (at,) in self._db.execute(sql)}


class Selection(SqlSelection):
    """A read request against one connection, which the reading owns and closes; *shared*: others read in its transaction,
    too."""

    def __init__(
        self,
        db: sqlite3.Connection,
        request: ReadRequest,
        sought: Sought | None,
        *,
        shared: bool = False,
    ) -> None:
        super().__init__(request)
        self._db = db
        self._shared = shared
        self._parameters: list[Stored] = []
        self._sought = sought
        self._faults: list[str] = []
        self._table = None if request.query else reflect(db, request.object)
        self._stores = {f.name: self._store(f) for f in request.fields}

    def _store(self, field: Field) -> Store:
        return _ANY if self._table is None else self._table.stores.get(field.source, _ANY)

    def reading(self) -> BatchReading:
        schema = pa.schema([(f.name, arriving(self._stores[f.name], f.type)) for f in self.request.fields])
        return BatchReading(schema, self._batches(schema), faults=self._faults)

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with nullcontext() if self._shared else closing(self._db):
            if not self._shared:
                self._db.execute("BEGIN")
            sql, parameters = self._sql()
            cursor = self._db.execute(sql, parameters)
            before = 0
            while rows := cursor.fetchmany(_ROWS):
                yield self._batch(schema, rows, before)
                before += len(rows)

    def _batch(self, schema: pa.Schema, rows: Sequence[tuple[Stored, ...]], before: int) -> pa.RecordBatch:
        arrays, unreadable = [], set()
        for field, values in zip(self.request.fields, zip(*rows, strict=True), strict=True):
            array, bad = decode(self._stores[field.name], field.type, values)
            arrays.append(array)
            unreadable.update(bad)
            for at in bad:
                self._faults.append(f"row {before + at + 1}: {field.source} cannot be read as {field.type}")
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        return (
            batch.filter(pa.array([at not in unreadable for at in range(len(rows))])) if unreadable else batch
        )

    def _sql(self) -> tuple[str, list[Stored]]:
        request = self.request
        columns = ", ".join(f"t.{identifier(f.source)}" for f in request.fields)
        if request.query:
            return f"SELECT {columns} FROM ({request.query}\n) t", []
        if self._table is None:
            raise ContractBroken(f"there is no table or view {request.object!r}")
        # an unknown name in double quotes would be taken as a text by SQLite when not qualified; be plain about it
        self.require({field.name for field in self._table.info.fields})
        if self._sought is not None:
            by, values = self._sought
            types = {f.name: f.type for f in request.fields}
            lookup = Lookup(self._db, self._table, by, values, types)
            return f"SELECT DISTINCT {columns} {lookup.joined}", []
        tests = where(self.tests())
        return f"SELECT {columns} FROM {identifier(request.object)} t{tests}", self._parameters

    def column(self, name: str) -> str:
        return f"t.{identifier(name)}"

    def equals(self, name: str, wanted: str | int) -> str:
        if isinstance(wanted, bool):
            self._parameters.append(int(wanted))
            return f"{self.column(name)} = ?"
        self._parameters.append(wanted)
        return f"{self.column(name)} COLLATE BINARY = ?"

    def reached(self, cursor: Field) -> str:
        self._parameters.append(self.request.since)
        column = self.column(cursor.source)
        if is_direct(self._stores[cursor.name], cursor.type):
            value = "CAST(? AS INTEGER)" if cursor.type.kind is Kind.INTEGER else "?"
            return f"({column} COLLATE BINARY >= {value} OR {column} IS NULL)"
        return f"erpoa_reached({column}, ?, {literal(str(cursor.type))})"
