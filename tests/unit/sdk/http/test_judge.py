"""What a client learns from bodies; credentials that end early; works of several calls."""

from __future__ import annotations

import asyncio
import itertools
import threading

import pytest
from aiohttp import web

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken, Denied, InDoubt, Rejected, Transient
from erpoa_cli.sdk.http import ApiKey, Basic, Call, HttpClient, Login, Retry, SessionLogin, Together

FAST = Retry(attempts=3, first=0.001, longest=0.01)
CODES = {40100: Denied, 50003: Transient, 40000: Rejected}


def judge(_call, answer):
    code = answer.data.get("code", 0) if isinstance(answer.data, dict) else 0
    return CODES[code](f"code {code}") if code else None


def get(path: str = "x") -> Call:
    return Call(method="GET", path=path, repeatable=True)


def test_a_refusal_with_status_200_has_its_class(server):
    server.answers(
        web.json_response({"code": 50003}), web.json_response({"code": 50003}), web.json_response({"code": 0})
    )
    with HttpClient(server.url, judge=judge, retry=FAST) as client:
        post = Call(method="POST", path="x", json={})
        assert client.send(post).data == {"code": 0}  # surely not done: made again, though it is no GET
        server.answers(web.json_response({"code": 40000}))
        with pytest.raises(Rejected, match="code 40000"):
            client.send(post)
    assert len(server.seen) == 4


def logins(url: str) -> SessionLogin:
    return SessionLogin(
        Login(url=f"{url}/login", json={"p": Secret("pass-canary")}, token=("token",), header="X-T")
    )


def test_a_session_that_a_body_calls_over_is_renewed(server):
    numbers = itertools.count(1)

    async def handler(request):
        if request.path.endswith("/login"):
            return web.json_response({"token": f"t{next(numbers)}"})
        return web.json_response({"code": 0 if request.headers["X-T"] == "t2" else 40100})

    server.handler = handler
    with HttpClient(server.url, logins(server.url), judge=judge, retry=FAST) as client:
        assert client.send(get()).data == {"code": 0}
        assert next(numbers) == 3


def test_a_token_that_was_good_may_end_while_another_call_renews_it(server):
    """Two endings in a row are no wrong password; a token that was never accepted is given up after one renewal."""
    numbers, accepted = itertools.count(1), iter([True, False, True])
    calls = 0

    async def handler(request):
        nonlocal calls
        if request.path.endswith("/login"):
            return web.json_response({"token": f"t{next(numbers)}"})
        calls += 1
        return web.json_response({}, status=200 if next(accepted, False) else 401)

    server.handler = handler
    with HttpClient(server.url, logins(server.url), retry=FAST) as client:
        client.send(get())
        client.send(get())  # refused once, renewed, accepted
        before = calls
        with pytest.raises(Denied):
            client.send(get())
        assert calls - before == 2


def test_several_credentials_go_together_and_stay_hidden(server):
    server.answers(web.json_response({"message": "no app-canary"}, status=422))
    both = Together([Basic("u", Secret("pass-canary")), ApiKey(Secret("app-canary"), header="X-App")])
    with HttpClient(server.url, both) as client, pytest.raises(Rejected) as error:
        client.send(get())
    assert (server.seen[0].headers["X-App"], "Authorization" in server.seen[0].headers) == (
        "app-canary",
        True,
    )
    assert "canary" not in str(error.value)


def test_bodies_are_sent_and_read_in_the_encoding_of_the_server(server):
    server.answers(web.Response(body='{"名": "㐀"}'.encode("gb18030"), content_type="application/json"))
    with HttpClient(server.url, encoding="gb18030") as client:
        answer = client.send(Call(method="POST", path="x", json={"名": "㐀"}))
    assert answer.data == {"名": "㐀"}
    assert server.bodies[0].decode("gb18030") == '{"名":"㐀"}'
    assert server.seen[0].headers["Content-Type"] == "application/json; charset=gb18030"


@pytest.mark.parametrize(("charset", "words"), [("utf-8", "not valid JSON"), ("no-such", "nobody knows")])
def test_an_encoding_that_does_not_fit_is_told(server, charset: str, words: str):
    content = '{"a": "名"}'.encode("gb18030")
    server.answers(
        web.Response(body=content, headers={"Content-Type": f"application/json; charset={charset}"})
    )
    with HttpClient(server.url) as client, pytest.raises(ContractBroken, match=words):
        client.send(get())


def test_works_make_several_calls_and_all_are_told(server):
    async def handler(request):
        return web.json_response({"at": request.path[-1]}, status=422 if request.path.endswith("3") else 200)

    async def twice(number, send):
        first = await send(get(f"a{number}"))
        second = await send(get(f"b{number}"))
        return first.data["at"] + second.data["at"]

    server.handler = handler
    with HttpClient(server.url, concurrency=3) as client:
        for count in (0, 1, 2, 3, 4, 10):
            made = dict(client.each(range(count), twice))
            assert {n: m for n, m in made.items() if n != 3} == {n: f"{n}{n}" for n in range(count) if n != 3}
            assert count <= 3 or isinstance(made[3], Rejected)


def test_works_begun_over_and_over_never_wait_for_ever(server):
    """A worker that is about to end takes what comes, or another is begun."""

    async def handler(request):
        return web.json_response({})

    async def nothing(number, send):
        await asyncio.sleep(0)
        return number

    server.handler = handler
    with HttpClient(server.url, concurrency=2) as client:
        for _ in range(50):
            assert len(dict(client.each(range(9), nothing))) == 9


def test_a_closed_client_tells_of_every_work(server):
    let_go = threading.Semaphore(0)

    async def handler(request):
        try:
            await asyncio.sleep(60)
        finally:
            let_go.release()

    server.handler = handler
    client = HttpClient(server.url, concurrency=2)
    made = client.each(range(4), lambda _, send: send(Call(method="POST", path="x", json={})))
    closer = threading.Timer(0.3, client.close)
    closer.start()
    told = list(made)
    closer.join()
    assert sorted(n for n, _ in told) == [0, 1, 2, 3]
    assert all(isinstance(one, InDoubt) for _, one in told)
    for _ in range(2):  # closing also ends the connections: the server stops working for nobody
        assert let_go.acquire(timeout=20)


@pytest.mark.slow
def test_a_rate_below_one_is_one_call_in_as_many_seconds(server):
    async def handler(request):
        return web.json_response({})

    server.handler = handler
    with HttpClient(server.url, rate=0.5) as client:
        client.send(get())
        client.send(get())
    assert server.times[1] - server.times[0] >= 2
