"""The rows of a batch in a temporary table of the connection, each value exactly as it is declared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.schema import Kind
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import Encoded
from erpoa_cli.sdk.sql import Stage as SqlStage
from erpoa_mysql.columns import BINARIES, Column
from erpoa_mysql.encode import encode, lines, literal, staged, unfit_json
from erpoa_mysql.errors import NO_STREAM, told
from erpoa_mysql.values import to_native
from erpoa_mysql.wire import Wire

_ROWS, _BYTES = 1000, 256 << 10  # of one INSERT where the server takes no stream
_NAMED = 2000  # positions named in one statement


class Stage(SqlStage):
    """The stage of *batch* in *db*. *natives* are the columns of the target for which a value is also kept as such a column
    takes it."""

    name = "erpoa_stage"

    def __init__(self, db: Wire, batch: WriteBatch, natives: Mapping[str, Column]) -> None:
        self._db = db
        self._natives = natives
        super().__init__(batch)

    def encode(self, name: str, array: pa.Array) -> Encoded:
        encoded = encode(array, self.types[name])
        of = self._natives.get(name)
        return (
            Encoded(encoded.array, encoded.unfit | unfit_json(array)) if of and of.base == "json" else encoded
        )

    def load(self, columns: Sequence[pa.Array]) -> None:
        self._make()
        self._fill([columns[0].cast(pa.utf8()), *columns[1:]])
        self._convert()

    def native(self, name: str) -> str:
        """The SQL of the value of column *name* (`set.x`) as the target's column takes it."""
        return f"s.{self._native(name)}"

    def _native(self, name: str) -> str:
        return self.names[name].replace("c", "n", 1)

    def remove(self, positions: Collection[int]) -> None:
        gone = list(positions)
        for at in range(0, len(gone), _NAMED):
            self._db.run(
                f"DELETE FROM {self.name} WHERE pos IN ({', '.join(map(str, gone[at : at + _NAMED]))})"
            )

    def drop(self) -> None:
        # TEMPORARY: without the word it would end the transaction, and so would ALTER TABLE
        self._db.run(f"DROP TEMPORARY TABLE IF EXISTS {self.name}")

    def _make(self) -> None:
        self.drop()
        columns = [f"{self.names[n]} {staged(t)} NULL" for n, t in self.types.items()]
        columns += [f"{self._native(n)} {_defined(of)}" for n, of in self._natives.items()]
        self._db.run(
            f"CREATE TEMPORARY TABLE {self.name} (pos bigint PRIMARY KEY, {', '.join(columns)}) ENGINE=InnoDB"
        )

    def _convert(self) -> None:
        assigned = ", ".join(
            f"{self.native(n)} = {to_native(self.value(n), of, self.types[n])}"
            for n, of in self._natives.items()
        )
        if assigned:  # IGNORE: the column takes what it can, and comparing shows what it could not
            self._db.run(f"UPDATE IGNORE {self.name} s SET {assigned}")

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
        taken = ", ".join(self._taken(n, name) for n, name in self.names.items())
        bytes_ = [name for n, name in self.names.items() if self.types[n].kind is Kind.BYTES]
        turned = f" SET {', '.join(f'{name} = unhex(@{name})' for name in bytes_)}" if bytes_ else ""
        return self._db.send(
            f"INTO TABLE {self.name} CHARACTER SET utf8mb4 (pos, {taken}){turned}", lines(columns)
        )

    def _taken(self, name: str, column: str) -> str:
        return f"@{column}" if self.types[name].kind is Kind.BYTES else column

    def _insert(self, columns: Sequence[pa.Array]) -> tuple[int, int]:
        """The same by INSERT: a tenth as fast."""
        kinds = [Kind.INTEGER, *(type_.kind for type_ in self.types.values())]
        begin = f"INSERT INTO {self.name} (pos, {', '.join(self.names.values())}) VALUES "
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


class Given(Stage):
    """The identifiers that the server gave."""

    name = "erpoa_given"
    alias = "g"


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
