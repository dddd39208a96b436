"""Purchases and requisitions of a real Tryton, moved by their buttons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from erpoa_tryton.session import TrytonSession

from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read
from erpoa_cli.sdk.errors import ContractBroken, Denied

from .asking import parties, pressed

ORDER = {
    "id": "integer",
    "reference": "string",
    "state": "string",
    "number": "string",
    "total_amount": "decimal(18,2)",
}
LINE = {
    "purchase": "integer", "sequence": "integer", "description": "string", "quantity": "decimal(15,6)",
    "unit_price": "decimal(18,4)",
}  # fmt: skip


def ordered(session: TrytonSession, references: Sequence[str]) -> list[int]:
    """Drafts with a line of 3 × 12.5001."""
    [party] = parties(session).create([{"code": f"{references[0]}-P", "name": "供应商"}])
    places = Writer(session, "party.address", id="integer", party="integer", city="string")
    [place] = places.create([{"party": party["id.id"], "city": "上海"}])
    orders = Writer(
        session,
        "purchase.purchase",
        id="integer",
        party="integer",
        invoice_address="integer",
        reference="string",
    )
    own = {"party": party["id.id"], "invoice_address": place["id.id"]}
    made = [a["id.id"] for a in orders.create([{**own, "reference": r} for r in references])]
    line = {"sequence": 1, "description": "螺栓", "quantity": Decimal(3), "unit_price": Decimal("12.5001")}
    answers = Writer(session, "purchase.line", **LINE).create([{**line, "purchase": id_} for id_ in made])
    assert set(outcomes(answers)) == {"applied"}, answers
    return made


def states(session: TrytonSession, ids: Sequence[int]) -> list[str]:
    found = {row["id"]: row["state"] for row in read(session, "purchase.purchase", **ORDER)[0]}
    return [found[str(id_)] for id_ in ids]


def test_a_purchase_is_quoted_confirmed_and_cancelled(tryton: TrytonSession) -> None:
    ids = ordered(tryton, ["M0", "M1", "M2"])
    assert outcomes(pressed(tryton, "purchase.purchase", "quote", ids, "draft")) == ["applied"] * 3
    rows = {row["reference"]: row for row in read(tryton, "purchase.purchase", **ORDER)[0]}
    assert len({rows[f"M{at}"]["number"] for at in range(3)} - {None}) == 3
    assert {rows[f"M{at}"]["total_amount"] for at in range(3)} == {"37.50"}
    assert outcomes(pressed(tryton, "purchase.purchase", "confirm", ids[:1], "quotation")) == ["applied"]
    assert outcomes(pressed(tryton, "purchase.purchase", "cancel", ids[1:2], "quotation")) == ["applied"]
    assert states(tryton, ids) == ["confirmed", "cancelled", "quotation"]
    assert outcomes(pressed(tryton, "purchase.purchase", "draft", ids[:1], "confirmed")) == ["applied"]
    assert outcomes(pressed(tryton, "purchase.purchase", "cancel", ids[:1], "draft")) == ["applied"]
    assert states(tryton, ids) == ["cancelled", "cancelled", "quotation"]


def test_one_that_cannot_be_moved_holds_back_no_other(tryton: TrytonSession) -> None:
    ids = ordered(tryton, ["H0", "H1", "H2", "H3", "H4"])
    [line] = tryton.client.read("model.purchase.line.search", [["purchase", "=", ids[3]]], 0, 1, None)
    tryton.client.change("model.purchase.line.delete", [line])
    answers = pressed(tryton, "purchase.purchase", "quote", ids, "draft")
    assert outcomes(answers) == ["applied", "applied", "applied", "rejected", "applied"], answers
    assert answers[3]["error"].startswith("You can not call")
    assert states(tryton, ids) == ["quotation", "quotation", "quotation", "draft", "quotation"]


def test_a_document_that_somebody_moved_is_stale(
    tryton: TrytonSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ordered(tryton, ["Z0", "Z1", "Z2"])
    tryton.client.change("model.purchase.purchase.cancel", [ids[0]])
    change, moved = tryton.client.change, []

    def late(method: str, *params: Any, **context: Any) -> Any:
        if not moved:
            moved.append(change("model.purchase.purchase.write", [ids[2]], {"comment": "just now"}))
        return change(method, *params, **context)

    monkeypatch.setattr(tryton.client, "change", late)
    answers = pressed(tryton, "purchase.purchase", "quote", ids, "draft")
    assert outcomes(answers) == ["stale", "applied", "stale"], answers
    assert states(tryton, ids) == ["cancelled", "quotation", "draft"]


def test_only_buttons_are_pressed(tryton: TrytonSession) -> None:
    ids = ordered(tryton, ["O0"])
    for call in ("delete", "copy", "write", "no_such"):
        with pytest.raises(ContractBroken, match="no button"):
            pressed(tryton, "purchase.purchase", call, ids, "draft")
    assert states(tryton, ids) == ["draft"]


def test_a_button_of_others_is_refused(tryton: TrytonSession, clerk: TrytonSession) -> None:
    [button] = tryton.client.read(
        "model.ir.model.button.search",
        [["model", "=", "purchase.purchase"], ["name", "=", "cancel"]],
        0,
        1,
        None,
    )
    [group] = tryton.client.read("model.res.group.search", [["name", "=", "Stock"]], 0, 1, None)
    ids = ordered(clerk, ["G0"])
    tryton.client.change("model.ir.model.button.write", [button], {"groups": [["add", [group]]]})
    try:
        with pytest.raises(Denied, match="Calling button"):
            pressed(clerk, "purchase.purchase", "cancel", ids, "draft")
    finally:
        tryton.client.change("model.ir.model.button.write", [button], {"groups": [["remove", [group]]]})
    assert outcomes(pressed(clerk, "purchase.purchase", "cancel", ids, "draft")) == ["applied"]


def test_lines_of_what_is_no_draft_are_refused(tryton: TrytonSession) -> None:
    [order] = ordered(tryton, ["X0"])
    pressed(tryton, "purchase.purchase", "quote", [order], "draft")
    line = {
        "purchase": order, "sequence": 2, "description": "x", "quantity": Decimal(1), "unit_price": Decimal(1)
    }  # fmt: skip
    [answer] = Writer(tryton, "purchase.line", **LINE).create([line])
    assert answer["outcome"] == "rejected", answer


def test_a_requisition_is_approved_or_rejected(tryton: TrytonSession) -> None:
    call = tryton.client.change
    [person] = call("model.party.party.create", [{"name": "陈杰"}])
    [company] = tryton.client.read("model.company.company.search", [], 0, 1, None)
    staff = Writer(tryton, "company.employee", id="integer", party="integer", company="integer")
    [employee] = staff.create([{"party": person, "company": company}])
    assert employee["outcome"] == "applied", employee
    forms = Writer(
        tryton,
        "purchase.requisition",
        id="integer",
        employee="integer",
        description="string",
        supply_date="date",
    )
    own = {"employee": employee["id.id"], "supply_date": date(2027, 1, 31)}
    made = [a["id.id"] for a in forms.create([{**own, "description": f"请购 {at}"} for at in range(3)])]
    lines = Writer(
        tryton,
        "purchase.requisition.line",
        requisition="integer",
        description="string",
        quantity="decimal(15,6)",
    )
    row = {"description": "螺栓", "quantity": Decimal(3)}
    assert set(outcomes(lines.create([{**row, "requisition": id_} for id_ in made]))) == {"applied"}
    model = "purchase.requisition"
    assert outcomes(pressed(tryton, model, "wait", made, "draft")) == ["applied"] * 3
    assert outcomes(pressed(tryton, model, "approve", made[:1], "waiting")) == ["applied"]
    assert outcomes(pressed(tryton, model, "reject", made[1:2], "waiting")) == ["applied"]
    assert outcomes(pressed(tryton, model, "draft", made[2:], "waiting")) == ["applied"]
    assert outcomes(pressed(tryton, model, "cancel", made[2:], "draft")) == ["applied"]
    found = {row["id"]: row["state"] for row in read(tryton, model, id="integer", state="string")[0]}
    assert [found[str(id_)] for id_ in made] == ["processing", "rejected", "cancelled"]
    requests, _ = read(tryton, "purchase.request", origin="string", state="string")
    line_ids = tryton.client.read(
        "model.purchase.requisition.line.search", [["requisition", "=", made[0]]], 0, None, None
    )
    assert [r["origin"] for r in requests] == [f"purchase.requisition.line,{id_}" for id_ in line_ids]
