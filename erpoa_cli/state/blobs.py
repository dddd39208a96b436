"""The archive of a shared store: content by its digest, in pieces, so that no file need fit into memory.

Local files are copies of it. The writer of an environment is alone, so nothing is added while something is removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.state.control import Control
from erpoa_cli.state.durable import holds, replacing

Writing: TypeAlias = Callable[[], AbstractContextManager[None]]

PIECE = 1 << 20
_TOGETHER = 16  # pieces per transaction


class Blobs:
    """What one environment keeps in the database. *writing* opens a transaction that has checked the lock."""

    __slots__ = ("_control", "_environment", "_sound", "_writing")

    def __init__(
        self,
        control: Control,
        environment: str,
        writing: Writing | None = None,
    ) -> None:
        self._control = control
        self._environment = environment
        self._writing = writing
        self._sound: set[Path] = set()

    def put(self, path: Path, digest: str) -> None:
        """Keep the file *path*, whose content has *digest*. Committed when this returns; known only then."""
        assert self._writing is not None
        if self._size(digest) is not None:
            return
        size = 0
        with self._writing():  # what an interrupted attempt left
            self._control.run(
                "DELETE FROM pieces WHERE environment = ? AND digest = ?", self._environment, digest
            )
        with path.open("rb") as file:
            pieces = enumerate(_pieces(file))
            while together := self._put_some(digest, pieces):
                size += together
        with self._writing():
            self._control.run(
                "INSERT INTO blobs (environment, digest, size) VALUES (?, ?, ?)",
                self._environment,
                digest,
                size,
            )

    def _put_some(self, digest: str, pieces: Iterator[tuple[int, bytes]]) -> int:
        assert self._writing is not None
        size = 0
        with self._writing():
            for number, content in islice(pieces, _TOGETHER):
                self._control.run(
                    "INSERT INTO pieces (environment, digest, number, content) VALUES (?, ?, ?, ?)",
                    self._environment,
                    digest,
                    number,
                    content,
                )
                size += len(content)
        return size

    def fetch(self, digest: str, place: Path) -> bool:
        """Make the file *place* the content with *digest*, if it is not; whether there is such content, to the end.
        Failure E0524 when it is damaged."""
        if (place in self._sound and place.exists()) or holds(place, digest):
            self._sound.add(place)
            return True
        size = self._size(digest)
        if size is None:
            return False
        try:
            self._copy(digest, size, place)
        except Failure as failure:
            damaged = failure.kind is FailureKind.DAMAGED
            if damaged and self._size(digest) is None:  # another run removed it meanwhile
                return False
            raise
        self._sound.add(place)
        return True

    def _copy(self, digest: str, size: int, place: Path) -> None:
        sha256 = hashlib.sha256()
        with replacing(place) as file:
            for number in range(-(-size // PIECE)):
                row = self._control.row(
                    "SELECT content FROM pieces WHERE environment = ? AND digest = ? AND number = ?",
                    self._environment,
                    digest,
                    number,
                )
                content = row["content"] if row else b""
                sha256.update(content)
                file.write(content)
            if sha256.hexdigest() != digest:
                raise Failure(
                    Diagnostic(
                        "E0524",
                        f"the shared archive holds {digest[:12]}… damaged",
                        detail="Its pieces do not have the digest they are kept under.",
                        remedy="restore the state from a backup",
                    )
                )

    def prune(self) -> None:
        """Remove what no run, image and snapshot needs. Who opened the state before still reads it."""
        assert self._writing is not None
        with self._writing():
            for table in ("blobs", "pieces"):
                self._control.run(
                    f"""DELETE FROM {table} WHERE environment = ? AND digest NOT IN (
                        SELECT blob FROM runs WHERE environment = ?
                        UNION SELECT digest FROM images WHERE environment = ?
                        UNION SELECT digest FROM snapshots WHERE environment = ?)""",
                    *[self._environment] * 4,
                )

    def _size(self, digest: str) -> int | None:
        row = self._control.row(
            "SELECT size FROM blobs WHERE environment = ? AND digest = ?", self._environment, digest
        )
        return int(row["size"]) if row else None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
