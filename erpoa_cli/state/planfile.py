"""The plan file (`*.erpoaplan`): written once, verified whole before anything in it is believed.

`plan.json`, the last member, has the digest of every other member and `manifest_digest` over all of them.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import GuardVerdict, Header, Member, Read
from erpoa_cli.state import planjson
from erpoa_cli.state.columns import PARQUET, conform, open_columns, seal_columns
from erpoa_cli.state.durable import replacing
from erpoa_cli.state.layout import METADATA_KEY, Layout
from erpoa_cli.state.planzip import (
    HEADER,
    JSON_MEMBERS,
    SEAL,
    Hashing,
    altered,
    directory,
    member_info,
    piece,
    refusal,
    sign_off,
    store,
    too_large,
    verify_seal,
)
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array

FORMAT = 2
_LATER = frozenset({"known", "call"})  # columns that not every plan of format 1 has
_ROW_GROUP = 1 << 17

MAX_ROWS = 200_000_000
MAX_UNPACKED = 128 << 30  # bytes of all columns of a member, decompressed


def write_plan(
    path: Path,
    header: Header,
    *,
    inputs: Mapping[str, Any],
    reads: Sequence[Read],
    targets: Mapping[str, Mapping[str, Any]],
    guards: Sequence[GuardVerdict],
    layouts: Mapping[str, Layout],
    tables: Mapping[tuple[str, str], pa.Table | pa.RecordBatchReader],
    sealer: Sealer | None = None,
    effects: Callable[[], str] | None = None,
) -> Header:
    """Write a plan file atomically (mode 0600) and return its header with `members` and `manifest_digest`; *effects*
    is asked for its `effects_digest` when all rows have passed (None: it is in the header).

    *inputs*: `{"files": {path: sha256}, "definitions": {node: sha256}, "variables": [names], "secrets": [names]}`; *targets*: target → {"system",
    "identity", …}; *tables*: (member, target) → rows with the columns of `layouts[target].plan_schema()` in
    any order (columns that are missing become NULL; values of sealed fields come unsealed), sorted by ordinal where
    they come as a stream. Empty tables are left out. The sealer is needed when a layout has sealed fields."""
    contents = {
        "inputs.json": inputs,
        "reads.json": planjson.reads_to_json(reads, header),
        "targets.json": targets,
        "guards.json": planjson.guards_to_json(guards),
    }
    digests: dict[str, str] = {}
    order: list[str] = list(Member)
    with replacing(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.comment = bytes(SEAL)
            for name, content in contents.items():
                digests[name] = store(archive, name, planjson.dumps(content))
            for member, target in sorted(tables, key=lambda m: (order.index(m[0]), m[1].encode())):
                rows = _first_rows(tables[member, target])
                if rows is not None:
                    name = f"{member}/{target}.parquet"
                    digests[name] = _store_rows(archive, name, layouts[target], rows, sealer)
            header = replace(
                header, format=FORMAT, effects_digest=effects() if effects else header.effects_digest
            )
            finished = planjson.completed(header, digests)
            store(archive, HEADER, planjson.header_to_json(finished))
        sign_off(file)
    return finished


def _first_rows(rows: pa.Table | pa.RecordBatchReader) -> Iterator[pa.RecordBatch] | None:
    """The batches of *rows* that are not empty; None when there is none."""
    batches = rows.sort_by("ordinal").to_batches(_ROW_GROUP) if isinstance(rows, pa.Table) else rows
    filled = (batch for batch in batches if batch.num_rows)
    first = next(filled, None)
    return None if first is None else _chain(first, filled)


def _chain(first: pa.RecordBatch, rest: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _store_rows(
    archive: zipfile.ZipFile,
    name: str,
    layout: Layout,
    batches: Iterator[pa.RecordBatch],
    sealer: Sealer | None,
) -> str:
    schema = layout.plan_schema(sealed=True)
    with archive.open(member_info(name), "w", force_zip64=True) as member:
        out = Hashing(member)
        with pq.ParquetWriter(out, schema, **PARQUET) as writer:
            for batch in _in_order(batches):
                plain = conform(batch, layout.plan_schema())
                writer.write_batch(conform(seal_columns(plain, layout.target, layout.fields, sealer), schema))
    return out.sha256.hexdigest()


def _in_order(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """*batches*, every ordinal above the one before: what reads them by row groups counts on it."""
    last = -1
    for batch in batches:
        ordinals = batch["ordinal"]
        rising = pc.all(pc.less(ordinals[:-1], ordinals[1:]), min_count=0)
        if ordinals[0].as_py() <= last or not rising.as_py():
            raise ValueError("the rows of a plan do not come in the order of their ordinals")
        last = ordinals[-1].as_py()
        yield batch


class PlanFile:
    """A verified plan file. Members are read when first asked for and verified again then: what is used is what was
    verified, even if the file was exchanged meanwhile."""

    __slots__ = (
        "_at_hand", "_rows", "_spans", "_where", "guards", "header", "inputs", "path", "reads", "targets"
    )  # fmt: skip

    def __init__(self, path: Path, header: Header, where: Mapping[str, tuple[int, int]]) -> None:
        """Use `PlanFile.open`. *where*: member → offset and size of its content."""
        self.path = path
        self.header = header
        self._where = where
        self._rows: dict[str, pa.Buffer] = {}
        self._spans: dict[str, list[tuple[int, int]]] = {}
        self._at_hand: tuple[tuple[str, int, tuple[str, ...]], pa.Table] | None = None
        read = {name: planjson.loads(self._content(name)) for name in JSON_MEMBERS}
        self.inputs: Mapping[str, Any] = read["inputs.json"]
        self.reads: tuple[Read, ...] = planjson.reads_from_json(read["reads.json"])
        self.targets: Mapping[str, Mapping[str, Any]] = read["targets.json"]
        self.guards: tuple[GuardVerdict, ...] = planjson.guards_from_json(read["guards.json"])

    @staticmethod
    def open(path: Path) -> PlanFile:
        """Read and verify the whole file. Refused: not a plan file (E0501, INVALID), altered or damaged (E0502,
        STALE), made by a newer format (E0503, INVALID), over the limits of size (E0504, INVALID)."""
        try:
            with path.open("rb") as file:
                verify_seal(file, path)
                where = directory(file, path, partial(_verify_format, path=path))
                header_bytes = piece(file, where.pop(HEADER))
        except OSError as error:
            raise refusal(
                "E0501", f"{path} cannot be read: {error.strerror}", "give the path of a plan file"
            ) from error
        try:
            header = planjson.header_from_json(planjson.loads(header_bytes))
            if planjson.completed(header, header.members) != header or set(header.members) != set(where):
                raise altered(path, "its list of members is not the one it was made with")
            plan = PlanFile(path, header, where)
            for name in where:
                if name not in JSON_MEMBERS:
                    plan._verify_rows(name)
        except (ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
            raise altered(path, f"a part of it cannot be read ({type(error).__name__})") from error
        return plan

    def members(self, member: str) -> tuple[str, ...]:
        """Targets that have rows in *member*, sorted."""
        start = member + "/"
        names = [n.removeprefix(start).removesuffix(".parquet") for n in self._where if n.startswith(start)]
        return tuple(sorted(names, key=str.encode))

    def layout(self, target: str) -> Layout:
        """Columns of the target's rows; KeyError when the plan has no rows of it."""
        for member in Member:
            name = f"{member}/{target}.parquet"
            if name in self._where:
                return _layout(self._parquet(name).schema_arrow)
        raise KeyError(target)

    def table(
        self,
        member: str,
        target: str,
        sealer: Sealer | None = None,
        *,
        columns: Sequence[str] | None = None,
        ordinals: Array | None = None,
    ) -> pa.Table:
        """Rows of a member, sorted by ordinal, shaped as `layout.plan_schema(sealed=sealer is None)`: values of
        sealed fields are opened only with a sealer. No rows: an empty table; KeyError when the plan has no
        rows of the target in any member. Only these *columns* (and the ordinal), only the rows of these *ordinals*:
        a plan can be larger than memory."""
        batches = list(self.batches(member, target, sealer, columns=columns, ordinals=ordinals))
        return pa.Table.from_batches(
            batches, self._schema(self.layout(target), columns, sealed=sealer is None)
        )

    def batches(
        self,
        member: str,
        target: str,
        sealer: Sealer | None = None,
        *,
        columns: Sequence[str] | None = None,
        ordinals: Array | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of `table`, as they were written: one row group in memory at a time."""
        layout, name = self.layout(target), f"{member}/{target}.parquet"
        schema = self._schema(layout, columns, sealed=sealer is None)
        for batch in self._chosen(name, schema.names, ordinals) if name in self._where else ():
            opened = batch if sealer is None else open_columns(batch, target, layout.fields, sealer)
            yield conform(opened, schema)

    @staticmethod
    def _schema(layout: Layout, columns: Sequence[str] | None, *, sealed: bool) -> pa.Schema:
        schema = layout.plan_schema(sealed=sealed)
        if columns is None:
            return schema
        return pa.schema([f for f in schema if f.name in {"ordinal", *columns}], schema.metadata)

    def _chosen(self, name: str, columns: Sequence[str], ordinals: Array | None) -> Iterator[pa.RecordBatch]:
        """The rows of *ordinals* in those row groups that have any; all rows without."""
        parquet = self._parquet(name)
        if ordinals is None:
            for group in range(parquet.num_row_groups):
                yield from parquet.read_row_group(group, columns).to_batches()
            return
        ends = pc.min_max(ordinals)
        for group, (first, last) in enumerate(self._ordinals(name, parquet)):
            if len(ordinals) and first <= ends["max"].as_py() and last >= ends["min"].as_py():
                rows = self._group(name, parquet, group, tuple(columns))
                yield from rows.filter(pc.is_in(rows["ordinal"], ordinals)).to_batches()

    def _ordinals(self, name: str, parquet: pq.ParquetFile) -> list[tuple[int, int]]:
        """First and last ordinal of every row group."""
        if name not in self._spans:
            groups = (
                parquet.read_row_group(i, ["ordinal"])["ordinal"] for i in range(parquet.num_row_groups)
            )
            self._spans[name] = [(group[0].as_py(), group[-1].as_py()) for group in groups]
        return self._spans[name]

    def _group(self, name: str, parquet: pq.ParquetFile, group: int, columns: tuple[str, ...]) -> pa.Table:
        """A row group; the one asked for last is at hand, for who asks for rows in order wants it again."""
        asked = (name, group, columns)
        at_hand = self._at_hand
        if at_hand is None or at_hand[0] != asked:
            self._at_hand = at_hand = (asked, parquet.read_row_group(group, columns))
        return at_hand[1]

    def _content(self, name: str) -> bytes:
        with self.path.open("rb") as file:
            content = piece(file, self._where[name])
        if hashlib.sha256(content).hexdigest() != self.header.members[name]:
            raise altered(self.path, f"{name} is not the one it was made with")
        return content

    def _parquet(self, name: str) -> pq.ParquetFile:
        if name not in self._rows:
            self._rows[name] = pa.py_buffer(self._content(name))
        return pq.ParquetFile(pa.BufferReader(self._rows[name]))

    def _verify_rows(self, name: str) -> None:
        parquet = pq.ParquetFile(pa.BufferReader(self._content(name)))
        data = parquet.metadata
        unpacked = sum(data.row_group(i).total_byte_size for i in range(data.num_row_groups))
        if data.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED:
            raise too_large(self.path, f"{name} has {data.num_rows:,} rows, {unpacked:,} bytes")
        layout = _layout(parquet.schema_arrow)
        if f"/{layout.target}.parquet" not in name or not self._has_columns(parquet.schema_arrow, layout):
            raise altered(self.path, f"{name} does not have the columns of a plan")

    def _has_columns(self, found: pa.Schema, layout: Layout) -> bool:
        """Whether a member has the columns of a plan. Those that its format may lack are read as NULL."""
        lacking = _LATER.difference(found.names) if self.header.format == 1 else ()
        return bool(found == pa.schema([f for f in layout.plan_schema(sealed=True) if f.name not in lacking]))


def exchanged(path: Path) -> Failure:
    """E0506: *path* is not the plan any more that was shown, or checked."""
    return Failure(
        Diagnostic(
            "E0506",
            f"{path} is another plan now than the one that was looked at",
            detail="Its bytes were exchanged meanwhile. Nothing was written.",
            remedy="show it, and apply it if it is right",
        ),
    )


def _layout(schema: pa.Schema) -> Layout:
    return Layout.from_json((schema.metadata or {})[METADATA_KEY])


def _verify_format(header: bytes, path: Path) -> None:
    """E0503 when a newer erpoa wrote *header*; nothing else of it is believed yet."""
    content = planjson.loads(header)
    if int(content["format"]) > FORMAT:
        raise refusal(
            "E0503",
            f"{path} has format {content['format']}; this erpoa reads up to {FORMAT}",
            f"use the erpoa that made it ({content.get('tool', 'unknown')}), or plan again",
        )
