"""Lists of every scheme, answers made to deceive or to exhaust, and values that careless readers damage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from erpoa_cli.core.plan import Verdict
from erpoa_cli.core.schema import STRING, TIMESTAMPTZ, Field, decimal
from erpoa_cli.sdk.connector import ReadRequest

from .shelf import Shelf, shelf, things, told
from .twin import opened

FIELDS = {"code": "string", "name": "string"}
ROWS = [{"code": f"{n:03}", "name": f"名{n}"} for n in range(23)]


def answering(answer: Any) -> Shelf:
    it = Shelf()

    async def hook(request: web.BaseRequest) -> Any:
        return answer(request, it.bodies[-1])

    it.hook = hook
    return it


def read(said: Mapping[str, Any], *fields: Field, **asked: Any) -> tuple[list[dict[str, Any]], Verdict]:
    with opened(said) as session:
        names = fields or (Field("code", STRING), Field("name", STRING))
        reading = session.read(ReadRequest(object="things", fields=names, **asked))
        rows = [row for batch in reading for row in batch.to_pylist()]
        return rows, reading.verdict


def cut(start: int, size: int = 5) -> list[dict[str, str]]:
    return ROWS[start : start + size]


def by_page(request: web.BaseRequest, _: Any) -> web.Response:
    return told({"data": {"list": cut(int(request.query["pageNo"]) * 5, int(request.query["n"]))}})


def by_page_in_body(_: web.BaseRequest, body: Any) -> web.Response:
    assert body["filter"] == {"all": True}
    place = body["paging"]
    return told({"data": {"list": cut((place["no"] - 1) * place["size"], place["size"])}})


def by_cursor(request: web.BaseRequest, _: Any) -> web.Response:
    start = int(request.query.get("cursor", "0"))
    more = start + 5 < len(ROWS)
    # The last page has a token too: `more` is what counts.
    return told({"data": {"list": cut(start), "next": str(start + 5), "has_more": more}})


def by_key(request: web.BaseRequest, _: Any) -> web.Response:
    after = request.query.get("since_code", "")
    return told({"data": {"list": [r for r in ROWS if r["code"] > after][:5]}})


def by_link(request: web.BaseRequest, _: Any) -> web.Response:
    start = int(request.query.get("at", "0"))
    link = {"Link": f'</things?at={start + 5}>; rel="next"'} if start + 5 < len(ROWS) else {}
    return told({"data": {"list": cut(start)}}, **link)


@pytest.mark.parametrize(
    ("answer", "paging"),
    [
        (by_page, {"type": "page", "parameter": "pageNo", "start": 0, "size": {"n": 5}}),
        (
            by_page_in_body,
            {"type": "page", "parameter": "paging.no", "in": "body", "size": {"paging.size": 4}},
        ),
        (by_cursor, {"type": "cursor", "next": "data.next", "more": "data.has_more"}),
        (by_key, {"type": "keyset", "parameter": "since_code"}),
        (by_link, {"type": "link"}),
    ],
)
def test_every_scheme_gives_every_row_once(answer: Any, paging: dict[str, Any]):
    list_ = (
        {"call": "POST /query", "body": {"filter": {"all": True}}} if "body" in str(paging) else "GET /things"
    )
    with shelf(answering(answer)) as it:
        said = {**things(it.url, FIELDS, list=list_, paging=paging), "records": "data.list"}
        rows, verdict = read(said)
    assert rows == ROWS
    assert (verdict.status, verdict.evidence["rows"]) == ("complete", 23)


@pytest.mark.parametrize("total", [22, 24, 0])
def test_a_total_that_lies_is_told(total: int):
    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        return told({"items": cut(int(request.query["offset"])), "total": total})

    with shelf(answering(answer)) as it:
        rows, verdict = read(things(it.url, FIELDS))
    assert len(rows) == 23
    assert verdict.status == "partial"
    assert f"counts {total} rows and gave 23" in verdict.reason


def test_a_record_that_comes_twice_is_told():
    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        start = int(request.query["offset"])
        return told(
            {"items": cut(start - (start > 0)), "total": 23} if start < 23 else {"items": [], "total": 23}
        )

    with shelf(answering(answer)) as it:
        _, verdict = read(things(it.url, FIELDS))
    assert verdict.status == "partial"
    assert "came twice" in verdict.reason


def test_a_list_without_an_end_is_given_up():
    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        start = int(request.query["offset"])
        return told({"items": [{"code": str(start + n), "name": ""} for n in range(50)], "total": 10**9})

    with shelf(answering(answer)) as it:
        _, verdict = read({**things(it.url, FIELDS), "caps": {"rows": 500}})
    assert verdict.status == "partial"
    assert "more than 500 rows" in verdict.reason


BOMB = gzip.compress(b'{"items": [' + b'"x",' * 30_000_000 + b'"x"], "total": 1}')
JSON = "application/json"


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (BOMB, {"Content-Type": JSON, "Content-Encoding": "gzip"}, "takes more than"),
        (b'{"items": ["' + b"x" * 2_000_000 + b'"], "total": 1}', {"Content-Type": JSON}, "takes more than"),
        (b'{"items": ' + b"[" * 200 + b"]" * 200 + b"}", {"Content-Type": JSON}, "nested deeper"),
        (b'{"items": [{"code": "1"', {"Content-Type": JSON}, "not valid JSON"),
        (b'{"items": [NaN], "total": 1}', {"Content-Type": JSON}, "NaN"),
        (
            b'{"items": [{"code": "1", "code": "2"}], "total": 1}',
            {"Content-Type": JSON},
            "a key occurs twice",
        ),
        (b'{"items": [{"code": 1e999999999}], "total": 1}', {"Content-Type": JSON}, "more than 1,000 digits"),
        ("名".encode("gb18030"), {"Content-Type": f"{JSON}; charset=utf-8"}, "not valid JSON"),
        (b"<html>canary", {"Content-Type": "text/html"}, "no list"),
        (b'{"items": {"code": "1"}, "total": 1}', {"Content-Type": JSON}, "no list"),
        (b'{"items": [], "total": "many"}', {"Content-Type": JSON}, "no number"),
        (b"", {"Content-Type": JSON}, "no list"),
    ],
)
def test_an_answer_that_is_none_is_never_no_rows(content: bytes, headers: dict[str, str], words: str):
    with shelf(answering(lambda *_: web.Response(body=content, headers=headers))) as it:
        rows, verdict = read(
            {**things(it.url, FIELDS), "caps": {"bytes": 1_000_000}, "retry": {"attempts": 1}}
        )
    assert rows == []
    assert verdict.status == "failed"
    assert words in verdict.reason
    assert "canary" not in verdict.reason


def test_redirects_are_refused():
    asked: list[str] = []

    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    with shelf(answering(answer)) as it:
        _, verdict = read(things(it.url, FIELDS))
    assert verdict.status == "failed"
    assert "redirects are not followed" in verdict.reason
    assert set(asked) == {"/things"}


def test_values_come_as_they_are():
    record = (
        '{"code": "007", "name": "null", "id": 12345678901234567890, "price": 1234567890123456.789012,'
        ' "flag": false, "moment": 1767225600123, "note": null, "inner": {"code": "0001"}}'
    )
    fields = {
        **FIELDS, "id": "decimal(20,0)", "price": "decimal(22,6)", "flag": "boolean", "note": "string",
        "moment": {"type": "timestamptz", "format": "unix_ms"}, "nested": {"type": "string", "path": "inner.code"},
    }  # fmt: skip
    body = f'{{"items": [{record}], "total": 1}}'
    asked = [Field(n, STRING) for n in ("code", "name", "note", "nested", "flag")]
    asked += [Field("id", decimal(20, 0)), Field("price", decimal(22, 6)), Field("moment", TIMESTAMPTZ)]

    def once(request: web.BaseRequest, _: Any) -> web.Response:
        empty = '{"items": [], "total": 1}'
        return web.Response(text=body if request.query["offset"] == "0" else empty, content_type=JSON)

    with shelf(answering(once)) as it:
        [row], verdict = read(things(it.url, fields), *asked)
    assert verdict.status == "complete"
    assert row == {
        "code": "007", "name": "null", "note": None, "nested": "0001", "flag": "false",
        "id": "12345678901234567890", "price": "1234567890123456.789012",
        "moment": "2026-01-01T00:00:00.123000+00:00",
    }  # fmt: skip


def page_of(record: str) -> Any:
    def once(request: web.BaseRequest, _: Any) -> web.Response:
        rows = f"[{record}]" if request.query["offset"] == "0" else "[]"
        return web.Response(text=f'{{"items": {rows}, "total": 1}}', content_type=JSON)

    return answering(once)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ('{"code": "1"}', "record 1 has no name; if the API leaves empty fields out"),
        ('{"code": "1", "name": "\\ud800"}', "record 1: name has characters that are none"),
        ('{"code": "1", "name": ["a"]}', "record 1: name is a list or an object"),
        ('"text"', "record 1 has no code"),
    ],
)
def test_a_record_that_is_not_as_described_is_left_out_and_told(record: str, words: str):
    with shelf(page_of(record)) as it:
        rows, verdict = read(things(it.url, FIELDS))
    assert rows == []
    assert verdict.status == "partial"
    assert words in verdict.reason


def test_an_absent_field_is_null_where_the_api_leaves_nulls_out():
    with shelf(page_of('{"code": "1"}')) as it:
        rows, verdict = read(things(it.url, FIELDS, omits_nulls=True))
    assert (rows, verdict.status) == ([{"code": "1", "name": None}], "complete")


@pytest.mark.parametrize("kind", ["application/json; charset=GBK", "text/plain;charset=gb2312", "text/html"])
def test_bodies_in_gb18030_under_any_name(kind: str):
    content = json.dumps({"items": [{"code": "1", "name": "㐀名—€"}], "total": 1}, ensure_ascii=False).encode(
        "gb18030"
    )
    empty = b'{"items": [], "total": 1}'

    def once(request: web.BaseRequest, _: Any) -> web.Response:
        body = content if request.query["offset"] == "0" else empty
        return web.Response(body=body, headers={"Content-Type": kind})

    with shelf(answering(once)) as it:
        rows, _ = read({**things(it.url, FIELDS), "encoding": "gb18030"})
    assert rows == [{"code": "1", "name": "㐀名—€"}]


def test_what_is_narrowed_is_compared_again():
    """A filter that finds similar values, and one the API does not have."""
    seen: list[dict[str, str]] = []

    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        seen.append(dict(request.query))
        rows = [r for r in ROWS if request.query.get("q", "") in r["name"]]
        return told({"items": rows if request.query["offset"] == "0" else [], "total": len(rows)})

    with shelf(answering(answer)) as it:
        said = things(it.url, FIELDS, filters={"name": "q"})
        assert read(said, filter={"name": "名1"})[0] == [ROWS[1]]
        assert read(said, filter={"name": ["名1", "名2"], "code": "001"})[0] == [ROWS[1]]
        assert read(said, filter={"name": None})[0] == []
    assert seen[0]["q"] == "名1"
    assert "q" not in seen[2]


def test_options_and_fixed_parameters_are_sent():
    with shelf() as it:
        it.records = {r["code"]: r for r in ROWS}
        said = {**things(it.url, FIELDS), "query": {"tenant": "01"}, "headers": {"X-Lang": "zh"}}
        rows, _ = read(said, options={"query": {"status": "all", "n": 7}})
        assert len(rows) == 23
        assert all("tenant=01" in call and "status=all" in call and "n=7" in call for call in it.seen)


def test_since_is_asked_for_in_the_words_of_the_api():
    fields = {**FIELDS, "changed": {"type": "timestamptz", "format": "%Y-%m-%d %H:%M:%S"}}
    rows = [{**ROWS[n], "changed": f"2026-01-0{n} 00:00:00"} for n in range(1, 5)]
    seen: list[str] = []

    def answer(request: web.BaseRequest, _: Any) -> web.Response:
        seen.append(request.query["from"])
        return told({"items": rows if request.query["offset"] == "0" else [], "total": 4})

    asked = (Field("code", STRING), Field("changed", TIMESTAMPTZ))
    with shelf(answering(answer)) as it:
        said = things(it.url, fields, since={"changed": "from"})
        found, _ = read(said, *asked, cursor="changed", since="2026-01-03T00:00:00.500000Z")
    assert seen[0] == "2026-01-03 00:00:00"
    assert [row["code"] for row in found] == ["004"]
