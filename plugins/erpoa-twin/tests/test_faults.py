"""Each fault does what it says; what it did is told by the audit, not by the client."""

from __future__ import annotations

import json
import time

import pytest
from erpoa_twin import FAULTS, FaultsInvalid, Twin, running
from erpoa_twin.faults import Drawing, named, rules

from .client import ORDERS, Client, Got, order

ONCE = {"rate": 1, "times": 1, "on": "POST /api/*"}


def met(twin: Twin) -> dict[str, int]:
    return dict(twin.admin("GET", "counters")["faults"])


@pytest.mark.parametrize(
    ("fault", "options", "status", "effects"),
    [
        ("rate_limited", {"retry_after": 7}, 429, 0),
        ("token_expired", {}, 401, 0),
        ("error_before_commit", {"status": 502}, 502, 0),
        ("error_in_200", {}, 200, 0),
        ("timeout_before_commit", {"seconds": 0.05}, 0, 0),
        ("dropped_before_commit", {}, 0, 0),
        ("timeout_after_commit", {"seconds": 0.05}, 0, 1),
        ("dropped_after_commit", {}, 0, 1),
        ("error_after_commit", {"status": 503}, 503, 1),
        ("truncated", {}, 0, 1),
        ("slow", {"seconds": 0.05}, 201, 1),
    ],
)
def test_a_fault_strikes_before_or_after_the_commit(
    client: Client, twin: Twin, fault: str, options: dict, status: int, effects: int
):
    twin.faults(**{fault: {**ONCE, **options}})
    began = time.monotonic()
    got = client("POST", ORDERS, order())
    assert got.status == status
    assert time.monotonic() - began >= options.get("seconds", 0)
    assert len(twin.effects(kind="purchase_orders", key="PR-1")) == effects
    assert met(twin) == {fault: 1}
    last = twin.admin("GET", "calls")["calls"][-1]
    assert (last["status"], last["faults"]) == (status or None, [fault])
    client.login()
    again = client("POST", ORDERS, order())  # struck once only
    assert again.status == (409 if effects else 201)


def test_what_a_client_is_told(client: Client, twin: Twin):
    twin.faults(rate_limited={**ONCE, "retry_after": 7})
    assert client("POST", ORDERS, order()).header("Retry-After") == "7"
    twin.faults(error_in_200=ONCE)
    assert client("POST", ORDERS, order()).error == (200, "SYSTEM_BUSY", "")
    twin.faults(error_before_commit={**ONCE, "status": 500})
    assert client("POST", ORDERS, order()).text.startswith("<html>")
    twin.faults(truncated={"rate": 1, "on": "GET *"})
    assert client("GET", "/api/suppliers") == Got(0)


def test_a_client_that_gives_up_first_leaves_the_effect(client: Client, twin: Twin):
    twin.faults(timeout_after_commit={**ONCE, "seconds": 60})
    impatient = Client(twin, timeout=0.2)
    assert impatient("POST", ORDERS, order()).status == 0
    assert len(twin.effects(key="PR-1")) == 1


def test_a_server_with_held_answers_stops_at_once():
    began = time.monotonic()
    with running(faults={"timeout_after_commit": {**ONCE, "seconds": 60}}) as twin:
        assert Client(twin, timeout=0.2)("POST", ORDERS, order()).status == 0
    assert time.monotonic() - began < 10


def test_a_key_saves_what_a_lost_answer_left(client: Client, twin: Twin):
    twin.faults(dropped_after_commit=ONCE)
    assert client("POST", ORDERS, order(), idempotency_key="k").status == 0
    again = client("POST", ORDERS, order(), idempotency_key="k")
    assert (again.status, again.header("Idempotent-Replayed")) == (201, "true")
    assert len(twin.effects(key="PR-1")) == 1


def test_readers_lag_behind_by_reads(client: Client, twin: Twin):
    twin.faults(stale_reads={"rate": 1, "reads": 2, "on": "* /api/purchase_orders*"})
    client("POST", ORDERS, order())
    lookup = f"{ORDERS}?reference=PR-1"
    assert client("GET", lookup).data["items"] == []
    assert client("GET", f"{ORDERS}/1").status == 404
    assert [row["id"] for row in client("GET", lookup).data["items"]] == [1]
    client("PATCH", f"{ORDERS}/1", {"note": "新"})
    client("PATCH", f"{ORDERS}/1", {"note": "更新"})
    assert [client("GET", f"{ORDERS}/1").data["note"] for _ in range(3)] == [None, None, "更新"]
    client("DELETE", f"{ORDERS}/1")
    assert [client("GET", f"{ORDERS}/1").status for _ in range(3)] == [200, 200, 404]


def test_readers_lag_behind_by_time(client: Client, twin: Twin):
    twin.faults(stale_reads={"rate": 1, "milliseconds": 300})
    client("POST", ORDERS, order())
    assert client("GET", f"{ORDERS}/1").status == 404
    time.sleep(0.35)
    assert client("GET", f"{ORDERS}/1").status == 200


def test_a_normalising_server_keeps_something_else(client: Client, twin: Twin):
    twin.faults(normalising=1)
    lines = [{"product": "P100", "quantity": "3", "price": "1.005", "note": " 行 "}]
    kept = client("POST", ORDERS, order(" pr-é ", note=" e\u0301 ", lines=lines)).data
    assert (kept["reference"], kept["note"], kept["total"]) == ("PR-É", "é", "3.03")
    assert (kept["lines"][0]["price"], kept["lines"][0]["note"]) == ("1.01", "行")
    twin.faults(normalising={"rate": 1, "trim": False, "upper": False, "nfc": False})
    assert client("POST", ORDERS, order(" pr ", note=" e\u0301 ")).data["note"] == " e\u0301 "


def test_pages_shift_while_they_are_turned(client: Client, twin: Twin):
    twin.admin("POST", "documents", {"suppliers": [{"code": f"N{n:03}", "name": "新"} for n in range(96)]})
    twin.faults(page_shift=1)
    seen = [
        row["id"]
        for page in range(1, 11)
        for row in client("GET", f"/api/suppliers?page={page}&page_size=10").data["items"]
    ]
    assert sorted(set(seen)) != list(range(1, 101)) or len(seen) != len(set(seen))
    assert met(twin) == {"page_shift": 9}  # the first page has nothing before it
    assert client("GET", "/api/suppliers?limit=200").data["total"] == 100


def play(seed: int) -> tuple[list[Got], list[dict]]:
    """A hundred calls through every fault: what the client saw and what was done."""
    gentle = {name: {"rate": 0.1} for name in FAULTS} | {
        "slow": {"rate": 0.1, "seconds": 0}, "timeout_before_commit": {"rate": 0.1, "seconds": 0},
        "timeout_after_commit": {"rate": 0.1, "seconds": 0}, "stale_reads": {"rate": 0.1, "reads": 2},
    }  # fmt: skip
    with running(seed=seed, faults={}) as twin:
        client = Client(twin)
        twin.faults(**gentle)
        told = []
        for n in range(50):
            if n % 10 == 9:
                twin.faults()
                client.login()
                twin.faults(**gentle)
            told += [
                client("POST", ORDERS, order(f"单-{n % 20}")),
                client("GET", f"{ORDERS}?limit=5&offset={n % 7}"),
            ]
        dated = [Got(g.status, g.text, tuple(h for h in g.headers if h[0] != "Date")) for g in told]
        return dated, twin.effects()


def test_the_same_seed_gives_the_same_faults_and_answers():
    first, again, other = play(5), play(5), play(6)
    assert first == again
    assert first[0] != other[0]
    assert {got.status for got in first[0]} >= {0, 200, 201, 429}


def test_what_others_ask_does_not_change_what_a_call_meets():
    given = rules({"rate_limited": 0.5})
    alone, crowded = Drawing(3, given), Drawing(3, given)
    mine = ["rate_limited" in alone.draw("POST /api/x", b"1").options for _ in range(200)]
    among = []
    for n in range(200):
        crowded.draw(f"GET /api/y?{n}")
        among.append("rate_limited" in crowded.draw("POST /api/x", b"1").options)
    assert mine == among
    assert 70 < sum(mine) < 130


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"slwo": 1}, "no fault 'slwo'"),
        ({"slow": 2}, "rate is 2"),
        ({"slow": {"rate": "1"}}, "rate is '1'"),
        ({"slow": True}, "rate is True"),
        ({"slow": {"seconds": -1}}, "seconds is -1"),
        ({"slow": {"retry_after": 1}}, "no option 'retry_after'"),
        ({"normalising": {"trim": 1}}, "trim is 1"),
        ({"slow": {"times": 1.5}}, "times is 1.5"),
        ([], "an object"),
    ],
)
def test_rules_that_cannot_be_are_named(twin: Twin, given: object, words: str):
    with pytest.raises(FaultsInvalid, match=words):
        rules(given)
    with pytest.raises(RuntimeError, match=words):
        twin.admin("PUT", "faults", given)


def test_a_file_of_faults(tmp_path):
    file = tmp_path / "故障.json"
    file.write_text(json.dumps({"slow": {"rate": 0.5, "seconds": 2}, "truncated": 0.1}), encoding="utf-8")
    read = named(str(file))
    assert (read["slow"].rate, read["slow"].options["seconds"], read["truncated"].rate) == (0.5, 2, 0.1)
    file.write_text('{\n"slow": 1,\n}', encoding="utf-8")
    with pytest.raises(FaultsInvalid, match=r"故障.json:3: no JSON"):
        named(str(file))
    with pytest.raises(FaultsInvalid, match="cannot be read"):
        named(str(tmp_path))
    assert set(named("all")) == set(FAULTS)
    assert named("none") == {}
