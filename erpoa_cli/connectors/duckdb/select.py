"""One SELECT over a DuckDB snapshot: whole, since a cursor, or only the rows with given values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pyarrow as pa

from erpoa_cli.connectors.duckdb import columns as col
from erpoa_cli.connectors.duckdb.reflect import find_table
from erpoa_cli.core.schema import Field, identifier
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import BatchReading, ReadRequest
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import missing_fields

_ROWS = 100_000  # per record batch
_SOUGHT = "erpoa_sought"


class Selection:
    """A read request on a cursor of its own, which the reading owns and closes."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        request: ReadRequest,
        sought: tuple[tuple[str, ...], pa.Table] | None = None,
    ) -> None:
        self._db = db
        self._request = request
        self._sought = sought
        db.execute("SET TimeZone = 'UTC'")
        db.execute("BEGIN TRANSACTION")
        self._from = self._relation()
        self._natives = self._described()
        self._columns = [self._column(field) for field in request.fields]

    def reading(self) -> BatchReading:
        types = [(f.name, type_) for f, (_, type_) in zip(self._request.fields, self._columns, strict=True)]
        schema = pa.schema(types)
        return BatchReading(schema, self._batches(schema))

    def _relation(self) -> str:
        if self._request.query:
            return f"({self._request.query}\n)"
        table = find_table(self._db, self._request.object, read_only=True)
        wanted = [*(f.source for f in self._request.fields), *self._request.filter]
        if problem := missing_fields(table.info, wanted):
            raise ContractBroken(problem)
        return table.name

    def _described(self) -> dict[str, str]:
        shape = self._db.execute(f"SELECT * FROM {self._from} t LIMIT 0").description or []
        return {column[0]: str(column[1]) for column in shape}

    def _column(self, field: Field) -> tuple[str, pa.DataType]:
        native = self._natives.get(field.source)
        if native is None:
            raise ContractBroken(f"the query has no column {field.source!r}")
        column = f"t.{identifier(field.source)}"
        exactly = col.delivers_exactly(native, field.type)
        if exactly and col.may_be_infinite(native, field.type):
            exactly = not self._db.execute(
                f"SELECT 1 FROM {self._from} t WHERE NOT isfinite({column}) LIMIT 1"
            ).fetchone()
        if exactly:
            return f"CAST({column} AS {field.type.duckdb})", arrow_type(field.type)
        return col.text_of(column, native), pa.utf8()

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with closing(self._db):
            sql, parameters = self._sql()
            reader = self._db.execute(sql, parameters).to_arrow_reader(_ROWS)
            for batch in reader:
                yield batch.cast(schema) if batch.schema != schema else batch

    def _sql(self) -> tuple[str, list[object]]:
        fields = zip(self._request.fields, self._columns, strict=True)
        columns = ", ".join(f"{expression} AS {identifier(f.name)}" for f, (expression, _) in fields)
        tests: list[str] = []
        parameters: list[object] = []
        for name, wanted in self._request.filter.items():
            test, values = _equals(f"t.{identifier(name)}", wanted)
            tests.append(test)
            parameters += values
        if self._request.since:
            tests.append(self._since())
            parameters.append(self._request.since)
        sought = self._joined(*self._sought) if self._sought is not None else ""
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"SELECT {columns} FROM {self._from} t{sought}{where}", parameters

    def _since(self) -> str:
        """At or after the watermark, or without a readable value: such a row must not be missed."""
        cursor = next(f for f in self._request.fields if f.name == self._request.cursor)
        value = col.from_native(f"t.{identifier(cursor.source)}", self._natives[cursor.source], cursor.type)
        return f"coalesce({value} >= CAST(? AS {cursor.type.duckdb}), true)"

    def _joined(self, by: tuple[str, ...], values: pa.Table) -> str:
        """A semi join, not EXISTS: only it lets the table skip what cannot match."""
        fields = {f.name: f for f in self._request.fields}
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


def _equals(column: str, wanted: object) -> tuple[str, list[object]]:
    match wanted:
        case None:
            return f"{column} IS NULL", []
        case list():
            parts = [_equals(column, one) for one in wanted]
            return "(" + " OR ".join(test for test, _ in parts) + ")", [
                v for _, values in parts for v in values
            ]
        case bool() | int():
            return f"{column} = ?", [wanted]
        case str():
            return f"encode(CAST({column} AS VARCHAR)) = encode(?)", [wanted]
        case _:
            raise ContractBroken(
                f"a filter compares with text, whole numbers, true, false or null, not {wanted!r}"
            )
