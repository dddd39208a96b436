"""Every fault of the twin, met by every kind of write: what the connector says of it holds by the twin's audit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import erpoa_twin
import pytest

from erpoa_cli.core.schema import parse_type

from .twin import Table, config, opened

LINES = parse_type("list<struct<product: string, quantity: decimal(18,6), price: decimal(18,6)>>")
LINE = [{"product": "P100", "quantity": Decimal(2), "price": Decimal("1.5")}]
DRAFT = {"reference": "PR-0", "supplier": "S0001", "currency": "CNY", "lines": LINE}
STATE = [{"state": "draft", "reference": "PR-0"}]

SURE = ("applied", None, 1)  # the client itself tries again: it is told that nothing was done
LOST, NOT_DONE = ("in_doubt", "in_doubt", 1), ("in_doubt", "in_doubt", 0)
MEETS: Mapping[str, tuple[Any, tuple[str, str | None, int]]] = {
    "slow": ({"seconds": 0.05}, SURE),
    "rate_limited": ({"retry_after": 0}, SURE),
    "token_expired": ({}, SURE),
    "error_in_200": ({}, SURE),
    "error_before_commit": ({"status": 500}, NOT_DONE),
    "error_after_commit": ({"status": 503}, LOST),
    "dropped_before_commit": ({}, NOT_DONE),
    "dropped_after_commit": ({}, LOST),
    "timeout_before_commit": ({"seconds": 2}, NOT_DONE),
    "timeout_after_commit": ({"seconds": 2}, LOST),
    "truncated": ({}, LOST),
}


def create(table: Table) -> Any:
    return table.create([{**DRAFT, "reference": "PR-1"}])


def update(table: Table) -> Any:
    return table.update([1], [DRAFT], [{"note": "改"}])


def move(table: Table) -> Any:
    return table.move("submit", [1], STATE)


def delete(table: Table) -> Any:
    return table.delete([1], STATE)


@pytest.mark.parametrize("fault", MEETS)
@pytest.mark.parametrize(
    ("write", "call", "effect"),
    [
        (create, "POST", "create"),
        (update, "PATCH", "change"),
        (move, "POST", "submit"),
        (delete, "DELETE", "delete"),
    ],
    ids=["create", "update", "move", "delete"],
)
def test_a_fault_of_a_write(write: Any, call: str, effect: str, fault: str):
    options, (outcome, class_, effects) = MEETS[fault]
    if (fault, effect) == ("truncated", "delete"):
        outcome, class_ = "applied", None  # its answer has no body that could be cut
    with erpoa_twin.running() as twin, opened(config(twin, timeouts={"read": 0.5})) as session:
        table = Table(session, "purchase_orders", {"lines": LINES})
        assert create_first(table) == "applied"
        before = len(twin.effects(effect=effect))
        twin.faults(**{fault: {"rate": 1, "times": 1, "on": f"{call} /api/*", **options}})
        [told] = write(table)
        assert twin.admin("GET", "counters")["faults"] == {fault: 1}
        assert (told["outcome"], told["error_class"]) == (outcome, class_), told
        assert len(twin.effects(effect=effect)) - before == effects
        assert "twin-secret" not in str(told)


def create_first(table: Table) -> Any:
    return table.create([DRAFT])[0]["outcome"]


@pytest.mark.parametrize(
    "fault", ["error_before_commit", "dropped_before_commit", "truncated", "rate_limited"]
)
def test_a_read_goes_through_faults(fault: str):
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        table = Table(session, "suppliers")
        twin.faults(
            **{
                fault: {
                    "rate": 1,
                    "times": 2,
                    "on": "GET /api/*",
                    **({"retry_after": 0} if "rate" in fault else {}),
                }
            }
        )
        assert len(table.read("code")) == 4
        assert table.find("id", [1, 99, 2], "code") == [
            {"id": "1", "code": "S0001"},
            {"id": "2", "code": "S0002"},
        ]


@pytest.mark.parametrize(
    "paging", [{"type": "page", "size": {"page_size": 3}}, {"type": "offset", "size": {"limit": 3}}]
)
def test_rows_that_move_between_pages_are_told(paging: dict[str, Any]):
    with (
        erpoa_twin.running(seed=3) as twin,
        opened(config(twin, paging={**paging, "total": "total"})) as session,
    ):
        twin.admin(
            "POST", "documents", {"suppliers": [{"code": f"N{n:03}", "name": "新"} for n in range(20)]}
        )
        table = Table(session, "suppliers")
        assert len(table.read("code")) == 24
        twin.faults(page_shift={"rate": 0.4})
        assert table.verdict("code").status == "partial"


def test_what_a_system_made_of_a_value_is_what_is_read():
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        table = Table(session, "suppliers")
        twin.faults(normalising=1)
        [told] = table.create([{"code": "n1", "name": "  blank  "}])
        assert told["outcome"] == "applied"
        assert table.find("id", [told["id.id"]], "code", "name") == [
            {"id": "5", "code": "N1", "name": "blank"}
        ]


def test_a_stale_read_hides_no_change():
    """The version that was read is the one that is written over: a reader that lags overwrites nobody."""
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        table = Table(session, "suppliers")
        twin.faults(stale_reads={"rate": 1, "reads": 1, "times": 1})
        was = [{"name": "上海申特钢材有限公司"}]
        assert table.update([1], was, [{"name": "theirs"}])[0]["outcome"] == "applied"
        twin.faults()
        assert table.update([1], was, [{"name": "ours"}])[0]["outcome"] == "stale"
        assert table.find("id", [1], "name")[0]["name"] == "theirs"


def test_idempotency_keys_make_one_of_two():
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        table = Table(session, "purchase_orders", {"lines": LINES})
        twin.faults(dropped_after_commit={"rate": 1, "times": 1, "on": "POST /api/*"})
        row = [{**DRAFT, "reference": None}]
        first, again = table.create(row, keys=["k"]), table.create(row, keys=["k"])
        assert (first[0]["outcome"], again[0]["outcome"], again[0]["id.id"]) == ("in_doubt", "applied", 1)
        assert len(twin.effects(effect="create", kind="purchase_orders")) == 1


def test_refused_credentials_are_sent_once():
    with erpoa_twin.running() as twin:
        wrong = config(twin)
        wrong["auth"] = {**wrong["auth"], "client_secret": "canary-secret"}
        with opened(wrong) as session:
            words = " ".join(session.check())
            assert "refuses the client" in words
            assert "canary-secret" not in words
            assert Table(session, "suppliers").verdict("code").status == "failed"
        tokens = [c for c in twin.admin("GET", "calls")["calls"] if c["path"] == "/oauth/token"]
        assert len(tokens) == 1
