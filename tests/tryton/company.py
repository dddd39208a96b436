"""Founds a company in a new Tryton database and hires a clerk with the groups that purchasing needs, no others.

    python company.py CONFIGURATION DATABASE LOGIN PASSWORD

A script that runs inside Tryton's environment: it owes nothing to the connector that is tested on what it makes.
"""

from __future__ import annotations

import sys

GROUPS = [
    "Party Administration", "Product Administration", "Purchase", "Purchase Administrator",
    "Purchase Requisition", "Purchase Requisition Approval", "Employee Administration",
]  # fmt: skip


def main(configuration: str, database: str, login: str, password: str) -> None:
    from trytond import config  # type: ignore[import-not-found]

    config.update_etc(configuration)
    from trytond.pool import Pool  # type: ignore[import-not-found]
    from trytond.transaction import Transaction  # type: ignore[import-not-found]

    Pool.start()
    pool = Pool(database)
    pool.init()
    with Transaction().start(database, 1):
        [currency] = pool.get("currency.currency").create(
            [{"name": "人民币", "symbol": "¥", "code": "CNY", "rates": [("create", [{"rate": 1}])]}]
        )
        [own] = pool.get("party.party").create([{"name": "华鑫"}])
        [company] = pool.get("company.company").create([{"party": own.id, "currency": currency.id}])
        works = {"companies": [("add", [company.id])], "company": company.id}
        users = pool.get("res.user")
        users.write(users.search([("login", "=", "admin")]), works)
        groups = pool.get("res.group").search([("name", "in", GROUPS)])
        assert len(groups) == len(GROUPS)
        new = {
            "login": login,
            "name": login,
            "password": password,
            "groups": [("add", [g.id for g in groups])],
        }
        users.create([{**new, **works}])


if __name__ == "__main__":
    main(*sys.argv[1:])
