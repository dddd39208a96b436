"""Reading an object page by page, and noticing when that was not all of it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.http.client import HttpClient, Send
from erpoa_cli.sdk.http.message import Answer, Call

_NEXT = re.compile(r'<([^<>]*)>[^<>]*?;\s*rel="?next"?(?=[\s;,]|$)')


class Scheme(StrEnum):
    NONE = "none"  # everything comes at once
    PAGE = "page"  # a number that grows by one
    OFFSET = "offset"  # the number of rows before the page
    KEYSET = "keyset"  # the last row's value of a field
    CURSOR = "cursor"  # a text that the answer gives; also called next token
    LINK = "link"  # the `Link` header with rel=next


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Paths are names in the decoded answer; an empty `rows` is the answer itself. `parameter` takes the place to go on
    from: of the query, or with `in_body` a dotted path in the JSON body. `start` is the first page's number. `next`: path
    of the cursor in the answer, for keyset of the field in a row. `total`: path of the number of all rows, and `more`
    of whether there are further pages, where they are offered. `most`: pages, `most_rows`: rows, `seconds`: how long."""

    scheme: Scheme
    parameter: str = ""
    in_body: bool = False
    rows: tuple[str, ...] = ()
    start: int = 1
    next: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    most: int = 1_000_000
    most_rows: int = 50_000_000
    seconds: float = 6 * 3600.0


class Pages:
    """Iterate once, either way, to get lists of rows. Then `faults` says why they may not be all, empty when they are;
    give it to `BatchReading`. A failed call raises its `SystemFailure`.

    A page with fewer rows than asked for is not the end, since servers cap the size: a number, offset or keyset goes
    on until a page is empty, or `more` says that it was the last."""

    def __init__(self, client: HttpClient, call: Call, paging: Paging) -> None:
        self._client, self._paging = client, paging
        self.faults: list[str] = []
        self.pages = 0
        self.rows = 0
        self.total: int | None = None
        self._seen: set[bytes] = set()
        self._call: Call | None = self._first(call)
        self._until = time.monotonic() + paging.seconds

    def __iter__(self) -> Iterator[Sequence[Any]]:
        while (call := self._wanted()) is not None:
            if rows := self._taken(call, self._client.send(call)):
                yield rows

    async def through(self, send: Send) -> AsyncIterator[Sequence[Any]]:
        """As iterating, on the client's event loop."""
        while (call := self._wanted()) is not None:
            if rows := self._taken(call, await send(call)):
                yield rows

    def _wanted(self) -> Call | None:
        """The next call; None at the end, with what there is to say about it."""
        paging = self._paging
        if self._call is not None:
            for reached, words in (
                (self.pages >= paging.most, f"there are more than {paging.most} pages"),
                (self.rows >= paging.most_rows, f"there are more than {paging.most_rows} rows"),
                (time.monotonic() > self._until, f"it was not read to its end in {paging.seconds:g} seconds"),
            ):
                if reached:
                    self.faults.append(words)
                    self._call = None
                    return None
        elif self.total is not None and self.total != self.rows:
            self.faults.append(f"the server counts {self.total} rows and gave {self.rows}")
        return self._call

    def _taken(self, call: Call, answer: Answer) -> Sequence[Any]:
        rows = self._rows(answer)
        self.pages += 1
        if rows and self._paging.scheme is not Scheme.NONE:
            # Digests: a read of many pages remembers little of each.
            page = hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).digest()
            if page in self._seen:
                self.faults.append(f"page {self.pages} is the same as one before it")
                self._call = None
                self.total = None
                return ()
            self._seen.add(page)
        self.rows += len(rows)
        self._count(answer)
        self._call = self._after(call, answer, rows)
        return rows

    def _first(self, call: Call) -> Call:
        match self._paging.scheme:
            case Scheme.PAGE:
                return self._at(call, self._paging.start)
            case Scheme.OFFSET:
                return self._at(call, 0)
            case Scheme.KEYSET | Scheme.CURSOR | Scheme.LINK | Scheme.NONE:
                return call

    def _after(self, call: Call, answer: Answer, rows: Sequence[Any]) -> Call | None:
        if self._paging.more and not self._more(answer):
            return None
        match self._paging.scheme:
            case Scheme.NONE:
                return None
            case Scheme.PAGE:
                return self._at(call, self._paging.start + self.pages) if rows else None
            case Scheme.OFFSET:
                return self._at(call, self.rows) if rows else None
            case Scheme.KEYSET:
                return self._at(call, _place(rows[-1], self._paging.next)) if rows else None
            case Scheme.CURSOR:
                cursor = _value(answer.data, self._paging.next)
                return None if cursor is None or cursor == "" else self._at(call, _place(cursor, ()))
            case Scheme.LINK:
                link = _NEXT.search(answer.headers.get("link", ""))
                if link is None:
                    return None
                path, query = self._client.relative(link[1])
                return replace(call, path=path, query=query)

    def _more(self, answer: Answer) -> bool:
        more = _value(answer.data, self._paging.more)
        if not isinstance(more, bool):
            raise ContractBroken(f"the answer has no true or false at {'.'.join(self._paging.more)}")
        return more

    def _at(self, call: Call, place: str | int) -> Call:
        if self._paging.in_body:
            return replace(call, json=_with(call.json, self._paging.parameter.split("."), place))
        return replace(call, query={**call.query, self._paging.parameter: str(place)})

    def _rows(self, answer: Answer) -> Sequence[Any]:
        rows = _value(answer.data, self._paging.rows)
        if not isinstance(rows, list):
            raise ContractBroken(_no_list(answer.data, self._paging.rows))
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


def _no_list(data: Any, path: Sequence[str]) -> str:
    """That there is no list at *path*, and how far the path leads."""
    at: list[str] = []
    for name in path:
        if not isinstance(data, Mapping) or name not in data:
            break
        data = data[name]
        at.append(name)
    here = ".".join(at) or "it"
    there = (
        f"{here} has {', '.join(map(str, list(data)[:8]))}"
        if isinstance(data, Mapping)
        else f"{here} is something else"
    )
    return f"the answer has no list at {'.'.join(path) or 'its top'}; {there}"


def _place(data: Any, path: Sequence[str]) -> str | int:
    value = _value(data, path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ContractBroken("the place to go on from is neither a text nor a whole number")
    return value


def _with(body: Any, path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of *body* with *value* at *path*."""
    whole = dict(body) if isinstance(body, Mapping) else {}
    name, *rest = path
    whole[name] = _with(whole.get(name), rest, value) if rest else value
    return whole
