"""What runs did to the links of a target: rows that were made, removed, or given up."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, KEY
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state.planfile import PlanFile

_ACTIONS = pa.array([a.value for a in (Action.CREATE, Action.MOVE, Action.DELETE, Action.FORGET)])
_READ = ("wave", "step", "action", "situation", "links")


def touched(plan: PlanFile, target: str, results: Sequence[pa.Table]) -> pa.Table:
    """The rows of *plan* that touch links of *target* and took effect, by what *results* tell: with key, identifier
    (`id_…`), what their system gave it (`given`), and how they were written."""
    layout = plan.layout(target)
    own = next((ID(name) for name in layout.id), None)
    columns = [*(KEY(name) for name in layout.key), *([own] if own else []), *_READ]
    rows = plan.table(Member.STATE, target, columns=columns)
    tables = [rows.append_column("given", rows[own] if own else pa.nulls(rows.num_rows))]
    if results:
        told = pa.concat_tables(results, promote_options="default")
        told = told.filter(pc.equal(told["outcome"], Outcome.APPLIED.value))
        given = told[own].cast(rows[own].type) if own in told.schema.names else pa.nulls(told.num_rows)
        answers = pa.table({"ordinal": told["ordinal"], "given": given})
        done = plan.table(Member.CHANGES, target, columns=columns)
        tables.append(done.join(answers, "ordinal", join_type="inner"))
    found = pa.concat_tables(tables, promote_options="permissive")
    return found.filter(pc.is_in(found["action"], _ACTIONS))
