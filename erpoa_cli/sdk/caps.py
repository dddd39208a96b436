"""Caps: how much is read of one input, so that a small one made to exhaust the machine is refused at once.

Every reader asks here. The numbers, the setting `caps:` that moves them and the words of a refusal stand nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from erpoa_cli.sdk.errors import ContractBroken

DIGITS = 1000
"""Digits of a number, written out: no type here holds more than 38, and some libraries take a square of time for them."""

CAPS = "what is read of one input at most: those made to exhaust the machine are small"
_PACKED = 100  # to one: what tables pack into is rarely less
# Possessive, and at the end of the input without a quote too: never looked at twice.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?', re.DOTALL)
_TOKENS = re.compile(_TEXT.pattern + rb"|[\[\]{}]", re.DOTALL)
# The setting: what it counts, and how a refusal ends that begins with what is refused.
_SAID = {
    "bytes": (
        "bytes of an answer, or of a file unpacked (or 100 times its size)",
        "takes more than {:,} bytes",
    ),
    "record": ("bytes of one row", "has a row of more than {:,} bytes"),
    "columns": ("columns of a table, members of an object", "has more than {:,} columns"),
    "depth": ("lists, objects or elements inside each other", "is nested deeper than {:,}"),
    "values": ("values in one JSON text", "has more than {:,} values"),
    "files": ("files that a pattern matches", "has more than {:,} files"),
    "seconds": ("seconds that a read takes", "takes more than {:,} seconds to read"),
}


class Beyond(ContractBroken):
    """An input is beyond its caps. `said`: in words, without the *setting* that allows more."""

    def __init__(self, said: str, setting: str = "") -> None:
        more = f": if it is sound, allow more in the system's config, `caps: {{{setting}: …}}`"
        super().__init__(said + more * bool(setting))
        self.said = said


@dataclass(frozen=True, slots=True)
class Caps:
    """What is read at most; what each counts is told by `settings`."""

    bytes: int = 64 << 20
    record: int = 16 << 20
    columns: int = 16_384  # as many as a spreadsheet has
    depth: int = 64
    values: int = 4_000_000  # as objects they take half a gigabyte
    files: int = 10_000
    seconds: int = 3600

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """The caps that a system's *config* says, by `settings`."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: most for name, most in config.get("caps", {}).items() if name in known})

    def hold(self, cap: str, found: float, *what: object) -> None:
        """`Beyond` where *found* is more than *cap* says; *what* is refused: words, put together only then."""
        if found > getattr(self, cap):
            raise self.beyond(cap, *what)

    def unpacked(self, found: float, size: int, what: str) -> None:
        """`Beyond` where what *size* bytes unpack to is *found* bytes, and far more than tables do."""
        if found > _PACKED * size:
            self.hold("bytes", found, what)

    def beyond(self, cap: str, *what: object) -> Beyond:
        return Beyond(f"{' '.join(map(str, what))} {_SAID[cap][1].format(getattr(self, cap))}", cap)


def settings(*names: str) -> dict[str, Any]:
    """The properties so called of `caps` in the `config_schema` of a connector."""
    usual = Caps()
    return {
        name: {
            "type": "integer",
            "minimum": 1,
            "description": f"{_SAID[name][0]}; default {getattr(usual, name)}",
        }
        for name in names
    }


def schema(*names: str) -> dict[str, Any]:
    """`caps` with only these."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": settings(*names),
        "description": CAPS,
    }


def measured(json: bytes, caps: Caps, *what: object) -> None:
    """`Beyond` where the text *json* has more values, or more of them inside each other, than *caps* allow."""
    # Nearly all texts have few brackets and commas, whatever is in their strings: counting them is fast.
    brackets = json.count(b"[") + json.count(b"{")
    if len(json) > caps.values and brackets + json.count(b",") > caps.values:
        bare = _TEXT.sub(b"", json)
        caps.hold("values", bare.count(b"[") + bare.count(b"{") + bare.count(b","), *what)
    if brackets <= caps.depth:
        return
    level = 0
    for token in _TOKENS.finditer(json):
        match token.group()[0]:
            case 0x5B | 0x7B:
                level += 1
                if level > caps.depth:
                    raise caps.beyond("depth", *what)
            case 0x5D | 0x7D:
                level -= 1
            case _:  # a text: brackets in it count for nothing
                pass
