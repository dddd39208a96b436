"""The connector against a real Tryton over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import CreateSafety, ReadRequest
from erpoa_cli.sdk.errors import ContractBroken, Denied
from tests.unit.connectors.asking import Writer, fields, outcomes, read, told

pytestmark = pytest.mark.slow

PARTY = {"id": "integer", "code": "string", "name": "string", "active": "boolean"}


def parties(session: TrytonSession) -> Writer:
    return Writer(session, "party.party", **PARTY)


def named(prefix: str, count: int) -> list[dict[str, Any]]:
    return [{"code": f"{prefix}{at}", "name": f"华鑫 {at} “'\\%"} for at in range(count)]


def by_code(session: TrytonSession, prefix: str) -> dict[str, dict[str, Any]]:
    rows, verdict = read(session, "party.party", **PARTY)
    assert verdict.status is ReadStatus.COMPLETE, verdict
    return {row["code"]: row for row in rows if row["code"].startswith(prefix)}


def test_a_bad_row_among_a_thousand_is_named(tryton: TrytonSession) -> None:
    parties(tryton).create([{"code": "T777", "name": "theirs"}])
    answers = parties(tryton).create(named("T", 1000))
    bad = [answer for answer in answers if answer["outcome"] != "applied"]
    assert [(b["ordinal"], b["outcome"], b["error_class"]) for b in bad] == [(777, "rejected", "duplicate")]
    assert bad[0]["error"] == "The code on party must be unique."
    found = by_code(tryton, "T")
    assert len(found) == 1000
    assert found["T777"]["name"] == "theirs"
    assert all(str(a["id.id"]) == found[f"T{a['ordinal']}"]["id"] for a in answers if a["ordinal"] != 777)


def test_a_moved_row_is_stale_and_stays(tryton: TrytonSession) -> None:
    first, second = (a["id.id"] for a in parties(tryton).create(named("S", 2)))
    was = named("S", 2)
    tryton.client.change("model.party.party.write", [second], {"name": "moved"})
    ids, new = [{"id": first}, {"id": second}], [{"name": "甲"}, {"name": "乙"}]
    assert outcomes(parties(tryton).update(ids, new, was)) == ["applied", "stale"]
    assert [row["name"] for row in by_code(tryton, "S").values()] == ["甲", "moved"]
    assert outcomes(parties(tryton).delete(ids, [{"name": "甲"}, {"name": "乙"}])) == ["applied", "stale"]
    assert list(by_code(tryton, "S")) == ["S1"]


def test_a_row_that_moves_between_look_and_write_is_stale(
    tryton: TrytonSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [{"id": a["id.id"]} for a in parties(tryton).create(named("R", 3))]
    change, moved = tryton.client.change, []

    def late(method: str, *params: Any, **context: Any) -> Any:
        if not moved:
            moved.append(change("model.party.party.write", [ids[1]["id"]], {"name": "late"}))
        return change(method, *params, **context)

    monkeypatch.setattr(tryton.client, "change", late)
    answers = parties(tryton).update(ids, [{"name": "ours"}] * 3, named("R", 3))
    assert outcomes(answers) == ["applied", "stale", "applied"]
    assert [row["name"] for row in by_code(tryton, "R").values()] == ["ours", "late", "ours"]


def test_inactive_rows_are_seen_and_found(tryton: TrytonSession) -> None:
    [made] = parties(tryton).create([{"code": "I1", "name": "停用"}])
    [done] = parties(tryton).update([{"id": made["id.id"]}], [{"active": False}], [{"name": "停用"}])
    assert done["outcome"] == "applied", done
    assert by_code(tryton, "I")["I1"]["active"] == "false"
    import pyarrow as pa

    asked = ReadRequest(object="party.party", fields=fields(code="string", name="string"))
    rows, verdict = told(tryton.find(asked, ["code"], pa.table({"code": ["I1", "i1", "no"]})))
    assert (rows, verdict.status) == ([{"code": "I1", "name": "停用"}], ReadStatus.COMPLETE)


def test_a_cursor_sees_created_and_written_rows(tryton: TrytonSession) -> None:
    parties(tryton).create(named("C", 2))
    types = {"code": "string", "write_date": "timestamptz"}
    for since, expected in (("2020-01-01T00:00:00Z", {"C0", "C1"}), ("2999-01-01T00:00:00Z", set())):
        asked = ReadRequest(object="party.party", fields=fields(**types), cursor="write_date", since=since)
        rows, verdict = told(tryton.read(asked))
        assert verdict.status is ReadStatus.COMPLETE, verdict
        assert {r["code"] for r in rows if r["code"].startswith("C")} == expected


def test_what_tryton_would_change_is_refused(tryton: TrytonSession) -> None:
    answers = parties(tryton).create([{"code": " B1", "name": "x"}, {"code": "B2", "name": " kept "}])
    assert outcomes(answers) == ["rejected", "applied"]
    assert by_code(tryton, "B")["B2"]["name"] == " kept "


def test_values_come_back_exactly(tryton: TrytonSession) -> None:
    """Numbers, dates, moments, durations and bytes, written and read through the connector."""
    [party] = parties(tryton).create([{"code": "V1", "name": "值"}])
    times = Writer(tryton, "party.party", id="integer", supplier_lead_time="integer")
    assert outcomes(times.update([{"id": party["id.id"]}], [{"supplier_lead_time": 93_784_000_000}])) == [
        "applied"
    ]
    rows, _ = read(tryton, "party.party", code="string", supplier_lead_time="integer")
    assert {"code": "V1", "supplier_lead_time": "93784000000"} in rows

    rates = Writer(
        tryton, "currency.currency.rate", id="integer", currency="integer", date="date", rate="decimal(18,6)"
    )
    [cny] = tryton.client.read("model.currency.currency.search", [["code", "=", "CNY"]], 0, 1, None)
    day = datetime(2024, 2, 29, tzinfo=UTC).date()
    assert outcomes(rates.create([{"currency": cny, "date": day, "rate": Decimal("7.092001")}])) == [
        "applied"
    ]
    rows, _ = read(tryton, "currency.currency.rate", date="date", rate="decimal(18,6)")
    assert {"date": "2024-02-29", "rate": "7.092001"} in rows

    notes = Writer(tryton, "ir.attachment", id="integer", name="string", resource="string", data="bytes")
    data = bytes(range(256))
    made = notes.create([{"name": "附件", "resource": f"party.party,{party['id.id']}", "data": data}])
    assert outcomes(made) == ["applied"], made
    rows, _ = read(tryton, "ir.attachment", name="string", data="bytes")
    assert rows == [{"name": "附件", "data": data.hex()}]


def test_objects_are_described(tryton: TrytonSession) -> None:
    assert tryton.check() == []
    infos = {info.address: info for info in tryton.objects()}
    assert {"party.party", "purchase.purchase", "purchase.requisition", "ir.model.access"} <= infos.keys()
    order = infos["purchase.purchase"]
    for name in ("number", "state", "total_amount", "total_amount_cache"):
        field = order.field(name)
        assert field is not None
        assert not field.writable
    assert "declare" in next(f.refused for f in infos["purchase.line"].fields if f.name == "quantity")
    assert infos["party.party"].create_safety is CreateSafety.LOOKUP
    assert order.create_safety is CreateSafety.NONE
    assert tryton.objects(["no.such"]) == []


def test_a_computed_field_is_not_written(tryton: TrytonSession) -> None:
    with pytest.raises(ContractBroken, match="full_name"):
        Writer(tryton, "party.party", full_name="string").create([{"full_name": "x"}])


def test_what_cannot_be_read_is_no_empty_read(tryton: TrytonSession) -> None:
    assert read(tryton, "no.such", id="integer")[1].status is ReadStatus.FAILED
    assert read(tryton, "party.party", no_such="string")[1].status is ReadStatus.FAILED


def test_a_session_that_ended_is_renewed_once(tryton: TrytonSession) -> None:
    tryton.check()
    tryton.client._session = "Session YWRtaW46MTpub3N1Y2g="
    assert outcomes(parties(tryton).create(named("N", 1))) == ["applied"]
    assert len(by_code(tryton, "N")) == 1


def test_a_wrong_password_is_sent_once(
    tryton_config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = TrytonConnector().open({**tryton_config, "password": "wrong"})
    post, sent = session.client._post, []

    def counted(method: str, params: list[Any], *, changes: bool) -> Any:
        sent.append(method)
        return post(method, params, changes=changes)

    monkeypatch.setattr(session.client, "_post", counted)
    assert session.check() == ["Tryton refuses the password of 'admin'"]
    with pytest.raises(Denied):
        session.objects()
    assert sent == ["common.db.login"]
    session.close()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://erp.example:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://erp.example:8000", False),
        ("http://127.0.0.1.erp.example", False),
        ("https://admin:secret@erp.example", False),
        ("https://erp.example/path", False),
    ],
)
def test_plain_http_stays_on_this_machine(url: str, allowed: bool) -> None:
    pattern = TrytonConnector.config_schema["properties"]["url"]["pattern"]
    assert bool(re.search(pattern, url)) is allowed


def test_buttons_move_a_purchase(tryton: TrytonSession) -> None:
    [party] = parties(tryton).create([{"code": "M1", "name": "供应商"}])
    places = Writer(tryton, "party.address", id="integer", party="integer", city="string")
    [place] = places.create([{"party": party["id.id"], "city": "上海"}])
    orders = Writer(tryton, "purchase.purchase", id="integer", party="integer", invoice_address="integer")
    made, bare = orders.create(
        [
            {"party": party["id.id"], "invoice_address": place["id.id"]},
            {"party": party["id.id"], "invoice_address": None},
        ]
    )
    assert (made["outcome"], bare["outcome"]) == ("applied", "applied"), (made, bare)
    id_ = made["id.id"]
    types = {
        "purchase": "integer",
        "description": "string",
        "quantity": "decimal(15,6)",
        "unit_price": "decimal(18,4)",
    }
    lines = Writer(tryton, "purchase.line", id="integer", **types)
    row = {"purchase": id_, "description": "螺栓", "quantity": Decimal(3), "unit_price": Decimal("12.5001")}
    [line] = lines.create([row])
    assert line["outcome"] == "applied", line
    quoted = tryton.move("purchase.purchase", id_, "quote")
    assert quoted.outcome is Outcome.APPLIED, quoted
    order = {"id": "integer", "state": "string", "number": "string", "total_amount": "decimal(18,2)"}
    rows, _ = read(tryton, "purchase.purchase", **order)
    assert {"id": str(id_), "state": "quotation", "number": "1", "total_amount": "37.50"} in rows
    refused = tryton.move("purchase.purchase", bare["id.id"], "quote")  # it has no lines
    assert (refused.outcome, refused.error_class) == (Outcome.REJECTED, "rejected")
    assert refused.error.startswith("You can not call")
    moved = tryton.move("purchase.purchase", id_, "cancel")
    assert moved.outcome is Outcome.APPLIED, moved
    rows, _ = read(tryton, "purchase.purchase", id="integer", state="string")
    assert {"id": str(id_), "state": "cancelled"} in rows
    for call in ("delete", "copy", "no_such"):
        with pytest.raises(ContractBroken, match="no button"):
            tryton.move("purchase.purchase", id_, call)
