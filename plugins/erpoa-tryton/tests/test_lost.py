"""Answers that are lost, servers and programs that are killed: every create has happened exactly once in the end.

The oracle counts rows in Tryton's own tables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.program import Forks, start

from .conftest import DEEP, config_of
from .project import Site
from .proxy import Loss, Proxy, Rule, once
from .server import OnPostgres, Server

pytestmark = pytest.mark.in_turn("tryton", of=2, seconds=20)

COUNTS = """
    SELECT (SELECT count(*) FROM party_party WHERE code LIKE 'S_'), (SELECT count(*) FROM party_address),
        (SELECT count(*) FROM party_identifier), (SELECT count(*) FROM product_template),
        (SELECT count(*) FROM product_product), (SELECT count(*) FROM purchase_purchase),
        (SELECT count(*) FROM purchase_line)
"""
WHOLE = [(3, 3, 2, 2, 2, 2, 3)]
CREATES = [
    f"model.{model}.create"
    for model in ("party.party", "party.address", "party.identifier", "product.template", "product.product",
                  "purchase.purchase", "purchase.line")
]  # fmt: skip


def every_first(loss: Loss) -> Rule:
    """Loses the first call of each of CREATES."""
    rules = [once(method, loss) for method in CREATES]
    return lambda method, params: next((found for rule in rules if (found := rule(method, params))), None)


@pytest.mark.parametrize("loss", Loss)
def test_a_lost_create_is_looked_up(own_server: Server, erpoa: Forks, tmp_path: Path, loss: Loss) -> None:
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        proxy.rule = every_first(loss)
        site.apply()
        assert own_server.rows(COUNTS) == WHOLE
        again = 2 if loss is Loss.REQUEST else 1
        assert [proxy.methods.count(method) for method in CREATES] == [again] * len(CREATES)


def test_lost_updates_and_deletes_are_looked_up(own_server: Server, erpoa: Forks, tmp_path: Path) -> None:
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        site.apply()
        site.oa(
            "UPDATE supplier SET name = 'new ' || code; DELETE FROM line WHERE line_no = 2; UPDATE line SET qty = '9'"
        )
        rules = [
            once(f"model.{model}.{call}", loss)
            for model, call, loss in (
                ("party.party", "write", Loss.ANSWER), ("purchase.line", "write", Loss.REQUEST),
                ("purchase.line", "delete", Loss.ANSWER),
            )
        ]  # fmt: skip
        proxy.rule = lambda method, params: next((f for rule in rules if (f := rule(method, params))), None)
        site.apply()
        assert own_server.rows("SELECT name FROM party_party WHERE code LIKE 'S_' ORDER BY code") == [
            ("new S1",), ("new S2",), ("new S3",)
        ]  # fmt: skip
        assert own_server.rows("SELECT quantity FROM purchase_line") == [(9.0,), (9.0,)]


@pytest.mark.parametrize("own_server", ["sqlite"], indirect=True)
def test_a_server_that_dies_in_the_middle(own_server: Server, erpoa: Forks, tmp_path: Path) -> None:
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        dead = []

        def rule(called: str, _: list[Any]) -> Loss | None:
            if called == "model.purchase.line.create" and not dead:
                dead.append(called)
                own_server.kill()
            return None

        proxy.rule = rule
        site.expect(0, "plan", "-o", "one.erpoaplan")
        said = site.erpoa("apply", "one.erpoaplan", "--yes")
        assert said.exit in {1, 8}, said
        own_server.start()
        site.expect(0, "resume")
        assert own_server.rows(COUNTS) == WHOLE
        site.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.parametrize("own_server", ["postgres"], indirect=True)
@pytest.mark.parametrize("killed", [False, True])
def test_a_line_or_a_server_fails_before_the_commit(
    own_server: OnPostgres, erpoa: Forks, tmp_path: Path, killed: bool
) -> None:
    """The transaction is open: one that goes on is waited for (`lingers`), one that died has done nothing."""
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        systems = site.path / "systems/systems.yml"
        systems.write_text(systems.read_text().replace("lingers: 1", "lingers: 5"))
        held: list[str] = []

        def rule(called: str, _: list[Any]) -> Loss | None:
            if called == "model.purchase.line.create" and not held:
                held.append(called)
                own_server.hold_up("purchase_line", own_server.kill if killed else proxy.cut)
            return None

        proxy.rule = rule
        site.expect(0, "plan", "-o", "one.erpoaplan")
        said = site.erpoa("apply", "one.erpoaplan", "--yes")
        if killed:
            assert said.exit in {1, 8}, said
            own_server.start()
            site.expect(0, "resume")
        else:
            assert said.exit == 0, said
        assert proxy.methods.count("model.purchase.line.create") == (2 if killed else 1)
        assert own_server.rows(COUNTS) == WHOLE
        site.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.parametrize(
    ("method", "after"),
    [
        pytest.param("model.party.party.create", True, marks=DEEP),
        ("model.purchase.purchase.create", False),
        pytest.param("model.purchase.purchase.create", True, marks=DEEP),
        ("model.purchase.line.create", True),
    ],
)
def test_erpoa_is_killed(own_server: Server, erpoa: Forks, tmp_path: Path, method: str, after: bool) -> None:
    """kill -9 while a create is under way: before the server hears of it, and after it has done it."""
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        site.expect(0, "plan", "-o", "one.erpoaplan")
        running = start("apply", "one.erpoaplan", "--yes", directory=site.path, env=site.environment())

        def rule(called: str, _: list[Any]) -> Loss | None:
            if called != method or running.poll() is not None:
                return None
            running.kill()
            running.wait()
            return Loss.ANSWER if after else Loss.REQUEST

        proxy.rule = rule
        said = running.communicate()
        assert running.returncode == -9, said
        site.expect(0, "resume")
        assert own_server.rows(COUNTS) == WHOLE
        site.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.parametrize("loss", Loss)
def test_lost_buttons_are_looked_up(own_server: Server, erpoa: Forks, tmp_path: Path, loss: Loss) -> None:
    with Proxy(own_server.url) as proxy:
        site = Site.made(tmp_path, {**config_of(own_server), "url": proxy.url}, erpoa)
        site.oa("UPDATE requisition SET stage = 'confirmed'")
        calls = [f"model.purchase.purchase.{call}" for call in ("quote", "confirm")]
        rules = [once(method, loss) for method in calls]
        proxy.rule = lambda method, params: next((f for rule in rules if (f := rule(method, params))), None)
        site.apply()
        again = 2 if loss is Loss.REQUEST else 1
        assert [proxy.methods.count(method) for method in calls] == [again, again]
        rows = own_server.rows("SELECT state, number FROM purchase_purchase ORDER BY reference")
        assert [state for state, _ in rows] == ["processing", "processing"]
        assert len({number for _, number in rows} - {None}) == 2
