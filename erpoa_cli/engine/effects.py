"""The effects digest of a plan: what would be written, independent of machine, zone, locale and row order.

SHA-256 over one line per row, each an RFC 8785 array with the members

    target, identity, {key}, step, action, {values}, {preconditions}

ordered by target, key texts and step (all as UTF-8 bytes). Values are canonical texts (`core.canonical`), true,
false or null; a value that is not known yet is `{"ref": [target, key, field]}`; a sealed one its HMAC. Ids,
times, waves and ordinals are not part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action
from erpoa_cli.core.target import Ownership
from erpoa_cli.state.columns import Members
from erpoa_cli.state.digest import content, quoted, value_texts, wanted_texts
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, texts, utf16

_SLICE = 1 << 16  # rows per piece of work
_WORKERS = min(8, os.cpu_count() or 1)  # pieces whose text is in memory at a time


def effects_digest(
    changes: Mapping[str, tuple[Layout, pa.Table]],
    identities: Mapping[str, str],
    sealer: Sealer | None = None,
) -> str:
    """SHA-256 (hex) over the effects: *changes* maps targets to their rows (`plan_schema`, sealed values opened),
    *identities* targets to the identity of their system."""
    sha256 = hashlib.sha256()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for target in sorted(changes, key=str.encode):
            layout, rows = changes[target]
            order, needed = _order(layout, rows), rows.select(_needed(rows))
            lines = partial(_lines, layout, needed, order, identities[target], sealer)
            for start in range(0, rows.num_rows, _SLICE * _WORKERS):
                stop = min(rows.num_rows, start + _SLICE * _WORKERS)
                for text in pool.map(lines, range(start, stop, _SLICE)):
                    sha256.update(text)
    return sha256.hexdigest()


def _needed(rows: pa.Table) -> list[str]:
    """Names of the columns that matter; creates have no values before."""
    creates = pc.all(pc.equal(rows["action"], Action.CREATE.value)).as_py()
    images = ("k_", "d_", "p_") if creates else ("k_", "d_", "p_", "a_")
    return [
        name for name in rows.schema.names if name.startswith(images) or name in ("step", "action", "fields")
    ]


def _lines(
    layout: Layout, rows: pa.Table, order: Array, identity: str, sealer: Sealer | None, start: int
) -> memoryview:
    """The text of up to `_SLICE` rows from position *start* of *order*."""
    (batch,) = rows.take(order.slice(start, _SLICE)).combine_chunks().to_batches()
    return content(row_texts(layout, batch, identity, sealer))


def row_texts(layout: Layout, batch: pa.RecordBatch, identity: str, sealer: Sealer | None) -> Array:
    """One line per row, with its line end."""
    start = f"[{_json(layout.target)},{_json(identity)},"
    keys = [(name, quoted(texts(batch[f"k_{name}"], type_))) for name, type_ in layout.key.items()]
    step = pc.coalesce(batch["step"], 1).cast(pa.utf8())
    return pc.binary_join_element_wise(
        start,
        _object((name, text, None) for name, text in sorted(keys, key=lambda key: utf16(key[0]))),
        ",",
        step,
        ",",
        quoted(batch["action"]),
        ",",
        _values(layout, batch, sealer),
        ",",
        _preconditions(layout, batch, sealer),
        "]\n",
        "",
    )


def _values(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Array:
    """Object of the written fields and what they become."""
    written = Members(batch["fields"])
    members = [
        (
            name,
            wanted_texts(layout, batch, name, sealer),
            None if written.everywhere(name) else written.hold(name),
        )
        for name in sorted(layout.fields, key=utf16)
        if written.anywhere(name)
    ]
    return _object(members) if members else pa.repeat("{}", batch.num_rows)


def _preconditions(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Array:
    """Object of the values a row must still have: those of all fields that are not theirs alone."""
    compared = pc.not_equal(batch["action"], Action.CREATE.value)
    if not pc.any(compared).as_py():
        return pa.repeat("{}", batch.num_rows)
    members = [
        (name, value_texts(layout, batch, "a", name, sealer), compared)
        for name in sorted(layout.fields, key=utf16)
        if layout.fields[name].ownership is not Ownership.THEIRS
    ]
    return _object(members) if members else pa.repeat("{}", batch.num_rows)


def _object(members: Iterable[tuple[str, Array, Array | None]]) -> Array:
    """JSON objects of (name, JSON texts, rows that have the member; None: all), names already in order."""
    parts: list[Array | str] = []
    for name, text, present in members:
        start = f"{_json(name)}:"
        if present is None:
            parts += [start, text, ","]
        else:
            parts += [pc.if_else(present, pc.binary_join_element_wise(start, text, ",", ""), "")]
    joined = pc.binary_join_element_wise(*parts, "")
    return pc.binary_join_element_wise("{", pc.utf8_rtrim(joined, characters=","), "}", "")


def _order(layout: Layout, rows: pa.Table) -> Array:
    """Row indices by key texts and step; texts compare as UTF-8 bytes."""
    columns = {
        f"k{position}": texts(rows[f"k_{name}"], type_)
        for position, (name, type_) in enumerate(layout.key.items())
    }
    columns["step"] = pc.coalesce(rows["step"], 1).combine_chunks()
    table = pa.table(columns)
    return pc.sort_indices(table, sort_keys=[(name, "ascending") for name in columns])


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
