"""Rows read from a real Tryton: all of them, or those that changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from erpoa_tryton.session import TrytonSession

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest

from .asking import by_code, named, parties

STAMPED = {"code": "string", "write_date": "timestamptz"}


def since(tryton: TrytonSession, moment: datetime, prefix: str) -> set[str]:
    mark = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    asked = ReadRequest(object="party.party", fields=fields(**STAMPED), cursor="write_date", since=mark)
    rows, verdict = told(tryton.read(asked))
    assert verdict.status is ReadStatus.COMPLETE, verdict
    return {row["code"] for row in rows if row["code"].startswith(prefix)}


def test_more_rows_than_a_page(tryton: TrytonSession) -> None:
    assert set(outcomes(parties(tryton).create(named("PAGE", 1500)))) == {"applied"}
    assert set(by_code(tryton, "PAGE")) == {f"PAGE{at}" for at in range(1500)}


def test_inactive_rows_are_seen_and_found(tryton: TrytonSession) -> None:
    [made] = parties(tryton).create([{"code": "I1", "name": "停用"}])
    [done] = parties(tryton).update([{"id": made["id.id"]}], [{"active": False}], [{"name": "停用"}])
    assert done["outcome"] == "applied", done
    assert by_code(tryton, "I")["I1"]["active"] == "false"
    asked = ReadRequest(object="party.party", fields=fields(code="string", name="string"))
    rows, verdict = told(tryton.find(asked, ["code"], pa.table({"code": ["I1", "i1", "I1 ", "no"]})))
    assert (rows, verdict.status) == ([{"code": "I1", "name": "停用"}], ReadStatus.COMPLETE)


def test_a_cursor_sees_created_and_written_rows(tryton: TrytonSession) -> None:
    before = datetime.now(UTC)
    parties(tryton).create(named("CUR", 2))
    assert since(tryton, before, "CUR") == {"CUR0", "CUR1"}
    assert since(tryton, datetime(2999, 1, 1, tzinfo=UTC), "CUR") == set()


def test_a_cursor_sees_rows_that_were_never_written_again(tryton: TrytonSession) -> None:
    """A purchase has no `write_date` until it is changed."""
    [party] = parties(tryton).create([{"code": "CP", "name": "x"}])
    before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    orders = Writer(tryton, "purchase.purchase", party="integer", reference="string")
    assert outcomes(orders.create([{"party": party["id.id"], "reference": "CP1"}])) == ["applied"]
    types = {"reference": "string", "write_date": "timestamptz", "create_date": "timestamptz"}
    asked = ReadRequest(object="purchase.purchase", fields=fields(**types), cursor="write_date", since=before)
    [row] = [row for row in told(tryton.read(asked))[0] if row["reference"] == "CP1"]
    assert row["write_date"] is None
    assert row["create_date"] is not None


def test_a_commit_behind_the_cursor_is_found(tryton: TrytonSession) -> None:
    """What was stamped before the cursor and committed after it was read."""
    slow = named("LS", 40)
    assert set(outcomes(parties(tryton).create(slow))) == {"applied"}
    stamps = tryton.client.read(
        "model.party.party.search_read", [["code", "=", "LS0"]], 0, 1, None, ["create_date"]
    )
    began = stamps[0]["create_date"].replace(tzinfo=UTC)
    cursor = began + timedelta(minutes=4)  # the bookmark of a read while the transaction was open
    assert since(tryton, cursor, "LS") == {row["code"] for row in slow}
    assert since(tryton, began + timedelta(minutes=6), "LS") == set()


def test_what_cannot_be_read_is_no_empty_read(tryton: TrytonSession) -> None:
    assert read(tryton, "no.such", id="integer")[1].status is ReadStatus.FAILED
    assert read(tryton, "party.party", no_such="string")[1].status is ReadStatus.FAILED
    assert read(tryton, "party.party.no_such", origin="integer")[1].status is ReadStatus.FAILED


def test_a_filter_narrows_what_is_read(tryton: TrytonSession) -> None:
    parties(tryton).create(named("Q", 3))
    filters: list[dict[str, Any]] = [{"code": "Q1"}, {"code": ["Q1", "Q2", "no"]}]
    found = []
    for filter_ in filters:
        asked = ReadRequest(object="party.party", fields=fields(code="string"), filter=filter_)
        found.append([row["code"] for row in told(tryton.read(asked))[0]])
    assert found == [["Q1"], ["Q1", "Q2"]]
