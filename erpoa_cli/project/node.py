"""A value in a project file together with where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.diagnostic import Location

# The position of a value: [line, column], followed for a mapping by {key: [line, column, mark of the value]}
# and for a sequence by [mark, …]. Lists, so that the cache keeps them as JSON.
Mark = list[Any]


@dataclass(
    slots=True
)  # not frozen: large projects make 100,000 of them, and frozen ones take thrice the time
class Node:
    """*data* is plain (dict, list, str, int, Decimal, bool, None, or Secret where a template made one)."""

    data: Any
    mark: Mark
    file: str

    @property
    def at(self) -> Location:
        return Location(self.file, self.mark[0], self.mark[1])

    def __contains__(self, key: str) -> bool:
        return isinstance(self.data, dict) and key in self.data

    def key_at(self, key: str) -> Location:
        """Where *key* of this mapping is written; the mapping itself when it is not."""
        found = self.mark[2].get(key) if len(self.mark) > 2 and isinstance(self.mark[2], dict) else None
        return Location(self.file, found[0], found[1]) if found else self.at

    def child(self, key: str) -> Node:
        """The value of *key*; a null here when the mapping does not have it."""
        if key not in self:
            return Node(None, self.mark, self.file)
        return Node(self.data[key], self.mark[2][key][2], self.file)

    def keys(self) -> Iterator[str]:
        """The keys of a mapping, in file order."""
        if isinstance(self.data, dict):
            yield from self.data

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping, in file order."""
        for key in self.keys():
            yield key, self.child(key)

    def __iter__(self) -> Iterator[Node]:
        """The elements of a sequence; a single value is a sequence of one, null one of none."""
        if isinstance(self.data, list):
            for value, mark in zip(self.data, self.mark[2], strict=True):
                yield Node(value, mark, self.file)
        elif self.data is not None:
            yield self

    def texts(self) -> tuple[str, ...]:
        """The elements of a sequence of names, or a single one, as text."""
        return tuple(str(node.data) for node in self)

    def text(self, key: str, default: str = "") -> str:
        """The text of *key*; *default* when it is absent or null."""
        value = self.data.get(key) if isinstance(self.data, dict) else None
        return default if value is None else str(value)

    def place(self, path: Sequence[str | int]) -> Location:
        """Where the value at *path* below this one stands; for a key's value, the value."""
        mark = self.mark
        for step in path:
            inner = mark[2] if len(mark) > 2 else None
            if isinstance(inner, dict) and step in inner:
                mark = inner[step][2]
            elif isinstance(inner, list) and isinstance(step, int) and step < len(inner):
                mark = inner[step]
            else:
                break
        return Location(self.file, mark[0], mark[1])

    def places(self) -> dict[tuple[str | int, ...], Location]:
        """Where everything below this one stands, by the path that leads to it; of a mapping's value, its key."""
        found: dict[tuple[str | int, ...], Location] = {}

        def walk(mark: Mark, path: tuple[str | int, ...]) -> None:
            inner = mark[2] if len(mark) > 2 else ()
            if isinstance(inner, dict):
                for key, (line, column, value) in inner.items():
                    found[*path, key] = Location(self.file, line, column)
                    walk(value, (*path, key))
            else:
                for n, value in enumerate(inner):
                    found[*path, n] = Location(self.file, value[0], value[1])
                    walk(value, (*path, n))

        walk(self.mark, ())
        return found

    def below(self, path: Sequence[str | int]) -> Node:
        """The value at *path*, which exists."""
        node = self
        for step in path:
            inner = node.mark[2][step]
            node = Node(node.data[step], inner[2] if isinstance(node.data, dict) else inner, self.file)
        return node
