"""State of a project: control store, journal, base images, archive, snapshots, plan files, lock, audit.

Planning gets `open_reader`, which cannot write; applying gets `open_writer`, which holds the lock.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from erpoa_cli.state import place
from erpoa_cli.state.backup import backup, restore
from erpoa_cli.state.control import Control
from erpoa_cli.state.database import Condition
from erpoa_cli.state.digest import desired_digests
from erpoa_cli.state.journal import Journal
from erpoa_cli.state.layout import FieldLayout, Layout
from erpoa_cli.state.lock import break_lock
from erpoa_cli.state.place import URL
from erpoa_cli.state.planfile import PlanFile, write_plan
from erpoa_cli.state.reader import StateReader
from erpoa_cli.state.records import Batch, Doubt, Holder, Intent, Rejection, Run, RunStatus
from erpoa_cli.state.schema import FORMAT
from erpoa_cli.state.seal import Sealer, load_sealer, require
from erpoa_cli.state.snapshot import SnapshotInfo, Snapshots
from erpoa_cli.state.writer import StateWriter


def open_reader(root: Path, environment: str, url: URL = "", project: str = "") -> StateReader:
    """The state of *environment* of the project at *root*, for reading; empty when there is none yet.

    *url*: a shared store, which belongs to one *project*. Failures: E0515 to E0518, E0522, E0523, E0528."""
    return StateReader(root, environment, Control.reading(place.reading(root, url), project))


def open_writer(
    root: Path,
    environment: str,
    url: URL = "",
    project: str = "",
    *,
    command: str = "",
    lease: timedelta = timedelta(seconds=60),
) -> StateWriter:
    """The state of *environment*, locked for writing until the writer is closed; created when missing.

    Failure E0520 (exit 7) names who holds the lock. A lock whose holder died on this machine, or did not
    renew it within *lease*, is taken over."""
    control = Control.writing(place.writing(root, url), project)
    try:
        return StateWriter(root, environment, control, command, lease)
    except BaseException:
        control.close()
        raise


def condition(root: Path, url: URL = "") -> Condition:
    """What the store is, which rights there are, and what is wrong with it (`erpoa doctor`); fails as
    `open_reader` does."""
    database = place.reading(root, url)
    try:
        return database.condition()
    finally:
        database.close()


def release_lock(root: Path, environment: str, url: URL = "", project: str = "") -> Holder | None:
    """Break the lock of *environment* (`erpoa lock release`); who held it. The old holder's writes are refused."""
    with open_reader(root, environment, url, project) as state:
        if state.lock_holder() is None:
            return None
    control = Control.writing(place.writing(root, url), project)
    try:
        return break_lock(control, environment)
    finally:
        control.close()


def migrate(root: Path, url: URL = "", project: str = "", *, renamed_from: str = "") -> int:
    """Bring the state's format up to date (`erpoa state migrate`), and make a store that is missing; the format it
    now has. *renamed_from*: what *project* was called when the shared store was made."""
    control = Control.writing(place.writing(root, url), renamed_from or project, migrate=True)
    try:
        if renamed_from:
            control.rename(renamed_from, project)
        return control.format
    finally:
        control.close()


__all__ = [
    "FORMAT",
    "URL",
    "Batch",
    "Condition",
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
    "condition",
    "desired_digests",
    "load_sealer",
    "migrate",
    "open_reader",
    "open_writer",
    "release_lock",
    "require",
    "restore",
    "write_plan",
]
