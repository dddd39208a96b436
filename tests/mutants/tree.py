"""A throw-away copy of the working tree, with its own tests or those of another commit."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

TOOL = "tests/mutants"
RECORDING = ("cover.py", "forks.py", "session.py")


def lay(root: Path, place: Path, commit: str | None = None) -> None:
    """Copy *root* to *place*: every file that is or could be committed; the tests of *commit*, when one is given."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    for name in filter(None, listed):
        if (root / name).is_file() and (commit is None or not of_tests(name)):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place / name)
    if commit is not None:
        with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", commit))) as archive:
            members = [member for member in archive if member.isfile() and of_tests(member.name)]
            archive.extractall(place, members, filter="data")
    here = Path(__file__).parent
    shutil.copytree(
        here, place / TOOL, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "test_*")
    )


def of_tests(name: str) -> bool:
    """Whether a file, by its name in the repository, is of the tests."""
    path = PurePosixPath(name)
    of_a_plugin = path.parts[0] == "plugins" and ("tests" in path.parts or path.name == "conftest.py")
    return path.parts[0] == "tests" or of_a_plugin


def digest(place: Path) -> str:
    """What stands for all that is in the copy, but for what this tool does with what it has recorded."""
    recording = [place / TOOL / name for name in RECORDING]
    whole = hashlib.sha256()
    for path in sorted(p for p in place.rglob("*") if p.is_file()):
        if path.is_relative_to(place / TOOL) and path not in recording:
            continue
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{path.relative_to(place).as_posix()}\0{content}\n".encode())
    return whole.hexdigest()[:16]


def _git(root: Path, *words: str) -> bytes:
    # safe.directory: a checkout may belong to another user than the one who tests it.
    return subprocess.run(
        ["git", "-c", "safe.directory=*", *words], cwd=root, check=True, stdout=subprocess.PIPE
    ).stdout
