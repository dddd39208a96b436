"""The example of Tryton on PostgreSQL and an OA on MariaDB: its README is executed against real servers, and after every
section hand-written SQL on both says whether the systems are what the README promises.

The oracle never asks erpoa: it reads the tables of both servers its own way and compares.
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Run
from tests.e2e.servers import EXAMPLE, Site, placed, servers
from tests.e2e.walkthrough import IN_TURN, Command, commands

__all__ = ["servers"]


def test_both_readmes_have_the_same_commands():
    english, chinese = commands(EXAMPLE / "README.md"), commands(EXAMPLE / "README.zh-CN.md")
    assert english == chinese
    assert {command.section for command in english} == set(range(1, 9))


@pytest.fixture
def site(servers: dict[str, str], tmp_path: Path, forked: Run) -> Iterator[Site]:
    with placed(servers, tmp_path, forked) as site:
        yield site


# -------------------------------------------------------------------------------------------------- the oracle

FIRST_ADDRESS = """(select f.id from party_address f where f.party = party.id and f.active
    order by f.sequence nulls first, f.id limit 1)"""

SUPPLIERS = f"""
    select party.code, party.name,
        (select i.code from party_identifier i
         where i.party = party.id and i.active and i.type in ('cn_vat', 'de_vat', 'us_ein')
         order by array_position(array['cn_vat', 'de_vat', 'us_ein'], i.type::text), i.sequence nulls first, i.id limit 1),
        (select c.code from country_country c join party_address a on a.country = c.id where a.id = {FIRST_ADDRESS}),
        (party.create_date at time zone 'UTC' at time zone 'Asia/Shanghai')::date,
        party.active,
        (select nullif(trim(a.attn), '') from party_address a where a.id = {FIRST_ADDRESS})
    from party_party party
    where exists (
        select from "party_party-party_category" m join party_category k on k.id = m.category
        where m.party = party.id and k.name = '供应商 Supplier')"""

LISTED = """
    select s.code, s.name, s.tax_no, c.code, s.registered_on, s.active = 1, s.contact_person
    from supplier s left join country c on c.id = s.country_id"""

CHINESE = """(select t.value from ir_translation t where t.res_id = c.id and t.lang = 'zh_CN' and t.type = 'model'
    and not t.fuzzy and t.name = '{0}.{0},name')"""
COUNTRIES = (
    f"select code, code3, name, {CHINESE.format('country')}, active from country_country c order by code"
)
CURRENCIES = f"""
    select code, name, {CHINESE.format("currency")}, digits, rounding, latest.rate, latest.date, active
    from currency_currency c left join lateral (
        select r.rate, r.date from currency_currency_rate r where r.currency = c.id order by r.date desc limit 1
    ) latest on true order by code collate "C" """
PICKED = "select code, name_en, name_zh, digits, rounding, rate, rate_date, active = 1 from currency where code <> 'XBT' order by code"


def same_name(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip(" \u3000"))


def keyed(rows: list[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    assert len({row[0] for row in rows}) == len(rows), "a code is there twice"
    return {code: (same_name(name), tax_no, country, day, bool(active), attn)
            for code, name, tax_no, country, day, active, attn in rows}  # fmt: skip


def agrees(site: Site, *, but: Mapping[str, str | None] | None = None, gone: Collection[str] = ()) -> None:
    """Both systems agree about everything but the names in *but* (OA's supplier names, None: not there), the
    suppliers *gone* (deactivated in the OA), and what only the OA knows."""
    wanted, listed = keyed(site.erp(SUPPLIERS)), keyed(site.oa(f"{LISTED} where s.code is not null"))
    assert listed.pop("OA-99") == ("只在 OA 里的供应商", None, "CN", None, True, "钱多")
    for code, name in (but or {}).items():
        row = wanted.pop(code)
        if name is None:
            assert code not in listed
        else:
            assert listed.pop(code) == (name, *row[1:])
    for code in gone:
        assert code not in wanted
        assert listed.pop(code)[4] is False
    assert listed == wanted
    picked = site.oa(
        "select code, code3, name_en, name_zh, active = 1 from country where code <> 'ZZ' order by code"
    )
    assert [(*row[:4], bool(row[4])) for row in picked] == site.erp(COUNTRIES)
    assert site.oa("select name_en, code3 from country where code = 'ZZ'") == [("Somewhere", None)]


def same_currencies(site: Site) -> None:
    """Decimals are equal as numbers, all of their digits."""
    assert [(*row[:7], bool(row[7])) for row in site.oa(PICKED)] == site.erp(CURRENCIES)
    assert site.oa("select id, name_en, digits, rate from currency where code = 'XBT'") == [
        (3, "Bitcoin", None, None)
    ]


def writes(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """The keys of a plan's writing changes, by `target action`."""
    found: dict[str, list[str]] = {}
    for change in report["changes"]:
        if change["action"] in ("create", "update", "deactivate", "delete"):
            found.setdefault(f"{change['target']} {change['action']}", []).append(
                str(*change["key"].values())
            )
    return {name: sorted(keys) for name, keys in found.items()}


def in_oa(site: Site, code: str, *columns: str) -> tuple[Any, ...]:
    (row,) = site.oa(f"select {', '.join(columns)} from supplier where code = '{code}'")
    return row


def attn(site: Site, code: str) -> str:
    ((value,),) = site.erp(
        f"select a.attn from party_address a join party_party p on p.id = a.party where p.code = '{code}'"
    )
    return str(value)


def erp_but_attn(site: Site) -> list[list[tuple[Any, ...]]]:
    """All of the ERP that erpoa may not write, with the transactions that wrote it."""
    tables = ("party_party", "party_identifier", "party_category", "country_country", "currency_currency")
    address = "select id, party, country, city, sequence, active, write_date from party_address order by id"
    return [
        site.erp(address),
        *(site.erp(f"select xmin::text, t::text from {t} t order by 2") for t in tables),
    ]


# ---------------------------------------------------------------------------------- what each section promises


def built(site: Site) -> None:
    assert site.erp("select count(*) from party_party") == [(355,)]
    assert site.erp("select pg_typeof(rate)::text, count(*) from currency_currency_rate group by 1") == [
        ("numeric", 8)
    ]
    assert oct((site.path / ".erpoa-example" / "secrets.yml").stat().st_mode)[-3:] == "600"
    site.before["oa"] = site.oa(f"{LISTED} order by s.id")
    site.before["erp"] = erp_but_attn(site)
    site.before["attn"] = site.erp("select id, attn from party_address order by id")


def planned(site: Site) -> None:
    assert site.oa(f"{LISTED} order by s.id") == site.before["oa"], "a plan writes nothing"
    report = site.plan(2)
    found = writes(report)
    known = {"000001", "000003", "000004", "000010", "000019", "000020"}
    assert found["oa_suppliers create"] == sorted(set(keyed(site.erp(SUPPLIERS))) - known)
    assert "000004" in found["oa_suppliers update"]
    assert not [name for name in found if name.endswith(("delete", "deactivate"))]
    assert not [name for name in found if name.startswith("erp_")], "the ERP has nothing to learn yet"
    assert [held["address"] for held in report["held"]] == ["oa_suppliers/code=000019"]
    text = site.ask("erpoa show first.erpoaplan --full")
    assert "91330100MA2A00009E" not in text
    assert "009E" in text


def applied(site: Site) -> None:
    agrees(site, but={"000019": None})
    assert site.oa("select id, code from supplier where id < 9 and code is not null order by id") == [
        (1, "000001"), (2, "000003"), (3, "000020"), (6, "000004"), (7, "OA-99"), (8, "000010"),
    ]  # fmt: skip
    assert {in_oa(site, code, "name") for code in ("a0007", "A0007")} == {
        ("Lower case code",),
        ("Upper case code",),
    }
    # adopted, not renamed: another spelling of the same name; and what people typed stays
    assert in_oa(site, "000003", "name") == ("ABC贸易(上海)有限公司",)
    assert in_oa(site, "000001", "contact_phone", "remark") == ("021-5550 9999（手工）", "老客户介绍")
    assert site.oa("select name_zh from currency where code = 'EUR'") == [("欧元（旧称）",)]
    assert erp_but_attn(site) == site.before["erp"]
    assert site.erp("select id, attn from party_address order by id") == site.before["attn"]
    assert site.erp("select count(*) from erpoa_ledger") == [(0,)], "nothing was written to the ERP yet"
    assert site.oa("select count(distinct run_id) from erpoa_ledger") == [(1,)]


def settled(site: Site) -> None:
    agrees(site)
    same_currencies(site)
    assert in_oa(site, "000019", "id") == (4,)
    assert erp_but_attn(site) == site.before["erp"]
    site.before["ids"] = dict(site.oa("select code, id from supplier"))


def same_rows(site: Site) -> None:
    assert dict(site.oa("select code, id from supplier where code <> '000900'")) == site.before["ids"], (
        "no row was replaced"
    )


def worked(site: Site) -> None:
    agrees(site)
    same_currencies(site)
    same_rows(site)
    assert attn(site, "000113") == "郑爽"
    assert in_oa(site, "000113", "contact_phone") == ("0755-5550 0113",)
    assert in_oa(site, "000002", "contact_person") == ("李娜（采购部）",)
    assert in_oa(site, "000900", "name", "active") == ("新入围供应商有限公司", 1)
    assert site.oa(
        "select count(*) from supplier where not active and code in ('000101', '000102', '000103')"
    ) == [(3,)]
    assert site.erp("select count(*) from erpoa_ledger") == [(1,)]


def agreed(site: Site) -> None:
    agrees(site)
    assert in_oa(site, "000003", "contact_person") == ("陈晓（ERP）",)
    assert in_oa(site, "000007", "contact_person") == ("赵子龙",)
    assert attn(site, "000003") == "陈晓（ERP）"


def deleted(site: Site) -> None:
    agrees(site, gone=("000104", "000105"))
    same_currencies(site)
    same_rows(site)
    assert site.erp("select count(*) from currency_currency") == [(170,)]


CHECKS: dict[int, Callable[[Site], None]] = {
    1: built, 2: planned, 3: applied, 4: settled, 5: worked, 6: agreed, 7: deleted, 8: deleted,
}  # fmt: skip


def drifted(site: Site) -> None:
    """In the middle of section 5: reported, not overwritten; everything else arrived."""
    agrees(site, but={"000106": "私自改名有限公司"})
    report = site.plan(2)
    assert [row["address"] for row in report["drift"]] == ["oa_suppliers/code=000106"]
    assert report["changes"] == []


def conflicted(site: Site) -> None:
    """In the middle of section 6: neither side was touched."""
    assert in_oa(site, "000003", "contact_person") == ("陈晓（OA）",)
    assert attn(site, "000003") == "陈晓（ERP）"
    assert "oa_suppliers/code=000003" in {row["address"] for row in site.plan(0, 2)["conflicts"]}


def braked(site: Site) -> None:
    """In the middle of section 7: the brake held."""
    assert site.oa(
        "select count(*) from currency where code in ('XBA', 'XBB', 'XBC', 'XBD', 'XTS', 'XXX')"
    ) == [(6,)]


BETWEEN: dict[Command, Callable[[Site], None]] = {
    Command(5, "erpoa apply day.erpoaplan --yes", 0): drifted,
    Command(6, "erpoa apply --yes", 9): conflicted,
    Command(7, "erpoa apply --yes", 4): braked,
}


@IN_TURN
def test_the_walkthrough(site: Site):
    script = commands(EXAMPLE / "README.md")
    assert set(BETWEEN) <= set(script)
    section = 1
    for command, following in zip(script, [*script[1:], None], strict=True):
        if command.section == 8 > section:
            shutil.rmtree(site.path / ".erpoa")
        section = command.section
        site.expect(command.text, command.exit)
        if command in BETWEEN:
            BETWEEN[command](site)
        if following is None or following.section != section:
            CHECKS[section](site)
    kept = [path.read_bytes() for path in (site.path / ".erpoa").rglob("*") if path.is_file()]
    assert kept
    for secret in ("91330100MA2A00009E", *site.secrets().values()):
        assert not [content for content in kept if secret.encode() in content]


@pytest.fixture(scope="module")
def met(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory, forked: Run) -> Iterator[Site]:
    """A site after its first apply."""
    with placed(servers, tmp_path_factory.mktemp("met"), forked) as site:
        site.expect("python build_systems.py")
        site.ask("erpoa apply --yes", 5)
        yield site


def test_what_was_lost_or_emptied_proves_nothing(met: Site):
    tables = ("supplier", "currency", "country")
    before = [met.oa(f"select * from {table} order by id") for table in tables]
    met.erp(
        """set session_replication_role = replica;  -- no foreign key is asked
        delete from party_party where id % 5 < 2;
        delete from "party_party-party_category" where id % 5 < 2;
        delete from currency_currency"""
    )
    report = met.plan(4)
    assert not [name for name in writes(report) if name.endswith((" delete", " deactivate"))]
    assert report["withheld"]
    met.ask("erpoa apply --yes", 4)
    assert [met.oa(f"select * from {table} order by id") for table in tables] == before


def test_the_roles_may_do_no_more_than_they_must(met: Site):
    import psycopg
    import pymysql  # type: ignore[import-untyped]

    passwords = met.secrets()
    for forbidden in (
        "update party_party set name = 'x'",
        "update party_address set city = 'x'",
        "delete from party_address",
        "insert into party_category (name) values ('x')",
        "select * from res_user",
        "delete from erpoa_ledger",
        "create table x ()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            met.in_erp(
                forbidden,
                {**met.postgres(), "user": f"{met.name}_erp", "password": passwords["erp_password"]},
            )
    for forbidden in (
        "alter table supplier add x int",
        "delete from erpoa_ledger",
        "select * from mysql.user",
    ):
        with pytest.raises(pymysql.err.OperationalError, match="denied"):
            met.in_oa(
                forbidden, {**met.mariadb(), "user": f"{met.name}_oa", "password": passwords["oa_password"]}
            )
