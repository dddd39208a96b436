"""A twin in a thread of the caller's own process: for tests, and for the command that waits for a signal."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from erpoa_twin.faults import rules
from erpoa_twin.server import Server
from erpoa_twin.settings import Settings
from erpoa_twin.world import World

_PATIENCE = 30.0  # seconds for starting and stopping


@dataclass(frozen=True, slots=True)
class Twin:
    """A running twin. Its methods speak with the admin API."""

    url: str
    settings: Settings

    def admin(self, method: str, path: str, content: object = None) -> Any:
        """The JSON answer of `/_twin/{path}`. Raises `RuntimeError` with the server's words when it refuses."""
        place = urlsplit(self.url)
        if place.scheme == "https":
            # Our own server in this process, whose certificate need not be one that anybody trusts.
            unverified = ssl._create_unverified_context()  # noqa: S323, SLF001
            connection: HTTPConnection = HTTPSConnection(place.netloc, timeout=_PATIENCE, context=unverified)
        else:
            connection = HTTPConnection(place.netloc, timeout=_PATIENCE)
        try:
            connection.request(method, f"/_twin/{path}", None if content is None else json.dumps(content))
            response = connection.getresponse()
            told = json.loads(response.read())
        finally:
            connection.close()
        if response.status >= 400:
            raise RuntimeError(told["error"]["message"])
        return told

    def faults(self, **given: object) -> None:
        """Replace all rules: `faults(rate_limited=0.2, slow={"rate": 1, "seconds": 0.1})`; without any, none is left."""
        self.admin("PUT", "faults", given)

    def effects(self, **which: object) -> list[dict[str, Any]]:
        """What calls have done, oldest first: `effects(kind="purchase_orders", key="PR-1", effect="create")`."""
        return list(self.admin("GET", f"audit?{urlencode(which)}")["effects"])


@contextmanager
def running(*, faults: Mapping[str, object] | None = None, **settings: Any) -> Iterator[Twin]:
    """A twin that ends with the block. *settings* are those of `Settings`; *faults* as in a file of faults.

    Raises `FaultsInvalid`, `ValueError` or `OSError` when it cannot start."""
    with serving(Settings(faults=rules(faults or {}), **settings)) as twin:
        yield twin


@contextmanager
def serving(settings: Settings) -> Iterator[Twin]:
    """As `running`, of whole settings."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="erpoa-twin", daemon=True)
    thread.start()
    try:
        site = _Site(settings)
        url = asyncio.run_coroutine_threadsafe(site.start(), loop).result(_PATIENCE)
        try:
            yield Twin(url, settings)
        finally:
            asyncio.run_coroutine_threadsafe(site.stop(), loop).result(_PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Site:
    """A world and its server on a port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None
        if settings.certificate:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            try:
                self._tls.load_cert_chain(settings.certificate, settings.private_key)
            except OSError as error:  # of a file that is none it says little, and never which
                files = " and ".join(str(f) for f in (settings.certificate, settings.private_key) if f)
                raise ValueError(f"no certificate with its key in {files}: {error}") from None

    async def start(self) -> str:
        """Listen; answers the URL."""
        settings = self._settings
        self._world = World(settings)
        self._server = Server(self._world)
        self._runner = web.AppRunner(self._server.application(), access_log=None, shutdown_timeout=2)
        try:
            await self._runner.setup()
            site = web.TCPSite(self._runner, settings.host, settings.port, ssl_context=self._tls)
            await site.start()
        except BaseException:
            await self.stop()
            raise
        host, port = self._runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{shown}:{port}"

    async def stop(self) -> None:
        """Let held answers go, close every connection, and the memory last."""
        self._server.ending.set()
        await self._runner.cleanup()
        self._world.store.close()
