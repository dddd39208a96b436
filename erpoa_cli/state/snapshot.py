"""Snapshots: the last read of every source, merged by key; a cache that any plan may renew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.plan import Verdict
from erpoa_cli.core.schema import Field
from erpoa_cli.state.seal import Sealer


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """`full_at` is when the source was last read whole; `verdict` that of the latest read."""

    source: str
    taken: datetime
    full_at: datetime | None
    verdict: Verdict
    watermark: str
    rows: int
    fields: Mapping[str, str]  # name → type text
    sealed: tuple[str, ...]
    file: str


class Snapshots:
    """The snapshots of one environment, `.erpoa/snapshots/ENVIRONMENT/SOURCE/`."""

    def __init__(self, root: Path, environment: str, sealer: Sealer | None = None) -> None: ...

    def latest(self, source: str) -> SnapshotInfo | None:
        raise NotImplementedError

    def read(self, info: SnapshotInfo) -> pa.RecordBatchReader:
        """The rows, sealed columns opened, columns named and typed as when it was written."""
        raise NotImplementedError

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
        """Write a new snapshot (batches with exactly the columns of *fields*), make it the latest, prune."""
        raise NotImplementedError
