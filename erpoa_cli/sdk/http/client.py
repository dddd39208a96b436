"""The client: one event loop in one background thread, and a synchronous face over it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Self, TypeVar

from yarl import URL

from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Fatal,
    Rejected,
    Stale,
    SystemFailure,
    Throttled,
    Transient,
)
from erpoa_cli.sdk.http.auth import Auth, Outgoing
from erpoa_cli.sdk.http.body import encoded
from erpoa_cli.sdk.http.hall import Hall
from erpoa_cli.sdk.http.message import Answer, Call
from erpoa_cli.sdk.http.pace import Breaker, Circuit, Rate, Retry, retry_after
from erpoa_cli.sdk.http.redact import redacted
from erpoa_cli.sdk.http.wire import Timeouts, Tls, Wire, checked_url, lost

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

_RENEWALS = 5
_LINE = frozenset("\r\n\0")

Send = Callable[[Call], Awaitable[Answer]]
"""Sends a call as `HttpClient.send` does, on the client's event loop."""

Judge = Callable[[Call, Answer], SystemFailure | None]
"""What an answer means besides its status: the failure it tells of, None when it is a success."""


class HttpClient:
    """Calls to one server. Used from any thread; `close()` it, or use it in a `with`.

    Failures are `sdk.errors`: `Transient` and `Throttled` when the call surely had no effect (or is repeatable),
    `InDoubt` when it may have had one, `Denied` for 401 and 403, `Stale` for 412, `Rejected` for any other 4xx,
    `ContractBroken` for a redirect or an unreadable answer. No message quotes a secret, a header or a query.

    *concurrency*: calls under way at once. *rate*: calls per second, None for no limit. *judge* sees every answer, of
    whatever status, before its status is judged: it knows what the body says. *encoding*: of bodies whose server does not
    say theirs. *insecure_http*: plain http beyond this machine, for a connector whose project declares that exception.
    """

    def __init__(
        self,
        base_url: str,
        auth: Auth | None = None,
        *,
        tls: Tls = Tls(),  # noqa: B008 - frozen
        concurrency: int = 8,
        rate: float | None = None,
        judge: Judge | None = None,
        encoding: str = "utf-8",
        timeouts: Timeouts = Timeouts(),  # noqa: B008
        caps: Caps = Caps(),  # noqa: B008
        retry: Retry = Retry(),  # noqa: B008
        breaker: Breaker = Breaker(),  # noqa: B008
        insecure_http: bool = False,
    ) -> None:
        self._base = checked_url(base_url, insecure_http=insecure_http)
        self._root = self._base.raw_path.rstrip("/") + "/"
        self._insecure_http = insecure_http
        self._auth, self._retry, self._judge, self.concurrency = auth, retry, judge, concurrency
        self._encoding = encoding
        self._proven = -1  # the newest credential that was accepted
        self._rate = Rate(rate) if rate else None
        self._circuit = Circuit(breaker)
        self._wire = Wire(tls, timeouts, caps, encoding, concurrency)
        self._places = asyncio.Semaphore(concurrency)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="http calls", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HttpClient({str(self._base)!r})"

    def send(self, call: Call) -> Answer:
        """The answer of *call*: status 2xx, or one that the call accepts."""
        return asyncio.run_coroutine_threadsafe(self._send(call), self._loop).result()

    def send_many(self, calls: Iterable[Call]) -> Iterator[tuple[int, Answer | SystemFailure]]:
        """Send all *calls*, drawn as places become free; yield (index, outcome) as outcomes arrive.

        When *calls* itself raises, the outcomes of what was sent come first. Leaving the iterator early abandons what is
        under way: nobody then knows whether those calls arrived. So does `close()`: what it abandons is `InDoubt`.
        """
        return self.each(calls, lambda call, send: send(call))

    def each(
        self, items: Iterable[_Item], work: Callable[[_Item, Send], Awaitable[_Made]]
    ) -> Iterator[tuple[int, _Made | SystemFailure]]:
        """Do *work* for every one of *items*, several at once: it makes its calls with the `Send` it is given, one after
        the other. Yields (index, what it made or the failure it ended in) as works end.

        At most twice `concurrency` of *items* are drawn ahead, so they may be endless. An error that is no `SystemFailure`, of *items* or of
        *work*, is raised after what is known was told."""
        hall: Hall[_Item, _Made] = Hall(self._loop, self.concurrency, lambda item: work(item, self._send))
        numbered = enumerate(items)
        room, waiting, broken, more = 2 * self.concurrency, 0, None, True
        try:
            while more or waiting:
                if more and waiting <= room // 2:
                    chunk, broken = _drawn(numbered, room - waiting)
                    more = len(chunk) == room - waiting and broken is None
                    waiting += len(chunk)
                    hall.enter(chunk)
                for index, made in hall.left() if waiting else ():
                    waiting -= 1
                    if isinstance(made, Exception) and not isinstance(made, SystemFailure):
                        more, broken = False, broken or made
                    else:
                        yield index, made
            if broken is not None:
                raise broken
        finally:
            if waiting:
                hall.abandon()

    def relative(self, url: str) -> tuple[str, dict[str, str]]:
        """Path and query of a `Call` to *url*, which the server gave: absolute or relative to the base URL's host.
        `ContractBroken` when it leads elsewhere or repeats a parameter."""
        try:
            whole = self._base.join(URL(url))
        except ValueError:
            raise ContractBroken("the server gave a link that is no URL") from None
        below = self._base.raw_path.rstrip("/") + "/"
        if whole.origin() != self._base.origin() or not whole.raw_path.startswith(below):
            raise ContractBroken("the server gave a link that leads elsewhere")
        query = dict(whole.query)
        if len(query) != len(whole.query):
            raise ContractBroken("the server gave a link that repeats a parameter")
        return whole.raw_path.removeprefix(below), query

    def close(self) -> None:
        """Close all connections. Calls under way are abandoned."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._wire.close()

    async def _send(self, call: Call) -> Answer:
        attempt = 1
        while True:
            try:
                async with self._places:
                    return await self._attempt(call)
            except Transient as error:
                pause = self._pause(attempt, error)
                if pause is None:
                    raise self._told(error, call) from None
            except SystemFailure as error:
                raise self._told(error, call) from None
            # The place is free meanwhile: a call that waits keeps no other from being sent.
            await asyncio.sleep(pause)
            attempt += 1

    def _pause(self, attempt: int, error: Transient) -> float | None:
        """Seconds to wait before the next attempt; None when there is to be none."""
        asked = error.retry_after if isinstance(error, Throttled) else None
        if attempt >= self._retry.attempts or isinstance(error, _Open) or (asked or 0) > self._retry.longest:
            return None
        return (asked or 0) + self._retry.pause(attempt)

    async def _attempt(self, call: Call) -> Answer:
        """Send *call* once; a second time when the credential had to be renewed, and again only while every credential
        that is refused had been accepted before: then they end early, and are not wrong."""
        renewed = 0
        while True:
            request, url, body = self._request(call)
            mark = await self._auth.apply(request, self._fetch) if self._auth else 0
            answer = await self._exchange(
                call, url.with_query(request.query) if request.query else url, request.headers, body
            )
            said = self._judge(call, answer) if self._judge else None
            ended = isinstance(said, Denied) or (said is None and answer.status == 401)
            if not ended or answer.status in call.accepts:
                self._proven = max(self._proven, mark)
                if said is not None and answer.status not in call.accepts:
                    raise said
                return _judged(call, answer)
            # It says that nothing was done, so the call may be sent again.
            tired = renewed and (mark > self._proven or renewed >= _RENEWALS)
            if tired or not (self._auth and await self._auth.renew(mark)):
                raise said or Denied("the server does not accept the credentials (401)")
            renewed += 1

    def _request(self, call: Call) -> tuple[Outgoing, URL, bytes | None]:
        url = self._base.with_path(self._root + call.path.lstrip("/"), encoded=True)
        path = call.path.lower().replace("%2e", ".")
        dotted = "." in path and not {".", ".."}.isdisjoint(path.split("/"))
        if dotted or "?" in path or "#" in path:
            raise ValueError("the path of a call must be percent-encoded, without query and dot segments")
        body, kind = encoded(call, self._encoding)
        headers = {"Accept-Encoding": "gzip", "Accept": "application/json", **call.headers}
        if kind:
            headers.setdefault("Content-Type", kind)
        if any(not _LINE.isdisjoint(value) for value in call.headers.values()):
            raise ValueError("a header of a call has a line break")
        return Outgoing(call.method, url.raw_path, dict(call.query), headers, body or b""), url, body

    async def _exchange(self, call: Call, url: URL, headers: dict[str, str], body: bytes | None) -> Answer:
        try:
            self._circuit.admit()
        except Transient as error:
            raise _Open(str(error)) from None
        try:
            async with self._rate or nullcontext():
                answer = await self._wire.exchange(
                    call.method, url, headers, body, repeatable=call.repeatable
                )
        except (ContractBroken, Fatal):
            raise
        except SystemFailure:
            self._circuit.failed()
            raise
        self._circuit.answered()
        return answer

    async def _fetch(self, url: str, call: Call) -> Answer:
        """As `auth.Fetch`. Asking for a token twice does no harm, so no failure of it leaves a doubt."""
        call = replace(call, repeatable=True)
        body, kind = encoded(call)
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **call.headers}
        if kind:
            headers["Content-Type"] = kind
        checked = checked_url(url, insecure_http=self._insecure_http)
        answer = await self._wire.exchange(call.method, checked, headers, body, repeatable=True)
        said = self._judge(call, answer) if self._judge else None
        if isinstance(said, Transient):
            raise said
        try:
            return _judged(call, answer)
        except Rejected:  # no row is to blame for it
            raise Fatal(f"the server that gives tokens answers status {answer.status}") from None

    def _told(self, error: SystemFailure, call: Call) -> SystemFailure:
        words = f"{call.method} {call.path}: {error}"
        text = redacted(words, self._auth.hidden() if self._auth else ())
        return Throttled(text, error.retry_after) if isinstance(error, Throttled) else _class(error)(text)


def _drawn(items: Iterator[_Item], most: int) -> tuple[list[_Item], Exception | None]:
    """The next of *items*, fewer than *most* at their end; and what they raised."""
    chunk: list[_Item] = []
    try:
        for item in islice(items, most):
            chunk.append(item)  # noqa: PERF402 - what was drawn before an error counts
    except Exception as error:  # noqa: BLE001 - raised by the caller, after what is known was told
        return chunk, error
    return chunk, None


class _Open(Transient):
    """The circuit is open: trying again at once would be refused again."""


def _class(error: SystemFailure) -> type[SystemFailure]:
    return Transient if isinstance(error, _Open) else type(error)


def _judged(call: Call, answer: Answer) -> Answer:
    """*answer*, when its status is a success or one that *call* accepts; else the failure that it means."""
    status = answer.status
    if 200 <= status < 300 or status in call.accepts:
        return answer
    words = f"status {status}"
    match status:
        case 429:
            raise Throttled(words, retry_after(answer.headers.get("retry-after")))
        case 503 if call.repeatable:  # of others nobody knows: it may have been passed on before
            raise Throttled(words, retry_after(answer.headers.get("retry-after")))
        case 408:
            raise lost(words, repeatable=call.repeatable)
        case 401 | 403:
            raise Denied(words)
        case 412:
            raise Stale(words)
        case _ if 400 <= status < 500:
            raise Rejected(f"{words}: {_excerpt(answer)}")
        case _ if status >= 500:
            raise lost(words, repeatable=call.repeatable)
    raise ContractBroken(f"{words}: redirects are not followed")


def _excerpt(answer: Answer) -> str:
    if isinstance(answer.data, bytes):
        return answer.data[:20_000].decode("utf-8", "replace")
    return json.dumps(answer.data, ensure_ascii=False, default=str)
