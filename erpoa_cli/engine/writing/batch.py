"""A plan cut into batches: the list that apply and resume walk, in the order it must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action, Situation

PLACING = ("ordinal", "wave", "step", "action", "fields", "situation")
_SEPARATOR = "\x1f"
_CREATED = pa.array([Situation.ABSENT.value, Situation.VANISHED.value])


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one target that are written in one go: same wave, step, action and written fields; all of them were
    there when the plan was made, or none was.

    `rows` has the columns of the plan's `changes/TARGET`, in the order of their ordinals."""

    target: str
    wave: int
    step: int
    action: Action
    fields: tuple[str, ...]
    rows: pa.Table

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
    created: bool


def batches(
    tables: Mapping[str, pa.Table],
    load: Callable[[str, pa.Array], pa.Table],
    sizes: Mapping[str, int],
    done: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Batch]:
    """The batches of a plan: *tables* are its changes per target, in the plan's order of targets, of which the
    columns `PLACING` are enough; *load* gives the rows of a target with these ordinals, in their order; *sizes* the
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
            fields = tuple(place.label.split(_SEPARATOR)) if place.label else ()
            yield Batch(target, place.wave, place.step, Action(place.action), fields, rows)


def _places(table: pa.Table, rank: int, done: Sequence[int]) -> Iterator[tuple[_Place, pa.Array]]:
    slim = table.select(["ordinal", "wave", "step", "action"])
    slim = slim.append_column("label", pc.binary_join(table["fields"].combine_chunks(), _SEPARATOR))
    slim = slim.append_column("created", _created(table))
    slim = slim.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    if len(done):
        slim = slim.filter(pc.invert(pc.is_in(slim["ordinal"], pa.array(done, pa.int64()))))
    slim = slim.sort_by("ordinal")
    groups = slim.group_by(["wave", "step", "action", "label", "created"], use_threads=False).aggregate(
        [("row", "list")]
    )
    for group in groups.to_pylist():
        place = _Place(
            group["wave"], rank, group["step"], group["action"], group["label"] or "", group["created"]
        )
        yield place, pa.array(group["row_list"], pa.int64())
