"""The steps of documents told as ways: draft → confirmed (submit, audit)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY, NOW, WANTED
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action
from erpoa_cli.state import Layout, PlanFile
from erpoa_cli.state.columns import match_keys


@dataclass(frozen=True, slots=True)
class Way:
    """Moves of one document that follow upon each other: their ordinals, the state before and after, and the calls."""

    ordinals: tuple[int, ...]
    before: str | None
    after: str | None
    calls: tuple[str, ...]

    @property
    def words(self) -> str:
        called = f" ({', '.join(self.calls)})" if self.calls else ""
        return f"{self.before} → {self.after}{called}"


def ways(plan: PlanFile, layout: Layout) -> Mapping[int, Way]:
    """The ways in the changes of a target, by the ordinal of their first step; empty where its rows have no state."""
    if not layout.state:
        return {}
    before, after = NOW(layout.state), WANTED(layout.state)
    columns = ["action", "step", "call", before, after, *(KEY(name) for name in layout.key)]
    table = plan.table(Member.CHANGES, layout.target, columns=columns)
    table = table.filter(pc.equal(table["action"], Action.MOVE.value))
    table = table.append_column("key", pa.chunked_array([match_keys(table, layout.key)]))
    found: dict[int, Way] = {}
    run: list[dict[str, Any]] = []
    for row in [*table.sort_by([("key", "ascending"), ("step", "ascending")]).to_pylist(), None]:
        if run and (row is None or row["key"] != run[-1]["key"] or row["step"] != run[-1]["step"] + 1):
            calls = tuple(step["call"] for step in run if step["call"])
            ordinals = tuple(step["ordinal"] for step in run)
            found[ordinals[0]] = Way(ordinals, run[0][before], run[-1][after], calls)
            run = []
        if row is not None:
            run.append(row)
    return found
