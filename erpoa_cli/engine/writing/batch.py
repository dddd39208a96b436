"""A plan cut into batches: the list that apply and resume walk, in the order it must be written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY, PENDING
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action
from erpoa_cli.engine.batching import READ, Place, created, cut, groups, placed, stepwise, with_before
from erpoa_cli.state import PlanFile
from erpoa_cli.state.columns import match_keys, names


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one target that are written in one go: same wave, step, action, call and written fields; all of them were
    there when the plan was made, or none was.

    `call`: of a move, the lifecycle's call; `before`: the fields that earlier steps of this plan write in all these rows. `rows` has the columns of the
    plan's `changes/TARGET`, in the order of their ordinals (or backwards, where they are tried again)."""

    target: str
    wave: int
    step: int
    action: Action
    fields: tuple[str, ...]
    rows: pa.Table
    before: tuple[str, ...] = ()
    call: str = ""

    @property
    def ordinals(self) -> list[int]:
        return self.rows["ordinal"].to_pylist()

    @property
    def seen(self) -> bool:
        """Whether the plan saw these rows in the system, and what they held."""
        return not pc.any(created(self.rows)).as_py()


def without(batch: Batch, ordinals: Iterable[int]) -> Batch:
    """*batch* less the rows with these *ordinals*."""
    aside = pc.is_in(batch.rows["ordinal"], pa.array(list(ordinals), pa.int64()))
    return replace(batch, rows=batch.rows.filter(pc.invert(aside)))


def with_unready(batch: Batch, ready: Batch) -> Batch:
    """All rows of *batch*, those of *ready* as they are there."""
    rest = without(batch, ready.ordinals)
    return (
        replace(batch, rows=pa.concat_tables([ready.rows, rest.rows]).sort_by("ordinal"))
        if rest.rows.num_rows
        else ready
    )


def placing(plan: PlanFile, target: str) -> pa.Table:
    """What says when each change of *target* is written, and what it waits for (`p_…`): some forty bytes per row."""
    layout = plan.layout(target)
    pending = [PENDING(name) for name, field in layout.fields.items() if field.pending]
    keys = [KEY(name) for name in layout.key]
    table = placed(plan.batches(Member.CHANGES, target, columns=[*READ, *pending]))
    if not stepwise(table):
        return table
    found = [match_keys(batch, layout.key) for batch in plan.batches(Member.CHANGES, target, columns=keys)]
    return with_before(table, pa.concat_arrays(found))


def batches(
    tables: Mapping[str, pa.Table],
    load: Callable[[str, pa.Array], pa.Table],
    sizes: Mapping[str, int],
    done: Mapping[str, Collection[int]] | None = None,
) -> Iterator[Batch]:
    """The batches of a plan: *tables* tell the place of its changes per target (see `placing`), in the plan's order of
    targets; *load* gives the rows of a target with these ordinals, in their order; *sizes* the most rows a batch of
    that target may have. Rows whose (step-wise) ordinals are in *done* are left out."""
    places: dict[tuple[int, int, Place], tuple[str, pa.Array]] = {}
    for rank, (target, table) in enumerate(tables.items()):
        for place, indices in groups(table, (done or {}).get(target, ())):
            places[place.wave, rank, place] = (target, indices)
    for at in sorted(places):
        place, (target, indices) = at[-1], places[at]
        for part in cut(indices, sizes[target]):
            ordinals = tables[target]["ordinal"].take(part)
            rows = load(target, ordinals.combine_chunks())
            fields, before = names(place.label), names(place.before)
            action = Action(place.action)
            yield Batch(target, place.wave, place.step, action, fields, rows, before, place.call)
