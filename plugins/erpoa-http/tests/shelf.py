"""A small server of plain collections, in a thread of its own: records by their code, kept as they are sent."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from erpoa_cli.sdk.http.body import json_text

Hook = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]
LONGEST = 1000  # characters of a text


@dataclass
class Shelf:
    """`records` by code; `seen`: every request as method and path. `hook` may answer instead."""

    url: str = ""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    hook: Hook | None = None
    size: int = 7  # records of a page
    losing: str = ""  # `before` or `after` the effect of a write the connection ends
    shift: int = 0  # by which pages after the first begin later

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(f"{request.method} {request.path_qs}")
        body = await request.read()
        self.bodies.append(json.loads(body, parse_float=Decimal) if body else None)
        if self.hook and (answer := await self.hook(request)) is not None:
            return answer
        lost = self.losing if request.method != "GET" else ""
        answer = web.Response() if lost == "before" else self._answer(request)
        if lost and request.transport is not None:
            request.transport.abort()
        return answer

    def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        code = unquote(request.rel_url.raw_path.removeprefix("/things").removeprefix("/"))
        match request.method, bool(code):
            case "GET", False:
                return self._page(request)
            case "POST", False:
                return self._create(self.bodies[-1])
            case method, True if code in self.records:
                if method == "DELETE":
                    del self.records[code]
                    return web.Response(status=204)
                if method == "PATCH":
                    self.records[code] |= self.bodies[-1]
                return told(self.records[code])
            case _:
                return told({"message": "there is no such thing"}, 404)

    def _page(self, request: web.BaseRequest) -> web.Response:
        offset = int(request.query.get("offset", "0"))
        offset += self.shift if offset else 0
        rows = list(self.records.values())
        return told({"items": rows[offset : offset + self.size], "total": len(rows)})

    def _create(self, record: dict[str, Any]) -> web.Response:
        if record["code"] in self.records:
            return told({"message": f"{record['code']} exists"}, 409)
        if record.get("name") == "refused" or any(
            isinstance(v, str) and len(v) > LONGEST for v in record.values()
        ):
            return told({"message": "no"}, 422)
        self.records[record["code"]] = record
        return told(record, 201)


def told(content: object, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        text=json_text(content), status=status, content_type="application/json", headers=headers
    )


@contextmanager
def shelf(handler: Any = None) -> Iterator[Any]:
    """A running server; *handler* (default: a `Shelf`) gets its `url`."""
    it = handler or Shelf()
    loop = asyncio.new_event_loop()
    place = socket.create_server(("127.0.0.1", 0))
    it.url = f"http://127.0.0.1:{place.getsockname()[1]}"

    async def start() -> web.ServerRunner:
        runner = web.ServerRunner(web.Server(it, access_log=None))
        await runner.setup()
        await web.SockSite(runner, place).start()
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield it
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def things(url: str, fields: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    """The config of a shelf whose records have *fields*; *more* is said of the object."""
    paging = {"type": "offset", "total": "total"}
    thing = {"collection": "/things", "id": "code", "key": ["code"], "fields": fields, **more}
    return {
        "url": url, "records": "items", "paging": paging, "error": {"message": "message", "classes": {"409": "duplicate"}},
        "create_safety": "lookup", "objects": {"things": thing},
    }  # fmt: skip
