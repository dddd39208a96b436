"""The client against a server on this machine: what was answered, and what every kind of silence means."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import logging
import socket
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from aiohttp import web

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    InDoubt,
    Rejected,
    Stale,
    SystemFailure,
    Throttled,
    Transient,
)
from erpoa_cli.sdk.http import (
    ApiKey,
    Breaker,
    Call,
    Caps,
    HttpClient,
    Retry,
    Timeouts,
    bearer,
)

QUICK = Retry(attempts=3, first=0.01, longest=2)
POST = Call(method="POST", path="/orders", json={"name": "华新'; DROP TABLE x--"})
PUT = Call(method="PUT", path="/orders/1", json={})
GET = Call(method="GET", path="/orders", repeatable=True)


def ok(data=None) -> web.Response:
    return web.json_response(data)


def test_numbers_and_text_are_exact_both_ways(server):
    text = '{"a": 0.10000000000000000000000001, "b": 123456789012345678901234567890, "c": "上海\\u0000"}'
    server.answers(web.Response(text=text, content_type="application/json"))
    sent = {"preis": Decimal("1.10"), "n": 10**30, "名": ['"', None, True]}
    with HttpClient(server.url) as client:
        answer = client.send(Call(method="POST", path="x", query={"q": "a&b=上 海+"}, json=sent))
    assert answer.data == {
        "a": Decimal("0.10000000000000000000000001"),
        "b": 123456789012345678901234567890,
        "c": "上海\0",
    }
    assert server.bodies == ['{"preis":1.10,"n":1%s,"名":["\\"",null,true]}'.replace("%s", "0" * 30).encode()]
    assert dict(server.seen[0].query) == {"q": "a&b=上 海+"}
    assert server.seen[0].path == "/api/x"


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (302, ContractBroken),
        (400, Rejected),
        (401, Denied),
        (403, Denied),
        (408, InDoubt),
        (412, Stale),
        (422, Rejected),
        (500, InDoubt),
        (502, InDoubt),
        (504, InDoubt),
    ],
)
def test_a_status_means_one_thing_and_is_asked_for_once(server, status, failure):
    server.answers(web.Response(status=status, text="<html>nein</html>", headers={"Location": "/else"}))
    with HttpClient(server.url, retry=QUICK) as client, pytest.raises(SystemFailure) as raised:
        client.send(POST)
    assert type(raised.value) is failure
    assert len(server.seen) == 1


def test_what_a_call_accepts_is_its_own_affair(server):
    server.answers(web.json_response({"why": "gone"}, status=404))
    with HttpClient(server.url) as client:
        assert client.send(Call(method="GET", path="x", accepts=frozenset({404}))).data == {"why": "gone"}


@pytest.mark.parametrize("call", [POST, PUT])
def test_a_broken_connection_leaves_a_doubt_and_no_repeat(server, call):
    """The connection is kept from a call before: there aiohttp would repeat a PUT by itself."""
    server.answers(ok(), ConnectionError, ok())
    with HttpClient(server.url, retry=QUICK, concurrency=1) as client:
        client.send(GET)
        with pytest.raises(InDoubt):
            client.send(call)
    assert len(server.seen) == 2


def test_a_repeatable_call_is_repeated(server):
    server.answers(ConnectionError, web.Response(status=500), ok([1]))
    with HttpClient(server.url, retry=QUICK) as client:
        assert client.send(GET).data == [1]


def test_silence_after_sending_is_a_doubt(server):
    async def silent(request):
        await asyncio.sleep(1)
        return ok()

    server.handler = silent
    with HttpClient(server.url, timeouts=Timeouts(read=0.05), retry=QUICK) as client:
        with pytest.raises(InDoubt):
            client.send(POST)
        with pytest.raises(Transient):
            client.send(GET)
    assert len(server.seen) == 1 + QUICK.attempts


def test_a_refused_connection_is_no_doubt():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = f"cannot connect to 127.0.0.1:{port}: Connection refused"
    with HttpClient(f"http://127.0.0.1:{port}", retry=QUICK) as client, pytest.raises(Transient, match=said):
        client.send(POST)


def test_a_host_that_nobody_knows_is_named():
    said = "cannot connect to nowhere.invalid:443: its name is not known"
    with HttpClient("https://nowhere.invalid", retry=QUICK) as client, pytest.raises(Transient, match=said):
        client.send(POST)


def test_the_server_says_when_to_come_back(server):
    server.answers(web.Response(status=429, headers={"Retry-After": "1"}), ok("done"))
    with HttpClient(server.url, retry=QUICK) as client:
        assert client.send(POST).data == "done"
    assert server.times[1] - server.times[0] >= 1


def test_who_asks_for_too_long_a_pause_is_not_waited_for(server):
    server.answers(web.Response(status=503, headers={"Retry-After": "3600"}))
    with HttpClient(server.url, retry=QUICK) as client, pytest.raises(Throttled) as raised:
        client.send(GET)
    assert raised.value.retry_after == 3600


def test_a_service_that_is_unavailable_may_have_obeyed(server):
    server.answers(web.Response(status=503, headers={"Retry-After": "1"}))
    with HttpClient(server.url, retry=QUICK) as client, pytest.raises(InDoubt):
        client.send(POST)
    assert len(server.times) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"[" * 100_000, {}),
        (b"[" * 100 + b'"' + b'\\"' * 400_000, {}),
        (b'{"a": ', {}),
        (b"[NaN]", {}),
        (b"[1e999999999]", {}),
        (b"[" + b"1" * 10_000 + b"]", {}),
        (b"[1." + b"1" * 10_000 + b"]", {}),
        (gzip.compress(b"[" + b"{}," * 300_000 + b"{}]"), {"Content-Encoding": "gzip"}),
        (b'["' + b"x" * 2_000_000 + b'"]', {}),
        (gzip.compress(b" " * 50_000_000), {"Content-Encoding": "gzip"}),
        (gzip.compress(b"[1]")[:-4], {"Content-Encoding": "gzip"}),
        (b"[1]", {"Content-Encoding": "br"}),
    ],
    ids=[
        "deep",
        "escapes",
        "cut",
        "nan",
        "exponent",
        "digits",
        "fraction",
        "values",
        "large",
        "bomb",
        "cut-gzip",
        "unasked",
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(server, body, headers):
    """It says nothing about whether the call was obeyed: only a repeatable one has no doubt."""
    made = {"Content-Type": "application/json", **headers}
    server.answers(web.Response(body=body, headers=made), web.Response(body=body, headers=made))
    with HttpClient(server.url, caps=Caps(bytes=1_000_000, values=500_000), retry=QUICK) as client:
        with pytest.raises(InDoubt):
            client.send(POST)
        with pytest.raises(ContractBroken):
            client.send(GET)


def test_brackets_in_a_text_are_not_depth(server):
    server.answers(ok(["[" * 1000]))
    with HttpClient(server.url) as client:
        assert client.send(GET).data == ["[" * 1000]


@pytest.mark.slow
def test_the_rate_is_kept_in_every_window(server):
    async def answer(request):
        return ok()

    server.handler = answer
    with HttpClient(server.url, rate=10, concurrency=16) as client:
        assert len(list(client.send_many(itertools.repeat(GET, 25)))) == 25
    # A request needs a moment to arrive, and not always the same moment.
    gaps = [b - a for a, b in zip(server.times, server.times[10:], strict=False)]
    assert min(gaps) >= 0.95
    assert server.times[-1] - server.times[0] < 3


def test_many_calls_keep_their_places_and_failures_are_values(server):
    async def answer(request):
        number = int(request.path.rpartition("/")[2])
        return web.Response(status=422, text="坏") if number % 10 == 0 else ok(number)

    server.handler = answer
    calls = (Call(method="POST", path=f"n/{i}") for i in range(500))
    with HttpClient(server.url, concurrency=8) as client:
        outcomes = dict(client.send_many(calls))
    assert sorted(outcomes) == list(range(500))
    for index, outcome in outcomes.items():
        if index % 10 == 0:
            assert isinstance(outcome, Rejected)
        else:
            assert not isinstance(outcome, SystemFailure)
            assert outcome.data == index


def test_an_endless_iterator_is_drawn_only_as_far_as_needed(server):
    async def answer(request):
        return ok()

    server.handler = answer
    drawn = 0

    def endless() -> Iterator[Call]:
        nonlocal drawn
        while True:
            drawn += 1
            yield GET

    with HttpClient(server.url, concurrency=4) as client:
        assert len(list(itertools.islice(client.send_many(endless()), 100))) == 100
    assert drawn <= 100 + 2 * 4


def test_what_was_sent_is_told_before_the_iterator_raises(server):
    async def answer(request):
        return ok()

    server.handler = answer

    def breaks() -> Iterator[Call]:
        yield POST
        yield POST
        raise KeyError("source")

    told = []
    with HttpClient(server.url) as client:
        outcomes = client.send_many(breaks())
        told += [next(outcomes)[0], next(outcomes)[0]]
        with pytest.raises(KeyError):
            next(outcomes)
    assert sorted(told) == [0, 1]
    assert len(server.seen) == 2


def test_the_circuit_opens_and_closes(server):
    server.answers(ConnectionError, ConnectionError, ok(1))
    retry = Retry(attempts=1)
    with HttpClient(server.url, retry=retry, breaker=Breaker(failures=2, rest=0.3)) as client:
        for _ in range(2):
            with pytest.raises(InDoubt):
                client.send(POST)
        with pytest.raises(Transient, match="not sent"):
            client.send(POST)
        assert len(server.seen) == 2
        time.sleep(0.35)
        assert client.send(POST).data == 1


@pytest.mark.parametrize("path", ["a/../b", "a/%2E%2e/b", "a?x=1", "a#b", "./a"])
def test_a_path_stays_below_the_base(server, path):
    with HttpClient(server.url) as client, pytest.raises(ValueError, match="percent-encoded"):
        client.send(Call(method="GET", path=path))
    assert server.seen == []


def test_a_header_cannot_smuggle_another(server):
    with HttpClient(server.url) as client, pytest.raises(ValueError, match="line break"):
        client.send(Call(method="GET", path="x", headers={"X": "a\r\nY: b"}))
    assert server.seen == []


@pytest.mark.parametrize(
    "url", ["http://erp.example", "ftp://erp.example", "https://u:p@erp.example", "https://e/?a=1"]
)
def test_a_base_url_is_judged(url):
    with pytest.raises(ValueError, match=r"URL|plain http"):
        HttpClient(url)


@pytest.mark.parametrize("parameter", [False, True])
def test_no_secret_is_told(server, caplog, parameter):
    secret = 'pa"ss wörd+密钥/'
    caplog.set_level(logging.DEBUG)
    key = Secret(secret)

    async def echo(request):
        return web.Response(
            status=400, text=f"{request.rel_url} {secret} {request.headers.get('Authorization')}"
        )

    server.handler = echo
    auth = ApiKey(key, parameter="key") if parameter else bearer(Secret("tok-密-1234567"))
    with HttpClient(server.url, auth) as client, pytest.raises(Rejected) as raised:
        client.send(GET)
    told = f"{raised.value!r} {client!r} {auth!r} {caplog.text}"
    hidden = ["1234567"] if not parameter else [secret, "pa%22ss", "w%C3%B6rd"]
    assert [form for form in hidden if form in told] == []
    assert raised.value.__cause__ is None
