"""The OA side: approvals with revisions, numbers written back, comments, and webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from erpoa_twin import Twin

from .client import Client, order

FORMS = "/api/requisitions"
SECRET = "签名-secret"


def form(reference: str = "申请-1", **more: object) -> dict[str, Any]:
    return order(reference, applicant="E001", supplier=None, **more)


@pytest.mark.parametrize(
    ("calls", "state"),
    [
        ("submit approve", "approved"),
        ("submit reject", "rejected"),
        ("submit withdraw", "withdrawn"),
        ("submit approve revoke", "revoked"),
    ],
)
def test_an_approval_ends_in_its_state(client: Client, calls: str, state: str):
    made = client("POST", FORMS, form()).data
    assert (made["number"], made["state"], made["revision"], "received" in made["lines"][0]) == (
        "PR000001",
        "draft",
        1,
        False,
    )
    for call in calls.split():
        got = client("POST", f"{FORMS}/1/{call}")
    assert got.data["state"] == state
    assert client("POST", f"{FORMS}/1/approve").error[:2] == (409, "STATE_FORBIDS")


def test_a_changed_approval_is_a_new_revision(client: Client):
    client("POST", FORMS, form())
    for call in ["submit", "approve"]:
        client("POST", f"{FORMS}/1/{call}")
    assert client("PATCH", f"{FORMS}/1", {"note": "改"}).error[:2] == (409, "STATE_FORBIDS")
    assert client("POST", f"{FORMS}/1/reopen").data["revision"] == 2
    lines = [{"product": "P100", "quantity": 12, "price": 1}]
    assert client("PATCH", f"{FORMS}/1", {"lines": lines}).data["total"] == "12.00"
    for call in ["submit", "approve"]:
        got = client("POST", f"{FORMS}/1/{call}")
    assert (got.data["state"], got.data["revision"], got.data["number"]) == ("approved", 2, "PR000001")


def test_a_number_is_written_back_in_any_state(client: Client):
    client("POST", FORMS, form())
    for call in ["submit", "approve"]:
        client("POST", f"{FORMS}/1/{call}")
    assert client("PATCH", f"{FORMS}/1", {"erp_number": "PO000001"}).data["erp_number"] == "PO000001"
    assert client("PATCH", f"{FORMS}/1", {"erp_number": "x", "note": "y"}).error == (
        409,
        "STATE_FORBIDS",
        "note",
    )
    assert client("PATCH", f"{FORMS}/1", {"revision": 5}).error == (422, "FIELD_READ_ONLY", "revision")


def test_comments_leave_the_version_and_are_effects(client: Client, twin: Twin):
    client("POST", FORMS, form())
    for _ in range(2):
        assert (
            client("POST", f"{FORMS}/1/comments", {"text": "订单 PO000001 <b>"}, idempotency_key="k").status
            == 201
        )
    assert client("POST", f"{FORMS}/1/comments", {"text": ""}).error == (422, "FIELD_REQUIRED", "text")
    assert [c["text"] for c in client("GET", f"{FORMS}/1/comments").data["items"]] == ["订单 PO000001 <b>"]
    assert client("GET", f"{FORMS}/1").data["version"] == 1
    assert [e["effect"] for e in twin.effects()] == ["create", "comment"]
    assert client("POST", "/api/suppliers/1/comments", {"text": "x"}).error[:2] == (404, "NOT_FOUND")
    assert client("POST", f"{FORMS}/9/comments", {"text": "x"}).error[:2] == (404, "NOT_FOUND")


class Inbox(HTTPServer):
    """Takes events; the first `refusals` are answered by 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: list[dict[str, Any]] = []
        self.refusals = 0

    def wait(self, count: int) -> list[dict[str, Any]]:
        """The events once *count* have come."""
        ending = time.monotonic() + 10
        while len(self.events) < count and time.monotonic() < ending:
            time.sleep(0.01)
        return self.events


class Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = f"{self.headers['Twin-Timestamp']}.".encode() + body
        right = "sha256=" + hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        if not refused:
            assert abs(int(self.headers["Twin-Timestamp"]) - time.time()) < 60
            self.server.events.append({**json.loads(body), "signed": self.headers["Twin-Signature"] == right})
        self.send_response(500 if refused else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def inbox(twin: Twin) -> Iterator[Inbox]:
    with Inbox() as inbox:
        thread = threading.Thread(target=inbox.serve_forever, args=(0.01,))
        thread.start()
        twin.admin("PUT", "webhook", {"url": f"http://127.0.0.1:{inbox.server_port}/", "secret": SECRET})
        yield inbox
        inbox.shutdown()
        thread.join()


def test_every_effect_is_told_in_order_and_signed(client: Client, inbox: Inbox):
    inbox.refusals = 1
    client("POST", FORMS, form())
    client("POST", f"{FORMS}/1/submit")
    client("POST", f"{FORMS}/1/submit")  # refused: no effect, no event
    client("DELETE", "/api/suppliers/2")
    told = [(e["kind"], e["id"], e["effect"], e["version"], e["signed"]) for e in inbox.wait(3)]
    assert told == [
        ("requisitions", 1, "create", 1, True), ("requisitions", 1, "submit", 2, True), ("suppliers", 2, "delete", 1, True),
    ]  # fmt: skip


def test_events_are_lost_and_doubled(client: Client, twin: Twin, inbox: Inbox):
    twin.faults(webhook_lost={"rate": 1, "times": 1})
    client("POST", FORMS, form())
    twin.faults(webhook_twice=1)
    client("POST", f"{FORMS}/1/submit")
    assert [e["effect"] for e in inbox.wait(2)] == ["submit", "submit"]
    assert len(twin.effects(kind="requisitions")) == 2
    assert twin.admin("GET", "counters")["faults"] == {"webhook_twice": 1}


def test_an_answer_that_is_lost_is_told_all_the_same(client: Client, twin: Twin, inbox: Inbox):
    twin.faults(dropped_after_commit={"rate": 1, "on": "POST /api/*"})
    assert client("POST", FORMS, form()).status == 0
    assert [e["effect"] for e in inbox.wait(1)] == ["create"]


def test_a_subscriber_that_is_away_stops_nothing(client: Client, twin: Twin):
    twin.admin("PUT", "webhook", {"url": "http://127.0.0.1:1/", "secret": SECRET})
    assert client("POST", FORMS, form()).status == 201
    ending = time.monotonic() + 10
    while not (told := twin.admin("GET", "counters")["webhooks"]) and time.monotonic() < ending:
        time.sleep(0.05)
    assert told == {"failed": 1}


def test_a_subscriber_that_cannot_be(twin: Twin):
    for content in ({"url": "file:///x", "secret": "s"}, {"url": "http://x.example"}, {"urls": ""}):
        with pytest.raises(RuntimeError):
            twin.admin("PUT", "webhook", content)
    assert twin.admin("GET", "webhook") == {"url": ""}
