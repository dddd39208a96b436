"""erpoa's own HTTP client against the twin: what it promises holds by the twin's audit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from erpoa_twin import Twin

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import InDoubt, SystemFailure
from erpoa_cli.sdk.http import Call, ClientCredentials, HttpClient, Pages, Paging, Retry, Scheme

from .client import ORDERS, order

PAGING = {
    "page": Paging(scheme=Scheme.PAGE, parameter="page", rows=("items",), total=("total",)),
    "offset": Paging(scheme=Scheme.OFFSET, parameter="offset", rows=("items",), total=("total",)),
    "cursor": Paging(
        scheme=Scheme.CURSOR, parameter="cursor", next=("next_cursor",), rows=("items",), total=("total",)
    ),
}


@pytest.fixture
def http(twin: Twin) -> Iterator[HttpClient]:
    who = ClientCredentials(f"{twin.url}/oauth/token", "twin", Secret("twin-secret"))
    with HttpClient(twin.url, who, retry=Retry(attempts=12, first=0.01, longest=0.05)) as client:
        yield client


@pytest.mark.parametrize("scheme", PAGING)
def test_every_row_is_read_through_faults(twin: Twin, http: HttpClient, scheme: str):
    twin.admin("POST", "documents", {"suppliers": [{"code": f"N{n:03}", "name": "新"} for n in range(96)]})
    gets = {"rate": 0.15, "on": "GET /api/*"}
    twin.faults(
        rate_limited={**gets, "retry_after": 0}, token_expired={**gets, "rate": 1, "times": 1}, error_before_commit=gets, truncated=gets,
    )  # fmt: skip
    query = {"page_size" if scheme == "page" else "limit": "10"}
    pages = Pages(
        http, Call(method="GET", path="api/suppliers", query=query, repeatable=True), PAGING[scheme]
    )
    assert [row["id"] for page in pages for row in page] == list(range(1, 101))
    assert pages.faults == []
    assert twin.admin("GET", "counters")["faults"]


def test_doubt_is_told_only_where_there_is_one(twin: Twin, http: HttpClient):
    """No lost answer is reported as a refusal, and what is said to have had no effect had none."""
    twin.faults(
        dropped_before_commit=0.2, dropped_after_commit=0.2, error_before_commit=0.2, error_after_commit={"rate": 0.2, "status": 503},
        rate_limited={"rate": 0.2, "retry_after": 0},
    )  # fmt: skip
    made, doubted = set(), set()
    for n in range(60):
        try:
            http.send(Call(method="POST", path=ORDERS.lstrip("/"), json=order(f"单-{n}")))
            made.add(f"单-{n}")
        except InDoubt:
            doubted.add(f"单-{n}")
        except SystemFailure:
            pass
    twin.faults()
    effects = [e["key"] for e in twin.effects(kind="purchase_orders", effect="create")]
    assert len(effects) == len(set(effects))
    assert made <= set(effects) <= made | doubted
    assert doubted & set(effects)
    assert doubted - set(effects)
