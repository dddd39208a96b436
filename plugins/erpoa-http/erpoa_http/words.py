"""The words of a system, without the values that it repeats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_SHORTEST = 4  # characters; shorter ones are found in any sentence


def without(words: str | None, values: Iterable[Any]) -> str | None:
    """*words* with `…` for every text or number in *values* that they repeat."""
    if words is None:
        return None
    for text in sorted({t for value in values for t in _texts(value)}, key=len, reverse=True):
        words = words.replace(text, "…")
    return words


def _texts(value: Any) -> Iterator[str]:
    match value:
        case None | bool():
            return
        case Mapping():
            for part in value.values():
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)
        case _:
            text = str(value)
            if len(text.strip()) >= _SHORTEST:
                yield text
