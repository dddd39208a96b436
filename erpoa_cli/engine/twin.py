"""The twins that are installed: stand-ins for the API of a system, to test a project against."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

GROUP = "erpoa.twins"
"""The entry points by which distributions offer twins; each is a `Start`."""


class Announce(Protocol):
    def __call__(self, about: dict[str, Any], /) -> None: ...


class Start(Protocol):
    """Serves until SIGINT or SIGTERM. `announce` is called once, when it listens, with `url` and what else a client
    needs. Raises ValueError or OSError, with words for people, when it cannot start."""

    def __call__(
        self,
        announce: Announce,
        *,
        host: str,
        port: int,
        seed: int,
        faults: str,
        data: Path | None,
        create_safety: str,
        certificate: Path | None,
        private_key: Path | None,
    ) -> None: ...


def twins() -> Mapping[str, EntryPoint]:
    """What the entry points of `erpoa.twins` offer, by name; nothing is loaded."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}
