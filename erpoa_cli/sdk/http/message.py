"""What is asked of a server and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `path` is relative to the client's base URL, percent-encoded, without a query.

    At most one of `json` (decimals are written as exact numbers), `form` and `content` is the body.
    `repeatable`: doing it twice has the same effect as doing it once; only then is it sent again when nobody
    knows whether it arrived. `accepts`: statuses besides 2xx that the caller judges itself; any other raises.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Any = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes | None = field(default=None, repr=False)
    repeatable: bool = False
    accepts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` have lower-case names. `data` is the decoded JSON (`Decimal` for every number
    with a point or exponent), None for an empty body, and bytes for any other content type."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(repr=False)
