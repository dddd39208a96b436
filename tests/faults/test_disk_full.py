"""The disk fills up while a plan is applied: a clear error, a consistent state, and resume finishes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from erpoa_cli.cli.exits import Exit
from tests import depth
from tests.faults.scene import Scene
from tests.program import ERPOA, Ended, Forks, environment, erpoa

SIZES = (24_576, 49_152, 65_536, 81_920, 98_304, 122_880, 163_840)  # bytes
ROOMS = (8, 40, 80, 160, 240, 400)  # kilobytes
APPLY = ("apply", "the.erpoaplan", "--no-input")
LIMITED = """
import os, resource, signal, sys
size = int(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
os.execv(sys.argv[2], sys.argv[2:])
"""


def finish(scene: Scene) -> None:
    """What a person does once there is room again."""
    match scene.run_status():
        case "applied":
            return
        case None:
            ended = erpoa(*APPLY, directory=scene.root)
        case _:
            ended = erpoa("resume", "--no-input", directory=scene.root)
    assert ended.exit == Exit.SUCCESS, ended


def assert_clear(ended: Ended) -> None:
    """A diagnostic with words about the disk, not a traceback."""
    assert ended.exit in {Exit.FAILURE, Exit.IN_DOUBT}, ended
    assert "error E" in ended.err, ended
    assert "Traceback" not in ended.err, ended
    words = ("disk", "space", "too large", "full", "I/O")
    assert any(word.lower() in ended.err.lower() for word in words), ended


@pytest.mark.sampled("disk", seconds=60)
def test_no_file_may_grow(scene: Scene):
    """Every file stops at a size, wherever that strikes: plan archive, control store, databases, base images."""
    struck = 0
    for size in (SIZES[0], *depth.some(SIZES[1:], 2)):
        scene.restore("planned")
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(size), ERPOA, *APPLY],
            cwd=scene.root, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        if ended.exit != Exit.SUCCESS:
            struck += 1
            assert_clear(ended)
            finish(scene)
        assert scene.disagreements() == {}, size
    assert struck >= 1


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[None]:
    """A file system of its own at *place*; the test is skipped where nobody may mount one."""
    options = f"size={kilobytes}k,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "erpoa-faults", place],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.sampled("disk", seconds=40)
@pytest.mark.skipif(os.name != "posix" or shutil.which("mount") is None, reason="needs mount")
def test_the_disk_is_full(prepared: Scene, forked: Forks):
    """A real full disk, with less and less room left for the run."""
    prepared.restore("planned")
    used = sum(path.stat().st_size + 4096 for path in prepared.root.rglob("*")) // 1024
    shutil.rmtree(prepared.root)
    prepared.root.mkdir()
    struck = 0
    with small_disk(prepared.root, used + 4096):
        for room in (ROOMS[0], *depth.some(ROOMS[1:], 2)):
            _refill(prepared)
            ballast = prepared.root / "ballast"
            _fill(ballast, room)
            ended = forked.run(*APPLY, directory=prepared.root)
            ballast.unlink()
            if ended.exit != Exit.SUCCESS:
                struck += 1
                assert_clear(ended)
                finish(prepared)
            assert prepared.disagreements() == {}, room
    assert struck >= 1


def _refill(scene: Scene) -> None:
    for entry in scene.root.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(scene.store / "planned", scene.root, dirs_exist_ok=True)


def _fill(path: Path, room: int) -> None:
    """Take all the space but *room* kilobytes."""
    left = os.statvfs(path.parent)
    size = left.f_bavail * left.f_frsize - room * 1024
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, size))
