"""The connector against the generic twin: what it says it did is what the twin's audit says it did."""

from __future__ import annotations

from decimal import Decimal

import erpoa_twin

from erpoa_cli.core.schema import parse_type

from .twin import Table, config, opened


def outcomes(told):
    return [row["outcome"] for row in told]


def test_masters_are_read_created_changed_and_deleted():
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        assert session.check() == []
        table = Table(session, "suppliers")
        assert [row["code"] for row in table.read("id", "code")] == ["S0001", "S0002", "S0003", "S0009"]
        told = table.create(
            [
                {"code": "007", "name": "名 '\"\\ 😀", "tax_no": None},
                {"code": "S0001", "name": "x", "tax_no": ""},
            ]
        )
        assert outcomes(told) == ["applied", "rejected"]
        assert told[1]["error_class"] == "duplicate"
        assert told[0]["id.id"] == 5
        assert table.find("id", [5], "code", "name", "tax_no") == [
            {"id": "5", "code": "007", "name": "名 '\"\\ 😀", "tax_no": None}
        ]
        was = {"code": "007", "name": "名 '\"\\ 😀", "tax_no": None, "active": True}
        told = table.update(
            [5, 5, 99],
            [was, {**was, "tax_no": ""}, was],
            [{"name": "新"}, {"name": "lost"}, {"name": "lost"}],
        )
        assert outcomes(told) == ["applied", "stale", "stale"]
        assert table.read("name", filter={"code": "007"}) == [{"name": "新"}]
        told = table.delete([5, 1], [{"name": "新"}, {"name": "elsewhere"}])
        assert outcomes(told) == ["applied", "stale"]
        assert table.find("id", [5], "code") == []


LINES = parse_type("list<struct<product: string, quantity: decimal(18,6), price: decimal(18,6)>>")


def order(reference: str, quantity: str = "2") -> dict[str, object]:
    lines = [{"product": "P100", "quantity": Decimal(quantity), "price": Decimal("1.5")}]
    return {"reference": reference, "supplier": "S0001", "currency": "CNY", "lines": lines}


def test_documents_have_lines_and_a_lifecycle():
    with erpoa_twin.running() as twin, opened(config(twin)) as session:
        table = Table(session, "purchase_orders", {"lines": LINES})
        told = table.create([order("PR-1"), order("PR-2")], unless=(("reference",),))
        assert outcomes(told) == ["applied", "applied"]
        assert outcomes(table.create([order("PR-1")], unless=(("reference",),))) == ["stale"]
        [row] = table.find("reference", ["PR-1"], "number", "total", "lines")
        assert row["total"] == "3.00"
        was = order("PR-1")
        told = table.update(
            [1],
            [was],
            [{"lines": [*was["lines"], {"product": "P200", "quantity": Decimal(1), "price": Decimal(9)}]}],
        )
        assert outcomes(told) == ["applied"]
        assert table.find("id", [1], "total")[0]["total"] == "12.00"
        told = table.move("submit", [1, 2], [{"state": "draft"}, {"state": "confirmed"}])
        assert outcomes(told) == ["applied", "stale"]
        told = table.move("audit", [1, 2], [{"state": "submitted"}, {"state": "draft"}])
        assert outcomes(told) == ["applied", "rejected"], told
        assert outcomes(table.move("delete", [2], [{"state": "draft"}])) == ["applied"]
        assert [e["effect"] for e in twin.effects(kind="purchase_orders", id=1)] == [
            "create",
            "change",
            "submit",
            "audit",
        ]
