"""When a call may be sent: the rate limit, the pauses between attempts, and the circuit breaker."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from dataclasses import dataclass
from datetime import UTC

from erpoa_cli.sdk.errors import Transient

_EARLY = 0.005  # seconds by which a sleep may end too early


@dataclass(frozen=True, slots=True)
class Retry:
    """At most `attempts` in all. Pauses are drawn evenly from 0 to `first` seconds, doubled each time up to
    `longest`; a server that asks for more than `longest` is not waited for."""

    attempts: int = 4
    first: float = 0.5
    longest: float = 30.0

    def pause(self, attempt: int) -> float:
        return random.uniform(0, min(self.longest, self.first * 2 ** (attempt - 1)))  # noqa: S311 - spreads load


@dataclass(frozen=True, slots=True)
class Breaker:
    """After `failures` in a row without any answer nothing is sent for `rest` seconds; then one call tries."""

    failures: int = 10
    rest: float = 30.0


class Rate:
    """Never more than *per_second* calls reach the server in any window of one second; of less than one, one in as many
    seconds as it takes. Used on one event loop, around each call.

    A place is free again a window after its call *ended*: the server had it by then, so that nothing the network does
    to calls on their way can bring too many together. The price is the time that a call takes."""

    def __init__(self, per_second: float) -> None:
        places = max(1, int(per_second))
        self._window = places / per_second + _EARLY
        self._free: asyncio.Queue[float] = asyncio.Queue()
        for _ in range(places):
            self._free.put_nowait(0.0)
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> None:
        async with self._turn:  # served in the order they came
            at = await self._free.get()
            try:
                await asyncio.sleep(max(0.0, at - time.monotonic()))
            except asyncio.CancelledError:
                self._free.put_nowait(at)
                raise

    async def __aexit__(self, *_: object) -> None:
        self._free.put_nowait(time.monotonic() + self._window)


class Circuit:
    """The state of a `Breaker`. Used on one event loop."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._failures = 0
        self._closed_until = 0.0

    def admit(self) -> None:
        """Raise `Transient` while nothing may be sent."""
        if self._failures < self._breaker.failures:
            return
        now = time.monotonic()
        if now < self._closed_until:
            raise Transient(f"not sent: the server did not answer {self._failures} times in a row")
        self._closed_until = now + self._breaker.rest  # this call is the one that tries

    def answered(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        self._closed_until = time.monotonic() + self._breaker.rest


def retry_after(text: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, given as a number or an HTTP date; None when it says nothing."""
    if not text:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())
