"""Telling a subscriber what happened: signed, in order, tried three times; lost and doubled where the faults say so."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from erpoa_twin.faults import Drawing
from erpoa_twin.store import Store

_PAUSES = (0.2, 1.0, 0.0)  # seconds after each attempt
_TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where events go. `secret` signs them: `Twin-Signature: sha256=HMAC-SHA256(secret, timestamp + "." + body)` in
    hex, the timestamp, in Unix seconds, from the header `Twin-Timestamp`."""

    url: str
    secret: str = field(repr=False)

    def headers(self, body: bytes, now: int) -> dict[str, str]:
        signature = hmac.new(self.secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "Twin-Timestamp": str(now),
            "Twin-Signature": f"sha256={signature}",
        }


class Webhooks:
    """`told` counts events by what became of them: delivered, failed."""

    def __init__(self, store: Store, drawing: Drawing) -> None:
        self._store, self._drawing = store, drawing
        self._waiting: asyncio.Queue[tuple[Subscriber, bytes]] = asyncio.Queue()
        self.subscriber: Subscriber | None = None
        self.told: dict[str, int] = {}

    def announce(self, call: int) -> None:
        """Let the subscriber know of every effect of *call*; returns at once."""
        if self.subscriber is None:
            return
        for row in self._store.rows("select * from effect where call = ? order by number", call):
            body = json.dumps(self._event(row), ensure_ascii=False).encode()
            drawn = self._drawing.draw(f"WEBHOOK /{row['kind']}/{row['id']}", body, webhook=True)
            times = 0 if drawn.meets("webhook_lost") else 2 if drawn.meets("webhook_twice") else 1
            for _ in range(times):
                self._waiting.put_nowait((self.subscriber, body))

    def _event(self, row: dict[str, Any]) -> dict[str, Any]:
        document = self._store.document(row["kind"], row["id"])
        named = {name: row[name] for name in ("number", "at", "kind", "effect", "id", "key", "version")}
        return {**named, "state": document.state if document else "deleted"}

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                subscriber, body = await self._waiting.get()
                what = "delivered" if await _delivered(session, subscriber, body) else "failed"
                self.told[what] = self.told.get(what, 0) + 1


async def _delivered(session: aiohttp.ClientSession, subscriber: Subscriber, body: bytes) -> bool:
    for pause in _PAUSES:
        headers = subscriber.headers(body, int(time.time()))
        try:
            async with session.post(
                subscriber.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status < 300:
                    return True
        except (aiohttp.ClientError, TimeoutError):
            pass
        await asyncio.sleep(pause)
    return False
