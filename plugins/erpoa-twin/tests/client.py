"""A client of the twin that repeats nothing and hides nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode, urlsplit

from erpoa_twin import Twin

ORDERS = "/api/purchase_orders"


@dataclass(frozen=True)
class Got:
    """An answer; `status` 0: the connection ended without a whole one."""

    status: int
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def data(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str, str]:
        error = self.data["error"]
        return self.status, error["code"], error.get("field", "")

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, "")


class Client:
    def __init__(self, twin: Twin, timeout: float = 10) -> None:
        self._place, self._timeout = urlsplit(twin.url).netloc, timeout
        self.token = ""
        self.login()

    def login(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "twin", "client_secret": "twin-secret"}
        got = self.raw(
            "POST",
            "/oauth/token",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        self.token = got.data["access_token"]

    def raw(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Got:
        connection = HTTPConnection(self._place, timeout=self._timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Got(response.status, response.read().decode(), tuple(response.getheaders()))
        except (HTTPException, OSError):
            return Got(0)
        finally:
            connection.close()

    def __call__(self, method: str, path: str, content: object = None, **headers: str) -> Got:
        """`if_match="3"` becomes the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if content is None else json.dumps(content).encode()
        return self.raw(method, path, body, {"Authorization": f"Bearer {self.token}", **named})


def order(reference: str | None = "PR-1", **more: object) -> dict[str, Any]:
    line = {"product": "P100", "quantity": "3.5", "price": "1.23"}
    return {"reference": reference, "supplier": "S0001", "currency": "CNY", "lines": [line], **more}
