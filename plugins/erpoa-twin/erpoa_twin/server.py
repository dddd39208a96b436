"""The twin as a web application: who may call, which faults a call meets, and what is written down of it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Handler

from erpoa_twin.admin import Admin
from erpoa_twin.api import CALL, DRAWN, Api
from erpoa_twin.body import answer, refused
from erpoa_twin.documents import stamp
from erpoa_twin.faults import Drawn
from erpoa_twin.openapi import document
from erpoa_twin.values import Refusal
from erpoa_twin.world import World

_LARGEST_BODY = 4 * 1024 * 1024  # bytes


class NoAnswer(Exception):
    """The connection ends here."""


class Server:
    """`ending` is set when the server stops, so that no held answer delays it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ending = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._middleware], client_max_size=_LARGEST_BODY)
        app.add_routes([
            web.post("/oauth/token", self._token),
            web.get("/openapi.json", self._openapi, allow_head=False),
        ])  # fmt: skip
        app.add_routes(Api(self._world).routes())
        app.add_routes(Admin(self._world).routes())
        app.cleanup_ctx.append(self._delivering)
        return app

    async def _delivering(self, _app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._world.webhooks.run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if request.path.startswith("/_twin"):
                _local(request)
                return await handler(request)
            return await self._called(request, handler)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPException as error:
            return refused(Refusal(error.status, "HTTP_REFUSED", error.reason))

    async def _called(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        body, world = await request.read(), self._world
        number = world.store.call(request.method, request.path_qs, stamp(world.documents.now()))
        drawn = world.drawing.draw(f"{request.method} {request.path_qs}", body)
        request[CALL], request[DRAWN] = number, drawn
        status = None
        try:
            response = await self._answered(request, handler, drawn)
            status = response.status
            if drawn.meets("truncated") and isinstance(response, web.Response):
                status = None
                return await _truncated(request, response)
            return response
        except Refusal as refusal:
            status = refusal.status
            raise
        except web.HTTPException as error:
            status = error.status
            raise
        except NoAnswer:
            if request.transport:
                request.transport.abort()
            return web.Response()
        finally:
            world.store.answered(number, status, drawn.met)
            world.webhooks.announce(number)

    async def _answered(self, request: web.Request, handler: Handler, drawn: Drawn) -> web.StreamResponse:
        if drawn.meets("slow"):
            await self._wait(drawn, "slow")
        if request.path.startswith("/api/"):
            self._authorise(request, drawn)
        if drawn.meets("rate_limited"):
            after = {"Retry-After": str(drawn.options["rate_limited"]["retry_after"])}
            return answer(Refusal(429, "TOO_MANY_CALLS", "slow down").body(), 429, after)
        if drawn.meets("error_before_commit"):
            return _failed(drawn.status("error_before_commit"))
        if drawn.meets("error_in_200"):
            return answer(Refusal(200, "SYSTEM_BUSY", "系统繁忙，请稍后再试").body())
        if drawn.meets("timeout_before_commit"):
            await self._wait(drawn, "timeout_before_commit")
            raise NoAnswer
        if drawn.meets("dropped_before_commit"):
            raise NoAnswer
        try:
            response = await handler(request)
        except Refusal as refusal:
            response = refused(refusal)
        if drawn.meets("timeout_after_commit"):
            await self._wait(drawn, "timeout_after_commit")
            raise NoAnswer
        if drawn.meets("dropped_after_commit"):
            raise NoAnswer
        if drawn.meets("error_after_commit"):
            return _failed(drawn.status("error_after_commit"))
        return response

    async def _wait(self, drawn: Drawn, name: str) -> None:
        try:
            await asyncio.wait_for(self.ending.wait(), drawn.options[name]["seconds"])
        except TimeoutError:
            return

    async def _openapi(self, _request: web.Request) -> web.Response:
        return answer(document(self._world.settings))

    # -- tokens ------------------------------------------------------------------------------------------------

    def _authorise(self, request: web.Request, drawn: Drawn) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        store = self._world.store
        until = store.token_until(token) if scheme.lower() == "bearer" else ""
        if until and drawn.meets("token_expired"):
            store.revoke(token)
            until = ""
        if until <= stamp(self._world.documents.now()):
            raise Refusal(401, "TOKEN_INVALID", "the access token is missing, unknown or has expired")

    async def _token(self, request: web.Request) -> web.Response:
        """OAuth 2.0 client credentials (RFC 6749, 4.4), the client in a form or by HTTP basic."""
        form = await request.post()
        client, secret = _basic(request) or (
            str(form.get("client_id", "")),
            str(form.get("client_secret", "")),
        )
        settings, world = self._world.settings, self._world
        known = (settings.client_id.encode(), settings.client_secret.encode())
        right = [
            hmac.compare_digest(a.encode("utf-8", "replace"), b)
            for a, b in zip((client, secret), known, strict=True)
        ]
        if form.get("grant_type") != "client_credentials":
            return answer({"error": "unsupported_grant_type"}, 400)
        if not all(right):
            return answer({"error": "invalid_client"}, 401)
        with world.store.transaction():
            text = f"{world.drawing.seed} token {world.store.next('token')}"
            token = hashlib.sha256(text.encode()).hexdigest()[:40]
            until = world.documents.now() + timedelta(seconds=settings.token_lasts)
            world.store.give_token(token, stamp(until))
        return answer({"access_token": token, "token_type": "Bearer", "expires_in": settings.token_lasts})


def _basic(request: web.Request) -> tuple[str, str] | None:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


def _local(request: web.Request) -> None:
    """The admin API serves this machine and no page of a browser."""
    try:
        local = ip_address(request.remote or "").is_loopback
    except ValueError:
        local = False
    if not local or "Origin" in request.headers:
        raise Refusal(403, "LOCAL_ONLY", "the admin API serves programs of this machine")


def _failed(status: int) -> web.Response:
    """A page as gateways send it, not the JSON that clients hope for."""
    text = f"<html><body><h1>{status}</h1>服务暂时不可用</body></html>"
    return web.Response(status=status, text=text, content_type="text/html")


async def _truncated(request: web.Request, whole: web.Response) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    part = web.StreamResponse(status=whole.status, headers=whole.headers)
    part.content_length = len(body)
    await part.prepare(request)
    await part.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return part
