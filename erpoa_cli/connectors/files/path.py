"""Paths into the elements of an XML file: `@id`, `name`, `address/s:city`, `amount/@currency`, `.` (the row's own text)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from erpoa_cli.sdk.errors import ContractBroken

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TRUE = ("true", "1")


@dataclass(frozen=True, slots=True)
class Path:
    """The way from an element to others below it, and to an attribute of theirs, if that is meant."""

    text: str
    steps: tuple[str, ...] = ()
    attribute: str = ""

    def elements(self, row: Any) -> list[Any]:
        found = [row]
        for step in self.steps:
            found = [child for element in found for child in element.iterchildren(step)]
        return found

    def values(self, row: Any) -> list[str | None]:
        """What is there, in document order: texts, None where it is said to be nil."""
        found = self.elements(row)
        if self.attribute:
            return [e.get(self.attribute) for e in found if self.attribute in e.attrib]
        return [text_of(element, self.text) for element in found]


class Mixed(ValueError):
    """An element that was to have text only has elements inside."""


def text_of(element: Any, path: str) -> str | None:
    """The text of an element, None where it is nil; raises `Mixed`, naming *path*, where it has elements inside."""
    if element.get(NIL) in _TRUE:
        return None
    if next(element.iterchildren("*"), None) is not None:
        raise Mixed(f"{path} has elements inside")
    return "".join(element.itertext(with_tail=False)) if len(element) else element.text or ""


@dataclass(frozen=True, slots=True)
class Names:
    """Prefixes and what they stand for."""

    namespaces: Mapping[str, str]

    def path(self, text: str) -> Path:
        """Raises `ContractBroken` where *text* is no path, or has a prefix that stands for nothing."""
        if text == ".":
            return Path(text)
        *steps, last = text.split("/")
        if last.startswith("@"):
            return Path(text, tuple(map(self._tag, steps)), self._tag(last[1:], attribute=True))
        return Path(text, (*map(self._tag, steps), self._tag(last)))

    def spelt(self, tag: str, *, attribute: bool = False) -> str:
        """A name as paths write it."""
        name = etree.QName(tag)
        namespace: str | None = name.namespace
        if namespace is None:
            return name.localname
        prefixes = [p for p, uri in self.namespaces.items() if uri == namespace and (p or not attribute)]
        if not prefixes:
            raise ContractBroken(
                f"<{name.localname}> is of the namespace {namespace}: give it a prefix in `namespaces:`"
            )
        return f"{prefixes[0]}:{name.localname}" if prefixes[0] else name.localname

    def _tag(self, name: str, *, attribute: bool = False) -> str:
        prefix, colon, local = name.rpartition(":")
        if not local or (colon and prefix not in self.namespaces):
            raise ContractBroken(
                f"{name!r} is no name of an element: its prefixes are {', '.join(filter(None, self.namespaces)) or 'none'}"
            )
        uri = self.namespaces.get(prefix) if colon or not attribute else None
        try:
            return str(etree.QName(uri, local))
        except ValueError as error:
            raise ContractBroken(f"{name!r} is no name of an element") from error


def siblings(paths: Sequence[Path], above: tuple[str, ...]) -> list[str]:
    """The elements directly below *above*, in the order in which *paths* name them."""
    depth = len(above)
    return list(
        dict.fromkeys(p.steps[depth] for p in paths if p.steps[:depth] == above and len(p.steps) > depth)
    )
