"""Who asks, what there is, and what the doctor says."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.rpc import Client
from erpoa_tryton.session import TrytonSession

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.conformance.writer import outcomes
from erpoa_cli.sdk.connector import CreateSafety
from erpoa_cli.sdk.errors import Denied, Fatal

from .asking import by_code, named, parties
from .proxy import Proxy
from .server import Server


def test_objects_are_described(tryton: TrytonSession) -> None:
    infos = {info.address: info for info in tryton.objects()}
    assert {"party.party", "purchase.purchase", "purchase.requisition", "ir.model.access"} <= infos.keys()
    order = infos["purchase.purchase"]
    for name in ("number", "state", "total_amount", "total_amount_cache"):
        field = order.field(name)
        assert field is not None
        assert not field.writable
    types = {field.name: str(field.type) for field in infos["purchase.line"].fields}
    assert (types["quantity"], types["unit_price"]) == ("decimal(15,6)", "decimal(18,4)")
    assert [f.name for info in infos.values() for f in info.fields if f.type is None] == []
    assert infos["party.party"].keys == (("code",),)
    assert order.create_safety is CreateSafety.LOOKUP
    assert order.lifecycle is not None
    assert infos["party.party"].lifecycle is None
    assert tryton.objects(["no.such", "party.party.no_such", "party.party.name"]) == []


def test_a_lifecycle_names_states_and_buttons_that_exist(tryton: TrytonSession) -> None:
    for info in tryton.objects(["purchase.purchase", "purchase.requisition"]):
        assert info.lifecycle is not None
        definitions = tryton.client.read(f"model.{info.address}.fields_get", ["state"])
        named = set(re.findall(r"'(\w+)'", " ".join(info.lifecycle.states.values())))
        assert named == {value for value, _ in definitions["state"]["selection"]}
        buttons = tryton.client.read(
            "model.ir.model.button.search_read", [["model", "=", info.address]], 0, None, None, ["name"]
        )
        calls = {call for move in info.lifecycle.moves for call in move.calls}
        assert calls <= {button["name"] for button in buttons}


def test_the_doctor_wants_a_user_of_few_rights(
    tryton: TrytonSession, clerk: TrytonSession, tryton_config: dict[str, Any]
) -> None:
    assert [problem[:29] for problem in tryton.check()] == ["'admin' is an administrator, "]
    assert clerk.check() == []
    with pytest.raises(Denied, match="not allowed to access"):
        clerk.client.change("model.res.group.create", [{"name": "x"}])


@pytest.mark.parametrize("tryton_server", ["sqlite"], indirect=True)  # PostgreSQL's waits for half a minute
def test_a_database_that_is_not_there(tryton_config: dict[str, Any]) -> None:
    with closing(TrytonConnector().open({**tryton_config, "database": "nowhere"})) as session:
        assert session.check() == ["POST rpc/: Tryton has no such database"]
        with pytest.raises(Fatal):
            session.objects()


def test_another_series_is_told(clerk: TrytonSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "series", lambda self: "6.0")
    assert clerk.check() == ["this is Tryton 6.0; the connector is verified with 8.2"]


def test_a_session_that_ended_is_renewed_once(tryton_config: dict[str, Any]) -> None:
    with Proxy(tryton_config["url"]) as proxy:
        with closing(TrytonConnector().open({**tryton_config, "url": proxy.url})) as session:
            by_code(session, "AGAIN")
            proxy.unknown_session = True
            assert outcomes(parties(session).create(named("AGAIN", 1))) == ["applied"]
            assert len(by_code(session, "AGAIN")) == 1
        assert proxy.methods.count("common.db.login") == 2


def test_a_wrong_password_is_sent_once(tryton_config: dict[str, Any]) -> None:
    with Proxy(tryton_config["url"]) as proxy:
        wrong = {**tryton_config, "url": proxy.url, "password": Secret("wr0ng-wr0ng")}
        with closing(TrytonConnector().open(wrong)) as session:
            [said] = session.check()
            assert "refuses the password of 'admin'" in said
            assert "wr0ng" not in said
            for _ in range(2):
                with pytest.raises(Denied):
                    session.objects()
        assert proxy.methods == ["common.db.login"]


def test_a_session_is_ended(tryton_config: dict[str, Any], tryton_server: Server) -> None:
    count = "SELECT count(*) FROM ir_session"
    before = tryton_server.rows(count)
    for _ in range(2):
        with closing(TrytonConnector().open(tryton_config)) as session:
            session.objects(["party.party"])
            assert tryton_server.rows(count) != before
        assert tryton_server.rows(count) == before


def test_places_are_told_apart(tryton: TrytonSession, tryton_config: dict[str, Any]) -> None:
    with closing(TrytonConnector().open({**tryton_config, "user": "another"})) as same:
        assert tryton.identity() == same.identity()
    with closing(TrytonConnector().open({**tryton_config, "database": "other"})) as other:
        assert tryton.identity() != other.identity()


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
