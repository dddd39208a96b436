"""What is to be told of rows that were applied: they do not hold what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import KEY
from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.schema import Type
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.believed import UNLIKE

_EXAMPLES = 3
_SAID = {
    "E0546": ("hold what their system made of the values", "`erpoa explain E0546` tells more."),
    "E0547": (
        "do not hold what was written, and nobody can tell who changed them",
        "The next plan tells them as drift.",
    ),
}


class Remarks:
    """Counts such rows per target and code, with a few of them as examples."""

    def __init__(self, keys: Mapping[str, Mapping[str, Type]]) -> None:
        self._keys = keys
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], list[str]] = {}

    def take(self, batch: Batch, results: pa.Table) -> None:
        """*results*: the columns of a journal entry of *batch*."""
        if "deviated" in results.schema.names:
            self._note(
                "E0546", batch, results.filter(pc.greater(pc.list_value_length(results["deviated"]), 0))
            )
        self._note("E0547", batch, results.filter(pc.equal(results["error_class"], UNLIKE)))

    def _note(self, code: str, batch: Batch, rows: pa.Table) -> None:
        rows = rows.filter(pc.equal(rows["outcome"], Outcome.APPLIED.value))
        if not rows.num_rows:
            return
        at = batch.target, code
        self._counts[at] += rows.num_rows
        told = self._examples.setdefault(at, [])
        for row in rows.slice(0, _EXAMPLES - len(told)).to_pylist():
            fields = ", ".join(row.get("deviated") or ()) or (row["error"] or "").partition(":")[0]
            told.append(f"{self._address(batch, row['ordinal'])} ({fields})")

    def _address(self, batch: Batch, ordinal: int) -> Address:
        here = batch.rows.filter(pc.equal(batch.rows["ordinal"], ordinal)).slice(0, 1).to_pylist()[0]
        types = self._keys[batch.target]
        return Address.of(batch.target, {n: canonical(here[KEY(n)], t) or "" for n, t in types.items()})

    def diagnostics(self) -> Iterator[Diagnostic]:
        for (target, code), count in self._counts.items():
            words, remedy = _SAID[code]
            rows = "1 row" if count == 1 else f"{count} rows"
            examples = self._examples[target, code]
            more = f"; and {count - len(examples)} more" if count > len(examples) else ""
            yield Diagnostic(
                code,
                f"{target}: {rows} {words}",
                detail=f"{'; '.join(examples)}{more}",
                remedy=remedy,
                severity=Severity.WARNING,
            )
