"""What the twin does when nothing is wrong, and how it refuses what is."""

from __future__ import annotations

import threading
from urllib.parse import quote

import pytest
from erpoa_twin import Twin, running

from .client import ORDERS, Client, order

HOSTILE = [
    "'; drop table document; --",
    "<script>alert(1)</script>",
    "\u202e反转",
    "e\u0301 é",
    "𠮷野家",
    " 空 格 ",
    '"$.x"',
]


def test_an_order_goes_its_way(client: Client, twin: Twin):
    made = client("POST", ORDERS, order())
    assert (made.status, made.header("Location"), made.header("ETag")) == (201, f"{ORDERS}/1", '"1"')
    assert (made.data["number"], made.data["state"], made.data["total"]) == ("PO000001", "draft", "4.31")
    for call, state in [
        ("submit", "submitted"),
        ("audit", "confirmed"),
        ("receive", "received"),
        ("close", "closed"),
    ]:
        assert client("POST", f"{ORDERS}/1/{call}").data["state"] == state
    assert client("GET", f"{ORDERS}/1").data["lines"][0]["received"] == "3.5"
    effects = [e["effect"] for e in twin.effects(kind="purchase_orders", key="PR-1")]
    assert effects == ["create", "submit", "audit", "receive", "close"]


@pytest.mark.parametrize(
    ("before", "call"),
    [
        ("", "audit"),
        ("submit", "close"),
        ("submit audit", "submit"),
        ("cancel", "submit"),
        ("submit audit receive", "cancel"),
    ],
)
def test_a_state_forbids_what_does_not_lead_from_it(client: Client, twin: Twin, before: str, call: str):
    client("POST", ORDERS, order())
    for name in before.split():
        assert client("POST", f"{ORDERS}/1/{name}").status == 200
    count = len(twin.effects())
    assert client("POST", f"{ORDERS}/1/{call}").error[:2] == (409, "STATE_FORBIDS")
    assert len(twin.effects()) == count


def test_only_a_draft_is_edited_and_deleted(client: Client):
    client("POST", ORDERS, order())
    assert client("PATCH", f"{ORDERS}/1", {"note": "急"}).data["note"] == "急"
    client("POST", f"{ORDERS}/1/submit")
    assert client("PATCH", f"{ORDERS}/1", {"note": "慢"}).error == (409, "STATE_FORBIDS", "note")
    assert client("DELETE", f"{ORDERS}/1").error[:2] == (409, "STATE_FORBIDS")
    client("POST", f"{ORDERS}/1/withdraw")
    assert client("DELETE", f"{ORDERS}/1").status == 204
    assert client("GET", f"{ORDERS}/1").error[:2] == (404, "NOT_FOUND")
    assert client("POST", ORDERS, order()).data["id"] == 2  # no id is given twice


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"supplier": "S9"}, (422, "MASTER_UNKNOWN", "supplier")),
        ({"supplier": "S0009"}, (422, "MASTER_INACTIVE", "supplier")),
        ({"supplier": None}, (422, "FIELD_REQUIRED", "supplier")),
        ({"currency": "XXX"}, (422, "MASTER_UNKNOWN", "currency")),
        ({"total": "1"}, (422, "FIELD_READ_ONLY", "total")),
        ({"供应商": "S0001"}, (422, "FIELD_UNKNOWN", "供应商")),
        ({"note": "x" * 401}, (422, "FIELD_INVALID", "note")),
        ({"note": "\ud800"}, (422, "FIELD_INVALID", "note")),
        ({"note": "a\0b"}, (422, "FIELD_INVALID", "note")),
        ({"order_date": "20260131"}, (422, "FIELD_INVALID", "order_date")),
        ({"order_date": "2026-02-30"}, (422, "FIELD_INVALID", "order_date")),
        ({"lines": []}, (422, "FIELD_REQUIRED", "lines")),
        ({"lines": [{"product": "P1", "quantity": 1, "price": 1}]}, (422, "MASTER_UNKNOWN", "lines[0].product")),
        ({"lines": [{"product": "P100", "quantity": "１", "price": 1}]}, (422, "FIELD_INVALID", "lines[0].quantity")),
        ({"lines": [{"product": "P100", "quantity": 0, "price": 1}]}, (422, "FIELD_INVALID", "lines[0]")),
        ({"lines": [{"product": "P100", "quantity": 1e300, "price": 1}]}, (422, "FIELD_INVALID", "lines[0].quantity")),
        ({"lines": [{"product": "P100", "quantity": 1, "price": None}]}, (422, "FIELD_REQUIRED", "lines[0].price")),
        ({"lines": ["P100"]}, (400, "BODY_INVALID", "lines[0]")),
    ],
)  # fmt: skip
def test_a_bad_field_is_refused_by_name_and_without_effect(
    client: Client, twin: Twin, change: dict, refused: tuple
):
    assert client("POST", ORDERS, order(**change)).error == refused
    assert twin.effects() == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"1" * 5000])
def test_a_body_that_is_no_object_is_refused(client: Client, body: bytes):
    got = client.raw("POST", ORDERS, body, {"Authorization": f"Bearer {client.token}"})
    assert got.error[:2] == (400, "BODY_INVALID")


@pytest.mark.parametrize(
    ("currency", "quantity", "price", "total"),
    [("CNY", "1", "0.005", "0.01"), ("JPY", "3", "0.5", "2"), ("KWD", "1", "1.0005", "1.001"),
     ("CNY", "999999999999.999999", "999999999999.999999", "999999999999999998000000.00")],
)  # fmt: skip
def test_totals_are_the_servers_and_exact(
    client: Client, currency: str, quantity: str, price: str, total: str
):
    lines = [{"product": "P100", "quantity": quantity, "price": price}]
    assert client("POST", ORDERS, order(currency=currency, lines=lines)).data["total"] == total


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back_as_it_went_in(client: Client, text: str):
    made = client("POST", ORDERS, order(text, note=text)).data
    [found] = client("GET", f"{ORDERS}?reference={quote(text)}").data["items"]
    assert (found["id"], found["reference"], found["note"]) == (made["id"], text, text)


def test_a_moved_version_is_refused(client: Client):
    client("POST", ORDERS, order())
    assert client("PATCH", f"{ORDERS}/1", {"note": "一"}, if_match='"1"').header("ETag") == '"2"'
    assert client("PATCH", f"{ORDERS}/1", {"note": "二"}, if_match='"1"').error[:2] == (412, "VERSION_MOVED")
    assert client("POST", f"{ORDERS}/1/submit", if_match='"1"').error[:2] == (412, "VERSION_MOVED")
    assert client("DELETE", f"{ORDERS}/1", if_match='"1"').error[:2] == (412, "VERSION_MOVED")
    assert client("GET", f"{ORDERS}/1").data["note"] == "一"


def test_no_update_is_lost_among_many_writers(client: Client, twin: Twin):
    client("POST", ORDERS, order(note="0"))

    def add_ten() -> None:
        done = 0
        while done < 10:
            now = client("GET", f"{ORDERS}/1").data
            changed = client(
                "PATCH", f"{ORDERS}/1", {"note": str(int(now["note"]) + 1)}, if_match=f'"{now["version"]}"'
            )
            done += changed.status == 200

    writers = [threading.Thread(target=add_ten) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    now = client("GET", f"{ORDERS}/1").data
    assert (now["note"], now["version"]) == ("40", 41)
    assert len(twin.effects(effect="change")) == 40


def test_a_batch_answers_item_by_item(client: Client, twin: Twin):
    items = [order("B-1"), order("B-2", supplier="没有"), order("B-1"), "x", order("B-3")]
    got = client("POST", f"{ORDERS}/batch", {"items": items})
    assert got.status == 200
    told = [(r["index"], r["status"], r.get("number") or r["error"]["code"]) for r in got.data["results"]]
    assert told == [
        (0, "created", "PO000001"), (1, "refused", "MASTER_UNKNOWN"), (2, "refused", "DUPLICATE"),
        (3, "refused", "BODY_INVALID"), (4, "created", "PO000002"),
    ]  # fmt: skip
    assert [e["key"] for e in twin.effects()] == ["B-1", "B-3"]
    assert client("POST", f"{ORDERS}/batch", {"items": [{}] * 101}).error == (400, "BODY_INVALID", "items")


def test_a_key_makes_a_create_safe_to_repeat(client: Client, twin: Twin):
    first = client("POST", ORDERS, order(), idempotency_key="键-1".encode().hex())
    again = client("POST", ORDERS, order(), idempotency_key="键-1".encode().hex())
    assert (again.status, again.text, again.header("Idempotent-Replayed")) == (201, first.text, "true")
    other = client("POST", ORDERS, order("PR-2"), idempotency_key="键-1".encode().hex())
    assert other.error[:2] == (422, "KEY_REUSED")
    assert len(twin.effects()) == 1
    batch = {"items": [order("B-1"), {}]}
    answers = {client("POST", f"{ORDERS}/batch", batch, idempotency_key="b").text for _ in range(3)}
    assert len(answers) == 1
    assert len(twin.effects(key="B-1")) == 1


@pytest.mark.parametrize(("safety", "orders", "second"), [("lookup", 1, 409), ("none", 2, 201)])
def test_less_safe_servers_ignore_keys(safety: str, orders: int, second: int):
    with running(create_safety=safety) as twin:
        client = Client(twin)
        assert client("POST", ORDERS, order(), idempotency_key="k").status == 201
        assert client("POST", ORDERS, order(), idempotency_key="k").status == second
        assert len(twin.effects(effect="create")) == orders
        found = client("GET", f"{ORDERS}?reference=PR-1")
        assert found.status == (200 if safety == "lookup" else 400)


@pytest.mark.parametrize("scheme", ["offset", "page", "cursor"])
def test_every_way_of_paging_shows_every_row_once(client: Client, twin: Twin, scheme: str):
    twin.admin("POST", "documents", {"suppliers": [{"code": f"N{n}", "name": f"新{n}"} for n in range(10)]})
    seen: list[int] = []
    query = {"offset": "limit=4", "page": "page_size=4", "cursor": "limit=4"}[scheme]
    more = ""
    while True:
        got = client("GET", f"/api/suppliers?{query}{more}").data
        assert got["total"] == 14
        seen += [row["id"] for row in got["items"]]
        if len(got["items"]) < 4:
            break
        steps = {
            "offset": str(len(seen)),
            "page": str(len(seen) // 4 + 1),
            "cursor": got.get("next_cursor", ""),
        }
        more = f"&{scheme}={steps[scheme]}"
    assert seen == list(range(1, 15))


def test_filters_and_changes_since(client: Client):
    for number in range(3):
        client("POST", ORDERS, order(f"R{number}"))
    since = client("POST", f"{ORDERS}/2/submit").data["updated_at"]
    assert [r["id"] for r in client("GET", f"{ORDERS}?state=submitted").data["items"]] == [2]
    assert [r["id"] for r in client("GET", f"{ORDERS}?updated_since={since}").data["items"]] == [2]
    assert [r["code"] for r in client("GET", "/api/suppliers?active=false").data["items"]] == ["S0009"]
    for query in [
        "x=1",
        "limit=0",
        "limit=201",
        "page=1&offset=1",
        "page=1&limit=5",
        "cursor=%00",
        "updated_since=2026",
        "active=1",
    ]:
        assert client("GET", f"/api/suppliers?{query}").status == 400, query


def test_a_master_in_use_stays(client: Client):
    client("POST", ORDERS, order(buyer="E001"))
    for path in ["suppliers/1", "products/1", "employees/1", "departments/1"]:
        assert client("DELETE", f"/api/{path}").error[:2] == (409, "IN_USE"), path
    assert client("PATCH", "/api/suppliers/1", {"code": "S1"}).error[:2] == (409, "IN_USE")
    assert client("PATCH", "/api/suppliers/1", {"active": False}).status == 200
    assert client("PATCH", f"{ORDERS}/1", {"note": "旧单照改"}).status == 200
    assert client("POST", ORDERS, order("PR-2")).error == (422, "MASTER_INACTIVE", "supplier")
    assert client("POST", "/api/suppliers", {"code": "S0002", "name": "重"}).error == (
        409,
        "DUPLICATE",
        "code",
    )
    assert client("DELETE", "/api/suppliers/2").status == 204


def test_a_cancelled_order_gives_its_reference_back(client: Client):
    for number in (1, 2):
        assert client("POST", ORDERS, order("PR-退")).status == 201
        assert client("POST", ORDERS, order("PR-退")).error == (409, "DUPLICATE", "reference")
        assert client("POST", f"{ORDERS}/{number}/cancel").status == 200
    assert [d["state"] for d in client("GET", f"{ORDERS}?reference=PR-%E9%80%80").data["items"]] == [
        "cancelled"
    ] * 2


def test_a_token_is_wanted_and_ends(client: Client, twin: Twin):
    assert client.raw("GET", ORDERS, None, {}).error[:2] == (401, "TOKEN_INVALID")
    assert client("GET", ORDERS).status == 200
    twin.admin("POST", "clock", {"advance": 3600})
    assert client("GET", ORDERS).error[:2] == (401, "TOKEN_INVALID")
    client.login()
    assert client("GET", ORDERS).status == 200


def test_a_wrong_secret_gives_no_token(client: Client):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    told = "grant_type=client_credentials&client_id=twin&client_secret="
    assert client.raw("POST", "/oauth/token", f"{told}错".encode(), form).status == 401
    basic = {"Authorization": "Basic dHdpbjp0d2luLXNlY3JldA==", **form}
    assert client.raw("POST", "/oauth/token", b"grant_type=client_credentials", basic).status == 200


def test_a_file_outlives_the_server(tmp_path):
    place = tmp_path / "孪生 1.db"
    with running(data=place) as twin:
        client = Client(twin)
        before = client("POST", ORDERS, order(), idempotency_key="k").text
        client("DELETE", "/api/suppliers/2")
    with running(data=place) as twin:
        client = Client(twin)
        assert client("GET", f"{ORDERS}/1").text == before
        assert client("GET", "/api/suppliers").data["total"] == 3
        assert client("POST", ORDERS, order(), idempotency_key="k").text == before
        assert [e["effect"] for e in twin.effects(kind="purchase_orders")] == ["create"]


def test_reset_is_as_at_the_first_start(client: Client, twin: Twin):
    client("POST", ORDERS, order())
    assert twin.admin("POST", "reset", {"seed": 7}) == {"seed": 7}
    assert twin.admin("GET", "seed") == {"seed": 7}
    assert twin.effects() == []
    client.login()
    assert client("POST", ORDERS, order()).data["created_at"] == "2026-01-01T00:00:13Z"
    twin.admin("POST", "reset", {"example": False})
    assert set(twin.admin("GET", "counters")["documents"].values()) == {0}


def test_the_admin_api_counts_calls_and_serves_no_browser(client: Client, twin: Twin):
    client("POST", ORDERS, order())
    client("GET", f"{ORDERS}/9")
    told = twin.admin("GET", "counters")
    assert (told["calls"], told["effects"]) == (
        {"200": 1, "201": 1, "404": 1},
        {"purchase_orders": {"create": 1}},
    )
    assert [(c["method"], c["path"], c["status"]) for c in twin.admin("GET", "calls")["calls"]] == [
        ("POST", "/oauth/token", 200), ("POST", ORDERS, 201), ("GET", f"{ORDERS}/9", 404),
    ]  # fmt: skip
    assert client.raw("POST", "/_twin/reset", b"{}", {"Origin": "https://evil.example"}).error[:2] == (
        403,
        "LOCAL_ONLY",
    )
    for path, content in [
        ("clock", {"advance": -1}),
        ("seed", {"seed": "x"}),
        ("reset", {"all": True}),
        ("documents", {"x": []}),
    ]:
        with pytest.raises(RuntimeError):
            twin.admin("PUT" if path == "seed" else "POST", path, content)


def test_documents_are_loaded_all_or_none(twin: Twin):
    rows = {"suppliers": [{"code": "N1", "name": "新"}, {"code": "N1", "name": "重"}]}
    with pytest.raises(RuntimeError, match="taken"):
        twin.admin("POST", "documents", rows)
    assert twin.admin("GET", "counters")["documents"]["suppliers"] == 4


def test_settings_that_cannot_be(tmp_path):
    for wrong in ({"create_safety": "maybe"}, {"port": 70000}, {"private_key": tmp_path}):
        with pytest.raises(ValueError), running(**wrong):
            pass


def test_a_file_that_is_something_else_is_left_alone(tmp_path):
    place = tmp_path / "notes.txt"
    place.write_text("不是数据库\n" * 100, encoding="utf-8")
    before = place.read_bytes()
    for data in (place, tmp_path / "nowhere" / "twin.db"):
        with pytest.raises(ValueError, match=data.name), running(data=data):
            pass
    assert place.read_bytes() == before
