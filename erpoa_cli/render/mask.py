"""Secrets taken out of text, in every form in which they travel."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "(secret)"
_SHORTEST = 4  # shorter texts occur everywhere by chance
_SHORTEST_GIVEN = 6


class Masker:
    """Replaces secrets in text: raw, URL-encoded, base64 and JSON-escaped."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._given: dict[str, str] = {}

    def learn(self, secrets: Iterable[str]) -> None:
        """From now on also take out *secrets*; those under four characters cannot be told from other text."""
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        self._forms = tuple(sorted({*self._forms, *forms}, key=len, reverse=True))

    def hear(self, name: str, value: str) -> None:
        """From now on write (*name*) where a finding would repeat the *value* that templates may have from outside: it may
        hold what nobody should read, and its name says as much."""
        if len(value) >= _SHORTEST_GIVEN:
            self._given[value] = name

    def finding(self, text: str) -> str:
        """*text* of a finding or of the log, without secrets and without what was heard."""
        text = self.masked(text)
        for value in sorted(self._given, key=len, reverse=True):
            text = text.replace(value, f"({self._given[value]})")
        return text

    def masked(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode()
    yield secret
    yield from {quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe="").lower()}
    yield from {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    # Within a longer encoded text (`user:password`) a secret starts at any of three places.
    for skip in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * skip + raw).decode().rstrip("=")
            inner = encoded[(0, 2, 3)[skip] : len(encoded) - (1 if (len(raw) + skip) % 3 else 0)]
            if len(inner) >= _SHORTEST + 2:
                yield inner
