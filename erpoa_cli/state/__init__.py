"""State of a project: control store, journal, base images, archive, snapshots, plan files, lock, audit.

Planning gets `open_reader`, which cannot write; applying gets `open_writer`, which holds the lock.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.state.backup import backup
from erpoa_cli.state.control import Control
from erpoa_cli.state.digest import desired_digests
from erpoa_cli.state.journal import Journal
from erpoa_cli.state.layout import FieldLayout, Layout
from erpoa_cli.state.lock import break_lock
from erpoa_cli.state.planfile import PlanFile, write_plan
from erpoa_cli.state.reader import StateReader
from erpoa_cli.state.records import Batch, Doubt, Holder, Intent, Rejection, Run, RunStatus
from erpoa_cli.state.seal import Sealer, load_sealer, require
from erpoa_cli.state.snapshot import SnapshotInfo, Snapshots
from erpoa_cli.state.writer import StateWriter

_STORE = Path(".erpoa") / "control.db"


def open_reader(root: Path, environment: str, url: str = "") -> StateReader:
    """The state of *environment* of the project at *root*, for reading; empty when there is none yet."""
    return StateReader(root, environment, Control.reading(root / _local(url)))


def open_writer(
    root: Path,
    environment: str,
    url: str = "",
    *,
    command: str = "",
    lease: timedelta = timedelta(seconds=60),
) -> StateWriter:
    """The state of *environment*, locked for writing until the writer is closed; created when missing.

    Failure E0520 (exit 7) names who holds the lock. A lock whose holder died on this machine, or did not
    renew it within *lease*, is taken over."""
    control = Control.writing(root / _local(url))
    try:
        return StateWriter(root, environment, control, command, lease)
    except BaseException:
        control.close()
        raise


def release_lock(root: Path, environment: str, url: str = "") -> Holder | None:
    """Break the lock of *environment* (`erpoa lock release`); who held it. The old holder's writes are refused."""
    path = root / _local(url)
    if not path.exists():
        return None
    control = Control.writing(path)
    try:
        return break_lock(control, environment)
    finally:
        control.close()


def migrate(root: Path, url: str = "") -> int:
    """Bring the state's format up to date (`erpoa state migrate`); the format it now has."""
    control = Control.writing(root / _local(url), migrate=True)
    try:
        return control.format
    finally:
        control.close()


def _local(url: str) -> Path:
    if url:
        raise Failure(
            Diagnostic(
                "E0528",
                f"state at {url.partition(':')[0]}: is not supported by this version",
                detail="State is kept in .erpoa of the project directory.",
                remedy="remove `state:` of the environment in erpoa.yml",
            ),
            exit=Exit.INVALID,
        )
    return _STORE


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
    "backup",
    "desired_digests",
    "load_sealer",
    "migrate",
    "open_reader",
    "open_writer",
    "release_lock",
    "require",
    "write_plan",
]
