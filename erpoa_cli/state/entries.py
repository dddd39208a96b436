"""Journal entries as bytes: ordinals of an intent, the results of a batch as an Arrow IPC stream."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.columns import VALUES
from erpoa_cli.core.schema import Type
from erpoa_cli.state.columns import conform, open_columns, seal_columns
from erpoa_cli.state.fold import last_words
from erpoa_cli.state.layout import FieldLayout, Layout
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, flat, texts

_HIDDEN = "(sensitive)"
_OPTIONS = pa.ipc.IpcWriteOptions(
    compression="zstd"
)  # outcomes are mostly alike: a tenth of the bytes to sync


def write_ordinals(ordinals: Array) -> bytes:
    """64-bit little-endian integers."""
    packed = array("q", flat(ordinals).to_pylist())
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def read_ordinals(content: bytes) -> Array:
    """The ordinals that `write_ordinals` packed."""
    packed = array("q", content)
    if sys.byteorder == "big":
        packed.byteswap()
    return pa.array(packed, pa.int64())


def write_results(results: pa.Table, layout: Layout, sealer: Sealer | None) -> bytes:
    """*results* with sealed fields sealed, as an Arrow IPC stream."""
    batch = conform(results, results.schema)
    batch = seal_columns(batch, layout.target, layout.fields, sealer)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def read_payload(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as stream:
        return stream.read_all()


def read_results(
    recorded: Sequence[tuple[int, bytes]], layout: Layout, sealer: Sealer | None
) -> pa.Table | None:
    """What was recorded of a batch (sequence, payload), the last word per row; None when nothing was."""
    if not recorded:
        return None
    table = last_words([(sequence, read_payload(payload)) for sequence, payload in recorded])
    if sealer is None or not layout.sealed_fields:
        return table.sort_by("ordinal")
    batch = open_columns(conform(table, table.schema), layout.target, layout.fields, sealer)
    return pa.Table.from_batches([batch]).sort_by("ordinal")


def mask_errors(results: pa.Table, rows: pa.Table, fields: Mapping[str, FieldLayout]) -> pa.Table:
    """*results* whose `error` texts repeat no sensitive value of *rows* (opened) or of themselves."""
    position = results.schema.get_field_index("error")
    if position < 0 or results["error"].null_count == results.num_rows:
        return results
    hidden: set[str] = set()
    for name, field in fields.items():
        if field.sealed:
            for table in (rows, results):
                for image in VALUES:
                    if image(name) in table.schema.names:
                        hidden.update(_texts(table[image(name)], field.type))
    words = [_masked(text, hidden) for text in results["error"].to_pylist()]
    return results.set_column(position, "error", pa.array(words, pa.utf8()))


def _texts(column: pa.ChunkedArray, type_: Type) -> set[str]:
    return {text for text in texts(column, type_).to_pylist() if text}


def _masked(text: str | None, hidden: set[str]) -> str | None:
    if text is None:
        return None
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, _HIDDEN)
    return text
