"""A copy of a state in one tar file, and back: control store, archive, base images. Never the key.

The copy is always that of a local store, whatever it was made of: unpacked into a project directory without
`.erpoa/control.db` it is that state again, and restored it becomes a local or a shared one. Snapshots are not in it:
the next plan reads its sources anew.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.operator import Operator
from erpoa_cli.state import audit, place
from erpoa_cli.state.archive import Archive
from erpoa_cli.state.blobs import Blobs, Writing
from erpoa_cli.state.control import Control
from erpoa_cli.state.durable import file_name, replacing
from erpoa_cli.state.image import Images
from erpoa_cli.state.lock import Lock
from erpoa_cli.state.operator import current_operator
from erpoa_cli.state.place import URL
from erpoa_cli.state.schema import REMEMBERED
from erpoa_cli.state.sqlite import SqliteDatabase

STATE = place.STORE.parent
_LEASE = timedelta(seconds=60)
_TOGETHER = 500  # rows


def backup(root: Path, to: Path, url: URL = "", project: str = "") -> int:
    """Write the state of the project at *root* (all environments, one moment) to the tar file *to*, mode 0600; how
    many files it holds. Needs no lock. Failure E0524 or E0526 when a file it needs is missing."""
    with (
        closing(Control.reading(place.reading(root, url), project)) as control,
        tempfile.TemporaryDirectory(dir=to.parent) as scratch,
        replacing(to) as file,
    ):
        copy = Path(scratch) / place.STORE.name
        with closing(Control.writing(SqliteDatabase.writing(copy))) as made:
            environments = [
                row["environment"] for row in control.rows("SELECT environment FROM environments")
            ]
            with made.transaction():
                for environment in environments:
                    _copy(control, made, environment)
        members = [copy, *(path for name in environments for path in _files(root, control, name))]
        with tarfile.open(fileobj=file, mode="w") as tar:
            for path in members:
                name = place.STORE if path == copy else path.relative_to(root)
                tar.add(path, name.as_posix(), recursive=False)
        return len(members)


def restore(
    root: Path,
    source: Path,
    environment: str,
    url: URL = "",
    project: str = "",
    *,
    operator: Operator | None = None,
) -> int:
    """Make the state of *environment* what the tar file *source* holds of it, in the local store of *root* or the
    one that *url* names; its serial. *operator*: who does it; None: whoever runs this process. Failure E0519 (INVALID) when there is a state already or the file has none.

    Interrupted, it leaves no state, and can be repeated."""
    (root / STATE).mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=root / STATE) as scratch:
        unpacked = Path(scratch)
        _unpack(source, unpacked)
        with closing(_store(unpacked, str(source))) as kept:
            found = kept.row("SELECT serial FROM environments WHERE environment = ?", environment)
            if found is None:
                names = ", ".join(
                    row["environment"] for row in kept.rows("SELECT environment FROM environments")
                )
                raise _refused(
                    f"{source} holds no state of {environment!r}", f"It holds: {names or 'nothing'}."
                )
            with closing(Control.writing(place.writing(root, url), project)) as control:
                _restore(root, environment, kept, unpacked, control, operator or current_operator())
        return int(found["serial"])


def _restore(
    root: Path, environment: str, kept: Control, unpacked: Path, control: Control, operator: Operator
) -> None:
    kept.watch(environment)
    control.watch(environment)
    lock = Lock(control, environment, operator, "erpoa state restore", _LEASE)

    @contextmanager
    def writing() -> Iterator[None]:
        with control.transaction():
            lock.check()
            yield

    try:
        _refuse_to_overwrite(control, environment)
        archive, images = _stores(root, control, environment, writing)
        for path in list(
            _files(unpacked, kept, environment)
        ):  # all of them are sound, or nothing is restored
            if path.suffix:
                shutil.copyfile(path, _made(root / path.relative_to(unpacked)))
            else:
                archive.add(path)
        for row in kept.rows("SELECT * FROM images WHERE environment = ?", environment):
            images.keep(row["target"], row["digest"])
        with writing():
            _refuse_to_overwrite(control, environment)
            control.run("DELETE FROM environments WHERE environment = ?", environment)
            _copy(kept, control, environment)
            audit.append(
                control,
                who=operator.name,
                environment=environment,
                command="erpoa state restore",
                event="state restored",
                plan="",
                run="",
                detail=json.dumps({"records": len(list(audit.records(kept, environment)))}),
            )
    finally:
        lock.release()


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    return path


def _refuse_to_overwrite(control: Control, environment: str) -> None:
    there = control.row("SELECT serial FROM environments WHERE environment = ?", environment)
    run = control.row("SELECT run FROM runs WHERE environment = ?", environment)
    if run or (there and there["serial"]):
        raise _refused(
            f"there is a state of {environment!r} already",
            "A state is never overwritten: what it knows of applied plans would be lost.",
        )


def _refused(
    summary: str,
    detail: str = "",
    remedy: str = "restore into an empty state, or choose another environment with -e",
) -> Failure:
    return Failure(Diagnostic("E0519", summary, detail=detail, remedy=remedy))


def _unpack(source: Path, directory: Path) -> None:
    try:
        with tarfile.open(source) as tar:
            tar.extractall(directory, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise _refused(
            f"{source} is not a copy of a state: {_said(error)}",
            remedy="Name the tar file that `erpoa state backup` wrote.",
        ) from error


def _store(unpacked: Path, called: str) -> Control:
    """The control store of an unpacked copy, brought to the present format; the tar file stays as it is."""
    database = SqliteDatabase.writing(unpacked / place.STORE)
    return Control.writing(database, migrate=True, called=called)


def _said(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is no tar file, or damaged"


def _copy(source: Control, to: Control, environment: str) -> None:
    """Inside a transaction of *to*: all rows of an environment that outlive a machine."""
    for table in REMEMBERED:
        rows = source.scan(f"SELECT * FROM {table} WHERE environment = ?", environment)
        while some := list(islice(rows, _TOGETHER)):
            columns, holes = ", ".join(some[0]), ", ".join("?" * len(some[0]))
            to.run_many(
                f"INSERT INTO {table} ({columns}) VALUES ({holes})", [tuple(row.values()) for row in some]
            )


def _stores(
    root: Path, control: Control, environment: str, writing: Writing | None = None
) -> tuple[Archive, Images]:
    blobs = Blobs(control, environment, writing) if control.shared else None
    return (
        Archive(root / STATE / "archive", blobs),
        Images(root / STATE / "base" / file_name(environment), blobs),
    )


def _files(root: Path, control: Control, environment: str) -> Iterator[Path]:
    """Everything that the control store refers to; plans first."""
    archive, images = _stores(root, control, environment)
    for row in control.rows(
        "SELECT blob FROM runs WHERE environment = ? GROUP BY blob ORDER BY blob", environment
    ):
        yield archive.get(row["blob"])
    for row in control.rows("SELECT * FROM images WHERE environment = ? ORDER BY target", environment):
        yield images.get(row["target"], row["digest"])
