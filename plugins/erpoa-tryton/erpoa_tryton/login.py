"""Logging in: one session per client, renewed once when it ends; a refused password is never sent again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from http import HTTPStatus

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken, Denied, Fatal
from erpoa_cli.sdk.http import Call, Renewed
from erpoa_cli.sdk.http.auth import Fetch, Outgoing

_LASTS = 365 * 86400.0  # seconds; the server ends sessions by its own rules, and says so with 401


class Login(Renewed):
    """The header `Session`: user, their id and the key of the session, in base64."""

    def __init__(self, rpc: str, user: str, password: Secret, language: str) -> None:
        """*rpc*: absolute URL of the database's `/rpc/`."""
        super().__init__()
        self._rpc, self._user, self._password, self._language = rpc, user, password, language

    async def obtain(self, fetch: Fetch) -> tuple[str, float]:
        params = [self._user, {"password": self._password.reveal()}, self._language]
        accepts = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
        body = {"id": 0, "method": "common.db.login", "params": params}
        answer = await fetch(self._rpc, Call(method="POST", path="", json=body, accepts=accepts))
        if answer.status == HTTPStatus.NOT_FOUND:
            raise Fatal("Tryton has no such database")
        if answer.status in accepts:  # each further wrong password makes everybody wait longer
            raise Denied(f"Tryton refuses the password of {self._user!r}")
        match answer.data:
            case {"error": _}:
                raise Denied("Tryton asks for another way to log in")
            case {"result": [int(id_), str(key), *_]}:
                return base64.b64encode(f"{self._user}:{id_}:{key}".encode()).decode(), _LASTS
            case _:
                raise ContractBroken("the answer to a login is not a session")

    def place(self, request: Outgoing, token: str) -> None:
        request.headers["Authorization"] = f"Session {token}"

    def hidden(self) -> Sequence[str]:
        return [self._password.reveal(), *super().hidden()]
