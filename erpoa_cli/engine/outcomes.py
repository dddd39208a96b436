"""What became of the rows of a plan in one run: told in columns, for most of its rows are only counted."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.state import StateReader
from erpoa_cli.state.fold import last_words
from erpoa_cli.state.texts import Array

_TOLD = pa.schema([("ordinal", pa.int64()), ("outcome", pa.utf8()), ("error", pa.utf8())])


class Outcomes:
    """Of the rows of one target."""

    def __init__(self, told: pa.Table) -> None:
        """*told*: `ordinal outcome error`, every ordinal once."""
        self._told = told

    def counts(self) -> dict[str, int]:
        return {c["values"]: c["counts"] for c in self._told["outcome"].value_counts().to_pylist()}

    def unapplied(self) -> list[int]:
        """Ordinals of the rows that are not as the plan wanted them."""
        found: list[int] = self._told.filter(pc.not_equal(self._told["outcome"], Outcome.APPLIED.value))[
            "ordinal"
        ].to_pylist()
        return found

    def of(self, ordinals: Array | pa.ChunkedArray) -> dict[int, tuple[Outcome, str]]:
        """What became of these rows, and their system's words; nothing of those that nobody tried."""
        rows = self._told.filter(pc.is_in(self._told["ordinal"], ordinals)).to_pylist()
        return {row["ordinal"]: (Outcome(row["outcome"]), row["error"] or "") for row in rows}


NONE = Outcomes(_TOLD.empty_table())


def outcomes(state: StateReader, run: str) -> dict[str, Outcomes]:
    """Per target what *run* recorded last of each row; of a batch without an answer, that it is in doubt."""
    told: dict[str, list[tuple[int, pa.Table]]] = {}
    for number, batch in enumerate(state.batches(run)):
        results = batch.results
        if results is None:
            size = len(batch.intent.ordinals)
            columns = [
                batch.intent.ordinals,
                pa.repeat(Outcome.IN_DOUBT.value, size),
                pa.nulls(size, pa.utf8()),
            ]
            results = pa.table(columns, _TOLD)
        names = [name for name in _TOLD.names if name in results.schema.names]
        told.setdefault(batch.intent.target, []).append((number, results.select(names)))
    return {target: Outcomes(_complete(last_words(parts))) for target, parts in told.items()}


def _complete(table: pa.Table) -> pa.Table:
    if "error" not in table.schema.names:
        table = table.append_column("error", pa.nulls(table.num_rows, pa.utf8()))
    return table
