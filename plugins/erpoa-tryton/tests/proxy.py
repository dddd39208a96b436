"""A line to Tryton that sees every call and loses what it is told to."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class Loss(Enum):
    REQUEST = "the server never hears of it"
    ANSWER = "the server does it, nobody hears of it"


Rule = Callable[[str, list[Any]], Loss | None]


class Proxy:
    """Passes calls on. `rule` says, by method and parameters, what is lost; `methods` are those that came."""

    def __init__(self, url: str) -> None:
        self.methods: list[str] = []
        self.rule: Rule | None = None
        self.unknown_session = False  # the next call finds its session ended
        self._lines: set[socket.socket] = set()  # on which an answer is waited for
        parts = urlsplit(url)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                call = json.loads(body)
                proxy.methods.append(call["method"])
                if proxy.unknown_session and "Authorization" in self.headers:
                    proxy.unknown_session = False
                    self.send_error(401)
                    return
                loss = proxy.rule(call["method"], call["params"]) if proxy.rule else None
                if loss is Loss.REQUEST:
                    self.close_connection = True
                    return
                proxy._lines.add(self.connection)
                headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                try:
                    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
                    line.request("POST", self.path, body, headers)
                    answer = line.getresponse()
                    data = answer.read()
                except (OSError, http.client.HTTPException):  # killed in the middle of it
                    self.close_connection = True
                    return
                if loss is Loss.ANSWER or self.connection not in proxy._lines:
                    self.close_connection = True
                    return
                proxy._lines.discard(self.connection)
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() in {"content-type", "content-encoding"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def cut(self) -> None:
        """Hang up on everybody who waits for an answer; the server does what it is at."""
        while self._lines:
            self._lines.pop().shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def once(method: str, loss: Loss) -> Rule:
    """Loses the first call of *method*."""
    left = [loss]

    def rule(called: str, _: list[Any]) -> Loss | None:
        return left.pop() if called == method and left else None

    return rule
