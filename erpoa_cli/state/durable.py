"""Private files that survive a power cut: written beside their place, synced, then renamed."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

PRIVATE = 0o600


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file (mode 0600, readable too) that takes the place of *path* when the block ends well.

    Whoever opens *path* sees the old content or the new, never a part; after an error nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames inside *directory* durable (nothing to do where directories cannot be opened)."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes) -> None:
    """Replace *path* by *content*, atomically and durably."""
    with replacing(path) as file:
        file.write(content)


def file_digest(file: BinaryIO) -> str:
    """SHA-256 (hex) of the whole content of *file*."""
    file.flush()
    file.seek(0)
    sha256 = hashlib.sha256()
    while piece := file.read(1 << 20):
        sha256.update(piece)
    return sha256.hexdigest()


def holds(path: Path, digest: str) -> bool:
    """Whether there is a file *path* and its content has *digest*."""
    try:
        with path.open("rb") as file:
            return file_digest(file) == digest
    except FileNotFoundError:
        return False


def file_name(name: str) -> str:
    """*name* (of an environment, target or source) as one path segment that cannot leave its directory."""
    return (
        quote(name, safe=" +,()[]{}@") if set(name) & set('/\\:*?"<>|%\0') or name.startswith(".") else name
    )
