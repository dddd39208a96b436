"""A server on this machine whose answers a test decides."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    url: str = ""
    handler: Handler | None = None
    seen: list[web.BaseRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.times.append(time.monotonic())
        self.seen.append(request)
        self.bodies.append(await request.read())
        assert self.handler is not None
        return await self.handler(request)

    def answers(self, *answers: web.Response | type[Exception]) -> None:
        """Give *answers* one after the other; the class of an exception breaks the connection."""
        left = list(answers)

        async def next_one(request: web.BaseRequest) -> web.StreamResponse:
            answer = left.pop(0)
            if isinstance(answer, type):
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return answer

        self.handler = next_one


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()
    loop = asyncio.new_event_loop()
    place = socket.create_server(("127.0.0.1", 0))
    it.url = f"http://127.0.0.1:{place.getsockname()[1]}/api"

    async def start() -> web.ServerRunner:
        # An answer that nobody waits for any more is given up; aiohttp would wait a minute for it when the server ends.
        runner = web.ServerRunner(web.Server(it, access_log=None, handler_cancellation=True))
        await runner.setup()
        await web.SockSite(runner, place).start()
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield it
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
