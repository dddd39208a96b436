"""A copy of the whole state in one tar file: control store, archive, base images. Never the key.

Unpacked into a project directory without `.erpoa/control.db` it is that state again. Snapshots are not in it: the
next plan reads them anew.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from erpoa_cli.state.archive import Archive
from erpoa_cli.state.control import Control
from erpoa_cli.state.durable import PRIVATE, file_name, replacing
from erpoa_cli.state.image import Images

STATE = Path(".erpoa")


def backup(root: Path, to: Path) -> int:
    """Write the state of the project at *root* (all environments, one moment) to the tar file *to*, mode 0600; how
    many files it holds. Needs no lock. Failure E0524 or E0526 when a file it needs is missing."""
    control = Control.reading(root / STATE / "control.db")
    try:
        with tempfile.TemporaryDirectory(dir=to.parent) as place, replacing(to) as file:
            copy = Path(place) / "control.db"
            copy.touch(mode=PRIVATE)
            control.copy_to(copy)
            members = [
                (copy, STATE / "control.db"),
                *((path, path.relative_to(root)) for path in _files(root, control)),
            ]
            with tarfile.open(fileobj=file, mode="w") as tar:
                for path, name in members:
                    tar.add(path, name.as_posix(), recursive=False)
            return len(members)
    finally:
        control.close()


def _files(root: Path, control: Control) -> Iterator[Path]:
    """Everything the control store refers to."""
    archive = Archive(root / STATE / "archive")
    for row in control.rows("SELECT DISTINCT blob FROM runs ORDER BY blob"):
        yield archive.get(row["blob"])
    for row in control.rows("SELECT environment, target, digest FROM images ORDER BY environment, target"):
        yield Images(root / STATE / "base" / file_name(row["environment"])).get(row["target"], row["digest"])
