"""A value that must never be shown."""

from __future__ import annotations

import hmac
from typing import NoReturn


class Secret:
    """Holds a secret text. Every rendering is masked; only `reveal()` gives the text, to a connector."""

    __slots__ = ("_text", "name")

    def __init__(self, text: str, name: str = "") -> None:
        self._text = text
        self.name = name

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Secret({self.name!r})" if self.name else "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would let a secret be looked up

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
