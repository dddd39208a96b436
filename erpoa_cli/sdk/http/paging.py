"""Reading an object page by page, and noticing when that was not all of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.http.body import json_text
from erpoa_cli.sdk.http.client import HttpClient
from erpoa_cli.sdk.http.message import Answer, Call

_NEXT = re.compile(r'<([^<>]*)>[^<>]*?;\s*rel="?next"?(?=[\s;,]|$)')


class Scheme(StrEnum):
    PAGE = "page"  # a number that grows by one
    OFFSET = "offset"  # the number of rows before the page
    KEYSET = "keyset"  # the last row's value of a field
    CURSOR = "cursor"  # a text that the answer gives; also called next token
    LINK = "link"  # the `Link` header with rel=next


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Paths are names in the decoded answer; an empty `rows` is the answer itself. `parameter` of the query takes
    the place to go on from; `start` is the first page's number. `next`: path of the cursor in the answer, for keyset
    of the field in a row. `total`: path of the number of all rows, where it is offered."""

    scheme: Scheme
    parameter: str = ""
    rows: tuple[str, ...] = ()
    start: int = 1
    next: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    most: int = 100_000  # pages


class Pages:
    """Iterate once to get lists of rows. Then `faults` says why they may not be all, empty when they are; give it
    to `BatchReading`. A failed call raises its `SystemFailure`.

    A page with fewer rows than asked for is not the end, since servers cap the size: a number, offset or keyset goes
    on until a page is empty."""

    def __init__(self, client: HttpClient, call: Call, paging: Paging) -> None:
        self._client, self._call, self._paging = client, call, paging
        self.faults: list[str] = []
        self.pages = 0
        self.rows = 0
        self.total: int | None = None

    def __iter__(self) -> Iterator[Sequence[Any]]:
        call: Call | None = self._first()
        seen: set[bytes] = set()
        while call is not None:
            if self.pages >= self._paging.most:
                self.faults.append(f"there are more than {self._paging.most} pages")
                return
            answer = self._client.send(call)
            rows = self._rows(answer)
            self.pages += 1
            if rows:
                # Digests: a read of many pages remembers little of each.
                page = hashlib.sha256(json_text(rows).encode()).digest()
                if page in seen:
                    self.faults.append(f"page {self.pages} is the same as one before it")
                    return
                seen.add(page)
            self.rows += len(rows)
            self._count(answer)
            if rows:
                yield rows
            call = self._after(call, answer, rows)
        if self.total is not None and self.total != self.rows:
            self.faults.append(f"the server counts {self.total} rows and gave {self.rows}")

    def _first(self) -> Call:
        match self._paging.scheme:
            case Scheme.PAGE:
                return self._at(self._call, str(self._paging.start))
            case Scheme.OFFSET:
                return self._at(self._call, "0")
            case Scheme.KEYSET | Scheme.CURSOR | Scheme.LINK:
                return self._call

    def _after(self, call: Call, answer: Answer, rows: Sequence[Any]) -> Call | None:
        match self._paging.scheme:
            case Scheme.PAGE:
                return self._at(call, str(self._paging.start + self.pages)) if rows else None
            case Scheme.OFFSET:
                return self._at(call, str(self.rows)) if rows else None
            case Scheme.KEYSET:
                return self._at(call, _text(rows[-1], self._paging.next)) if rows else None
            case Scheme.CURSOR:
                cursor = _value(answer.data, self._paging.next)
                return None if cursor is None or cursor == "" else self._at(call, _text(cursor, ()))
            case Scheme.LINK:
                link = _NEXT.search(answer.headers.get("link", ""))
                if link is None:
                    return None
                path, query = self._client.relative(link[1])
                return replace(call, path=path, query=query)

    def _at(self, call: Call, place: str) -> Call:
        return replace(call, query={**call.query, self._paging.parameter: place})

    def _rows(self, answer: Answer) -> Sequence[Any]:
        rows = _value(answer.data, self._paging.rows)
        if not isinstance(rows, list):
            raise ContractBroken(f"the answer has no list at {'.'.join(self._paging.rows) or 'its top'}")
        return rows

    def _count(self, answer: Answer) -> None:
        if not self._paging.total:
            return
        total = _value(answer.data, self._paging.total)
        if isinstance(total, bool) or not isinstance(total, int):
            raise ContractBroken(f"the answer has no number at {'.'.join(self._paging.total)}")
        if self.total not in {None, total}:
            self.faults.append(
                f"the number of rows changed from {self.total} to {total} while they were read"
            )
        self.total = total


def _value(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


def _text(data: Any, path: Sequence[str]) -> str:
    value = _value(data, path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ContractBroken("the place to go on from is neither a text nor a whole number")
    return str(value)
