"""A new project directory: the template's files, .gitignore and the key that seals sensitive values."""

from __future__ import annotations

from pathlib import Path


def scaffold(directory: Path) -> tuple[str, ...]:
    """Copy the project template into *directory* (made when missing) and write .gitignore and .erpoa/key.

    Answers the created files, relative to *directory*. Raises `Failure` (E0604) when a file is in the way:
    nothing is overwritten.
    """
    raise NotImplementedError
