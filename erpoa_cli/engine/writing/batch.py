"""A plan cut into batches: the list that apply and resume walk, in the order it must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action, Situation
from erpoa_cli.state import PlanFile

PLACING = ("ordinal", "wave", "step", "action", "fields", "situation", "before")
_SEPARATOR = "\x1f"
_CREATED = pa.array([Situation.ABSENT.value, Situation.VANISHED.value])


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one target that are written in one go: same wave, step, action and written fields; all of them were
    there when the plan was made, or none was.

    `before`: the fields that an earlier step of this plan writes in all these rows. `rows` has the columns of the plan's `changes/TARGET`, in the order of their ordinals."""

    target: str
    wave: int
    step: int
    action: Action
    fields: tuple[str, ...]
    rows: pa.Table
    before: tuple[str, ...] = ()

    @property
    def ordinals(self) -> list[int]:
        return self.rows["ordinal"].to_pylist()

    @property
    def seen(self) -> bool:
        """Whether the plan saw these rows in the system, and what they held."""
        return not pc.any(_created(self.rows)).as_py()


def _created(rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["situation"], _CREATED)


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    wave: int
    rank: int
    step: int
    action: str
    label: str
    before: str
    created: bool


def placing(plan: PlanFile, target: str) -> pa.Table:
    """The changes of *target* with what says when each is written, and what it waits for. `before`: of a later step of
    a row, the fields that its first step writes."""
    layout = plan.layout(target)
    pending = [f"p_{name}" for name, field in layout.fields.items() if field.pending]
    keys = [f"k_{name}" for name in layout.key]
    table = plan.table("changes", target, columns=[*PLACING[:-1], *pending, *keys])
    before = pa.nulls(table.num_rows, pa.list_(pa.utf8()))
    if pc.max(table["step"]).as_py() not in (None, 1):
        named = list(zip(*(table[key].to_pylist() for key in keys), strict=True))
        rows = list(zip(named, table["step"].to_pylist(), table["fields"].to_pylist(), strict=True))
        first = {key: fields for key, step, fields in rows if step == 1}
        before = pa.array([first.get(key) if step > 1 else None for key, step, _ in rows], before.type)
    return table.drop_columns(keys).append_column("before", before)


def batches(
    tables: Mapping[str, pa.Table],
    load: Callable[[str, pa.Array], pa.Table],
    sizes: Mapping[str, int],
    done: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Batch]:
    """The batches of a plan: *tables* are its changes per target, in the plan's order of targets, of which the
    columns `PLACING` are enough (see `placing`); *load* gives the rows of a target with these ordinals, in their order; *sizes* the
    most rows a batch of that target may have. Rows whose (step-wise) ordinals are in *done* are left out."""
    places: dict[_Place, tuple[str, pa.Array]] = {}
    for rank, (target, table) in enumerate(tables.items()):
        for place, indices in _places(table, rank, (done or {}).get(target, ())):
            places[place] = (target, indices)
    for place in sorted(places):
        target, indices = places[place]
        for start in range(0, len(indices), sizes[target]):
            ordinals = tables[target]["ordinal"].take(indices.slice(start, sizes[target]))
            rows = load(target, ordinals.combine_chunks())
            fields, before = (tuple(n.split(_SEPARATOR)) if n else () for n in (place.label, place.before))
            yield Batch(target, place.wave, place.step, Action(place.action), fields, rows, before)


def _places(table: pa.Table, rank: int, done: Sequence[int]) -> Iterator[tuple[_Place, pa.Array]]:
    slim = table.select(["ordinal", "wave", "step", "action"])
    for name, column in (("label", "fields"), ("before", "before")):
        slim = slim.append_column(name, pc.binary_join(table[column].combine_chunks(), _SEPARATOR))
    slim = slim.append_column("created", _created(table))
    slim = slim.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    if len(done):
        slim = slim.filter(pc.invert(pc.is_in(slim["ordinal"], pa.array(done, pa.int64()))))
    slim = slim.sort_by("ordinal")
    groups = slim.group_by(
        ["wave", "step", "action", "label", "before", "created"], use_threads=False
    ).aggregate([("row", "list")])
    for group in groups.to_pylist():
        place = _Place(
            group["wave"],
            rank,
            group["step"],
            group["action"],
            group["label"] or "",
            group["before"] or "",
            group["created"],
        )
        yield place, pa.array(group["row_list"], pa.int64())
