"""The stable, printable address of a row: `oa_suppliers/code=S001`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

# Kept readable: everything but what separates the parts of an address or cannot be printed.
_SAFE = "".join(chr(c) for c in range(33, 127) if chr(c) not in "%=,/")


def _escape(text: str) -> str:
    return "".join(c if c in _SAFE or (ord(c) > 160 and c.isprintable()) else quote(c, safe="") for c in text)


@dataclass(frozen=True, slots=True)
class Address:
    """A row of a target: the target's name and the key columns' values as canonical text."""

    target: str
    key: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.target}/" + ",".join(f"{_escape(n)}={_escape(v)}" for n, v in self.key)

    def ordered(self, columns: Iterable[str]) -> Address:
        """The same row with its columns in the order of *columns*; itself where they are others."""
        known = dict(self.key)
        columns = tuple(columns)
        if set(columns) != known.keys():
            return self
        return Address(self.target, tuple((name, known[name]) for name in columns))

    @staticmethod
    def of(target: str, key: Mapping[str, str]) -> Address:
        return Address(target, tuple(key.items()))


def parse_address(text: str) -> Address:
    """The address that *text* spells; ValueError when it is not `TARGET/column=value,…`."""
    target, slash, rest = text.partition("/")
    parts = [part.partition("=") for part in rest.split(",")]
    if not slash or not target or not all(name and equals for name, equals, _ in parts):
        raise ValueError(f"an address reads TARGET/column=value[,column=value…], not {text!r}")
    key = tuple((unquote(name), unquote(value)) for name, _, value in parts)
    names = [name for name, _ in key]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{text!r} names {', '.join(twice)} twice: an address has each column once")
    return Address(target, key)
