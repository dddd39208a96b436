"""What an API is, from the `config:` of its system; every mistake in it is told at once, with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.core.lifecycle import Lifecycle
from erpoa_cli.sdk.connector import CreateSafety
from erpoa_cli.sdk.http import Paging
from erpoa_http.judge import Path, Rule
from erpoa_http.shape import Member
from erpoa_http.template import Request

ETAG = "etag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    request: Request
    paging: Paging
    size: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A call for `size` records, each sent as `item`. `results`: where the answer has one result per record; `index`: where a result says
    which, else its key or identifier does; `ordered`: they come in the order in which records are sent; `id`: where it says the identifier."""

    request: Request
    size: int
    item: Any
    results: Path
    index: Path
    ordered: bool
    rule: Rule
    id: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A call about one record, `batch` for many; at least one of the two is there. `record`: where the answer has the
    record; `id`: where it has the identifier, if not in the record. `whole`: all of the record is sent."""

    request: Request | None
    record: Path = ()
    id: Path = ()
    whole: bool = False
    batch: Batch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """Something that can be read and written. `filters`: field → parameter of the list; `since`: likewise, for fields
    of the last change. `version`: `etag`, or its path in a record, empty without."""

    name: str
    members: tuple[Member, ...]
    id: tuple[str, ...]
    key: tuple[str, ...] = ()
    enforces_key: bool = False
    list: Listing | None = None
    get: Operation | None = None
    create: Operation | None = None
    update: Operation | None = None
    delete: Operation | None = None
    calls: Mapping[str, Operation] = field(default_factory=dict)
    filters: Mapping[str, str] = field(default_factory=dict)
    since: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    safety: CreateSafety = CreateSafety.NONE
    settles: float = 0.0
    omits_nulls: bool = False
    lifecycle: Lifecycle | None = None

    def member(self, name: str) -> Member | None:
        return next((m for m in self.members if m.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    objects: Mapping[str, Object]
    rule: Rule
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
