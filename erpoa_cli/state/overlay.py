"""Patches laid over rows at rest: rows that a patch does not meet pass through, those it meets follow with it.

A patch is read piece by piece, and in memory are one piece and one batch; the rows it meets wait aside for their piece,
many of them in a file without a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import AGREED, ID, KEY, KNOWN, SEEN
from erpoa_cli.state.columns import conform, match_keys
from erpoa_cli.state.image import rest_schema
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.texts import Array

Rows = Iterator[pa.RecordBatch]

_KEPT = 1 << 17  # rows that wait in memory at most
_AT = "at"  # where in its piece a waiting row's patch is; no column at rest is called so


@dataclass(frozen=True, slots=True)
class Patch:
    """What happened to rows of one target, every key at most once.

    Rows have `k_KEY… id_ID… generation create links`, and per field `known_F` (the base follows), `agreed_F`, `seen_F`,
    values as images keep them. `keys`: the match key of every row; `pieces`: the rows, each time anew, in as many
    batches as `sizes` has, of these lengths."""

    keys: Array
    sizes: Sequence[int]
    pieces: Callable[[], Rows]


def overlay(batches: Rows, layout: Layout, patch: Patch, spill: Path | None = None) -> Rows:
    """Rows at rest with *patch* laid over them. First come the rows that it does not meet, then its own rows.
    *spill*: the directory for what does not fit into memory (None: it does)."""
    with _Aside(patch.sizes, spill) as aside:
        for batch in batches:
            here, there = _met(match_keys(batch, layout.key), patch.keys)
            if not len(here):
                yield batch
                continue
            aside.put(batch.take(here), there)
            if len(here) < batch.num_rows:
                left = pc.invert(pc.is_in(pa.array(range(batch.num_rows), pa.int32()), here))
                yield batch.filter(left)
        for number, piece in enumerate(patch.pieces()):
            yield from _laid(piece, aside.take(number), layout)


def _met(keys: Array, wanted: Array) -> tuple[Array, Array]:
    """Positions of equal values in *keys* and in *wanted*, both without repeats. Arrow makes a hash table of one of
    them at every call: the smaller one."""
    if len(wanted) <= len(keys):
        at = pc.index_in(keys, value_set=wanted)
        return pc.indices_nonzero(pc.is_valid(at)).cast(pa.int32()), at.drop_null()
    at = pc.index_in(wanted, value_set=keys)
    return at.drop_null(), pc.indices_nonzero(pc.is_valid(at)).cast(pa.int32())


def _laid(piece: pa.RecordBatch, old: pa.Table | None, layout: Layout) -> Rows:
    """The rows of *piece* as they are at rest, with the *old* rows of those that were there."""
    new = piece["links"]
    if old is not None:
        for batch in old.combine_chunks().to_batches():
            yield _patched(batch, piece.take(batch[_AT]), layout)
        met = pc.is_in(pa.array(range(piece.num_rows), pa.int32()), old[_AT].combine_chunks())
        new = pc.and_(new, pc.invert(met))
    if pc.any(new).as_py():
        yield _new_rows(piece if pc.all(new).as_py() else piece.filter(new), layout)


class _Aside:
    """Rows that were met, until the piece of their patch comes."""

    def __init__(self, sizes: Sequence[int], directory: Path | None) -> None:
        self._starts = [0]
        for size in sizes:
            self._starts.append(self._starts[-1] + size)
        self._directory = directory
        self._kept: dict[int, list[pa.RecordBatch]] = {}  # by number of the piece
        self._rows = 0
        self._open = ExitStack()
        self._file: IO[bytes] | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._reader: pa.ipc.RecordBatchFileReader | None = None
        self._places: dict[int, list[int]] = {}  # of batches in the file
        self._written = 0

    def put(self, rows: pa.RecordBatch, there: Array) -> None:
        """Keep *rows*, whose patches are at the positions *there*."""
        for number, (start, stop) in enumerate(pairwise(self._starts)):
            chosen = pc.and_(pc.greater_equal(there, start), pc.less(there, stop))
            part = rows.append_column(_AT, pc.subtract(there, start).cast(pa.int32())).filter(chosen)
            if part.num_rows:
                self._kept.setdefault(number, []).append(part)
        self._rows += rows.num_rows
        if self._directory is not None and self._rows > _KEPT:
            self._spill(self._directory, next(iter(self._kept.values()))[0].schema)

    def _spill(self, directory: Path, schema: pa.Schema) -> None:
        if self._writer is None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = self._open.enter_context(TemporaryFile(dir=directory))  # noqa: SIM115 - it is, on exit
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_file(self._file, schema, options=options)
        for number, batches in self._kept.items():
            for batch in batches:
                self._writer.write_batch(batch)
                self._places.setdefault(number, []).append(self._written)
                self._written += 1
        self._kept.clear()
        self._rows = 0

    def take(self, number: int) -> pa.Table | None:
        """What was kept for a piece; None when that is nothing. From now on nothing is put."""
        if self._writer is not None and self._reader is None:
            self._writer.close()
            self._reader = pa.ipc.open_file(self._file)
        batches = self._kept.pop(number, [])
        if self._reader is not None:
            batches += [self._reader.get_batch(place) for place in self._places.pop(number, ())]
        return pa.Table.from_batches(batches) if batches else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _patched(batch: pa.RecordBatch, patch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """*batch* with *patch* beside it row by row (NULL links: nothing happened to the row)."""
    hit = pc.is_valid(patch["links"])
    links = pc.fill_null(patch["links"], False)
    gone = pc.and_(hit, pc.invert(links))
    # A new life: created (again), or linked again after it was deleted or forgotten.
    reborn = pc.and_(links, pc.or_(pc.fill_null(patch["create"], False), batch["dead"]))
    emptied = pc.or_(gone, reborn)
    columns = {KEY(name): batch[KEY(name)] for name in layout.key}
    for name in (ID(name) for name in layout.id):
        old = _without(batch[name], emptied)
        columns[name] = pc.if_else(links, pc.coalesce(patch[name], old), old)
    next_life = pc.max_element_wise(pc.add(batch["generation"], 1), patch["generation"])
    columns["generation"] = pc.if_else(reborn, next_life, batch["generation"])
    columns["dead"] = pc.if_else(hit, gone, batch["dead"])
    for name in layout.fields:
        follows = pc.and_(links, pc.fill_null(patch[KNOWN(name)], False))
        known = pc.and_(batch[KNOWN(name)], pc.invert(emptied))
        columns[KNOWN(name)] = pc.or_(known, follows)
        for image in (AGREED(name), SEEN(name)):
            columns[image] = pc.if_else(follows, patch[image], _without(batch[image], emptied))
    return conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))


def _without(column: Array, where: Array) -> Array:
    return pc.if_else(where, pa.scalar(None, column.type), column)


def _new_rows(patch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    columns = {name: patch[name] for name in patch.schema.names if name not in ("create", "links")}
    columns["generation"] = pc.max_element_wise(patch["generation"], 1)
    columns["dead"] = pa.repeat(False, patch.num_rows)
    for name in layout.fields:
        for image in (AGREED(name), SEEN(name)):
            columns[image] = _without(patch[image], pc.invert(patch[KNOWN(name)]))
    return conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))
