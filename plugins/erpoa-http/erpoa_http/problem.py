"""Mistakes in a description, collected with their places."""

from __future__ import annotations

Place = tuple[str | int, ...]


class Problems:
    """What is wrong below one place of a config. All places share one list, `found`."""

    def __init__(self, place: Place = (), root: Problems | None = None) -> None:
        self._place = place
        self.root = root or self
        self.found: list[tuple[Place, str]] = [] if root is None else root.found

    def at(self, *steps: str | int) -> Problems:
        return Problems((*self._place, *steps), self.root)

    def add(self, words: str) -> None:
        self.found.append((self._place, words))
