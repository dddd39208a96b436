"""Snapshots: the last read of every source, merged by key; a cache that any plan may renew."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.state.columns import PARQUET, conform
from erpoa_cli.state.durable import file_digest, file_name, holds, replacing, write_private
from erpoa_cli.state.planjson import dumps
from erpoa_cli.state.seal import Sealer, require, require_again

_BATCH = 1 << 16  # rows
_GRACE = 2  # files kept per source: a plan that began just now still finds its own
_LATEST = "latest.json"
_DESCRIBED = frozenset(
    {
        "taken",
        "full_at",
        "status",
        "reason",
        "evidence",
        "watermark",
        "rows",
        "fields",
        "sealed",
        "file",
        "after",
    }
)  # of a snapshot, in that file beside its digest


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """`full_at` is when the source was last read whole; `verdict` that of the latest read; `after` is the mark of the
    shared snapshot that was there before it was read ("": none)."""

    source: str
    taken: datetime
    full_at: datetime | None
    verdict: Verdict
    watermark: str
    rows: int
    fields: Mapping[str, str]  # name → type text
    sealed: tuple[str, ...]
    file: str
    after: str = ""


class Snapshots:
    """The snapshots of one environment, `.erpoa/snapshots/ENVIRONMENT/SOURCE/`, files of mode 0600.

    Plans may write at the same time: each writes a file of its own, and the last one to finish is the latest."""

    def __init__(
        self,
        root: Path,
        environment: str,
        sealer: Sealer | None = None,
        after: Mapping[str, str] = MappingProxyType({}),
        *,
        sealed: bool = False,
    ) -> None:
        """*after*: source → mark of the shared snapshot that what is written now comes after. *sealed*: sealed values are
        remembered, which another key than theirs does not open."""
        self._root = root / ".erpoa" / "snapshots" / file_name(environment)
        self._sealer = sealer
        self._after = after
        self._require = require_again if sealed else require

    def latest(self, source: str) -> SnapshotInfo | None:
        """The last snapshot of *source*; None when there is none, or an older erpoa took it. Failure E0505 when what
        describes it is damaged."""
        directory = self._directory(source)
        try:
            described = (directory / _LATEST).read_bytes()
        except OSError:
            return None
        try:
            content = json.loads(described)
            if content.keys() <= _DESCRIBED:
                return None
            if content.pop("digest") == _digest(content):
                info = _info(source, content)
                return info if (directory / info.file).exists() else None
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise _damaged(source, directory / _LATEST)

    def sound(self, source: str) -> SnapshotInfo | None:
        """As `latest`, where another one can be had: a damaged one is none."""
        try:
            return self.latest(source)
        except Failure:
            return None

    def read(self, info: SnapshotInfo) -> pa.RecordBatchReader:
        """The rows, sealed columns opened, columns named and typed as when it was written. Failure E0505 when the file
        is not the one that was written."""
        if not holds(self.path(info), info.file.removesuffix(".parquet")):
            raise _damaged(info.source, self.path(info))
        schema = pa.schema([(name, arrow_type(parse_type(text))) for name, text in info.fields.items()])
        file = pq.ParquetFile(self.path(info))
        return pa.RecordBatchReader.from_batches(
            schema, self._opened(file.iter_batches(_BATCH), info, schema)
        )

    def seals(self) -> bool:
        """Whether a snapshot has sealed values."""
        return any(self._sealed_in(file) for file in self._root.glob(f"*/{_LATEST}"))

    def _sealed_in(self, file: Path) -> bool:
        try:
            return bool(json.loads(file.read_bytes())["sealed"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def try_key(self, source: str) -> None:
        """Open a value of the snapshot of *source*, if it has sealed ones; Failure E0513 or E0514 when it does not open."""
        info = self.latest(source)
        if info is None:
            return
        for name in info.sealed:
            for batch in pq.ParquetFile(self.path(info)).iter_batches(_BATCH, columns=[name]):
                if len(some := batch[name].drop_null()[:1]):
                    type_ = parse_type(info.fields[name])
                    require_again(self._sealer).open(some, type_, f"{source}.{name}")
                    break

    def write(
        self,
        source: str,
        fields: tuple[Field, ...],
        batches: Iterable[pa.RecordBatch],
        *,
        verdict: Verdict,
        taken: datetime,
        full_at: datetime | None,
        watermark: str = "",
    ) -> SnapshotInfo:
        """Write a new snapshot (batches with the columns of *fields*), make it the latest, prune."""
        directory = self._directory(source)
        sealed = tuple(field.name for field in fields if field.sensitivity.sealed)
        digest, rows = self._store(directory, source, fields, batches)
        info = SnapshotInfo(
            source=source,
            taken=taken,
            full_at=full_at,
            verdict=verdict,
            watermark=watermark,
            rows=rows,
            fields={field.name: str(field.type) for field in fields},
            sealed=sealed,
            file=f"{digest}.parquet",
            after=self._after.get(source, ""),
        )
        write_private(directory / _LATEST, _content(info))
        self._prune(directory)
        return info

    def path(self, info: SnapshotInfo) -> Path:
        """The file of a snapshot."""
        return self._directory(info.source) / info.file

    def described(self, info: SnapshotInfo) -> bytes:
        """All that is known of a snapshot but its rows, for `take`."""
        return _content(info)

    def place(self, source: str, digest: str) -> Path:
        """Where the file of a snapshot with this digest belongs."""
        return self._directory(source) / f"{digest}.parquet"

    def take(self, source: str, described: bytes, mark: str) -> None:
        """Make a snapshot of another machine, whose file is in its place, the latest."""
        info = replace(_info(source, json.loads(described)), after=mark)
        write_private(self._directory(source) / _LATEST, _content(info))
        self._prune(self._directory(source))

    def drop(self, source: str) -> None:
        """Have no snapshot of *source* any more."""
        (self._directory(source) / _LATEST).unlink(missing_ok=True)

    def _store(
        self, directory: Path, source: str, fields: tuple[Field, ...], batches: Iterable[pa.RecordBatch]
    ) -> tuple[str, int]:
        plain = pa.schema([(field.name, arrow_type(field.type)) for field in fields])
        kept = pa.schema(
            [(f.name, pa.binary() if f.sensitivity.sealed else arrow_type(f.type)) for f in fields]
        )
        made, rows = directory / f"new-{secrets.token_hex(8)}", 0
        with replacing(made) as file:
            with pq.ParquetWriter(file, kept, **PARQUET) as writer:
                for batch in batches:
                    rows += batch.num_rows
                    writer.write_batch(conform(self._sealed(conform(batch, plain), source, fields), kept))
            digest = file_digest(file)
        made.replace(directory / f"{digest}.parquet")
        return digest, rows

    def _sealed(self, batch: pa.RecordBatch, source: str, fields: tuple[Field, ...]) -> pa.RecordBatch:
        for position, field in enumerate(fields):
            if field.sensitivity.sealed:
                column = self._require(self._sealer).seal(
                    batch[field.name], field.type, f"{source}.{field.name}"
                )
                batch = batch.set_column(position, field.name, column)
        return batch

    def _opened(
        self, batches: Iterable[pa.RecordBatch], info: SnapshotInfo, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in info.sealed:
                type_ = parse_type(info.fields[name])
                column = require_again(self._sealer).open(batch[name], type_, f"{info.source}.{name}")
                batch = batch.set_column(batch.schema.get_field_index(name), name, column)  # noqa: PLW2901
            yield conform(batch, schema)

    def _directory(self, source: str) -> Path:
        return self._root / file_name(source)

    def _prune(self, directory: Path) -> None:
        files = sorted(directory.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-_GRACE]:
            path.unlink(missing_ok=True)


def _damaged(source: str, file: Path) -> Failure:
    return Failure(
        Diagnostic(
            "E0505",
            f"the snapshot of {source} is damaged",
            detail=f"{file} does not have the digest that it is kept under.",
            remedy="plan with --full-read: the source is read whole, and its snapshot is made anew",
        )
    )


def _content(info: SnapshotInfo) -> bytes:
    known = json.loads(
        dumps(
            {
                "taken": info.taken,
                "full_at": info.full_at,
                "status": info.verdict.status.value,
                "reason": info.verdict.reason,
                "evidence": dict(info.verdict.evidence),
                "watermark": info.watermark,
                "rows": info.rows,
                "fields": list(info.fields.items()),
                "sealed": info.sealed,
                "file": info.file,
                "after": info.after,
            }
        )
    )
    return dumps({**known, "digest": _digest(known)})


def _digest(known: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what is known of a snapshot."""
    return hashlib.sha256(dumps(dict(known))).hexdigest()


def _info(source: str, values: Mapping[str, Any]) -> SnapshotInfo:
    verdict = Verdict(ReadStatus(values["status"]), values["reason"], values["evidence"])
    full_at = values["full_at"]
    return SnapshotInfo(
        source=source,
        taken=datetime.fromisoformat(values["taken"]),
        full_at=None if full_at is None else datetime.fromisoformat(full_at),
        verdict=verdict,
        watermark=values["watermark"],
        rows=values["rows"],
        fields=dict(values["fields"]),
        sealed=tuple(values["sealed"]),
        file=values["file"],
        after=values.get("after", ""),
    )
