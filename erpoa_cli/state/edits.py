"""Edits of a base by hand: forget, adopt and rekey single rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import AGREED, ID, KEY, KNOWN, SEEN
from erpoa_cli.state.columns import conform, match_keys
from erpoa_cli.state.image import rest_schema
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.overlay import Patch, Rows, overlay
from erpoa_cli.state.texts import Array, one_value


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


def again(event: str, rows: Rows, layout: Layout, detail: Mapping[str, Any]) -> Edit:
    """The edit that the audit trail tells: *detail* has `key`, of `adopt` the `id`, of `rekey` the `new` key (the record
    of the new key has the `old` one). What an older erpoa recorded without them is forgotten: the next plan recognises it.
    """
    key = detail["key"]
    match event, detail:
        case "forget", _ if key == EVERY:
            return forget_all(rows, layout)
        case "adopt", {"id": id}:
            return adopt(rows, layout, key, id)
        case "rekey", {"new": new}:
            return rekey(rows, layout, key, new)
        case "rekey", {"old": _}:
            return Edit(layout, rows, lambda: 0)
        case _:
            return forget(rows, layout, key)


def forget(rows: Rows, layout: Layout, key: str) -> Edit:
    """The row becomes a tombstone."""
    patch = _patch(layout, key, {}, links=False)
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


def adopt(rows: Rows, layout: Layout, key: str, id: Mapping[str, str]) -> Edit:
    """The key is linked to the row with this id; no field is known, whatever was known of another row."""
    gone, here = _patch(layout, key, {}, links=False), _patch(layout, key, id, links=True)
    return Edit(layout, _laid(_laid(rows, layout, gone), layout, here), lambda: 1)


def rekey(rows: Rows, layout: Layout, old: str, new: str) -> Edit:
    """The row *old* gets the key *new*, which must not be in use."""
    before, after = _patch(layout, old, {}, links=True), _patch(layout, new, {}, links=True)
    found, taken = _Watch(layout, before), _Watch(layout, after)

    def renamed(batches: Rows) -> Rows:
        for batch in batches:
            here = pc.is_in(match_keys(batch, layout.key), match_keys(before, layout.key))
            columns = {name: batch[name] for name in batch.schema.names}
            for name in (KEY(name) for name in layout.key):
                columns[name] = pc.if_else(here, after[name][0], batch[name])
            yield conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))

    def without_tombstone(batches: Rows) -> Rows:
        for batch in batches:
            same = pc.is_in(match_keys(batch, layout.key), match_keys(after, layout.key))
            yield batch.filter(pc.invert(pc.and_(same, batch["dead"])))

    watched = renamed(without_tombstone(taken.over(found.over(rows))))
    return Edit(layout, watched, lambda: found.live() and not taken.live())


class _Watch:
    """Lets rows pass and remembers whether a live one had the key of *patch*."""

    def __init__(self, layout: Layout, patch: pa.RecordBatch) -> None:
        self._layout = layout
        self._keys = match_keys(patch, layout.key)
        self._live = False

    def over(self, batches: Rows) -> Rows:
        for batch in batches:
            same = pc.is_in(match_keys(batch, self._layout.key), self._keys)
            self._live |= bool(pc.any(pc.and_(same, pc.invert(batch["dead"]))).as_py())
            yield batch

    def live(self) -> bool:
        return self._live


def _laid(rows: Rows, layout: Layout, patch: pa.RecordBatch) -> Rows:
    keys = match_keys(patch, layout.key)
    return overlay(rows, layout, Patch(keys, [patch.num_rows], lambda: iter((patch,))))


def _patch(layout: Layout, key: str, id: Mapping[str, str], *, links: bool) -> pa.RecordBatch:
    parts = json.loads(key)
    if set(parts) != set(layout.key):
        raise ValueError(f"the key of {layout.target} is ({', '.join(layout.key)})")
    columns: dict[str, Array] = {}
    for name, type_ in layout.key.items():
        columns[KEY(name)] = one_value(parts[name], type_)
    for name, type_ in layout.id.items():
        columns[ID(name)] = one_value(id.get(name), type_)
    columns |= {
        "generation": pa.nulls(1, pa.int64()),
        "create": pa.array([False]),
        "links": pa.array([links]),
    }
    rest = rest_schema(layout)
    for name in layout.fields:
        columns[KNOWN(name)] = pa.array([False])
        columns |= {image: pa.nulls(1, rest.field(image).type) for image in (AGREED(name), SEEN(name))}
    return pa.RecordBatch.from_pydict(columns)
