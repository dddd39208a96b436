"""Rows of theirs that appeared since the plan was made and that a create would double.

What recognises a row need not be unique (two people may share a name), so a row that is in the way of a create counts
only when it is linked to no key of ours: when the plan was made, it would have been recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import WANTED
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.reading import find
from erpoa_cli.engine.writing.request import holds_key

_SAID = "a row with the same {} appeared since the plan was made"


def without_strangers(desk: Desk, batch: Batch) -> tuple[Batch, dict[int, tuple[Outcome, str]]]:
    """*batch* less the creates that would double a row nobody has linked; those by ordinal, with the reason.

    Sets of fields of which the system itself refuses a second row need no look; within a transaction, sets that hold the
    whole key are left to the write, which refuses it as well."""
    if batch.action is not Action.CREATE:
        return batch, {}
    problems: dict[int, tuple[Outcome, str]] = {}
    dead = desk.target.lifecycle is not None and desk.target.lifecycle.dead
    linked: set[tuple[object, ...]] | None = None
    for fields in desk.target.match:
        enforced = desk.transactional and holds_key(desk.target, fields) and not dead
        enforced = enforced or any(set(fields) == set(own) for own in desk.info.enforced)
        if enforced or not set(fields) <= set(batch.fields):
            continue
        values = batch.rows.select([WANTED(n) for n in fields]).rename_columns(list(fields))
        sought = values.drop_null()
        met = find(desk, (), fields, sought) if sought.num_rows else sought
        if not met.num_rows:
            continue
        linked = desk.linked() if linked is None else linked
        free = {repr([row[n] for n in fields]) for row in met.to_pylist() if _id(desk, row) not in linked}
        for ordinal, row in zip(batch.ordinals, values.to_pylist(), strict=True):
            if repr([*row.values()]) in free:
                problems[ordinal] = (Outcome.STALE, _SAID.format(", ".join(fields)))
    if problems:
        aside = pa.array(list(problems), pa.int64())
        batch = replace(batch, rows=batch.rows.filter(pc.invert(pc.is_in(batch.rows["ordinal"], aside))))
    return batch, problems


def _id(desk: Desk, row: Mapping[str, object]) -> tuple[object, ...]:
    return tuple(row[name] for name in desk.id_types)
