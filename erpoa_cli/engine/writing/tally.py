"""What became of the rows of one target so far: a row of several steps counts once, as its worst step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.outcomes import worst


class Tally:
    """Only of rows with several steps, or that are tried again, it must remember which came to what."""

    def __init__(self, placed: pa.Table) -> None:
        """*placed*: as `batch.placing` makes it."""
        self._rows = placed.select(["ordinal", "row"]) if "row" in placed.schema.names else None
        self._counts: Counter[Outcome] = Counter()
        self._outcomes: dict[int, str] = {}
        self._open: dict[int, str] = {}  # what may be told again

    def take(self, results: pa.Table, counts: Mapping[Outcome, int]) -> None:
        """The outcome of a batch: *results* (`ordinal outcome`) and how many came to which. A row that is told
        again came to what is told last."""
        if self._rows is not None:
            told = (results[name].to_pylist() for name in ("ordinal", "outcome"))
            self._outcomes.update(zip(*told, strict=True))
            return
        self._counts.update(counts)
        if self._open:
            for ordinal in results["ordinal"].to_pylist():
                if before := self._open.pop(ordinal, None):
                    self._counts[Outcome(before)] -= 1
        left = results.filter(pc.not_equal(results["outcome"], Outcome.APPLIED.value))
        told = (left[name].to_pylist() for name in ("ordinal", "outcome"))
        self._open.update(zip(*told, strict=True))

    def counts(self) -> Counter[Outcome]:
        """Rows by outcome; none that is zero."""
        if self._rows is None:
            return +self._counts
        told = {"ordinal": list(self._outcomes), "outcome": list(self._outcomes.values())}
        schema = pa.schema([("ordinal", pa.int64()), ("outcome", pa.utf8())])
        return Counter(worst(pa.table(told, schema), self._rows))
