"""Rows that a run tries once more: whether a write succeeds may depend on another write of the same plan.

A value that only one row may have is free when the row that has it was written; a quota has room when others left it; a
parent is there. So a row that its system refused is tried again when other rows of that system were applied since, and a
row that was not tried, because of another one, when a row that had failed was applied after all. Every pass needs a
write that succeeded, and what was applied never comes back: passes end, and on resume the journal tells the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.errors import Duplicate, MasterMissing, Rejected

_REFUSED = pa.array([Rejected.word, Duplicate.word, MasterMissing.word])
_UNTRIED = pa.array([Outcome.BLOCKED.value, Outcome.WAITING.value])


class Again:
    """What of a run may succeed now. *systems*: target → the system it is in."""

    def __init__(self, systems: Mapping[str, str]) -> None:
        self._systems = systems
        self._applied: dict[str, int] = defaultdict(int)  # system → rows so far
        self._recovered = 0  # rows that had failed before
        self._refused: dict[str, dict[int, int]] = defaultdict(dict)  # target → ordinal → applied before its try
        self._untried: dict[str, dict[int, int]] = defaultdict(dict)  # … → recovered before

    def take(self, target: str, results: pa.Table) -> None:
        """The outcome of a batch of *target*: `ordinal outcome error_class`."""
        system, refused, untried = self._systems[target], self._refused[target], self._untried[target]
        applied = pc.equal(results["outcome"], Outcome.APPLIED.value)
        before = self._applied[system]
        self._applied[system] += pc.sum(applied).as_py() or 0
        if refused or untried:
            failed = {*refused, *untried}
            self._recovered += len(failed & set(results["ordinal"].filter(applied).to_pylist()))
            for ordinal in results["ordinal"].to_pylist():
                refused.pop(ordinal, None)
                untried.pop(ordinal, None)
        if pc.all(applied).as_py():
            return
        said = pc.and_kleene(
            pc.equal(results["outcome"], Outcome.REJECTED.value),
            pc.is_in(results["error_class"], value_set=_REFUSED),
        )
        refused.update(dict.fromkeys(results["ordinal"].filter(said).to_pylist(), before))
        waits = pc.is_in(results["outcome"], value_set=_UNTRIED)
        untried.update(dict.fromkeys(results["ordinal"].filter(waits).to_pylist(), self._recovered))

    def tables(self, placed: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Of *placed* (target → its changes, as `batch.placing` tells them) those that are to be tried now."""
        found = {}
        for target, table in placed.items():
            applied = self._applied[self._systems[target]]
            ordinals = [n for n, before in self._refused[target].items() if before < applied]
            ordinals += [n for n, before in self._untried[target].items() if before < self._recovered]
            if ordinals:
                found[target] = table.filter(pc.is_in(table["ordinal"], pa.array(ordinals, pa.int64())))
        return found
