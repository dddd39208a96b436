"""The company that the tests work in."""

from __future__ import annotations

from typing import Any

from erpoa_tryton import TrytonConnector
from erpoa_tryton.session import TrytonSession

GROUPS = [
    "Party Administration", "Product Administration", "Purchase", "Purchase Administrator",
    "Purchase Requisition", "Purchase Requisition Approval", "Employee Administration",
]  # fmt: skip


def founded(config: dict[str, Any]) -> None:
    """Found a company and let the administrator work in it."""
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


def hired(admin: TrytonSession) -> dict[str, str]:
    """`user` and `password` of somebody with the groups that purchasing needs."""
    login = {"user": "erpoa", "password": "Erp0a-erpoa-test"}
    if admin.client.read("model.res.user.search", [["login", "=", login["user"]]], 0, 1, None):
        return login
    [company] = admin.client.read("model.company.company.search", [], 0, None, None)
    groups = admin.client.read("model.res.group.search", [["name", "in", GROUPS]], 0, None, None)
    user = {
        "login": login["user"],
        "name": "erpoa",
        "password": login["password"],
        "companies": [["add", [company]]],
        "company": company,
        "groups": [["add", groups]],
    }
    admin.client.change("model.res.user.create", [user])
    return login
