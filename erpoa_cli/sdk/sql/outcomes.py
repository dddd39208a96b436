"""What becomes of the rows of a batch, and the answer that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import OUTCOMES, READ
from erpoa_cli.sdk.errors import MasterMissing, Rejected, SystemFailure


class Outcomes:
    """What becomes of the rows of one batch, by position: applied unless said otherwise, and of two that are said the last.

    Connectors that compare rows say what they found by the methods below, so that one finding has one wording
    everywhere; `reject` is for what the database itself says. *deletes*: the batch deletes its rows."""

    def __init__(self, rows: pa.RecordBatch, *, deletes: bool = False) -> None:
        self._ordinals = rows["ordinal"]
        self._set = {n: rows[n] for n in rows.schema.names if n.startswith("set.")}
        self._deletes = deletes
        self._made: Mapping[int, Mapping[str, Any]] | None = None  # None: they were not read again
        self._others: dict[int, tuple[str, str, str]] = {}  # position → outcome, error class, error

    def reject(self, position: int, failure: SystemFailure) -> None:
        """The database refuses the row. Where a row may not be deleted nothing is missing: others still refer to it."""
        needed = self._deletes and isinstance(failure, MasterMissing)
        word = Rejected.word if needed else failure.word
        self._others[position] = (Outcome.REJECTED.value, word, str(failure))

    def stale(self, position: int, words: str) -> None:
        self._others[position] = (Outcome.STALE.value, "stale", words)

    def taken(self, position: int) -> None:
        """A row to create is there already, or is created earlier in the batch."""
        self.stale(position, "a row with this key exists already")

    def moved(self, position: int) -> None:
        """A row to change is not there, or not as it was planned."""
        self.stale(position, "the row is gone or has other values than when it was planned")

    def ambiguous(self, position: int, count: int) -> None:
        """*count* rows, more than one, have the identifier of the row to change."""
        self.reject(position, Rejected(f"{count} rows have this identifier"))

    def unfit(self, position: int, field: str, why: str) -> None:
        """The value of *field* cannot be written at all."""
        self.reject(position, Rejected(f"{field}: {why}"))

    def changed(self, position: int, field: str, native: str) -> None:
        """The column of *field*, of the database's type *native*, would round, cut or convert the value."""
        self.unfit(position, field, f"a column of type {native} would change the value")

    def ignored(self, position: int) -> None:
        """The database took the row without a word, and did not write it."""
        self.reject(position, Rejected("the database ignored the row: a trigger or a rule says so"))

    def elsewhere(self, position: int) -> None:
        """The row is not there under its identifier once it is written."""
        words = "a trigger gave the row another identifier, under which nobody would find it again: give it that form here"
        self.reject(position, Rejected(words))

    def unreadable(self, position: int, field: str) -> None:
        """What a trigger made of *field* is no value of the declared type."""
        self.unfit(position, field, "a trigger makes of it what is not of the declared type")

    def read(self, made: Mapping[int, Mapping[str, Any]]) -> None:
        """The applied rows were read again: they hold what was written but for what is *made* of it, by position and
        field."""
        self._made = made

    def applied(self) -> list[int]:
        """The positions of the rows that are applied."""
        return [at for at in range(len(self._ordinals)) if at not in self._others]

    def record_batch(self, ids: Mapping[str, pa.Array] | None = None) -> pa.RecordBatch:
        """The answer in the shape of `OUTCOMES`; *ids* (one value per row) become the `id.NAME` columns, NULL
        for rows that were not applied."""
        told: list[list[str | None]] = [
            [usual] * len(self._ordinals) for usual in (Outcome.APPLIED.value, None, None)
        ]
        for position, words in self._others.items():
            for column, word in zip(told, words, strict=True):
                column[position] = word
        columns = [self._ordinals, *(pa.array(column, pa.utf8()) for column in told)]
        applied = pc.equal(columns[1], Outcome.APPLIED.value)
        given = [pc.if_else(applied, values, None) for values in (ids or {}).values()]
        names = [*OUTCOMES.names, *(f"id.{name}" for name in ids or ())]
        if self._made is not None:
            names += [READ, *(f"seen.{name.removeprefix('set.')}" for name in self._set)]
            given += [applied, *map(self._seen, self._set)]
        return pa.RecordBatch.from_arrays([*columns, *given], names=names)

    def _seen(self, column: str) -> pa.Array:
        written, name = self._set[column], column.removeprefix("set.")
        made = {at: values[name] for at, values in (self._made or {}).items() if name in values}
        if not made:
            return written
        return pa.array([made.get(at, value) for at, value in enumerate(written.to_pylist())], written.type)
