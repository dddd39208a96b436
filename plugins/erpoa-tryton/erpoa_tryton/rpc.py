"""Tryton's JSON-RPC: one session, renewed once when it ends; a refused password is never sent again.

A call that changes something is not repeated once it was sent: without an answer it is `InDoubt`.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import itertools
import json
from typing import Any
from urllib.parse import urlsplit

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken, Denied, Fatal, InDoubt, SystemFailure, Throttled, Transient
from erpoa_tryton.errors import failure
from erpoa_tryton.values import dumps, loads

_GZIP = b"\x1f\x8b"
_LARGEST = 256 * 2**20  # bytes of an answer


class Client:
    """Calls of one user in one database. Nothing is sent before the first call."""

    def __init__(
        self,
        url: str,
        database: str,
        user: str,
        password: Secret | str,
        *,
        company: int | None = None,
        language: str = "en",
        timeout: float = 120,
    ) -> None:
        self.url, self.database = url, database
        self._user, self._password = user, password
        self._company, self._language = company, language
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        self._session = ""
        self._refused: Denied | None = None
        self._context: dict[str, Any] | None = None
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self._connection.close()

    def read(self, method: str, *params: Any, **context: Any) -> Any:
        """The result of a call without effects."""
        return self._call(method, params, context, changes=False)

    def change(self, method: str, *params: Any, **context: Any) -> Any:
        """The result of a call with effects. Raises `InDoubt` when it was sent and the answer is lost."""
        return self._call(method, params, context, changes=True)

    def _call(self, method: str, params: tuple[Any, ...], context: dict[str, Any], *, changes: bool) -> Any:
        full = [*params, {**self._preferences(), **context}]
        return self._authorised(method, full, changes=changes)

    def _preferences(self) -> dict[str, Any]:
        """The user's own context, in the company and language of the configuration."""
        if self._context is None:
            found = self._authorised("model.res.user.get_preferences", [True, {}], changes=False)
            self._context = {**found, "language": self._language}
            if self._company is not None:
                self._context |= {"company": self._company, "companies": [self._company]}
        return self._context

    def _authorised(self, method: str, params: list[Any], *, changes: bool) -> Any:
        fresh = not self._session
        if fresh:
            self._login()
        try:
            return self._post(method, params, changes=changes)
        except _NoSession:  # answered before anything was done
            if fresh:
                raise Denied("Tryton does not accept the session it has just given") from None
        self._login()
        try:
            return self._post(method, params, changes=changes)
        except _NoSession:
            raise Denied("Tryton does not accept the session it has just given") from None

    def _login(self) -> None:
        if self._refused is not None:
            raise self._refused
        self._session = ""
        password = self._password.reveal() if isinstance(self._password, Secret) else self._password
        try:
            answer = self._post(
                "common.db.login", [self._user, {"password": password}, self._language], changes=False
            )
        except (_NoSession, Denied):
            # Tryton makes everybody wait longer after each wrong password.
            self._refused = Denied(f"Tryton refuses the password of {self._user!r}")
            raise self._refused from None
        if not isinstance(answer, list) or len(answer) < 2:
            raise ContractBroken("the answer to a login is not a session")
        token = f"{self._user}:{answer[0]}:{answer[1]}"
        self._session = "Session " + base64.b64encode(token.encode()).decode()

    def _post(self, method: str, params: list[Any], *, changes: bool) -> Any:
        body = dumps({"id": next(self._numbers), "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Authorization"] = self._session
        try:
            if self._connection.sock is None:
                self._connection.connect()
        except OSError as error:
            raise Transient(f"Tryton cannot be reached: {error}") from error
        try:
            self._connection.request("POST", f"/{self.database}/rpc/", body, headers)
            response = self._connection.getresponse()
            data = response.read(_LARGEST + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise _lost(f"the answer of {method} is lost: {type(error).__name__}", changes=changes) from error
        if len(data) > _LARGEST:
            self._connection.close()
            raise _lost("the answer is larger than 256 MB", changes=changes)
        if response.status != 200:
            raise _refused(response, method, changes=changes)
        try:
            if data.startswith(_GZIP):  # Tryton 8.2 labels plain answers as gzip too: the bytes decide
                data = gzip.decompress(data)
            answer = loads(data)
        except (OSError, EOFError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise _lost("the answer is no JSON", changes=changes) from error
        if isinstance(answer, dict) and isinstance(answer.get("error"), list):
            raise failure(answer["error"])
        if not isinstance(answer, dict) or "result" not in answer:
            raise _lost("the answer has neither result nor error", changes=changes)
        return answer["result"]


class _NoSession(Exception):
    """HTTP 401: there is no session, or it ended."""


def _lost(words: str, *, changes: bool) -> SystemFailure:
    return InDoubt(words) if changes else Transient(words)


def _refused(response: http.client.HTTPResponse, method: str, *, changes: bool) -> Exception:
    match response.status:
        case 401:
            return _NoSession()
        case 403:
            return Denied(f"Tryton does not offer {method}")
        case 404:
            return Fatal("Tryton has no such database")
        case 429:
            after = response.headers.get("Retry-After", "")
            return Throttled("Tryton is asked too often", float(after) if after.isdigit() else None)
        case status if status >= 500:
            return _lost(f"Tryton answers HTTP {status}", changes=changes)
        case status:
            return ContractBroken(f"Tryton answers HTTP {status}")
