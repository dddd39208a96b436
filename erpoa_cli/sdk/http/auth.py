"""How a client shows who it is. Secrets leave these classes only into the request itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken, Denied
from erpoa_cli.sdk.http.message import Answer, Call

_EARLY = 30.0  # seconds before its end at which a token is renewed, so that none ends on the way


@dataclass(slots=True)
class Outgoing:
    """A request about to be sent; an `Auth` adds to `headers` and `query`. `path` begins with a slash."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


Fetch = Callable[[str, Call], Awaitable[Answer]]
"""Sends a call to an absolute URL, once and without credentials."""


class Auth(ABC):
    """Base of all schemes. `apply` answers a mark of the credential it used."""

    @abstractmethod
    async def apply(self, request: Outgoing, fetch: Fetch) -> int: ...

    async def renew(self, mark: int) -> bool:  # noqa: ARG002 - the face of those that can
        """Give up the credential that *mark* stands for; False when there is no other to be had."""
        return False

    @abstractmethod
    def hidden(self) -> Sequence[str]:
        """Texts that must not appear in any message."""


class Basic(Auth):
    def __init__(self, user: str, password: Secret) -> None:
        self._password = password
        pair = f"{user}:{password.reveal()}".encode()
        self._value = "Basic " + base64.b64encode(pair).decode()

    async def apply(self, request: Outgoing, fetch: Fetch) -> int:  # noqa: ARG002
        request.headers["Authorization"] = self._value
        return 0

    def hidden(self) -> Sequence[str]:
        return [self._password.reveal(), self._value.removeprefix("Basic ")]


class ApiKey(Auth):
    """A fixed text in a header or a parameter of the query; *prefix* precedes it (`Bearer `)."""

    def __init__(self, key: Secret, *, header: str = "", parameter: str = "", prefix: str = "") -> None:
        if bool(header) == bool(parameter):
            raise ValueError("an API key goes into a header or a parameter")
        self._key, self._header, self._parameter, self._prefix = key, header, parameter, prefix

    async def apply(self, request: Outgoing, fetch: Fetch) -> int:  # noqa: ARG002
        place, name = (request.headers, self._header) if self._header else (request.query, self._parameter)
        place[name] = self._prefix + self._key.reveal()
        return 0

    def hidden(self) -> Sequence[str]:
        return [self._key.reveal()]


def bearer(token: Secret) -> Auth:
    return ApiKey(token, header="Authorization", prefix="Bearer ")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a signature covers and where it goes. Texts may name {method} {path} {query} {timestamp} {nonce}
    {body_sha256} {key_id}, those of `headers` also {signature}. `query` is sorted, in `k=v&k=v`, not encoded."""

    signed: str
    headers: Mapping[str, str]
    digest: str = "sha256"
    encoding: str = "hex"  # or base64


class Signed(Auth):
    """An HMAC over each request, after *recipe*."""

    def __init__(self, key_id: str, key: Secret, recipe: Recipe) -> None:
        self._key_id, self._key, self._recipe = key_id, key, recipe

    async def apply(self, request: Outgoing, fetch: Fetch) -> int:  # noqa: ARG002
        words = {
            "method": request.method,
            "path": request.path,
            "query": "&".join(f"{k}={v}" for k, v in sorted(request.query.items())),
            "timestamp": str(int(time.time())),
            "nonce": secrets.token_hex(16),
            "body_sha256": hashlib.sha256(request.body).hexdigest(),
            "key_id": self._key_id,
        }
        text = self._recipe.signed.format_map(words).encode()
        mac = hmac.new(self._key.reveal().encode(), text, self._recipe.digest)
        based = self._recipe.encoding == "base64"
        words["signature"] = base64.b64encode(mac.digest()).decode() if based else mac.hexdigest()
        for name, value in self._recipe.headers.items():
            request.headers[name] = value.format_map(words)
        return 0

    def hidden(self) -> Sequence[str]:
        return [self._key.reveal()]


class Together(Auth):
    """Several credentials in one request; at most one of them can be renewed."""

    def __init__(self, auths: Sequence[Auth]) -> None:
        self._auths = auths

    async def apply(self, request: Outgoing, fetch: Fetch) -> int:
        return max([await auth.apply(request, fetch) for auth in self._auths], default=0)

    async def renew(self, mark: int) -> bool:
        return any([await auth.renew(mark) for auth in self._auths])

    def hidden(self) -> Sequence[str]:
        return [text for auth in self._auths for text in auth.hidden()]


@dataclass(slots=True)
class _Token:
    text: str = ""
    until: float = 0.0  # by the monotonic clock
    mark: int = 0


class Renewed(Auth):
    """Base of schemes that ask for a token: one request for many waiting calls, and a refusal (`Denied`) is final."""

    def __init__(self) -> None:
        self._token = _Token()
        self._given: deque[str] = deque(maxlen=8)  # a late answer may echo a token that was renewed meanwhile
        self._lock = asyncio.Lock()
        self._refused = ""

    @abstractmethod
    async def obtain(self, fetch: Fetch) -> tuple[str, float]:
        """A new token and the seconds it lasts."""

    @abstractmethod
    def place(self, request: Outgoing, token: str) -> None: ...

    async def apply(self, request: Outgoing, fetch: Fetch) -> int:
        async with self._lock:
            if self._refused:
                raise Denied(self._refused)
            if not self._token.text or time.monotonic() >= self._token.until:
                try:
                    text, lasts = await self.obtain(fetch)
                except Denied as error:
                    self._refused = str(error)
                    raise
                self._token = _Token(text, time.monotonic() + lasts, self._token.mark + 1)
                self._given.append(text)
        self.place(request, self._token.text)
        return self._token.mark

    async def renew(self, mark: int) -> bool:
        async with self._lock:
            if mark == self._token.mark:  # otherwise another call has renewed it meanwhile
                self._token.text = ""
        return True

    def hidden(self) -> Sequence[str]:
        return list(self._given)


class ClientCredentials(Renewed):
    """OAuth 2.0 client credentials (RFC 6749, 4.4). *in_body*: the client's secret goes into the form, for servers
    that do not know HTTP basic there. *extra* are further parameters: scope, audience, resource."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: Secret,
        *,
        in_body: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._url, self._id, self._secret = token_url, client_id, client_secret
        self._in_body, self._extra = in_body, dict(extra or {})
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
        self._pair = base64.b64encode(pair.encode()).decode()

    async def obtain(self, fetch: Fetch) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", **self._extra}
        headers = {}
        if self._in_body:
            form |= {"client_id": self._id, "client_secret": self._secret.reveal()}
        else:
            headers["Authorization"] = f"Basic {self._pair}"
        accepts = frozenset({400, 401, 403})
        answer = await fetch(
            self._url, Call(method="POST", path="", form=form, headers=headers, accepts=accepts)
        )
        if answer.status in accepts:
            raise Denied(f"the token server refuses the client ({answer.status})")
        token = picked(answer.data, ("access_token",))
        try:
            lasts = float(answer.data.get("expires_in", 3600))
        except (TypeError, ValueError):
            raise ContractBroken("the token server gives no number as `expires_in`") from None
        return token, max(lasts - _EARLY, lasts / 2)

    def place(self, request: Outgoing, token: str) -> None:
        request.headers["Authorization"] = f"Bearer {token}"

    def hidden(self) -> Sequence[str]:
        return [self._secret.reveal(), self._pair, *super().hidden()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login call to an absolute `url`, and where the token is in its JSON answer. `json` may hold `Secret` values
    at its top level. `lasts`: seconds after which to log in again, whatever the server says."""

    url: str
    json: Mapping[str, Any] = field(repr=False)
    token: tuple[str, ...]
    header: str = ""
    cookie: str = ""
    prefix: str = ""
    lasts: float = 1200.0


class SessionLogin(Renewed):
    """A token that a login gives, in a header or a cookie."""

    def __init__(self, login: Login) -> None:
        super().__init__()
        if bool(login.header) == bool(login.cookie):
            raise ValueError("the token of a login goes into a header or a cookie")
        self._login = login

    async def obtain(self, fetch: Fetch) -> tuple[str, float]:
        body = {k: v.reveal() if isinstance(v, Secret) else v for k, v in self._login.json.items()}
        accepts = frozenset({400, 401, 403})
        answer = await fetch(self._login.url, Call(method="POST", path="", json=body, accepts=accepts))
        if answer.status in accepts:
            raise Denied(f"the login is refused ({answer.status})")
        try:
            return picked(answer.data, self._login.token), self._login.lasts
        except ContractBroken:  # many servers refuse a login with status 200
            raise Denied(f"the login gave no token at {'.'.join(self._login.token)}") from None

    def place(self, request: Outgoing, token: str) -> None:
        value = self._login.prefix + token
        if self._login.cookie:
            request.headers["Cookie"] = f"{self._login.cookie}={value}"
        else:
            request.headers[self._login.header] = value

    def hidden(self) -> Sequence[str]:
        given = [v.reveal() for v in self._login.json.values() if isinstance(v, Secret)]
        return [*given, *super().hidden()]


def picked(data: Any, path: Sequence[str]) -> str:
    """The text at *path* in decoded JSON; `ContractBroken` when there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(data, str) or not data:
        raise ContractBroken(f"the answer has no text at {'.'.join(path)}")
    return data
