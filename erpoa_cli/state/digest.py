"""Rows as canonical JSON text (RFC 8785), column by column, and the digest of what a row wants."""

from __future__ import annotations

import hashlib
import json
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import NOW, PENDING, WANTED, Columns
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer, require
from erpoa_cli.state.texts import Array, Column, texts, utf16

Parts: TypeAlias = "list[str | Array]"
"""Text in pieces, to be joined row by row: what is the same in every row, and columns without NULL."""


def joined(parts: Parts) -> Array:
    """The text of *parts* (one of them a column) row by row."""
    pieces: Parts = []
    for part in parts:
        if pieces and isinstance(part, str) and isinstance(last := pieces[-1], str):
            pieces[-1] = last + part
        else:
            pieces.append(part)
    return pc.binary_join_element_wise(*pieces, "")


def quoted(column: Array) -> Parts:
    """JSON strings of text values, `null` for NULL."""
    parts: Parts = ['"', _escaped(column), '"']
    return parts if not column.null_count else [pc.fill_null(joined(parts), "null")]


def _escaped(column: Array) -> Array:
    """Text values as they stand between the quotes of a JSON string."""
    if not _special(column):
        return column
    found = pc.match_substring_regex(column, r'[\x00-\x1f"\\]')
    escaped = [_json(text)[1:-1] for text in column.filter(found).to_pylist()]
    return pc.replace_with_mask(column, pc.fill_null(found, False), pa.array(escaped, pa.utf8()))


def _special(column: Array) -> bool:
    """Whether JSON must escape a character of *column*; most columns need that nowhere."""
    data = content(column)
    if not data:
        return False
    plain = bytes(data)
    if b'"' in plain or b"\\" in plain:
        return True
    characters = pa.Array.from_buffers(pa.uint8(), len(plain), [None, pa.py_buffer(plain)])
    return bool(pc.min_max(characters)["min"].as_py() < ord(" "))


def content(column: Array) -> memoryview:
    """The bytes of all texts of *column*, one after the other."""
    _, offsets, data = column.buffers()
    ends = memoryview(offsets).cast("i")
    first, last = ends[column.offset], ends[column.offset + len(column)]
    return memoryview(data or b"")[first:last]


def _json_parts(column: Column, type_: Type) -> Parts:
    """Canonical JSON of every value: text in canonical form as a string, true, false, null, arrays, objects."""
    plain = texts(column, type_)
    match type_.kind:
        case Kind.BOOLEAN | Kind.LIST | Kind.STRUCT:
            return [pc.fill_null(plain, "null")]
        case _:
            return quoted(plain)


def value_parts(
    layout: Layout, batch: pa.RecordBatch, image: Columns, name: str, sealer: Sealer | None
) -> Parts:
    """Canonical JSON of the values that *image* has of the field *name*; sealed fields by their HMAC."""
    field, column = layout.fields[name], batch[image(name)]
    if not field.sealed:
        return _json_parts(column, field.type)
    macs = require(sealer).mac(column, field.type, f"{layout.target}.{name}").to_pylist()
    return quoted(pa.array([None if mac is None else f"hmac:{mac.hex()}" for mac in macs], pa.utf8()))


def wanted_parts(layout: Layout, batch: pa.RecordBatch, name: str, sealer: Sealer | None) -> Parts:
    """Canonical JSON of what a row wants in field *name*: the value, or the reference it waits for."""
    value = value_parts(layout, batch, WANTED, name, sealer)
    if PENDING(name) not in batch.schema.names or batch[PENDING(name)].null_count == batch.num_rows:
        return value
    pending = batch[PENDING(name)]
    canonical = [None if p is None else _json(json.loads(p)) for p in pending.to_pylist()]
    reference = pc.binary_join_element_wise('{"ref":', pa.array(canonical, pa.utf8()), "}", "")
    return [pc.coalesce(reference, joined(value))]


def _json(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def desired_digests(layout: Layout, rows: pa.Table, sealer: Sealer | None) -> list[str]:
    """SHA-256 (hex) of what each row wants (`d_` and `p_` columns, opened) and of what is there (`a_`): tells whether a
    rejected row is still the same. *rows* needs those columns only; of a document the state is the one it is to reach in
    the end, and neither what its moves set nor what is there counts: its own moves change it."""
    found: list[str] = []
    fields = [name for name, field in layout.fields.items() if not (layout.state and field.extra)]
    for batch in rows.combine_chunks().to_batches():
        parts: Parts = [pa.repeat("{", batch.num_rows)]
        for position, name in enumerate(sorted(fields, key=utf16)):
            parts += ["," if position else "", _json(name), ":", *wanted_parts(layout, batch, name, sealer)]
            if not layout.state:
                parts += [",", _json(NOW(name)), ":", *value_parts(layout, batch, NOW, name, sealer)]
        found += [hashlib.sha256(line.encode()).hexdigest() for line in joined([*parts, "}"]).to_pylist()]
    return found
