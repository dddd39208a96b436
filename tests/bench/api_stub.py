"""A server of one collection that costs next to nothing: a process of its own, so that the client's time is the client's.

    python -m tests.bench.api_stub DOCUMENTS

prints its port. `POST /things` creates, `GET /things/{id}` gives back, `GET /things?offset=&limit=` lists DOCUMENTS documents
with lines and whatever was created, `GET /pace` tells the moments at which calls came.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
made: list[bytes] = []
moments: list[float] = []
documents = 0


def document(number: int) -> bytes:
    lines = [{"line": n, "product": f"P{n:03}", "quantity": f"{n}.5", "price": "12.50"} for n in range(5)]
    text = {
        "id": number,
        "code": f"C{number:08}",
        "name": f"华鑫钢材 {number}",
        "amount": "1234.50",
        "note": None,
        "lines": lines,
    }
    return json.dumps(text, ensure_ascii=False).encode()


def answer(method: bytes, path: bytes, body: bytes) -> tuple[int, bytes]:
    if method == b"POST":
        made.append(b'{"id":%d,' % (documents + len(made) + 1) + body.lstrip()[1:])
        return 201, made[-1]
    if path == b"/pace":
        return 200, json.dumps(moments).encode()
    place, _, query = path.partition(b"?")
    if place != b"/things":
        number = int(place.rpartition(b"/")[2])
        return 200, made[number - documents - 1] if number > documents else document(number)
    asked = dict(part.split(b"=", 1) for part in query.split(b"&") if part)
    offset, limit = int(asked.get(b"offset", 0)), int(asked.get(b"limit", 100))
    total = documents + len(made)
    rows = [
        document(n + 1) if n < documents else made[n - documents]
        for n in range(offset, min(offset + limit, total))
    ]
    return 200, b'{"items":[' + b",".join(rows) + b'],"total":%d}' % total


class Protocol(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while True:
            end = self.waiting.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.waiting[:end]
            found = _LENGTH.search(head)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.waiting) < whole:
                return
            body, self.waiting = self.waiting[end + 4 : whole], self.waiting[whole:]
            method, path, _ = head.split(b"\r\n", 1)[0].split(b" ")
            if path != b"/pace":
                moments.append(time.monotonic())
            status, content = answer(method, path, body)
            self.transport.write(_HEAD % (status, len(content)) + content)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    documents = int(sys.argv[1])
    asyncio.run(main())
