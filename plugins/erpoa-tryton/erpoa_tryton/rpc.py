"""Tryton's JSON-RPC: methods of models, called as one user in one database.

A call that changes something is not repeated once it was sent: without an answer it is `InDoubt`.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken, Denied, Fatal, InDoubt, Rejected, SystemFailure
from erpoa_cli.sdk.http import Call, Caps, HttpClient, Timeouts
from erpoa_tryton.errors import failure
from erpoa_tryton.login import Login
from erpoa_tryton.values import dumps, untagged

_JUDGED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


class Client:
    """Calls of one user in one database, from any thread. Nothing is sent before the first call."""

    def __init__(
        self,
        url: str,
        database: str,
        user: str,
        password: Secret,
        *,
        company: int | None = None,
        language: str = "en",
        timeout: float = 120,
        rate: float | None = None,
        caps: Caps,
    ) -> None:
        self.url, self.database, self.user = url, database, user
        self._company, self._language = company, language
        self._path = f"{quote(database)}/rpc/"
        self._http = HttpClient(
            url,
            Login(f"{url.rstrip('/')}/{self._path}", user, password, language),
            timeouts=Timeouts(read=timeout, total=timeout),
            caps=caps,
            rate=rate,
        )
        self._context: dict[str, Any] | None = None
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """End the session, for Tryton keeps every one for weeks and looks through them at each call."""
        if self._context is not None:
            with suppress(SystemFailure):
                self._post(self._path, "common.db.logout", [], changes=False)
        self._http.close()

    def series(self) -> str:
        """The version of the server, as `8.2`."""
        return str(self._post("rpc/", "common.server.version", [], changes=False))

    def read(self, method: str, *params: Any, **context: Any) -> Any:
        """The result of a call without effects."""
        full = [*params, {**self.preferences(), **context}]
        return self._post(self._path, method, full, changes=False)

    def change(self, method: str, *params: Any, **context: Any) -> Any:
        """The result of a call with effects. Raises `InDoubt` when it was sent and the answer is lost."""
        full = [*params, {**self.preferences(), **context}]
        return self._post(self._path, method, full, changes=True)

    def preferences(self) -> dict[str, Any]:
        """The user's own context, in the company and language of the configuration."""
        if self._context is None:
            found = self._post(self._path, "model.res.user.get_preferences", [True, {}], changes=False)
            if not isinstance(found, dict):
                raise ContractBroken("the preferences of the user are no record")
            self._context = {**found, "language": self._language}
            if self._company is not None:
                self._context |= {"company": self._company, "companies": [self._company]}
        return self._context

    def _post(self, path: str, method: str, params: list[Any], *, changes: bool) -> Any:
        body = dumps({"id": next(self._numbers), "method": method, "params": params}).encode()
        answer = self._http.send(
            Call(
                method="POST",
                path=path,
                headers={"Content-Type": "application/json"},
                content=body,
                repeatable=not changes,
                accepts=_JUDGED,
            )
        )
        if answer.status in _JUDGED:
            raise _refused(answer.status, method)
        match answer.data:
            case {"error": [*error]}:
                raise failure(error)
            case {"result": result}:
                return untagged(result)
            case _:
                words = f"the answer of {method} has neither result nor error"
                raise InDoubt(words) if changes else ContractBroken(words)


def _refused(status: int, method: str) -> SystemFailure:
    match status:
        case HTTPStatus.FORBIDDEN:
            return Denied(f"Tryton does not offer {method}")
        case HTTPStatus.NOT_FOUND:
            return Fatal("Tryton has no such database")
        case _:
            return Rejected("Tryton takes no call of this size")
