"""One real Tryton for all tests of this plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

from .server import PASSWORD, NotInstalled, served


@pytest.fixture(scope="session")
def tryton_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The `config:` of a served database with a company. What cannot be installed is skipped, unless it is required."""
    try:
        running = served(tmp_path_factory.mktemp("tryton"))
        with running as url:
            config = {"url": url, "database": "erp", "user": "admin", "password": PASSWORD}
            _founded(config)
            yield config
    except NotInstalled as error:
        if "TRYTON" in os.environ.get("ERPOA_TEST_REQUIRE", "").split(","):
            raise
        pytest.skip(f"Tryton cannot be installed here: {error}")


def _founded(config: dict[str, Any]) -> None:
    session = TrytonConnector().open(config)
    call = session.client.change
    [currency] = call(
        "model.currency.currency.create",
        [{"name": "人民币", "symbol": "¥", "code": "CNY", "rates": [["create", [{"rate": 1}]]]}],
    )
    [own] = call("model.party.party.create", [{"name": "华鑫"}])
    [company] = call("model.company.company.create", [{"party": own, "currency": currency}])
    [admin] = session.client.read("model.res.user.search", [["login", "=", "admin"]], 0, None, None)
    call("model.res.user.write", [admin], {"companies": [["add", [company]]], "company": company})
    session.close()


@pytest.fixture
def tryton(tryton_config: dict[str, Any]) -> Iterator[TrytonSession]:
    session = TrytonConnector().open(tryton_config)
    yield session
    session.close()
