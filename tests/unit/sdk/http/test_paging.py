"""Pages of a server that may lose, repeat or hide some of them."""

from __future__ import annotations

import pytest
from aiohttp import web

from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.http import Call, HttpClient, Pages, Paging, Scheme

CALL = Call(method="GET", path="rows", query={"f": "华 新&"}, repeatable=True)
ROWS = [{"id": n, "name": f"供应商{n}"} for n in range(1, 8)]
SIZE = 3


class Shop:
    """Gives `ROWS` in pages of three, by every scheme."""

    def __init__(self, total: int = len(ROWS), lost: int = 0, link: str = "") -> None:
        self.total, self.lost, self.link = total, lost, link

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = request.query
        assert asked["f"] == "华 新&"
        start = int(asked.get("offset", asked.get("after", asked.get("cursor", 0))))
        if "page" in asked:
            start = (int(asked["page"]) - 1) * SIZE
        end = start + SIZE
        more = end < len(ROWS)
        target = self.link or f"{request.path}?f=%E5%8D%8E%20%E6%96%B0%26&cursor={end}"
        body = {
            "data": {"rows": [row for row in ROWS[start:end] if row["id"] != self.lost]},
            "total": self.total,
            "next": str(end) if more else None,
        }
        headers = {"Link": f'</api/rows>; rel="first", <{target}>; rel="next"'} if more else {}
        return web.json_response(body, headers=headers)


PAGING = {
    "page": Paging(scheme=Scheme.PAGE, parameter="page", rows=("data", "rows"), total=("total",)),
    "offset": Paging(scheme=Scheme.OFFSET, parameter="offset", rows=("data", "rows"), total=("total",)),
    "keyset": Paging(
        scheme=Scheme.KEYSET, parameter="after", next=("id",), rows=("data", "rows"), total=("total",)
    ),
    "cursor": Paging(
        scheme=Scheme.CURSOR, parameter="cursor", next=("next",), rows=("data", "rows"), total=("total",)
    ),
    "link": Paging(scheme=Scheme.LINK, rows=("data", "rows"), total=("total",)),
}


def read(server, paging: Paging) -> tuple[list, Pages]:
    with HttpClient(server.url) as client:
        pages = Pages(client, CALL, paging)
        return [row for page in pages for row in page], pages


@pytest.mark.parametrize("scheme", PAGING)
def test_all_rows_come_once(server, scheme):
    server.handler = Shop()
    rows, pages = read(server, PAGING[scheme])
    assert rows == ROWS
    assert pages.faults == []


@pytest.mark.parametrize("scheme", ["page", "keyset", "cursor", "link"])
def test_a_lost_row_is_noticed(server, scheme):
    server.handler = Shop(lost=2)
    rows, pages = read(server, PAGING[scheme])
    assert len(rows) == 6
    assert pages.faults == ["the server counts 7 rows and gave 6"]


def test_a_server_that_ignores_the_place_does_not_go_on_for_ever(server):
    async def same(request):
        return web.json_response({"data": {"rows": ROWS}, "total": 7})

    server.handler = same
    rows, pages = read(server, PAGING["page"])
    assert rows == ROWS
    assert pages.faults == ["page 2 is the same as one before it"]


def test_endless_pages_end(server):
    async def endless(request):
        return web.json_response([int(request.query["page"])])

    server.handler = endless
    rows, pages = read(server, Paging(scheme=Scheme.PAGE, parameter="page", most=5))
    assert rows == [1, 2, 3, 4, 5]
    assert pages.faults == ["there are more than 5 pages"]


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.example/api/rows",
        "/other/rows",
        "/api/../other",
        "/api/rows?a=1&a=2",
        "//evil.example/api/x",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(server, link):
    server.handler = Shop(link=link)
    with pytest.raises(ContractBroken, match="link"):
        read(server, PAGING["link"])
    assert len(server.seen) == 1


@pytest.mark.parametrize("cursor", [[1], {"a": 1}, True])
def test_a_cursor_that_is_none_is_refused(server, cursor):
    server.answers(web.json_response({"data": {"rows": ROWS}, "total": 7, "next": cursor}))
    with pytest.raises(ContractBroken, match="go on from"):
        read(server, PAGING["cursor"])


def test_an_answer_without_the_list_is_no_empty_object(server):
    server.answers(web.json_response({"errcode": 40001, "errmsg": "不合法"}))
    with pytest.raises(ContractBroken, match=r"no list at data\.rows"):
        read(server, PAGING["cursor"])
