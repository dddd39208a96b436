"""Many works on one event loop, begun and awaited from another thread: few at a time, and told in bulk."""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from erpoa_cli.sdk.errors import InDoubt

_LATE = (
    0.005  # seconds by which what was made may be told late: waking a thread for each costs more than a call
)

Item = TypeVar("Item")
Made = TypeVar("Made")


class Hall(Generic[Item, Made]):
    """At most *places* items are worked on at once. `enter` and `left` are for one thread outside of *loop*."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, places: int, work: Callable[[Item], Awaitable[Made]]
    ) -> None:
        self._loop, self._places, self._work = loop, places, work
        self._left: queue.SimpleQueue[list[tuple[int, Made | Exception]]] = queue.SimpleQueue()
        # Of the loop alone:
        self._waiting: deque[tuple[int, Item]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0  # tasks that still look for items
        self._made: list[tuple[int, Made | Exception]] = []

    def enter(self, items: Sequence[tuple[int, Item]]) -> None:
        """Begin to work on *items*, which have numbers; does not wait."""
        if items:
            self._loop.call_soon_threadsafe(self._admit, items)

    def left(self) -> Iterable[tuple[int, Made | Exception]]:
        """What was made of some of the items, or the exception in which the work on them ended; waits for one at least."""
        return self._left.get()

    def abandon(self) -> None:
        """Give up what is not finished."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._empty)

    def _admit(self, items: Sequence[tuple[int, Item]]) -> None:
        self._waiting.extend(items)
        for _ in range(min(len(self._waiting), self._places - self._busy)):
            task = self._loop.create_task(self._one_after_the_other())
            self._busy += 1
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _empty(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _one_after_the_other(self) -> None:
        while self._waiting:
            index, item = self._waiting.popleft()
            try:
                self._tell(index, await self._work(item))
            except asyncio.CancelledError:
                self._tell(index, InDoubt("abandoned on its way"))
                raise
            except Exception as error:  # noqa: BLE001 - a mistake in the program reaches the caller's thread
                self._tell(index, error)
        self._busy -= 1  # here, not when the task is done: items may come in between

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # the client is closed, or nobody waits any more
            while self._waiting:
                self._tell(self._waiting.popleft()[0], InDoubt("abandoned before it was sent"))
            self._tell_all()

    def _tell(self, index: int, made: Made | Exception) -> None:
        if not self._made:
            self._loop.call_later(_LATE, self._tell_all)
        self._made.append((index, made))
        if len(self._made) >= self._places and not self._waiting:
            self._tell_all()

    def _tell_all(self) -> None:
        if self._made:
            self._left.put(self._made)
            self._made = []
