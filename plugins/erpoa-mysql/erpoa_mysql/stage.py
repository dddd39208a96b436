"""The rows of a batch in a temporary table of the connection, each value exactly as it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_mysql.columns import BINARIES, Column
from erpoa_mysql.encode import encode, lines, literal, staged, unfit_json
from erpoa_mysql.errors import NO_STREAM, told
from erpoa_mysql.values import to_native
from erpoa_mysql.wire import Wire

STAGE = "erpoa_stage"
_ROWS, _BYTES = 1000, 256 << 10  # of one INSERT where the server takes no stream
_NAMED = 2000  # positions named in one statement


class Stage:
    """*rows* (of a `WriteBatch`) as the table `STAGE`: `pos` is the position in the batch, each other column has a
    number for a name, since fields may be called anything. `unfit` tells of rows that cannot be there: position to
    words. *natives* are the columns of the target for which a value is also kept as such a column takes it."""

    def __init__(
        self, db: Wire, rows: pa.RecordBatch, types: Mapping[str, Type], natives: Mapping[str, Column]
    ) -> None:
        self._db = db
        self._types = {name: types[name.partition(".")[2]] for name in rows.schema.names if name != "ordinal"}
        self._names = {name: f"c{at}" for at, name in enumerate(self._types)}
        self._natives = {name: self._names[name].replace("c", "n", 1) for name in natives}
        self.unfit: dict[int, str] = {}
        columns: list[pa.Array] = [pa.array(range(rows.num_rows), pa.int64()).cast(pa.utf8())]
        for name, type_ in self._types.items():
            encoded = encode(rows[name], type_)
            columns.append(encoded.array)
            of = natives.get(name)
            unfit = encoded.unfit | (unfit_json(encoded.array) if of and of.base == "json" else {})
            for at, words in unfit.items():
                self.unfit.setdefault(at, f"{name.partition('.')[2]}: {words}")
        if self.unfit:
            left = pa.array([at for at in range(rows.num_rows) if at not in self.unfit], pa.int64())
            columns = [column.take(left) for column in columns]
        self._make(natives)
        self._fill(columns)
        self._convert(natives)

    def value(self, name: str) -> str:
        """The SQL of the value of column *name* (`set.x`), exactly as declared."""
        return f"s.{self._names[name]}"

    def native(self, name: str) -> str:
        """The SQL of that value as the target's column takes it."""
        return f"s.{self._natives[name]}"

    def remove(self, positions: Iterable[int]) -> None:
        """Take rows out."""
        gone = list(positions)
        for at in range(0, len(gone), _NAMED):
            self._db.run(f"DELETE FROM {STAGE} WHERE pos IN ({', '.join(map(str, gone[at : at + _NAMED]))})")

    def drop(self) -> None:
        # TEMPORARY: without the word it would end the transaction, and so would ALTER TABLE
        self._db.run(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")

    def _make(self, natives: Mapping[str, Column]) -> None:
        self.drop()
        columns = [f"{self._names[n]} {staged(t)} NULL" for n, t in self._types.items()]
        columns += [f"{self._natives[n]} {_defined(of)}" for n, of in natives.items()]
        self._db.run(
            f"CREATE TEMPORARY TABLE {STAGE} (pos bigint PRIMARY KEY, {', '.join(columns)}) ENGINE=InnoDB"
        )

    def _convert(self, natives: Mapping[str, Column]) -> None:
        assigned = ", ".join(
            f"s.{self._natives[n]} = {to_native(self.value(n), of, self._types[n])}"
            for n, of in natives.items()
        )
        if assigned:  # IGNORE: the column takes what it can, and comparing shows what it could not
            self._db.run(f"UPDATE IGNORE {STAGE} s SET {assigned}")

    def _fill(self, columns: Sequence[pa.Array]) -> None:
        size = len(columns[0])
        if not size:
            return
        if self._db.takes_streams:
            try:
                done = self._stream(columns)
            except Error as error:
                if told(error)[0] not in NO_STREAM:
                    raise
                self._db.takes_streams = False
                done = self._insert(columns)
        else:
            done = self._insert(columns)
        if done != (size, 0):
            raise ContractBroken(f"the server staged {done[0]} of {size} rows, and warned {done[1]} times")

    def _stream(self, columns: Sequence[pa.Array]) -> tuple[int, int]:
        taken = ", ".join(self._taken(n, name) for n, name in self._names.items())
        bytes_ = [name for n, name in self._names.items() if self._types[n].kind is Kind.BYTES]
        turned = f" SET {', '.join(f'{name} = unhex(@{name})' for name in bytes_)}" if bytes_ else ""
        return self._db.send(
            f"INTO TABLE {STAGE} CHARACTER SET utf8mb4 (pos, {taken}){turned}", lines(columns)
        )

    def _taken(self, name: str, column: str) -> str:
        return f"@{column}" if self._types[name].kind is Kind.BYTES else column

    def _insert(self, columns: Sequence[pa.Array]) -> tuple[int, int]:
        """The same by INSERT: a tenth as fast."""
        kinds = [Kind.INTEGER, *(type_.kind for type_ in self._types.values())]
        begin = f"INSERT INTO {STAGE} (pos, {', '.join(self._names.values())}) VALUES "
        waiting: list[str] = []
        size = rows = 0
        for row in zip(*(column.to_pylist() for column in columns), strict=True):
            waiting.append(
                f"({', '.join(_written(text, kind) for text, kind in zip(row, kinds, strict=True))})"
            )
            size += len(waiting[-1])
            if len(waiting) >= _ROWS or size >= _BYTES:
                rows += self._db.run(begin + ", ".join(waiting))
                waiting, size = [], 0
        if waiting:
            rows += self._db.run(begin + ", ".join(waiting))
        return rows, 0  # in a strict session there are errors, no warnings


def _written(text: str | None, kind: Kind) -> str:
    if text is None:
        return "NULL"
    if kind is Kind.BYTES:
        return f"X'{text}'"
    return text if kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.DECIMAL) else literal(text)


def _defined(of: Column) -> str:
    text = (
        f" CHARACTER SET {of.charset} COLLATE {of.collation}"
        if of.charset and of.base not in BINARIES
        else ""
    )
    null = " NULL DEFAULT NULL" if of.base != "json" else " NULL"
    return f"{of.native}{text}{null}"
