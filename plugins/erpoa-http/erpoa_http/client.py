"""The HTTP client that a `config:` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from erpoa_cli.core.project import Limits
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.errors import Fatal
from erpoa_cli.sdk.http import (
    ApiKey,
    Auth,
    Basic,
    Breaker,
    ClientCredentials,
    HttpClient,
    Judge,
    Login,
    Recipe,
    Retry,
    SessionLogin,
    Signed,
    Timeouts,
    Tls,
    Together,
    bearer,
)
from erpoa_http.problem import Problems
from erpoa_http.template import Request

_NEEDED = {
    "basic": ("user", "password"),
    "bearer": ("token",),
    "api_key": ("api_key",),
    "oauth2": ("token_url", "client_id", "client_secret"),
    "signed": ("key_id", "signing_key", "signed", "headers"),
    "login": ("login_url", "body", "token_at"),
}
_TAKEN = {
    "basic": (),
    "bearer": (),
    "api_key": ("in", "name", "prefix"),
    "oauth2": ("client_in", "parameters"),
    "signed": ("digest", "encoding"),
    "login": ("header", "cookie", "prefix", "lasts"),
}


def judge_auth(config: Mapping[str, Any], problems: Problems) -> None:
    """What is missing of a way to authenticate, and what has no place in it."""
    said = config.get("auth", [])
    for n, one in enumerate(said if isinstance(said, list) else [said]):
        at = problems.at("auth", n) if isinstance(said, list) else problems.at("auth")
        type_ = one["type"]
        for key in _NEEDED[type_]:
            if key not in one:
                at.add(f"{type_} needs `{key}`")
        for key in one:
            if key not in {"type", *_NEEDED[type_], *_TAKEN[type_]}:
                at.at(key).add(f"says nothing where the type is {type_}")


def client(config: Mapping[str, Any], limits: Limits, judge: Judge) -> HttpClient:
    """Raises `Fatal` when the URL or a file of it cannot be used."""
    try:
        return HttpClient(
            config["url"],
            _auth(config),
            tls=Tls(
                config.get("ca_file", ""),
                config.get("cert_file", ""),
                config.get("key_file", ""),
                config.get("key_password"),
            ),
            concurrency=limits.concurrency,
            rate=limits.requests_per_second,
            judge=judge,
            encoding=config.get("encoding", "utf-8"),
            timeouts=replace(Timeouts(), **config.get("timeouts", {})),
            caps=Caps.of(config),
            retry=replace(Retry(), **config.get("retry", {})),
            breaker=replace(Breaker(), **config.get("breaker", {})),
            insecure_http=_excepted(config),
        )
    except ValueError as error:
        raise Fatal(str(error)) from None


def identity(config: Mapping[str, Any]) -> str:
    """Where the API is, and for whom; free of secrets."""
    tenant = config.get("tenant", "")
    return config["url"].rstrip("/") + (f"#{tenant}" if tenant else "")


def request(text: str) -> Request:
    """A call that is written as a method and a path."""
    method, _, path = text.partition(" ")
    return Request(method=method, path=path)


def _excepted(config: Mapping[str, Any]) -> bool:
    """Whether plain http is allowed beyond this machine, by an exception that has not ended."""
    exception = config.get("plaintext")
    if not exception or urlsplit(config["url"]).scheme != "http":
        return False
    try:
        until = date.fromisoformat(exception["until"])
    except ValueError:
        raise Fatal(f"plaintext: there is no day {exception['until']}") from None
    if datetime.now(UTC).date() > until:
        raise Fatal(
            f"the exception to speak plain http ended on {until}: use https, or renew `plaintext` with its reason"
        )
    return True


def _auth(config: Mapping[str, Any]) -> Auth | None:
    said = config.get("auth", [])
    auths: Sequence[Auth] = [_one(one) for one in (said if isinstance(said, list) else [said])]
    if len(auths) > 1:
        return Together(auths)
    return auths[0] if auths else None


def _one(said: Mapping[str, Any]) -> Auth:
    match said["type"]:
        case "basic":
            return Basic(said["user"], _secret(said["password"]))
        case "bearer":
            return bearer(_secret(said["token"]))
        case "api_key":
            name = said.get("name", "X-API-Key")
            place = {"parameter": name} if said.get("in") == "query" else {"header": name}
            return ApiKey(_secret(said["api_key"]), prefix=said.get("prefix", ""), **place)
        case "oauth2":
            return ClientCredentials(
                said["token_url"],
                said["client_id"],
                _secret(said["client_secret"]),
                in_body=said.get("client_in") == "body",
                extra=said.get("parameters"),
            )
        case "signed":
            recipe = Recipe(
                said["signed"], said["headers"], said.get("digest", "sha256"), said.get("encoding", "hex")
            )
            return Signed(said["key_id"], _secret(said["signing_key"]), recipe)
        case _:
            return SessionLogin(
                Login(
                    url=said["login_url"],
                    json=said["body"],
                    token=tuple(said["token_at"].split(".")),
                    header="" if "cookie" in said else said.get("header", "Authorization"),
                    cookie=said.get("cookie", ""),
                    prefix=said.get("prefix", ""),
                    lasts=float(said.get("lasts", 1200)),
                )
            )


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))
