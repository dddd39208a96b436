"""One SELECT over a DuckDB snapshot: whole, since a cursor, or only the rows with given values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext

import duckdb
import pyarrow as pa

from erpoa_cli.connectors.duckdb import columns as col
from erpoa_cli.connectors.duckdb.reflect import find_table
from erpoa_cli.core.schema import Field, identifier
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.sql import Selection as SqlSelection
from erpoa_cli.sdk.sql import Sought, where

_ROWS = 100_000  # per record batch
_SOUGHT = "erpoa_sought"


def begin(db: duckdb.DuckDBPyConnection) -> None:
    """From now on *db*, in UTC, sees the database as it is now."""
    db.execute("SET TimeZone = 'UTC'")
    db.execute("BEGIN TRANSACTION")
    db.execute("SELECT count(*) FROM duckdb_tables()").fetchone()


class Selection(SqlSelection):
    """A read request on a cursor of its own, which the reading owns and closes; *shared*: others read in its transaction,
    too."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        request: ReadRequest,
        sought: Sought | None,
        *,
        shared: bool = False,
    ) -> None:
        super().__init__(request)
        self._db = db
        self._shared = shared
        self._parameters: list[object] = []
        self._sought = sought
        if not shared:
            begin(db)
        self._from = self._relation()
        self._natives = self._described()
        self.require(self._natives)
        self._columns = [self._column(field) for field in request.fields]

    def reading(self) -> BatchReading:
        types = [(f.name, type_) for f, (_, type_) in zip(self.request.fields, self._columns, strict=True)]
        schema = pa.schema(types)
        return BatchReading(schema, self._batches(schema))

    def _relation(self) -> str:
        if self.request.query:
            return f"({self.request.query}\n)"
        return find_table(self._db, self.request.object, read_only=True).name

    def _described(self) -> dict[str, str]:
        shape = self._db.execute(f"SELECT * FROM {self._from} t LIMIT 0").description or []
        return {column[0]: str(column[1]) for column in shape}

    def _column(self, field: Field) -> tuple[str, pa.DataType]:
        native, column = self._natives[field.source], self.column(field.source)
        exactly = col.delivers_exactly(native, field.type)
        if exactly and col.may_be_infinite(native, field.type):
            exactly = not self._db.execute(
                f"SELECT 1 FROM {self._from} t WHERE NOT isfinite({column}) LIMIT 1"
            ).fetchone()
        if exactly:
            return f"CAST({column} AS {field.type.duckdb})", arrow_type(field.type)
        return col.text_of(column, native), pa.utf8()

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with nullcontext() if self._shared else closing(self._db):
            sql, parameters = self._sql()
            reader = self._db.execute(sql, parameters).to_arrow_reader(_ROWS)
            for batch in reader:
                yield batch.cast(schema) if batch.schema != schema else batch

    def _sql(self) -> tuple[str, list[object]]:
        fields = zip(self.request.fields, self._columns, strict=True)
        columns = ", ".join(f"{expression} AS {identifier(f.name)}" for f, (expression, _) in fields)
        sought = self._joined(*self._sought) if self._sought is not None else ""
        return f"SELECT {columns} FROM {self._from} t{sought}{where(self.tests())}", self._parameters

    def column(self, name: str) -> str:
        return f"t.{identifier(name)}"

    def equals(self, name: str, wanted: str | int) -> str:
        self._parameters.append(wanted)
        column = self.column(name)
        return (
            f"encode(CAST({column} AS VARCHAR)) = encode(?)" if isinstance(wanted, str) else f"{column} = ?"
        )

    def reached(self, cursor: Field) -> str:
        self._parameters.append(self.request.since)
        value = col.from_native(self.column(cursor.source), self._natives[cursor.source], cursor.type)
        return f"coalesce({value} >= CAST(? AS {cursor.type.duckdb}), true)"

    def _joined(self, by: tuple[str, ...], values: pa.Table) -> str:
        """A semi join, not EXISTS: only it lets the table skip what cannot match."""
        fields = {f.name: f for f in self.request.fields}
        tests = [
            col.equal(
                f"t.{identifier(fields[n].source)}",
                self._natives[fields[n].source],
                fields[n].type,
                f"f.{identifier(n)}",
            )
            for n in by
        ]
        self._db.register(_SOUGHT, values.select(list(by)).drop_null())
        return f" SEMI JOIN {_SOUGHT} f ON {' AND '.join(tests)}"
