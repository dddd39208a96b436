"""The rows of a batch in a temporary table of the transaction, each value exactly as it is declared."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from erpoa_cli.sdk.connector import WriteBatch
from erpoa_postgres.reflect import Db
from erpoa_postgres.values import csv_blocks, encode, staged

STAGE = "pg_temp.erpoa_stage"


class Stage:
    """The rows of *batch* as the table `STAGE`: `pos` is the position in the batch, each other column has a number
    for a name, since fields may be called anything. `unfit` tells of rows that cannot be there: position to words."""

    def __init__(self, db: Db, batch: WriteBatch) -> None:
        self._db = db
        self._types = {n: batch.types[n.partition(".")[2]] for n in batch.rows.schema.names if n != "ordinal"}
        self._names = {name: f"c{at}" for at, name in enumerate(self._types)}
        self.unfit: dict[int, str] = {}
        size = batch.rows.num_rows
        columns: list[pa.Array] = [pa.array(range(size), pa.int64())]
        for name, type_ in self._types.items():
            encoded = encode(batch.rows[name], type_)
            columns.append(encoded.array)
            for at, words in encoded.unfit.items():
                # a value that cannot be there was not there either, or nobody could have read it
                self.unfit[at] = f"{name.partition('.')[2]}: {words}"
        if self.unfit:
            left = pa.array([at for at in range(size) if at not in self.unfit], pa.int64())
            columns = [column.take(left) for column in columns]
        self._fill(columns)

    def value(self, name: str) -> str:
        """The SQL of the value of column *name* (`set.x`), exactly as declared, where the stage is called s."""
        return f"s.{self._names[name]}"

    def remove(self, positions: Collection[int]) -> None:
        """Take rows out."""
        if positions:
            self._db.execute(f"DELETE FROM {STAGE} WHERE pos = ANY(%s)", (list(positions),))

    def _fill(self, columns: Sequence[pa.Array]) -> None:
        definition = "".join(f", {self._names[n]} {staged(type_)}" for n, type_ in self._types.items())
        self._db.execute(f"DROP TABLE IF EXISTS {STAGE}")
        self._db.execute(f"CREATE TEMP TABLE erpoa_stage (pos int8{definition}) ON COMMIT DROP")
        with self._db.cursor().copy(f"COPY {STAGE} FROM STDIN (FORMAT csv)") as copy:
            for block in csv_blocks(columns, ["pos", *self._names.values()]):
                copy.write(block)
