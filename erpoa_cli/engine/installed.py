"""What is installed, told without loading any of it."""

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

GROUP = "erpoa.connectors"
"""The entry points by which distributions offer connectors."""


def fingerprint() -> str:
    """Differs whenever another Python, program, library, connector or time zone database judges a project."""
    return sha256("\n".join([sys.version, *_distributions(), *_code(), *_zones()]).encode()).hexdigest()


def _distributions() -> Iterator[str]:
    """Every installed distribution: its version is in the name, and installing it again renews the directory."""
    for place in dict.fromkeys(sys.path):
        for found in sorted([*Path(place).glob("*.dist-info"), *Path(place).glob("*.egg-info")]):
            yield _stamp(found)


def _code() -> Iterator[str]:
    """The code of every connector and of this program, which may be installed from a working copy."""
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    yield from (f"{entry.name} {entry.value}" for entry in entries)
    for package in sorted({entry.module.partition(".")[0] for entry in entries} | {"erpoa_cli"}):
        for place in _places(package):
            yield from (_stamp(file) for file in sorted(place.rglob("*")) if file.suffix in {".py", ".json"})


def _places(package: str) -> list[Path]:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin else []
    return [Path(place) for place in spec.submodule_search_locations]


def _zones() -> Iterator[str]:
    return (_stamp(place) for place in map(Path, zoneinfo.TZPATH) if place.is_dir())


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:  # a broken link, as editors leave them
        return str(path)
    return f"{path} {status.st_size} {status.st_mtime_ns}"
