"""A run of the tests: a folder of its own, a lock that says that it lives, and the removal of what a run leaves.

Everything a run makes is in its folder: temporary files, the data of its servers. Every process that it starts has its name
in the environment. So however a run ended, the next one finds what is left, and knows runs that live by the lock that
they hold. Processes are found on Linux only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

NAME = "PYTEST_ERPOA_RUN"  # not ERPOA_…: tests take those out of the environment of what they start
ROOM = 4 << 30  # bytes that a memory disk must have free, else the ordinary disk is used
_PREFIX = "erpoa-run-"


def homes() -> list[Path]:
    """Where folders of runs are: the memory disk, for there nothing waits, and where it lacks room the ordinary one."""
    return [place for place in (Path("/dev/shm"), Path("/tmp")) if os.access(place, os.W_OK)]


def folder() -> Path:
    """The folder of the run to which this process belongs."""
    return Path(os.environ[NAME])


def name() -> str:
    """A name that nobody else has, for something at a server that is not the run's own; it tells the run."""
    return f"erpoa_test_{folder().name.removeprefix(_PREFIX)}_{secrets.token_hex(4)}"


def left(names: Iterable[str]) -> list[str]:
    """Those of *names* that a run has made which is over."""
    alive = living()
    return [n for n in names if n.startswith("erpoa_test_") and n.split("_")[2] not in alive]


def _roomy(place: Path) -> bool:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize >= ROOM


class Run:
    """This run; `end` takes everything away."""

    def __init__(self) -> None:
        places = homes()
        with _alone():
            remove_what_is_left()
            place = next((place for place in places if _roomy(place)), places[-1])
            self.folder = place / f"{_PREFIX}{secrets.token_hex(4)}"
            self.folder.mkdir()
            self._lock = _locked(self.folder)
        assert self._lock is not None
        temporary = self.folder / "tmp"
        temporary.mkdir()
        for path in (self.folder, temporary):
            path.chmod(0o711)  # a database server is another user
        os.environ["TMPDIR"] = str(temporary)
        os.environ[NAME] = str(self.folder)
        tempfile.tempdir = None

    def end(self) -> None:
        remove(self.folder)
        os.close(self._lock or 0)


def remove_what_is_left() -> None:
    """Remove the processes and folders of runs that are over."""
    for path in [path for place in homes() for path in place.glob(f"{_PREFIX}*")]:
        lock = _locked(path)
        if lock is not None:
            remove(path)
            os.close(lock)


def remove(path: Path) -> None:
    """End the processes of the run whose folder is *path*, and remove it."""
    until = time.monotonic() + 30
    while found := [*processes(path)]:
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    _unmount(path)
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One run at a time begins: a folder that has no lock yet would be taken for one that is left."""
    with (Path("/tmp") / f".{_PREFIX}begins").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def living() -> set[str]:
    """The names of the runs that hold their locks."""
    found = set()
    for path in [path for place in homes() for path in place.glob(f"{_PREFIX}*")]:
        lock = _locked(path)
        if lock is None:
            found.add(path.name.removeprefix(_PREFIX))
        else:
            os.close(lock)
    return found


def _locked(path: Path) -> int | None:
    """The lock of the run whose folder is *path*; None while another process holds it, or when the folder has gone."""
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def processes(path: Path) -> Iterator[int]:
    """The processes of the run whose folder is *path*, but for this one."""
    wanted = f"{NAME}={path}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        process = int(entry.parent.name)
        with contextlib.suppress(OSError):  # it ended, or is somebody else's
            if process != os.getpid() and wanted in entry.read_bytes().split(b"\0"):
                yield process


def _unmount(path: Path) -> None:
    """Unmount the small disks of tests that were killed."""
    with contextlib.suppress(OSError):
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
        for mount in reversed(mounts):
            point = mount.split()[1].encode().decode("unicode_escape")
            if point.startswith(f"{path}/"):
                os.spawnlp(os.P_WAIT, "umount", "umount", "-l", point)
