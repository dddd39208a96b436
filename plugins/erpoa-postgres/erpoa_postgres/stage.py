"""The rows of a batch in a temporary table of the transaction, filled by COPY."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.sql import Encoded
from erpoa_cli.sdk.sql import Stage as SqlStage
from erpoa_postgres.reflect import Db
from erpoa_postgres.values import csv_blocks, encode, staged


class Stage(SqlStage):
    """The stage of *batch* in the running transaction of *db*."""

    name = "pg_temp.erpoa_stage"

    def __init__(self, db: Db, batch: WriteBatch) -> None:
        self._db = db
        super().__init__(batch)

    def encode(self, name: str, array: pa.Array) -> Encoded:
        return encode(array, self.types[name])

    def load(self, columns: Sequence[pa.Array]) -> None:
        definition = "".join(f", {self.names[n]} {staged(type_)}" for n, type_ in self.types.items())
        self._db.execute(f"DROP TABLE IF EXISTS {self.name}")
        self._db.execute(f"CREATE TEMP TABLE {self.name} (pos int8{definition}) ON COMMIT DROP")
        with self._db.cursor().copy(f"COPY {self.name} FROM STDIN (FORMAT csv)") as copy:
            for block in csv_blocks(columns, ["pos", *self.names.values()]):
                copy.write(block)

    def remove(self, positions: Collection[int]) -> None:
        if positions:
            self._db.execute(f"DELETE FROM {self.name} WHERE pos = ANY(%s)", (list(positions),))


class Given(Stage):
    """The identifiers that the database gave."""

    name = "pg_temp.erpoa_given"
    alias = "g"
