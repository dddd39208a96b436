"""What became of the rows of a plan in one run: told in columns, for most of its rows are only counted."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Outcome
from erpoa_cli.state import PlanFile, StateReader
from erpoa_cli.state.columns import match_keys
from erpoa_cli.state.fold import last_words
from erpoa_cli.state.texts import Array

_TOLD = pa.schema([("ordinal", pa.int64()), ("outcome", pa.utf8()), ("error", pa.utf8())])


SEVERITY = (
    Outcome.APPLIED, Outcome.WAITING, Outcome.BLOCKED, Outcome.STALE, Outcome.REJECTED, Outcome.IN_DOUBT,
)  # fmt: skip
"""What is worse for a row: what became of it is what became of its worst step."""


class Outcomes:
    """Of the rows of one target."""

    def __init__(self, told: pa.Table, rows: pa.Table | None = None) -> None:
        """*told*: `ordinal outcome error`, every ordinal once; *rows*: `ordinal row` where rows have several steps, the
        same number for all steps of a row."""
        self._told = told
        self._rows = rows

    def counts(self) -> dict[str, int]:
        """Rows by what became of them."""
        return {outcome.value: n for outcome, n in worst(self._told, self._rows).items()}

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


def worst(told: pa.Table, rows: pa.Table | None) -> dict[Outcome, int]:
    """How many rows came to which outcome. *told*: `ordinal outcome` of steps; *rows*: as of `Outcomes`."""
    ranks = pc.index_in(told["outcome"], value_set=pa.array([o.value for o in SEVERITY]))
    if rows is not None:
        row = rows["row"].take(pc.index_in(told["ordinal"], value_set=rows["ordinal"].combine_chunks()))
        steps = pa.table({"row": row, "rank": ranks})
        ranks = steps.group_by("row").aggregate([("rank", "max")])["rank_max"]
    return {SEVERITY[c["values"]]: c["counts"] for c in ranks.value_counts().to_pylist()}


def row_numbers(plan: PlanFile, target: str) -> pa.Table | None:
    """`ordinal row` of the changes of *target*; None where every row is one step."""
    steps = plan.table(Member.CHANGES, target, columns=["step"])
    if pc.max(steps["step"]).as_py() in (None, 1):
        return None
    key = plan.layout(target).key
    rows = plan.table(Member.CHANGES, target, columns=[KEY(name) for name in key])
    keys = match_keys(rows, key)
    return pa.table({"ordinal": rows["ordinal"], "row": pc.index_in(keys, value_set=keys)})


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
    plan = state.plan(run) if told else None
    return {
        target: Outcomes(_complete(last_words(parts)), row_numbers(plan, target) if plan else None)
        for target, parts in told.items()
    }


def _complete(table: pa.Table) -> pa.Table:
    if "error" not in table.schema.names:
        table = table.append_column("error", pa.nulls(table.num_rows, pa.utf8()))
    return table
