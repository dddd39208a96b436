"""Base images: one immutable Parquet file per target, named by the digest of its content.

Columns at rest: `k_KEY… id_ID… generation dead known_F… agreed_F… seen_F…`. A dead row is a tombstone that keeps
the generation of its key. A sealed value is its HMAC (for comparing without opening) followed by its sealed bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from erpoa_cli.core.columns import BASE, ID, KEY, KNOWN
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.schema import STRING, Type
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.columns import PARQUET, conform
from erpoa_cli.state.durable import file_digest, file_name, holds, replacing
from erpoa_cli.state.layout import METADATA_KEY, FieldLayout, Layout
from erpoa_cli.state.seal import MAC_BYTES, Sealer, require, require_again
from erpoa_cli.state.texts import Array, texts, values

_BATCH = 1 << 16  # rows
_GRACE = 2  # images kept per target: a reader that opened the state just now still finds its own


def rest_schema(layout: Layout) -> pa.Schema:
    """Columns of an image at rest, with the layout as metadata."""
    base = layout.base_schema(sealed=True)
    identity = [field for field in base if KEY.has(field.name) or ID.has(field.name)]
    images = [field for field in base if any(image.has(field.name) for image in BASE)]
    known = [pa.field(KNOWN(name), pa.bool_()) for name in layout.fields]
    state = [pa.field("generation", pa.int64()), pa.field("dead", pa.bool_())]
    return pa.schema([*identity, *state, *known, *images]).with_metadata(
        {METADATA_KEY: layout.to_json().encode()}
    )


class Images:
    """`.erpoa/base/ENVIRONMENT/TARGET/DIGEST.parquet`, mode 0600."""

    __slots__ = ("_blobs", "_root", "_sound")

    def __init__(self, root: Path, blobs: Blobs | None = None) -> None:
        """*blobs*: the archive of a shared store, of which the files are copies."""
        self._root = root
        self._blobs = blobs
        self._sound: set[Path] = set()  # looked at since this was made

    def get(self, target: str, digest: str) -> Path:
        """The file of an image; Failure E0526 when it is not there, or damaged."""
        path = self.path(target, digest)
        if self._blobs:
            try:
                there = self._blobs.fetch(digest, path)
            except Failure as failure:
                if failure.kind is not FailureKind.DAMAGED:  # a server that is away says nothing of the image
                    raise
                raise _damaged(target, "what the shared state keeps of it") from None
        else:
            there = path.exists()
        if not there:
            raise Failure(
                Diagnostic(
                    "E0526",
                    f"the base image of {target} is not there any more",
                    detail=f"Expected at {path}. Another run may have renewed it several times since this command started.",
                    remedy=f"run the command again; if it stays missing, `erpoa state rebuild {target}` makes it anew",
                )
            )
        if not self._blobs and path not in self._sound:
            if not holds(path, digest):
                raise _damaged(target, str(path))
            self._sound.add(path)
        return path

    def read(self, target: str, digest: str) -> tuple[Layout, Iterator[pa.RecordBatch]]:
        """Layout and rows of an image at rest; Failure E0526 when it is not there, or damaged."""
        file = pq.ParquetFile(self.get(target, digest))
        layout = Layout.from_json(file.schema_arrow.metadata[METADATA_KEY])
        # All columns decoded at once would take the memory of the plan.
        return layout, file.iter_batches(_BATCH, use_threads=False)

    def write(self, layout: Layout, batches: Iterable[pa.RecordBatch]) -> tuple[str, int]:
        """Keep a new image; its digest and number of live rows. On disk for good when this returns."""
        schema, live = rest_schema(layout), 0
        made = self.path(layout.target, "new").with_suffix("")
        with replacing(made) as file:
            with pq.ParquetWriter(file, schema, **PARQUET) as writer:
                for batch in batches:
                    live += batch.num_rows - (pc.sum(batch["dead"]).as_py() or 0)
                    writer.write_batch(batch)
            digest = file_digest(file)
        made.replace(self.path(layout.target, digest))
        self.keep(layout.target, digest)
        return digest, live

    def keep(self, target: str, digest: str) -> None:
        """Make the file of an image known to a shared store."""
        if self._blobs:
            self._blobs.put(self.path(target, digest), digest)

    def prune(self, target: str) -> None:
        """Remove all but the newest images of *target*."""
        files = sorted(
            self.path(target, "x").parent.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns
        )
        for path in files[:-_GRACE]:
            path.unlink(missing_ok=True)

    def path(self, target: str, digest: str) -> Path:
        """Where the file of an image is, or would be."""
        return self._root / file_name(target) / f"{digest}.parquet"


def _damaged(target: str, what: str) -> Failure:
    return Failure(
        Diagnostic(
            "E0526",
            f"the base image of {target} is damaged",
            detail=f"{what[:1].upper()}{what[1:]} does not have the digest that it is kept under.",
            remedy=f"run `erpoa state rebuild {target}`: it makes the image anew of the archive and the journal",
        )
    )


def with_macs(sealed: Array, type_: Type, context: str, sealer: Sealer) -> Array:
    """Sealed values as an image keeps them."""
    macs = sealer.mac(sealer.open(sealed, type_, context), type_, context)
    return pc.binary_join_element_wise(macs, sealed, b"")


def without_macs(kept: Array) -> Array:
    """The sealed values alone (in Python: Arrow's `binary_slice` fails on NULL)."""
    return pa.array([None if value is None else value[MAC_BYTES:] for value in kept.to_pylist()], pa.binary())


def refit(
    batches: Iterator[pa.RecordBatch], stored: Layout, wanted: Layout, sealer: Sealer | None
) -> Iterator[pa.RecordBatch]:
    """Rows at rest of layout *stored* as rows at rest of *wanted*.

    New fields are not known; a field of another type is converted, and not known in an image where one of its
    values does not convert. Failure E0527 when the key has other columns."""
    if stored == wanted:
        yield from batches
        return
    schema = rest_schema(wanted)
    for batch in batches:
        if set(stored.key) != set(wanted.key):
            if pc.all(batch["dead"]).as_py():
                continue
            raise _other_key(stored, wanted)
        columns = {name: batch[name] for name in batch.schema.names}
        for name, field in wanted.fields.items():
            before = stored.fields.get(name)
            if before is None:
                columns[KNOWN(name)] = pa.repeat(False, batch.num_rows)
            elif (before.type, before.sealed) != (field.type, field.sealed):
                _convert(columns, name, before, field, f"{wanted.target}.{name}", sealer)
        kept = {name: column for name, column in columns.items() if name in schema.names}
        yield conform(pa.RecordBatch.from_pydict(kept), schema)


def _other_key(stored: Layout, wanted: Layout) -> Failure:
    return Failure(
        Diagnostic(
            "E0527",
            f"the key of {wanted.target} changed from ({', '.join(stored.key)}) to ({', '.join(wanted.key)})",
            detail="Rows applied before cannot be found under the new key.",
            remedy=f"`erpoa state forget {wanted.target}` and plan again: rows are then recognised by `match`",
        ),
    )


def _convert(
    columns: dict[str, Array],
    name: str,
    before: FieldLayout,
    after: FieldLayout,
    context: str,
    sealer: Sealer | None,
) -> None:
    for image in BASE:
        column = columns[image(name)]
        if before.sealed:
            column = require_again(sealer).open(without_macs(column), before.type, context)
        converted = _cast(column, before.type, after.type)
        if converted is None:
            converted = pa.nulls(len(column), arrow_type(after.type))
            columns[KNOWN(name)] = pa.repeat(False, len(column))
        if after.sealed:
            sealed = require(sealer).seal(converted, after.type, context)
            converted = with_macs(sealed, after.type, context, require(sealer))
        columns[image(name)] = converted


def _cast(column: Array, before: Type, after: Type) -> Array | None:
    if before == after:
        return column
    try:
        plain = texts(column, before)
        return plain if after == STRING else values(plain, after)
    except (pa.ArrowInvalid, ValueError, ArithmeticError):
        return None
