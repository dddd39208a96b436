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
from collections.abc import Iterator
from pathlib import Path

NAME = "PYTEST_ERPOA_RUN"  # not ERPOA_…: tests take those out of the environment of what they start
ROOM = 4 << 30  # bytes that a memory disk must have free, else the ordinary disk is used
_PREFIX = "erpoa-run-"


def home() -> Path:
    """Where the folders of runs are: in memory where there is room, for there nothing waits for a disk."""
    memory = Path("/dev/shm")
    with contextlib.suppress(OSError):
        left = os.statvfs(memory)
        if left.f_bavail * left.f_frsize >= ROOM and os.access(memory, os.W_OK):
            return memory
    return Path(os.environ.get("PYTEST_ERPOA_TMPDIR") or tempfile.gettempdir())


def folder() -> Path:
    """The folder of the run to which this process belongs."""
    return Path(os.environ["TMPDIR"]).parent


class Run:
    """This run; `end` takes everything away."""

    def __init__(self) -> None:
        place = home()
        with _alone(place):
            remove_what_is_left(place)
            self.folder = place / f"{_PREFIX}{secrets.token_hex(4)}"
            self.folder.mkdir()
            self._lock = _locked(self.folder)
        assert self._lock is not None
        temporary = self.folder / "tmp"
        temporary.mkdir()
        for path in (self.folder, temporary):
            path.chmod(0o711)  # a database server is another user
        os.environ.setdefault("PYTEST_ERPOA_TMPDIR", tempfile.gettempdir())
        os.environ["TMPDIR"] = str(temporary)
        os.environ[NAME] = self.folder.name
        tempfile.tempdir = None

    def end(self) -> None:
        remove(self.folder)
        os.close(self._lock or 0)


def remove_what_is_left(place: Path) -> None:
    """Remove the processes and folders of runs that are over."""
    for path in place.glob(f"{_PREFIX}*"):
        lock = _locked(path)
        if lock is not None:
            remove(path)
            os.close(lock)


def remove(path: Path) -> None:
    """End the processes of the run whose folder is *path*, and remove it."""
    until = time.monotonic() + 30
    while left := [*_processes(path.name)]:
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    _unmount(path)
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """One run at a time begins: a folder that has no lock yet would be taken for one that is left."""
    with (place / f".{_PREFIX}begins").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lives(name: str) -> bool:
    """Whether the run *name* holds its lock."""
    path = home() / f"{_PREFIX}{name}"
    if not path.is_dir():
        return False
    lock = _locked(path)
    if lock is not None:
        os.close(lock)
    return lock is None


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


def _processes(name: str) -> Iterator[int]:
    """The processes of the run *name*, but for this one."""
    wanted = f"{NAME}={name}".encode()
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
