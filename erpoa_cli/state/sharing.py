"""Snapshots in a shared store: what an applied plan read, for machines that have an older snapshot or none.

An old snapshot is not merely slow: rows that were found gone since are still in it, and an incremental read from it
would bring them back. So every machine goes on from the snapshot of the last applied plan, or reads anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.control import Control
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.snapshot import SnapshotInfo, Snapshots


@dataclass(frozen=True, slots=True)
class Shared:
    """A source's snapshot as of `taken`, last read whole at `full_at`; without `digest` nobody has it: the source
    must be read anew."""

    source: str
    taken: datetime
    full_at: datetime | None
    digest: str = ""
    info: bytes = b""


def share(root: Path, environment: str, blobs: Blobs, plan: PlanFile) -> list[Shared]:
    """Keep the snapshots that incremental reads of *plan* go on from, as far as this machine has them."""
    snapshots, shared = Snapshots(root, environment), []
    for read in plan.reads:
        if "watermark" in read.verdict.evidence:
            at = plan.header.as_of
            needed = Shared(read.relation, at, None if "since" in read.verdict.evidence else at)
            held = snapshots.latest(read.relation)
            if held is None or not _suits(held, needed.taken, needed.full_at):
                shared.append(needed)
                continue
            digest = held.file.removesuffix(".parquet")
            blobs.put(snapshots.path(held), digest)
            shared.append(Shared(held.source, held.taken, held.full_at, digest, snapshots.described(held)))
    return shared


def remember(control: Control, environment: str, shared: list[Shared]) -> None:
    """Inside a transaction: make *shared* what other machines go on from."""
    control.run_many(
        """INSERT INTO snapshots (environment, source, digest, taken, full_at, info) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (environment, source) DO UPDATE SET digest = excluded.digest, taken = excluded.taken,
           full_at = excluded.full_at, info = excluded.info""",
        [
            (
                environment,
                one.source,
                one.digest,
                one.taken.isoformat(),
                one.full_at and one.full_at.isoformat(),
                one.info,
            )
            for one in shared
        ],
    )


def fetch(root: Path, control: Control, environment: str, blobs: Blobs) -> None:
    """Bring this machine's snapshots up to what is shared; one that is too old and cannot be had is dropped."""
    snapshots = Snapshots(root, environment)
    for row in control.rows("SELECT * FROM snapshots WHERE environment = ?", environment):
        held = snapshots.latest(row["source"])
        full_at = datetime.fromisoformat(row["full_at"]) if row["full_at"] else None
        if held is not None and _suits(held, datetime.fromisoformat(row["taken"]), full_at):
            continue
        if row["digest"] and blobs.fetch(row["digest"], snapshots.place(row["source"], row["digest"])):
            snapshots.take(row["source"], row["info"])
        elif held is not None:
            snapshots.drop(row["source"])


def _suits(held: SnapshotInfo, taken: datetime, full_at: datetime | None) -> bool:
    """Whether a snapshot is as new, and was last read whole as late, as it must be."""
    return held.taken >= taken and (full_at is None or (held.full_at is not None and held.full_at >= full_at))
