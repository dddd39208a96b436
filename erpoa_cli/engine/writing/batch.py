"""A plan cut into batches: the list that apply and resume walk, in the order it must be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action, Situation
from erpoa_cli.state import PlanFile
from erpoa_cli.state.columns import coded, joined_codes, match_keys, names

_READ = ("ordinal", "wave", "step", "action", "call", "fields", "situation")
_CREATED = pa.array([Situation.ABSENT.value, Situation.VANISHED.value])


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one target that are written in one go: same wave, step, action, call and written fields; all of them were
    there when the plan was made, or none was.

    `call`: of a move, the lifecycle's call; `before`: the fields that earlier steps of this plan write in all these rows. `rows` has the columns of the
    plan's `changes/TARGET`, in the order of their ordinals."""

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
        return not pc.any(_created(self.rows)).as_py()


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


def _created(rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["situation"], _CREATED)


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    wave: int
    rank: int
    step: int
    action: str
    call: str
    label: str
    before: str
    created: bool


def placing(plan: PlanFile, target: str) -> pa.Table:
    """What says when each change of *target* is written, and what it waits for (`p_…`): some forty bytes per row."""
    layout = plan.layout(target)
    pending = [f"p_{name}" for name, field in layout.fields.items() if field.pending]
    keys = [f"k_{name}" for name in layout.key]
    table = placed(plan.batches("changes", target, columns=[*_READ, *pending]))
    if pc.max(table["step"]).as_py() in (None, 1):
        return table
    found = [match_keys(batch, layout.key) for batch in plan.batches("changes", target, columns=keys)]
    return with_before(table, pa.concat_arrays(found))


def placed(rows: Iterable[pa.RecordBatch]) -> pa.Table:
    """*rows* of changes (at least one batch) in the order of their ordinals: `ordinal wave step`, `action`, `call`, `label`
    (the written fields), `before` (of a later step, the labels of the row's earlier ones), `created`, and what they wait
    for."""
    return pa.concat_tables(map(_slim, rows)).unify_dictionaries().combine_chunks()


def _slim(rows: pa.RecordBatch) -> pa.Table:
    columns = {name: rows[name] for name in ("ordinal", "wave", "step")}
    columns["action"] = rows["action"].dictionary_encode()
    columns["call"] = pc.fill_null(rows["call"], "").dictionary_encode()
    columns["label"] = coded(rows["fields"])
    columns["before"] = pa.repeat("", rows.num_rows).dictionary_encode()
    columns["created"] = _created(rows)
    waiting = {name: rows[name].dictionary_encode() for name in rows.schema.names if name.startswith("p_")}
    return pa.table({**columns, **waiting})


def with_before(table: pa.Table, keys: pa.Array) -> pa.Table:
    """*table* (as `placing` makes it) whose later steps have in `before` the labels of the earlier steps of the same
    row, and with the number of their `row`; *keys*: one text per row, equal for the steps of a row."""
    labels, steps = table["label"].combine_chunks().cast(pa.utf8()), table["step"].combine_chunks()
    before = pa.repeat("", len(keys))
    for step in range(2, pc.max(steps).as_py() + 1):
        now, last = pc.equal(steps, step), pc.equal(steps, step - 1)
        found = pc.index_in(keys.filter(now), value_set=keys.filter(last))
        told = (part.filter(last).take(found) for part in (labels, before))
        before = pc.replace_with_mask(before, now, joined_codes(*(pc.fill_null(part, "") for part in told)))
    table = table.append_column("row", pc.index_in(keys, value_set=keys).cast(pa.int64()))
    return table.set_column(table.schema.get_field_index("before"), "before", before.dictionary_encode())


def batches(
    tables: Mapping[str, pa.Table],
    load: Callable[[str, pa.Array], pa.Table],
    sizes: Mapping[str, int],
    done: Mapping[str, Sequence[int]] | None = None,
) -> Iterator[Batch]:
    """The batches of a plan: *tables* tell the place of its changes per target (see `placing`), in the plan's order of
    targets; *load* gives the rows of a target with these ordinals, in their order; *sizes* the most rows a batch of
    that target may have. Rows whose (step-wise) ordinals are in *done* are left out."""
    places: dict[_Place, tuple[str, pa.Array]] = {}
    for rank, (target, table) in enumerate(tables.items()):
        for place, indices in _places(table, rank, (done or {}).get(target, ())):
            places[place] = (target, indices)
    for place in sorted(places):
        target, indices = places[place]
        for start in range(0, len(indices), sizes[target]):
            ordinals = tables[target]["ordinal"].take(indices.slice(start, sizes[target]))
            rows = load(target, ordinals.combine_chunks())
            fields, before = names(place.label), names(place.before)
            action = Action(place.action)
            yield Batch(target, place.wave, place.step, action, fields, rows, before, place.call)


def _places(table: pa.Table, rank: int, done: Sequence[int]) -> Iterator[tuple[_Place, pa.Array]]:
    words = {name: table[name].combine_chunks() for name in ("action", "call", "label", "before")}
    slim = table.select(["ordinal", "wave", "step", "created"])
    for name, column in words.items():
        slim = slim.append_column(name, column.indices)
    slim = slim.append_column("at", pa.array(range(table.num_rows), pa.int64()))
    if len(done):
        slim = slim.filter(pc.invert(pc.is_in(slim["ordinal"], pa.array(done, pa.int64()))))
    same = ["wave", "step", "action", "call", "label", "before", "created"]
    groups = slim.group_by(same, use_threads=False).aggregate([("at", "list")])
    rows = groups["at_list"].combine_chunks()
    for at, group in enumerate(groups.select(same).to_pylist()):
        group |= {name: column.dictionary[group[name]].as_py() for name, column in words.items()}
        yield _Place(rank=rank, **group), rows[at].values
