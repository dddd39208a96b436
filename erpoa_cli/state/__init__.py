"""State of a project: control store, journal, base images, archive, snapshots, plan files, lock, audit.

Planning gets `open_reader`, which cannot write; applying gets `open_writer`, which holds the lock.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from erpoa_cli.state.journal import Journal
from erpoa_cli.state.layout import FieldLayout, Layout
from erpoa_cli.state.planfile import PlanFile, write_plan
from erpoa_cli.state.reader import StateReader
from erpoa_cli.state.records import Batch, Doubt, Holder, Intent, Rejection, Run, RunStatus
from erpoa_cli.state.seal import Sealer, load_sealer
from erpoa_cli.state.snapshot import SnapshotInfo, Snapshots
from erpoa_cli.state.writer import StateWriter


def open_reader(root: Path, environment: str, url: str = "") -> StateReader:
    """The state of *environment* of the project at *root*, for reading; empty when there is none yet."""
    raise NotImplementedError


def open_writer(
    root: Path, environment: str, url: str = "", *, command: str = "", lease: timedelta = timedelta(seconds=60)
) -> StateWriter:
    """The state of *environment*, locked for writing until the writer is closed; created when missing.

    Failure E0520 (exit 7) names who holds the lock. A lock whose holder died on this machine, or did not
    renew it within *lease*, is taken over."""
    raise NotImplementedError


def release_lock(root: Path, environment: str, url: str = "") -> Holder | None:
    """Break the lock of *environment* (`erpoa lock release`); who held it. The old holder's writes are refused."""
    raise NotImplementedError


__all__ = [
    "Batch",
    "Doubt",
    "FieldLayout",
    "Holder",
    "Intent",
    "Journal",
    "Layout",
    "PlanFile",
    "Rejection",
    "Run",
    "RunStatus",
    "Sealer",
    "SnapshotInfo",
    "Snapshots",
    "StateReader",
    "StateWriter",
    "load_sealer",
    "open_reader",
    "open_writer",
    "release_lock",
    "write_plan",
]
