"""Edits of a base by hand: rows are forgotten, adopted, or get another key."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import AGREED, ID, KEY, KNOWN, SEEN
from erpoa_cli.state.columns import conform, match_keys
from erpoa_cli.state.image import rest_schema
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.overlay import Patch, Rows, overlay
from erpoa_cli.state.texts import Array, values


@dataclass(frozen=True, slots=True)
class Edit:
    """`rows` (at rest) as edited; `applied` tells, once they were read to the end, to how many rows the edit
    was made."""

    layout: Layout
    rows: Rows
    applied: Callable[[], int]


EVENTS = frozenset({"forget", "adopt", "rekey"})
"""What the audit trail calls the edits."""

EVERY = "*"
"""In the place of a key: every row of the target."""


def again(event: str, rows: Rows, layout: Layout, details: Sequence[Mapping[str, Any]]) -> Rows:
    """The rows after edits that the audit trail tells, of one kind and of different rows: each detail has `key`, of `adopt`
    the `id`, of `rekey` the `new` key (the record of the new key has the `old` one). What an older erpoa recorded without
    them is forgotten: the next plan recognises it."""
    if any(detail["key"] == EVERY for detail in details):
        return forget_all(rows, layout).rows
    wanted = {"adopt": "id", "rekey": "new"}.get(event, "")
    known = {detail["key"]: detail[wanted] for detail in details if wanted in detail}
    lost = [detail["key"] for detail in details if wanted not in detail and "old" not in detail]
    if lost:
        rows = forget(rows, layout, lost).rows
    if not known:
        return rows
    return (adopt if event == "adopt" else rekey)(rows, layout, known).rows


def forget(rows: Rows, layout: Layout, keys: Collection[str]) -> Edit:
    """The rows become tombstones."""
    patch = _patch(layout, {key: {} for key in keys}, links=False)
    watch = _Watch(layout, patch)
    return Edit(layout, _laid(watch.over(rows), layout, patch), watch.live)


def forget_all(rows: Rows, layout: Layout) -> Edit:
    """Every row becomes a tombstone: keys keep their generations."""
    found = [0]

    def dead(batches: Rows) -> Rows:
        keeps = {*(KEY(name) for name in layout.key), "generation"}
        for batch in batches:
            found[0] += batch.num_rows - pc.sum(batch["dead"]).as_py()
            columns = {name: batch[name] for name in batch.schema.names if name in keeps}
            columns |= {KNOWN(name): pa.repeat(False, batch.num_rows) for name in layout.fields}
            columns["dead"] = pa.repeat(True, batch.num_rows)
            yield conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))

    return Edit(layout, dead(rows), lambda: found[0])


def adopt(rows: Rows, layout: Layout, ids: Mapping[str, Mapping[str, str]]) -> Edit:
    """Each key is linked to the row with its id; no field is known, whatever was known of another row."""
    gone, here = _patch(layout, {key: {} for key in ids}, links=False), _patch(layout, ids, links=True)
    return Edit(layout, _laid(_laid(rows, layout, gone), layout, here), lambda: len(ids))


def rekey(rows: Rows, layout: Layout, renamed: Mapping[str, str]) -> Edit:
    """Every row gets its new key, which must not be in use, or be given up by another one of them."""
    before = _patch(layout, {key: {} for key in renamed}, links=True)
    after = _patch(layout, {key: {} for key in renamed.values()}, links=True)
    others = pc.invert(pc.is_in(match_keys(after, layout.key), match_keys(before, layout.key)))
    found, taken = _Watch(layout, before), _Watch(layout, after.filter(others))

    def without_tombstones(batches: Rows) -> Rows:
        for batch in batches:
            same = pc.is_in(match_keys(batch, layout.key), match_keys(after, layout.key))
            yield batch.filter(pc.invert(pc.and_(same, batch["dead"])))

    def with_new_keys(batches: Rows) -> Rows:
        for batch in batches:
            at = pc.index_in(match_keys(batch, layout.key), match_keys(before, layout.key))
            columns = {name: batch[name] for name in batch.schema.names}
            for name in (KEY(name) for name in layout.key):
                columns[name] = pc.if_else(pc.is_valid(at), after[name].take(at), batch[name])
            yield conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))

    watched = with_new_keys(without_tombstones(taken.over(found.over(rows))))
    return Edit(layout, watched, lambda: 0 if taken.live() else found.live())


class _Watch:
    """Lets rows pass and counts the live ones that have a key of *patch*."""

    def __init__(self, layout: Layout, patch: pa.RecordBatch) -> None:
        self._layout = layout
        self._keys = match_keys(patch, layout.key)
        self._live = 0

    def over(self, batches: Rows) -> Rows:
        for batch in batches:
            same = pc.is_in(match_keys(batch, self._layout.key), self._keys)
            self._live += pc.sum(pc.and_(same, pc.invert(batch["dead"]))).as_py() or 0
            yield batch

    def live(self) -> int:
        return self._live


def _laid(rows: Rows, layout: Layout, patch: pa.RecordBatch) -> Rows:
    keys = match_keys(patch, layout.key)
    return overlay(rows, layout, Patch(keys, [patch.num_rows], lambda: iter((patch,))))


def _patch(layout: Layout, ids: Mapping[str, Mapping[str, str]], *, links: bool) -> pa.RecordBatch:
    """Rows of these keys with their ids (canonical texts), of which nothing else is known."""
    parts = [json.loads(key) for key in ids]
    if any(set(part) != set(layout.key) for part in parts):
        raise ValueError(f"the key of {layout.target} is ({', '.join(layout.key)})")
    columns: dict[str, Array] = {}
    for name, type_ in layout.key.items():
        columns[KEY(name)] = values(pa.array([part[name] for part in parts], pa.utf8()), type_)
    for name, type_ in layout.id.items():
        columns[ID(name)] = values(pa.array([given.get(name) for given in ids.values()], pa.utf8()), type_)
    columns |= {
        "generation": pa.nulls(len(ids), pa.int64()),
        "create": pa.repeat(False, len(ids)),
        "links": pa.repeat(links, len(ids)),
    }
    rest = rest_schema(layout)
    for name in layout.fields:
        columns[KNOWN(name)] = pa.repeat(False, len(ids))
        columns |= {image: pa.nulls(len(ids), rest.field(image).type) for image in (AGREED(name), SEEN(name))}
    return pa.RecordBatch.from_pydict(columns)
