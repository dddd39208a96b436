"""Every kind of value that Tryton has, written and read through the connector."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from erpoa_tryton.session import TrytonSession
from erpoa_tryton.values import dumps, native_of, text_of, untagged

from erpoa_cli.core.schema import parse_type
from erpoa_cli.sdk.conformance import VALUES
from erpoa_cli.sdk.conformance.hostile import TEXTS
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.meaning import meaning

from .asking import parties


def kept(text: str) -> bool:
    """Whether Tryton can hold *text*: PostgreSQL has no NUL."""
    return "\x00" not in text


def test_hostile_texts_come_back_and_are_only_data(tryton: TrytonSession) -> None:
    notes = Writer(tryton, "ir.note", id="integer", resource="string", message="string")
    [party] = parties(tryton).create([{"code": "HOST", "name": "x"}])
    resource = f"party.party,{party['id.id']}"
    texts = [text for text in TEXTS if text]
    answers = notes.create([{"resource": resource, "message": text} for text in texts])
    assert outcomes(answers) == ["applied" if kept(text) else "rejected" for text in texts]
    ids = {str(a["id.id"]): text for a, text in zip(answers, texts, strict=True) if a["outcome"] == "applied"}
    rows, _ = read(tryton, "ir.note", id="integer", message="string")
    assert {row["id"]: row["message"] for row in rows if row["id"] in ids} == ids
    asked = ReadRequest(object="ir.note", fields=fields(message="string"))
    for text in ids.values():
        found, _ = told(tryton.find(asked, ["message"], pa.table({"message": [text]})))
        assert {row["message"] for row in found} == {text}


def test_hostile_names(tryton: TrytonSession) -> None:
    """Of a short text Tryton strips blanks where the field says so; `name` of a party keeps them."""
    rows = [{"code": f"NAME{at}", "name": text} for at, text in enumerate(TEXTS) if text and kept(text)]
    answers = parties(tryton).create(rows)
    sent = {
        row["code"]: row["name"] for row, a in zip(rows, answers, strict=True) if a["outcome"] == "applied"
    }
    assert len(sent) > len(rows) / 2
    found, _ = read(tryton, "party.party", code="string", name="string")
    assert {row["code"]: row["name"] for row in found if row["code"].startswith("NAME")} == sent


def test_amounts_and_days(tryton: TrytonSession) -> None:
    types = {"id": "integer", "currency": "integer", "date": "date", "rate": "decimal(20,6)"}
    rates = Writer(tryton, "currency.currency.rate", **types)
    [currency] = Writer(
        tryton, "currency.currency", id="integer", name="string", symbol="string", code="string"
    ).create([{"name": "测试", "symbol": "¤", "code": "XTS"}])
    sent = {
        "0001-01-01": Decimal("0.000001"),
        "1582-10-15": Decimal("1.000000"),
        "2024-02-29": Decimal("7.092001"),
        "9999-12-31": Decimal("99999999999.999999"),
    }
    rows = [
        {"currency": currency["id.id"], "date": date.fromisoformat(day), "rate": rate}
        for day, rate in sent.items()
    ]
    assert outcomes(rates.create(rows)) == ["applied"] * len(sent)
    found, _ = read(tryton, "currency.currency.rate", currency="string", date="date", rate="decimal(20,6)")
    ours = [row for row in found if row["currency"] == str(currency["id.id"])]
    assert {row["date"]: Decimal(row["rate"]) for row in ours} == sent


def test_moments(tryton: TrytonSession) -> None:
    """The due moment of a request is whole seconds of UTC; fractions are refused, not cut."""
    crons = Writer(tryton, "ir.cron", id="integer", next_call="timestamptz")
    [cron] = tryton.client.read("model.ir.cron.search", [], 0, 1, None)
    for moment, outcome in (
        (datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), "applied"),
        (datetime(2024, 2, 29, 23, 59, 59, 1, tzinfo=UTC), "rejected"),
    ):
        assert outcomes(crons.update([{"id": cron}], [{"next_call": moment}])) == [outcome]
    found, _ = read(tryton, "ir.cron", id="integer", next_call="timestamptz")
    [row] = [row for row in found if row["id"] == str(cron)]
    assert meaning(row["next_call"], parse_type("timestamptz")) == datetime(
        2024, 2, 29, 23, 59, 59, tzinfo=UTC
    )


def test_durations_bytes_and_truths(tryton: TrytonSession) -> None:
    [party] = parties(tryton).create([{"code": "V1", "name": "值"}])
    times = Writer(tryton, "party.party", id="integer", supplier_lead_time="integer", active="boolean")
    changed = {"supplier_lead_time": 93_784_000_001, "active": False}
    assert outcomes(times.update([{"id": party["id.id"]}], [changed])) == ["applied"]
    rows, _ = read(tryton, "party.party", code="string", supplier_lead_time="integer", active="boolean")
    assert {"code": "V1", "supplier_lead_time": "93784000001", "active": "false"} in rows

    notes = Writer(tryton, "ir.attachment", id="integer", name="string", resource="string", data="bytes")
    data = bytes(range(256)) * 300
    made = notes.create([{"name": "附件", "resource": f"party.party,{party['id.id']}", "data": data}])
    assert outcomes(made) == ["applied"], made
    rows, _ = read(tryton, "ir.attachment", name="string", data="bytes")
    assert rows == [{"name": "附件", "data": data.hex()}]


def test_numbers_that_do_not_fit_are_refused(tryton: TrytonSession) -> None:
    [party] = parties(tryton).create([{"code": "BIG", "name": "x"}])
    lines = Writer(
        tryton, "purchase.line", id="integer", purchase="integer", sequence="integer", quantity="decimal(20,6)",
        unit_price="decimal(20,8)",
    )  # fmt: skip
    orders = Writer(tryton, "purchase.purchase", id="integer", party="integer", reference="string")
    [order] = orders.create([{"party": party["id.id"], "reference": "BIG"}])
    one = {"purchase": order["id.id"], "sequence": 1, "quantity": Decimal(1), "unit_price": Decimal(1)}
    rows = [
        one,
        {**one, "sequence": 2**31},
        {**one, "quantity": Decimal("0.1")},
        {**one, "quantity": Decimal("12345678901234.567891")},
        {**one, "unit_price": Decimal("0.00000001")},
    ]
    answers = lines.create(rows)
    assert outcomes(answers) == ["applied", "rejected", "applied", "rejected", "rejected"], answers


def test_what_tryton_would_strip_is_refused(tryton: TrytonSession) -> None:
    answers = parties(tryton).create([{"code": " B1", "name": "x"}, {"code": "B2", "name": " kept "}])
    assert outcomes(answers) == ["rejected", "applied"]


NATIVE = {
    "string": "text", "integer": "biginteger", "boolean": "boolean", "date": "date", "time": "time",
    "timestamp": "timestamp", "timestamptz": "timestamp", "bytes": "binary", "decimal": "numeric",
}  # fmt: skip


@pytest.mark.parametrize("type_", [t for t in VALUES if t.kind.value in NATIVE], ids=str)
def test_every_value_survives_the_wire(type_: Any) -> None:
    """Through Tryton's JSON and back, without a server: what the models at hand have no field for."""
    native = NATIVE[type_.kind.value]
    for value in VALUES[type_]:
        try:
            sent = native_of(value, {"type": native})
        except ValueError:
            continue
        back = untagged(json.loads(dumps(sent), parse_float=Decimal))
        assert meaning(text_of(back, native, type_), type_) == value


def test_times_of_day() -> None:
    assert native_of(time(23, 59, 59), {"type": "time"}) == time(23, 59, 59)
    with pytest.raises(ValueError, match="fractions"):
        native_of(time(0, 0, 0, 1), {"type": "time"})
