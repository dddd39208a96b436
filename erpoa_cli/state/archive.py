"""The archive: immutable files under the SHA-256 of their content, each kept once.

Where the store is shared, the archive is in it and the files are copies, fetched when they are needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.durable import file_digest, holds, replacing


class Archive:
    """`.erpoa/archive/ab/cdef…`, mode 0600."""

    __slots__ = ("_blobs", "_root", "_sound")

    def __init__(self, root: Path, blobs: Blobs | None = None) -> None:
        """*blobs*: the archive of a shared store."""
        self._root = root
        self._blobs = blobs
        self._sound: set[Path] = set()  # looked at since this was made

    def path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:]

    def add(self, source: Path) -> str:
        """Keep a copy of *source*; its digest. On disk for good when this returns."""
        with source.open("rb") as file:
            digest = file_digest(file)
        place = self.path(digest)
        if not place.exists():
            with source.open("rb") as file, replacing(place) as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
                if file_digest(copy) != digest:
                    raise Failure(
                        Diagnostic("E0524", f"{source} changed while it was archived", remedy="try again")
                    )
        if self._blobs:
            self._blobs.put(place, digest)
        return digest

    def get(self, digest: str) -> Path:
        """The file with this digest; Failure E0524 when it is not there, or damaged."""
        place = self.path(digest)
        if not (self._blobs.fetch(digest, place) if self._blobs else place.exists()):
            raise Failure(
                Diagnostic(
                    "E0524",
                    f"the archive lacks {digest[:12]}…",
                    detail="The shared store does not have it." if self._blobs else f"Expected at {place}.",
                    remedy="restore the state from a backup"
                    if self._blobs
                    else "restore .erpoa/archive from a backup",
                )
            )
        if not self._blobs and place not in self._sound:
            if not holds(place, digest):
                raise Failure(
                    Diagnostic(
                        "E0524",
                        f"the archived plan {digest[:12]}… is damaged",
                        detail=f"{place} does not have the digest that it is kept under.",
                        remedy="restore .erpoa/archive from a backup",
                    )
                )
            self._sound.add(place)
        return place
