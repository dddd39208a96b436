"""What becomes of the rows of a batch, and the answer that says so."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import OUTCOMES
from erpoa_cli.sdk.errors import SystemFailure


class Outcomes:
    """What becomes of the rows of one batch, by position: applied unless said otherwise."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._ordinals = rows["ordinal"]
        self._others: dict[int, tuple[str, str, str]] = {}  # position → outcome, error class, error

    def reject(self, position: int, failure: SystemFailure) -> None:
        self._others[position] = (Outcome.REJECTED.value, failure.word, str(failure))

    def stale(self, position: int, words: str) -> None:
        self._others[position] = (Outcome.STALE.value, "stale", words)

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
        return pa.RecordBatch.from_arrays([*columns, *given], names=names)
