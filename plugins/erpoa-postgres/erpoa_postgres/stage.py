"""The rows of a batch in a temporary table of the transaction, filled by one statement.

Not by COPY: the server waits for the rest of its data for ever, deaf to its own time limits. A program that is stopped in
the middle of one would hold its locks, and every DROP DATABASE of the whole server, until somebody ends its session."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pyarrow as pa

from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.sql import Encoded
from erpoa_cli.sdk.sql import Stage as SqlStage
from erpoa_postgres.reflect import Db
from erpoa_postgres.values import array_literal, encode, staged


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
        values = ", ".join(f"unnest(%s::{type_}[])" for type_ in ("int8", *map(staged, self.types.values())))
        self._db.execute(f"INSERT INTO {self.name} SELECT {values}", [array_literal(c) for c in columns])

    def remove(self, positions: Collection[int]) -> None:
        if positions:
            self._db.execute(f"DELETE FROM {self.name} WHERE pos = ANY(%s)", (list(positions),))


class Given(Stage):
    """The identifiers that the database gave."""

    name = "pg_temp.erpoa_given"
    alias = "g"
