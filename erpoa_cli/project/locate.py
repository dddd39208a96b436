"""Where a project is and which files belong to it; nothing outside its root."""

from __future__ import annotations

from pathlib import Path


def find_root(start: Path) -> Path:
    """The directory at or above *start* that holds erpoa.yml, as an absolute path.

    Raises `Failure` (exit INVALID, E0101) when there is none.
    """
    raise NotImplementedError
