"""How changes are cut into batches, and how many calls these take: the guards count what apply sends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import PENDING
from erpoa_cli.core.situation import Action, Situation
from erpoa_cli.core.target import Target
from erpoa_cli.sdk.connector import CreateSafety, ObjectInfo
from erpoa_cli.state.columns import coded, joined_codes

READ = ("ordinal", "wave", "step", "action", "call", "fields", "situation")
"""The columns of a change that say in which batch it is written."""

_BULK = 50_000  # rows per transaction where neither target nor object says otherwise
_SINGLE = 100  # likewise where there is no transaction
CREATED = (Situation.ABSENT.value, Situation.VANISHED.value)
"""Situations of rows that their system does not have before the plan."""


def rows_per_batch(target: Target, info: ObjectInfo) -> int:
    """Rows per write: what the target says, within what the object takes."""
    limits = [n for n in (target.batch, info.batch_size) if n]
    return min(limits, default=_BULK if info.create_safety is CreateSafety.TRANSACTION else _SINGLE)


def asked(action: Action, call: str) -> Action:
    """What a connector is asked to do: whatever is neither a create, a delete nor a *call* is an update."""
    return action if action in (Action.CREATE, Action.DELETE) or call else Action.UPDATE


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What rows of a target have in common that are written together, in the order of writing. `label` and `before` are
    codes of lists of fields (`state.columns.coded`): those written, and those that earlier steps of the plan write."""

    wave: int
    step: int
    action: str
    call: str
    label: str
    before: str
    created: bool


def placed(rows: Iterable[pa.RecordBatch]) -> pa.Table:
    """*rows* of changes (the columns `READ`, perhaps some `p_…`; at least one batch) in the order in which they come: `ordinal wave
    step`, `action`, `call`, `label` (the written fields), `before` (of a later step, the labels of the row's earlier ones), `created`,
    and what they wait for."""
    return pa.concat_tables(map(_slim, rows)).unify_dictionaries().combine_chunks()


def _slim(rows: pa.RecordBatch) -> pa.Table:
    columns = {name: rows[name] for name in ("ordinal", "wave", "step")}
    columns["action"] = rows["action"].dictionary_encode()
    columns["call"] = pc.fill_null(rows["call"], "").dictionary_encode()
    columns["label"] = coded(rows["fields"])
    columns["before"] = pa.repeat("", rows.num_rows).dictionary_encode()
    columns["created"] = created(rows)
    waiting = {name: rows[name].dictionary_encode() for name in rows.schema.names if PENDING.has(name)}
    return pa.table({**columns, **waiting})


def created(rows: pa.RecordBatch | pa.Table) -> pa.ChunkedArray:
    """Per row of a plan whether their system does not have it before this plan."""
    return pc.is_in(rows["situation"], pa.array(CREATED))


def stepwise(table: pa.Table) -> bool:
    """Whether rows of *table* (`placed`) are written in several steps: these are told apart by `with_before`."""
    return pc.max(table["step"]).as_py() not in (None, 1)


def with_before(table: pa.Table, keys: pa.Array) -> pa.Table:
    """*table* (as `placed` makes it) whose later steps have in `before` the labels of the earlier steps of the same
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


def groups(table: pa.Table, done: Collection[int] = ()) -> Iterator[tuple[Place, pa.Array]]:
    """The rows of *table* (`placed`, of several steps `with_before`) that are written together, as their numbers in it. Rows whose
    ordinals are in *done* are left out."""
    words = {name: table[name].combine_chunks() for name in ("action", "call", "label", "before")}
    slim = table.select(["ordinal", "wave", "step", "created"])
    for name, column in words.items():
        slim = slim.append_column(name, column.indices)
    slim = slim.append_column("at", pa.array(range(table.num_rows), pa.int64()))
    if len(done):
        slim = slim.filter(pc.invert(pc.is_in(slim["ordinal"], pa.array([*done], pa.int64()))))
    same = ["wave", "step", "action", "call", "label", "before", "created"]
    found = slim.group_by(same, use_threads=False).aggregate([("at", "list")])
    rows = found["at_list"].combine_chunks()
    for at, group in enumerate(found.select(same).to_pylist()):
        group |= {name: column.dictionary[group[name]].as_py() for name, column in words.items()}
        yield Place(**group), rows[at].values


def cut(rows: pa.Array, most: int) -> Iterator[pa.Array]:
    """*rows* in parts of *most* of them; the last one has the rest."""
    for start in range(0, len(rows), most):
        yield rows.slice(start, most)


def calls(table: pa.Table, target: Target, info: ObjectInfo) -> int:
    """Calls that write the rows of *table* (as `groups` takes it), none of which is refused or repeated: as many as there are
    batches, or more where the object takes fewer rows per call."""
    return sum(calls_of(place.action, place.call, len(rows), target, info) for place, rows in groups(table))


def calls_of(action: str, call: str, rows: int, target: Target, info: ObjectInfo) -> int:
    """Calls that write so many *rows* that are written together."""
    size = rows_per_batch(target, info)
    most = info.rows_per_call.get(call or asked(Action(action), "").value, size)
    whole, rest = divmod(rows, size)
    return whole * -(-size // most) + -(-rest // most)
