"""One entry of the catalogue of diagnostic codes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable diagnostic code: `title` in a few words, `meaning` and `remedy` in sentences."""

    id: str
    title: str
    meaning: str
    remedy: str
