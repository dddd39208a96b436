"""The effects digest of a plan: what would be written, independent of machine, zone, locale and row order.

SHA-256 over one line per row, each an RFC 8785 array with the members

    target, identity, {key}, step, action, {values}, {preconditions}

ordered by target, key texts and step (all as UTF-8 bytes). The action of a document's call is `move CALL`. Values are canonical texts (`core.canonical`), true,
false or null; a value that is not known yet is `{"ref": [target, key, field]}`; a sealed one its HMAC. Ids,
times, waves and ordinals are not part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action
from erpoa_cli.core.target import Ownership
from erpoa_cli.state.columns import Members, coded, conform
from erpoa_cli.state.digest import Parts, content, joined, quoted, value_parts, wanted_parts
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, texts, utf16

_SLICE = 1 << 16  # rows per piece of work
_WORKERS = min(8, os.cpu_count() or 1)  # pieces whose text is in memory at a time


class Effects:
    """The effects of a plan, gathered while its rows pass on their way to the plan file."""

    def __init__(self, identities: Mapping[str, str], sealer: Sealer | None = None) -> None:
        """*identities*: target → identity of its system."""
        self._identities = identities
        self._sealer = sealer
        self._slim: dict[str, tuple[Layout, list[pa.Table]]] = {}

    def passing(self, layout: Layout, rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """The changes of a target (`plan_schema`, sealed values opened), unchanged."""
        empty = _needed(layout, conform(rows.schema.empty_table(), rows.schema))
        kept = [pa.Table.from_batches([empty])]
        self._slim[layout.target] = (layout, kept)

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in rows:
                kept.append(pa.Table.from_batches([_needed(layout, batch)]))
                yield batch

        return pa.RecordBatchReader.from_batches(rows.schema, batches())

    def digest(self) -> str:
        """SHA-256 (hex) over the effects of all rows that passed."""
        sha256 = hashlib.sha256()
        with ThreadPoolExecutor(_WORKERS) as pool:
            for target in sorted(self._slim, key=str.encode):
                layout, kept = self._slim[target]
                table = pa.concat_tables(kept, promote_options="default").unify_dictionaries()
                identity, order = self._identities[target], _order(layout, table)
                lines = partial(_lines, layout, identity, self._sealer, table, order)
                for start in range(0, table.num_rows, _SLICE * _WORKERS):
                    stop = min(table.num_rows, start + _SLICE * _WORKERS)
                    for text in pool.map(lines, range(start, stop, _SLICE)):
                        sha256.update(text)
        return sha256.hexdigest()


def _needed(layout: Layout, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns that matter, lists of names as codes; creates have no values before."""
    creates = pc.all(pc.equal(batch["action"], Action.CREATE.value)).as_py()
    names = [f"k_{name}" for name in layout.key] + ["step", "action", "call"]
    for name, field in layout.fields.items():
        names += [f"d_{name}", *([f"p_{name}"] if field.pending else [])]
        if not creates and field.ownership is not Ownership.THEIRS:
            names.append(f"a_{name}")
    columns = {name: batch[name] for name in names}
    return pa.RecordBatch.from_pydict({**columns, "fields": coded(batch["fields"])})


def _lines(
    layout: Layout, identity: str, sealer: Sealer | None, rows: pa.Table, order: Array | None, start: int
) -> memoryview:
    """The text of up to `_SLICE` rows from position *start* of *order* (None: as they stand)."""
    piece = rows.slice(start, _SLICE) if order is None else rows.take(order.slice(start, _SLICE))
    (batch,) = piece.combine_chunks().to_batches()
    return content(_row_texts(layout, batch, identity, sealer))


def _row_texts(layout: Layout, batch: pa.RecordBatch, identity: str, sealer: Sealer | None) -> Array:
    """One line per row, with its line end."""
    keys = {name: quoted(texts(batch[f"k_{name}"], type_)) for name, type_ in layout.key.items()}
    step = pc.coalesce(batch["step"], 1).cast(pa.utf8())
    return joined(
        [
            f"[{_json(layout.target)},{_json(identity)},",
            *_object(keys),
            ",",
            step,
            ",",
            *quoted(_action(batch)),
            ",",
            *_values(layout, batch, sealer),
            ",",
            *_preconditions(layout, batch, sealer),
            "]\n",
        ]
    )


def _action(batch: pa.RecordBatch) -> Array:
    """What is done; to a document, by which call."""
    if batch["call"].null_count == batch.num_rows:
        return batch["action"]
    called = pc.binary_join_element_wise(batch["action"], batch["call"], " ")
    return pc.coalesce(called, batch["action"])


def _values(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Parts:
    """Object of the written fields and what they become."""
    written = Members(batch["fields"])
    values = {
        name: wanted_parts(layout, batch, name, sealer) for name in layout.fields if written.anywhere(name)
    }
    if all(written.everywhere(name) for name in values):
        return _object(values)
    names = sorted(values, key=utf16)
    parts: Parts = ["{"]
    for position, name in enumerate(names):
        parts.append(written.tell(partial(_start, name, names[:position]), pa.utf8()))
        parts.append(pc.if_else(written.hold(name), joined(values[name]), ""))
    return [*parts, "}"]


def _start(name: str, before: Sequence[str], written: frozenset[str]) -> str:
    """What stands before the value of field *name*, behind those of the fields *before*, in a row of *written*."""
    if name not in written:
        return ""
    return f"{'' if written.isdisjoint(before) else ','}{_json(name)}:"


def _preconditions(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Parts:
    """Object of the values a row must still have: those of all fields that are not theirs alone."""
    compared = pc.not_equal(batch["action"], Action.CREATE.value)
    if not pc.any(compared).as_py():
        return ["{}"]
    values = _object(
        {
            name: value_parts(layout, batch, "a", name, sealer)
            for name, field in layout.fields.items()
            if field.ownership is not Ownership.THEIRS
        }
    )
    if pc.all(compared).as_py() or not any(isinstance(part, pa.Array) for part in values):
        return values
    return [pc.if_else(compared, joined(values), "{}")]


def _object(values: Mapping[str, Parts]) -> Parts:
    """A JSON object of *values*, its members in the order of RFC 8785."""
    parts: Parts = ["{"]
    for position, name in enumerate(sorted(values, key=utf16)):
        parts += ["," if position else "", f"{_json(name)}:", *values[name]]
    return [*parts, "}"]


def _order(layout: Layout, rows: pa.Table) -> Array | None:
    """Row indices by key texts and step, texts compared as UTF-8 bytes; None where the rows stand so already."""
    columns = {
        f"k{position}": texts(rows[f"k_{name}"], type_)
        for position, (name, type_) in enumerate(layout.key.items())
    }
    columns["step"] = pc.coalesce(rows["step"], 1).combine_chunks()
    if rows.num_rows < 2 or _ascending([*columns.values()]):
        return None
    table = pa.table(columns)
    return pc.sort_indices(table, sort_keys=[(name, "ascending") for name in columns])


def _ascending(columns: Sequence[Array]) -> bool:
    """Whether every row is behind the one before it, by the first column in which they differ."""
    behind = pa.repeat(False, len(columns[0]) - 1)
    for column in reversed(columns):
        before, after = column[:-1], column[1:]
        behind = pc.or_(pc.less(before, after), pc.and_(pc.equal(before, after), behind))
    return pc.all(behind).as_py() is not False


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
