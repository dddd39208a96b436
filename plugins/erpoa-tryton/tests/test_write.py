"""Rows written to a real Tryton: one call for many, the bad ones named, nothing newer overwritten."""

from __future__ import annotations

from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from erpoa_cli.sdk.conformance.writer import Writer, outcomes
from erpoa_cli.sdk.errors import ContractBroken, Denied

from .asking import by_code, named, parties


@pytest.fixture
def changes(tryton: TrytonSession, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods with effects that are called."""
    change, called = tryton.client.change, []

    def counted(method: str, *params: Any, **context: Any) -> Any:
        called.append(method)
        return change(method, *params, **context)

    monkeypatch.setattr(tryton.client, "change", counted)
    return called


def test_a_bad_row_among_a_thousand_is_named(tryton: TrytonSession, changes: list[str]) -> None:
    parties(tryton).create([{"code": "BULK777", "name": "theirs"}])
    changes.clear()
    answers = parties(tryton).create(named("BULK", 1000))
    bad = [answer for answer in answers if answer["outcome"] != "applied"]
    assert [(b["ordinal"], b["outcome"], b["error_class"]) for b in bad] == [(777, "rejected", "duplicate")]
    assert bad[0]["error"] == "The code on party must be unique."
    assert len(changes) <= 21  # the whole, and two halves for each of ten cuts
    found = by_code(tryton, "BULK")
    assert len(found) == 1000
    assert found["BULK777"]["name"] == "theirs"
    assert all(str(a["id.id"]) == found[f"BULK{a['ordinal']}"]["id"] for a in answers if a["ordinal"] != 777)


def test_five_bad_rows_among_a_thousand_are_named(tryton: TrytonSession, changes: list[str]) -> None:
    """Two of them are bad by each other: which of the two goes in does not matter, but one does."""
    places = (0, 1, 499, 730, 999)
    rows = named("FIVE", 1000)
    for at in (0, 499, 999):
        rows[at]["name"] = "x"
        rows[at]["code"] = rows[1]["code"] if at == 0 else f"THERE{at}"
    rows[730]["code"] = " FIVE730"  # Tryton would strip the blank
    parties(tryton).create([{"code": f"THERE{at}", "name": "theirs"} for at in (499, 999)])
    changes.clear()
    answers = parties(tryton).create(rows)
    bad = {a["ordinal"]: (a["outcome"], a["error_class"]) for a in answers if a["outcome"] != "applied"}
    assert set(bad) <= set(places)
    assert bad.pop(730) == ("rejected", "rejected")
    assert bad.pop(0, None) or bad.pop(1)
    assert bad == {499: ("rejected", "duplicate"), 999: ("rejected", "duplicate")}
    assert len(changes) < 70
    assert len(by_code(tryton, "FIVE")) == 996


def test_a_moved_row_is_stale_and_stays(tryton: TrytonSession) -> None:
    first, second = (a["id.id"] for a in parties(tryton).create(named("STALE", 2)))
    was = named("STALE", 2)
    tryton.client.change("model.party.party.write", [second], {"name": "moved"})
    ids, new = [{"id": first}, {"id": second}], [{"name": "甲"}, {"name": "乙"}]
    assert outcomes(parties(tryton).update(ids, new, was)) == ["applied", "stale"]
    assert [row["name"] for row in by_code(tryton, "STALE").values()] == ["甲", "moved"]
    assert outcomes(parties(tryton).delete(ids, [{"name": "甲"}, {"name": "乙"}])) == ["applied", "stale"]
    assert list(by_code(tryton, "STALE")) == ["STALE1"]


def test_a_row_that_moves_between_look_and_write_is_stale(
    tryton: TrytonSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [{"id": a["id.id"]} for a in parties(tryton).create(named("RACE", 4))]
    change, moved = tryton.client.change, []

    def late(method: str, *params: Any, **context: Any) -> Any:
        if not moved:
            moved.append(change("model.party.party.write", [ids[1]["id"]], {"name": "late"}))
            change("model.party.party.delete", [ids[3]["id"]])
        return change(method, *params, **context)

    monkeypatch.setattr(tryton.client, "change", late)
    answers = parties(tryton).update(ids, [{"name": "ours"}] * 4, named("RACE", 4))
    assert outcomes(answers) == ["applied", "stale", "applied", "stale"], answers
    assert [row["name"] for row in by_code(tryton, "RACE").values()] == ["ours", "late", "ours"]


def test_a_create_is_stale_where_the_row_exists(tryton: TrytonSession) -> None:
    parties(tryton).create([{"code": "U1", "name": "theirs"}])
    answers = parties(tryton).create(named("U", 3), unless=(("code",),))
    assert outcomes(answers) == ["applied", "stale", "applied"]
    assert by_code(tryton, "U")["U1"]["name"] == "theirs"


def test_what_it_refers_to_is_missing(tryton: TrytonSession) -> None:
    places = Writer(tryton, "party.address", id="integer", party="integer", city="string", country="integer")
    [party] = parties(tryton).create([{"code": "W1", "name": "x"}])
    answers = places.create(
        [
            {"party": party["id.id"], "city": "上海", "country": None},
            {"party": None, "city": "x", "country": None},
        ]
    )
    assert outcomes(answers) == ["applied", "rejected"]
    assert answers[1]["error"].startswith('A value is required for field "Party" in')


@pytest.mark.parametrize("tryton_server", ["postgres"], indirect=True)
def test_what_it_refers_to_does_not_exist(tryton: TrytonSession) -> None:
    """SQLite does not look, so only PostgreSQL can tell."""
    [party] = parties(tryton).create([{"code": "Y1", "name": "x"}])
    places = Writer(tryton, "party.address", id="integer", party="integer", country="integer")
    answers = places.create([{"party": party["id.id"], "country": at} for at in (None, 999_999)])
    assert [a["error_class"] for a in answers] == [None, "master_missing"], answers


def test_many_kinds_of_refusals_do_not_stop_the_rest(tryton: TrytonSession) -> None:
    [used] = parties(tryton).create([{"code": "K0", "name": "x"}])
    places = Writer(tryton, "party.address", id="integer", party="integer", city="string")
    places.create([{"party": used["id.id"], "city": "上海"}])
    [free] = parties(tryton).create([{"code": "K1", "name": "x"}])
    orders = Writer(tryton, "purchase.purchase", id="integer", party="integer", reference="string")
    [order] = orders.create([{"party": used["id.id"], "reference": "K"}])
    assert order["outcome"] == "applied", order
    ids = [{"id": used["id.id"]}, {"id": free["id.id"]}]
    answers = parties(tryton).delete(ids, [{"name": "x"}] * 2)
    assert outcomes(answers) == ["rejected", "applied"], answers
    assert "used by field" in answers[0]["error"]


def test_a_computed_field_is_not_written(tryton: TrytonSession) -> None:
    with pytest.raises(ContractBroken, match="full_name"):
        Writer(tryton, "party.party", full_name="string").create([{"full_name": "x"}])


def test_a_read_only_system_is_not_written(tryton_config: dict[str, Any]) -> None:
    session = TrytonConnector().open({**tryton_config, "read_only": True})
    assert not session.objects(["party.party"])[0].writable
    with pytest.raises(Denied, match="read_only"):
        parties(session).create(named("X", 1))
    session.close()
