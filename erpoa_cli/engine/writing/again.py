"""Rows that a run tries once more: whether a write succeeds may depend on another write of the same plan.

A value that only one row may have is free when the row that has it was written; a quota has room when others left it; a
parent is there. So a row that its system refused is tried again when other rows of that system were applied since, and a
row that was not tried, because of another one, when a row that had failed was applied after all. Every pass needs a
write that succeeded, and what was applied never comes back: passes end, and on resume the journal tells the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import OUTCOMES
from erpoa_cli.sdk.errors import Duplicate, MasterMissing, Rejected

_REFUSED = pa.array([Rejected.word, Duplicate.word, MasterMissing.word])
_UNTRIED = pa.array([Outcome.BLOCKED.value, Outcome.WAITING.value])


@dataclass(frozen=True, slots=True)
class _Try:
    """A try that was refused: rows of its system that were applied before, the number of its batch, what was answered."""

    before: int
    number: int
    answer: Mapping[str, Any]


class Again:
    """What of a run may succeed now. *systems*: target → the system it is in."""

    def __init__(self, systems: Mapping[str, str]) -> None:
        self._systems = systems
        self._applied: dict[str, int] = defaultdict(int)  # system → rows so far
        self._recovered = 0  # rows that had failed before
        self._refused: dict[str, dict[int, _Try]] = defaultdict(dict)  # target → ordinal → the last one
        self._untried: dict[str, dict[int, int]] = defaultdict(dict)  # … → recovered before

    def take(self, target: str, number: int, results: pa.Table) -> None:
        """The outcome of the batch *number*, of *target*: `ordinal outcome error_class error`."""
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
        for row in results.filter(said).select(OUTCOMES.names).to_pylist():
            refused[row["ordinal"]] = _Try(before, number, row)
        waits = pc.is_in(results["outcome"], value_set=_UNTRIED)
        untried.update(dict.fromkeys(results["ordinal"].filter(waits).to_pylist(), self._recovered))

    def tables(self, placed: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """Of *placed* (target → its changes, as `batch.placing` tells them) those that are to be tried now."""
        found = {}
        for target, table in placed.items():
            applied = self._applied[self._systems[target]]
            ordinals = [n for n, last in self._refused[target].items() if last.before < applied]
            ordinals += [n for n, before in self._untried[target].items() if before < self._recovered]
            if ordinals:
                found[target] = table.filter(pc.is_in(table["ordinal"], pa.array(ordinals, pa.int64())))
        return found

    def told(self, words: Callable[[str, pa.Array], Mapping[int, str]]) -> Iterator[tuple[int, pa.Table]]:
        """What is to be recorded once more of rows that stay refused: the number of their batch, and its answers with what *words*
        (of a target and ordinals) has to say of them, by ordinal."""
        for target, tries in self._refused.items():
            if len(tries) < 2:
                continue
            found = words(target, pa.array(sorted(tries), pa.int64()))
            answers: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
            for ordinal, more in found.items():
                last = tries[ordinal]
                if more not in (last.answer["error"] or ""):
                    answers[last.number].append({**last.answer, "error": f"{last.answer['error']}; {more}"})
            for number, rows in sorted(answers.items()):
                yield number, pa.Table.from_pylist(rows, OUTCOMES)
