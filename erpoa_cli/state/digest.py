"""Rows as canonical JSON text (RFC 8785), column by column, and the digest of what a row wants."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer, require
from erpoa_cli.state.texts import Array, Column, texts, utf16

_ESCAPES = [("\\", "\\\\"), ('"', '\\"')] + [(chr(c), json.dumps(chr(c))[1:-1]) for c in range(0x20)]
_SPECIAL = bytes(byte < 0x20 or byte in b'"\\' for byte in range(256))  # 1 for bytes JSON must escape


def quoted(column: Array) -> Array:
    """JSON strings of text values, `null` for NULL."""
    if b"\x01" in bytes(content(column)).translate(_SPECIAL):  # one pass: most columns need no escapes
        for raw, escaped in _ESCAPES:
            column = pc.replace_substring(column, raw, escaped)
    return pc.fill_null(pc.binary_join_element_wise('"', column, '"', ""), "null")


def content(column: Array) -> memoryview:
    """The bytes of all texts of *column*, one after the other."""
    _, offsets, data = column.buffers()
    ends = memoryview(offsets).cast("i")
    first, last = ends[column.offset], ends[column.offset + len(column)]
    return memoryview(data or b"")[first:last]


def json_texts(column: Column, type_: Type) -> Array:
    """Canonical JSON of every value: text in canonical form as a string, true, false, null, arrays, objects."""
    plain = texts(column, type_)
    match type_.kind:
        case Kind.BOOLEAN | Kind.LIST | Kind.STRUCT:
            return pc.fill_null(plain, "null")
        case _:
            return quoted(plain)


def value_texts(layout: Layout, batch: pa.RecordBatch, image: str, name: str, sealer: Sealer | None) -> Array:
    """Canonical JSON of the values of column `IMAGE_NAME`; sealed fields by their HMAC."""
    field, column = layout.fields[name], batch[f"{image}_{name}"]
    if not field.sealed:
        return json_texts(column, field.type)
    macs = require(sealer).mac(column, field.type, f"{layout.target}.{name}").to_pylist()
    return quoted(pa.array([None if mac is None else f"hmac:{mac.hex()}" for mac in macs], pa.utf8()))


def wanted_texts(layout: Layout, batch: pa.RecordBatch, name: str, sealer: Sealer | None) -> Array:
    """Canonical JSON of what a row wants in field *name*: the value, or the reference it waits for."""
    value = value_texts(layout, batch, "d", name, sealer)
    if f"p_{name}" not in batch.schema.names:
        return value
    pending = batch[f"p_{name}"]
    canonical = [None if p is None else _canonical(json.loads(p)) for p in pending.to_pylist()]
    reference = pc.binary_join_element_wise('{"ref":', pa.array(canonical, pa.utf8()), "}", "")
    return pc.coalesce(reference, value)


def _canonical(value: list[str]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def desired_digests(layout: Layout, rows: pa.Table, sealer: Sealer | None = None) -> list[str]:
    """SHA-256 (hex) of what each row wants (`d_` and `p_` columns, opened): tells whether a rejected row is
    still the same. *rows* needs those columns only."""
    found: list[str] = []
    for batch in rows.combine_chunks().to_batches():
        parts: list[Array | str] = ["{"]
        for position, name in enumerate(sorted(layout.fields, key=utf16)):
            parts += ["," if position else "", json.dumps(name, ensure_ascii=False), ":"]
            parts.append(wanted_texts(layout, batch, name, sealer))
        lines = (
            pc.binary_join_element_wise(*parts, "}", "") if layout.fields else pa.repeat("{}", batch.num_rows)
        )
        found += [hashlib.sha256(line.encode()).hexdigest() for line in lines.to_pylist()]
    return found
