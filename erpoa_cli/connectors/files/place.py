"""Where files are: never outside the configured directory, and replaced as a whole or not at all."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from erpoa_cli.sdk.errors import Denied, Fatal, Transient

SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xml": "xml",
}


def is_pattern(address: str) -> bool:
    return any(c in address for c in "*?[")


def covers(pattern: str, address: str) -> bool:
    """Whether *pattern* matches the file *address*, as `located` finds it."""

    def fit(ways: tuple[str, ...], parts: tuple[str, ...]) -> bool:
        if not ways:
            return not parts
        if ways[0] == "**":
            return any(fit(ways[1:], parts[at:]) for at in range(len(parts) + 1))
        return bool(parts) and fnmatchcase(parts[0], ways[0]) and fit(ways[1:], parts[1:])

    return fit(PurePosixPath(pattern).parts, PurePosixPath(address).parts)


def located(root: Path, address: str) -> list[Path]:
    """The real paths of the file *address*, or of all files that the pattern matches, in order of their names.

    Raises `Denied` for anything that leaves *root* (absolute, `..`, drives, a symbolic link out) and `Fatal` when
    there is no such file.
    """
    parts = PurePosixPath(address).parts
    if not parts or "\0" in address or "\\" in address or ":" in parts[0] or parts[0] == "/" or ".." in parts:
        raise Denied(
            f"{address!r} is not a path inside the directory: no absolute paths, drives, backslashes or .."
        )
    home = root.resolve()
    matching = (
        (p for p in home.glob(address) if p.is_file() and not p.match(_NEW)) if is_pattern(address) else ()
    )
    found = sorted(matching) if is_pattern(address) else [home / address]
    real = [path.resolve() for path in found]
    for path in real:
        if not path.is_relative_to(home):
            raise Denied(f"{address!r} leads out of the directory by a symbolic link")
        if not path.is_file():
            raise Fatal(f"there is no file {address!r}")
    if not real:
        raise Fatal(f"no file matches {address!r}")
    return real


def addresses(root: Path) -> list[str]:
    """Every file below *root* that has a known suffix and is neither hidden nor a link out."""
    home = root.resolve()
    found = []
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        hidden = any(part.startswith(".") for part in inside.parts)
        if (
            path.suffix.lower() in SUFFIXES
            and not hidden
            and path.is_file()
            and path.resolve().is_relative_to(home)
        ):
            found.append(inside.as_posix())
    return found


_HEX = "[0-9a-f]" * 16
_NEW = f".*.{_HEX}.erpoa"
"""What `replace` calls a file that is not there yet."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def replace(path: Path, before: str, write: Callable[[BinaryIO], object]) -> None:
    """Put what *write* writes in the place of *path*, whose content must still have the digest *before*.
    Readers see the old file or the new one, and after a crash either of them is there, whole.

    What a killed writer left beside it is removed. Raises `Transient` when somebody changed the file meanwhile, and
    `PermissionError` only while nothing has changed. (Between this last look and the renaming another writer can still slip
    in: the file system offers no compare-and-swap.)
    """
    _remove_leftovers(path)
    folder = os.open(path.parent, os.O_RDONLY)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.erpoa")
    try:
        with new.open("xb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # as long as we live
            os.fchmod(stream.fileno(), path.stat().st_mode & 0o777)
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
            if digest(path.read_bytes()) != before:
                raise Transient(f"{path.name} was changed by someone else meanwhile")
            new.replace(path)
        os.fsync(folder)
    finally:
        new.unlink(missing_ok=True)
        os.close(folder)


def _remove_leftovers(path: Path) -> None:
    """Remove new files for *path* that nobody writes any more."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{_HEX}.erpoa"):
        with suppress(OSError), left.open("rb") as stream:  # being written by another, or gone meanwhile
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
