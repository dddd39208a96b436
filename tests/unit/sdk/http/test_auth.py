"""Credentials: one renewal for many calls, a refusal is final, and what is signed can be checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac

import pytest
from aiohttp import web

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import Denied, Fatal, SystemFailure, Transient
from erpoa_cli.sdk.http import (
    ApiKey,
    Basic,
    Call,
    ClientCredentials,
    HttpClient,
    Login,
    Recipe,
    Retry,
    SessionLogin,
    Signed,
)

QUICK = Retry(attempts=3, first=0.01)
CALL = Call(method="POST", path="orders", json={"n": 1})


class Office:
    """A server that gives tokens and knows which of them are good."""

    def __init__(self, status: int = 200, answer: str = "access_token") -> None:
        self.given = 0
        self.good: set[str] = set()
        self.status = status
        self.answer = answer
        self.obeyed = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith("/token"):
            self.given += 1
            await asyncio.sleep(0.02)
            if self.status != 200:
                return web.Response(status=self.status, text="<html>")
            token = f"token-{self.given}"
            self.good = {token}
            return web.json_response({self.answer: token, "expires_in": 3600})
        shown = (
            request.headers.get("Authorization", request.headers.get("Cookie", ""))
            .split("=")[-1]
            .split(" ")[-1]
        )
        if shown not in self.good:
            return web.Response(status=401, text="<html>")
        self.obeyed += 1
        return web.json_response(None)


def credentials(server) -> ClientCredentials:
    return ClientCredentials(server.url + "/token", "华新:erp", Secret("s e:c+ret"), extra={"scope": "a"})


def login(server) -> SessionLogin:
    json = {"user": "erp", "password": Secret("geheim")}
    return SessionLogin(Login(url=server.url + "/token", json=json, token=("access_token",), cookie="sid"))


@pytest.mark.parametrize("scheme", [credentials, login])
def test_many_calls_share_one_token_and_one_renewal(server, scheme):
    office = server.handler = Office()
    with HttpClient(server.url, scheme(server), concurrency=16) as client:
        assert [o for _, o in client.send_many([CALL] * 50) if isinstance(o, SystemFailure)] == []
        assert office.given == 1
        office.good.clear()
        assert [o for _, o in client.send_many([CALL] * 50) if isinstance(o, SystemFailure)] == []
        assert office.given == 2
    assert office.obeyed == 100


def test_the_client_is_told_as_the_standard_says(server):
    server.handler = Office()
    with HttpClient(server.url, credentials(server)) as client:
        client.send(CALL)
    shown = base64.b64decode(server.seen[0].headers["Authorization"].removeprefix("Basic "))
    assert shown == b"%E5%8D%8E%E6%96%B0%3Aerp:s+e%3Ac%2Bret"
    assert server.bodies[0] == b"grant_type=client_credentials&scope=a"


@pytest.mark.parametrize("scheme", [credentials, login])
def test_a_refused_password_is_never_tried_again(server, scheme):
    office = server.handler = Office(status=401)
    with HttpClient(server.url, scheme(server), retry=QUICK) as client:
        for _ in range(3):
            with pytest.raises(Denied):
                client.send(CALL)
    assert office.given == 1


def test_a_login_that_fails_with_status_200_is_a_refusal(server):
    office = server.handler = Office(answer="result")
    with HttpClient(server.url, login(server), retry=QUICK) as client:
        for _ in range(2):
            with pytest.raises(Denied):
                client.send(CALL)
    assert office.given == 1


def test_a_token_server_that_is_down_leaves_no_doubt(server):
    office = server.handler = Office(status=500)
    with HttpClient(server.url, credentials(server), retry=QUICK) as client, pytest.raises(Transient):
        client.send(CALL)
    assert office.given == QUICK.attempts


def test_a_wrong_token_url_is_nobodys_row(server):
    server.handler = Office(status=404)
    with HttpClient(server.url, credentials(server), retry=QUICK) as client, pytest.raises(Fatal):
        client.send(CALL)


def test_a_token_that_never_works_is_renewed_once(server):
    async def never(request):
        if request.path.endswith("/token"):
            return web.json_response({"access_token": "x"})
        return web.Response(status=401)

    server.handler = never
    with HttpClient(server.url, credentials(server), retry=QUICK) as client, pytest.raises(Denied):
        client.send(CALL)
    assert [r.path for r in server.seen] == ["/api/token", "/api/orders"] * 2


def test_fixed_credentials_are_shown_once(server):
    server.answers(web.Response(status=401))
    with HttpClient(server.url, Basic("用户", Secret("密:码")), retry=QUICK) as client, pytest.raises(Denied):
        client.send(CALL)
    shown = server.seen[0].headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(shown).decode() == "用户:密:码"
    assert len(server.seen) == 1


def test_a_key_goes_where_it_belongs(server):
    server.answers(web.json_response(1), web.json_response(1))
    with HttpClient(server.url, ApiKey(Secret("k&="), parameter="key")) as client:
        client.send(CALL)
    with HttpClient(server.url, ApiKey(Secret("k2"), header="X-Key")) as client:
        client.send(CALL)
    assert server.seen[0].query["key"] == "k&="
    assert server.seen[1].headers["X-Key"] == "k2"


def test_a_signature_covers_what_the_recipe_says(server):
    server.answers(web.json_response(1))
    recipe = Recipe(
        signed="{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{body_sha256}",
        headers={"X-Time": "{timestamp}", "X-Nonce": "{nonce}", "X-Sign": "{key_id}:{signature}"},
        encoding="base64",
    )
    with HttpClient(server.url, Signed("app", Secret("钥"), recipe)) as client:
        client.send(Call(method="POST", path="orders", query={"b": "2", "a": "名"}, json={"n": 1}))
    headers = server.seen[0].headers
    body = hashlib.sha256(b'{"n":1}').hexdigest()
    text = f"POST\n/api/orders\na=名&b=2\n{headers['X-Time']}\n{headers['X-Nonce']}\n{body}"
    mac = hmac.new("钥".encode(), text.encode(), "sha256").digest()
    assert headers["X-Sign"] == "app:" + base64.b64encode(mac).decode()
