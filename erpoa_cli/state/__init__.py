"""State of a project: control store, journal, base images, archive, snapshots, plan files, lock, audit.

Planning gets `open_reader`, which cannot write; applying gets `open_writer`, which holds the lock; who only asks for runs,
the lock or the trail gets `open_records`. A module is loaded when a name of it is first asked for: a lock is shown without
Arrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erpoa_cli.state.backup import restore
    from erpoa_cli.state.care import condition, migrate, release_lock
    from erpoa_cli.state.database import Condition
    from erpoa_cli.state.digest import desired_digests
    from erpoa_cli.state.journal import Journal
    from erpoa_cli.state.layout import FieldLayout, Layout
    from erpoa_cli.state.operator import current_operator
    from erpoa_cli.state.place import URL
    from erpoa_cli.state.planfile import PlanFile, exchanged, write_plan
    from erpoa_cli.state.reader import StateReader, open_reader
    from erpoa_cli.state.recorded import StateRecords, open_records
    from erpoa_cli.state.records import (
        WHOLE,
        Batch,
        Doubt,
        Holder,
        Intent,
        Known,
        Part,
        Rejection,
        Run,
        RunStatus,
    )
    from erpoa_cli.state.schema import FORMAT
    from erpoa_cli.state.seal import Sealer, load_sealer, require, require_again
    from erpoa_cli.state.snapshot import SnapshotInfo, Snapshots
    from erpoa_cli.state.writer import StateWriter, open_writer

_NAMES = {
    "backup": ("restore",),
    "care": ("condition", "migrate", "release_lock"),
    "database": ("Condition",),
    "digest": ("desired_digests",),
    "journal": ("Journal",),
    "layout": ("FieldLayout", "Layout"),
    "operator": ("current_operator",),
    "place": ("URL",),
    "planfile": ("PlanFile", "exchanged", "write_plan"),
    "reader": ("StateReader", "open_reader"),
    "recorded": ("StateRecords", "open_records"),
    "records": (
        "Batch",
        "Doubt",
        "Holder",
        "Intent",
        "Known",
        "Part",
        "Rejection",
        "Run",
        "RunStatus",
        "WHOLE",
    ),
    "schema": ("FORMAT",),
    "seal": ("Sealer", "load_sealer", "require", "require_again"),
    "snapshot": ("SnapshotInfo", "Snapshots"),
    "writer": ("StateWriter", "open_writer"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "FORMAT",
    "URL",
    "WHOLE",
    "Batch",
    "Condition",
    "Doubt",
    "FieldLayout",
    "Holder",
    "Intent",
    "Journal",
    "Known",
    "Layout",
    "Part",
    "PlanFile",
    "Rejection",
    "Run",
    "RunStatus",
    "Sealer",
    "SnapshotInfo",
    "Snapshots",
    "StateReader",
    "StateRecords",
    "StateWriter",
    "condition",
    "current_operator",
    "desired_digests",
    "exchanged",
    "load_sealer",
    "migrate",
    "open_reader",
    "open_records",
    "open_writer",
    "release_lock",
    "require",
    "require_again",
    "restore",
    "write_plan",
]
