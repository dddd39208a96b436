"""Snapshots in a shared store: what an applied plan read, for machines that have an older snapshot or none.

An old snapshot is not merely slow: rows that were found gone since are still in it, and an incremental read from it
would bring them back. So every machine goes on from the snapshot of the last applied plan, or reads anew. Clocks of
machines differ: what is older is never told by time. A snapshot bears the mark of the shared one it came after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.control import Control
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.snapshot import Snapshots


@dataclass(frozen=True, slots=True)
class Shared:
    """A source's snapshot as of `taken`; without `digest` nobody has it: the source must be read anew."""

    source: str
    taken: datetime
    digest: str = ""
    info: bytes = b""


def share(root: Path, environment: str, blobs: Blobs, plan: PlanFile) -> list[Shared]:
    """Keep the snapshots that incremental reads of *plan* go on from, as far as this machine has just them."""
    snapshots, shared = Snapshots(root, environment), []
    for read in plan.reads:
        if "watermark" in read.verdict.evidence:
            at = plan.header.as_of
            held = snapshots.sound(read.relation)
            if held is None or held.taken != at:
                shared.append(Shared(read.relation, at))
                continue
            digest = held.file.removesuffix(".parquet")
            blobs.put(snapshots.path(held), digest)
            shared.append(Shared(held.source, held.taken, digest, snapshots.described(held)))
    return shared


def remember(control: Control, environment: str, shared: list[Shared]) -> None:
    """Inside a transaction: make *shared* what other machines go on from."""
    control.run_many(
        """INSERT INTO snapshots (environment, source, digest, taken, info) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (environment, source) DO UPDATE SET digest = excluded.digest, taken = excluded.taken,
           info = excluded.info""",
        [(environment, one.source, one.digest, one.taken.isoformat(), one.info) for one in shared],
    )


def fetch(root: Path, control: Control, environment: str, blobs: Blobs) -> dict[str, str]:
    """Bring this machine's snapshots up to what is shared; one that is too old and cannot be had is dropped. The marks
    of what is shared, by source: what is read from now on comes after it."""
    snapshots, marks = Snapshots(root, environment), {}
    for row in control.rows("SELECT * FROM snapshots WHERE environment = ?", environment):
        source, digest = row["source"], row["digest"]
        marks[source] = mark = f"{row['taken']} {digest}"
        held = snapshots.sound(source)
        if held is not None and (held.after == mark or held.taken == datetime.fromisoformat(row["taken"])):
            continue
        if digest and blobs.fetch(digest, snapshots.place(source, digest)):
            snapshots.take(source, row["info"], mark)
        elif held is not None:
            snapshots.drop(source)
    return marks
