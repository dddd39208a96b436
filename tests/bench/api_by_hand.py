"""What anybody would type with aiohttp: create records at a given concurrency, read them back, list documents."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Awaitable, Callable

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=120, sock_read=60)


async def each(
    rows: list[dict[str, str]], concurrency: int, work: Callable[[dict[str, str]], Awaitable[None]]
) -> None:
    queue = iter(rows)

    async def worker() -> None:
        for row in queue:
            await work(row)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def create(url: str, file: str, concurrency: int, *, verify: bool) -> None:
    """POST every row of a CSV file; with *verify* GET each back and compare it."""
    with open(file, encoding="utf-8", newline="") as content:  # noqa: ASYNC230, PTH123 - by hand
        rows = list(csv.DictReader(content))
    async with aiohttp.ClientSession(
        timeout=TIMEOUT,
        connector=aiohttp.TCPConnector(limit=concurrency),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:

        async def one(row: dict[str, str]) -> None:
            body = json.dumps(row, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json", "Authorization": "Bearer x"}
            async with session.post(f"{url}/things", data=body, headers=headers) as response:
                assert response.status == 201
                made = await response.json()
            if verify:
                async with session.get(f"{url}/things/{made['id']}", headers=headers) as response:
                    there = await response.json()
                assert all(there[name] == value for name, value in row.items())

        await each(rows, concurrency, one)


if __name__ == "__main__":
    asyncio.run(create(sys.argv[1], sys.argv[2], int(sys.argv[3]), verify=sys.argv[4] == "verify"))
