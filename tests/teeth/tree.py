"""Throw-away copies of the tree, in which something may be broken: nobody's files are touched, however a run ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.teeth.breakage import DEFINITIONS, ROOT, Breakage, occurrences, shipped

PREFIX = "erpoa-teeth-"
PLUGIN = "unshrunk"  # of pytest; its module and its profile are called so
GIT = ["git", "-c", "safe.directory=*"]


@dataclass(frozen=True, slots=True)
class Tree:
    """One copy at `root`, with room for what its tests leave in `rest`."""

    root: Path
    rest: Path

    def environment(self) -> dict[str, str]:
        """Programs started with it import the copy: PYTHONPATH goes before what is installed as editable."""
        packages = [self.root, *sorted(self.root.glob("plugins/*")), self.rest]
        kept = {
            n: v for n, v in os.environ.items() if not n.startswith("ERPOA_") or n.startswith("ERPOA_TEST_")
        }
        return {**kept, "PYTHONPATH": os.pathsep.join(map(str, packages))}

    @contextmanager
    def broken(self, breakage: Breakage) -> Iterator[None]:
        """The copy with the one text changed, until the block ends."""
        (path,) = occurrences(breakage, shipped(self.root))
        whole = path.read_bytes()
        _replace(path, whole.replace(breakage.old.encode(), breakage.new.encode()))
        try:
            yield
        finally:
            _replace(path, whole)


def _replace(path: Path, content: bytes) -> None:
    """Every writing has a second of its own: Python takes compiled code of a file with the same time and size."""
    later = path.stat().st_mtime + 2
    path.write_bytes(content)
    os.utime(path, (later, later))


@contextmanager
def trees(count: int, commit: str | None = None) -> Iterator[list[Tree]]:
    """So many copies of the working tree as it would be committed, or of *commit*; gone when the block ends. What runs
    that were killed have left is removed first."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        place = Path(name)
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = [Tree(place / str(n), place / f"rest{n}") for n in range(count)]
            for tree in made:
                _fill(tree.root, commit)
                tree.rest.mkdir()
                shutil.copy(DEFINITIONS / f"{PLUGIN}.py", tree.rest)
            yield made


def _fill(root: Path, commit: str | None) -> None:
    if commit is None:
        listed = [*GIT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in _output(listed).decode().split("\0"):
            if name and (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
    else:
        with tarfile.open(fileobj=BytesIO(_output([*GIT, "archive", "--format=tar", commit]))) as archive:
            archive.extractall(root, filter="data")
    subprocess.run(["git", "init", "-q", root], check=True)  # some tests ask git what there is


def _output(command: list[str]) -> bytes:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout


def _sweep() -> None:
    """Who is alive holds the lock of its place."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (left / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue  # in use, somebody else's, or just being made
