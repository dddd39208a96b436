"""The Tryton example: its README is executed against a real Tryton database, and after every section hand-written
SQL over the two SQLite files says whether the systems are what the README promises.

The oracle never asks erpoa: it reads the ERP's tables its own way and compares.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Run
from tests.e2e.walkthrough import IN_TURN, Command, ask, commands, copied, run, settings, with_tryton
from tests.program import Ended
from tests.tryton.databases import of_sqlite_example
from tests.tryton.environment import EXAMPLES

EXAMPLE = EXAMPLES / "tryton-sqlite"


def test_both_readmes_have_the_same_commands():
    english, chinese = commands(EXAMPLE / "README.md"), commands(EXAMPLE / "README.zh-CN.md")
    assert english == chinese
    assert {command.section for command in english} == set(range(1, 9))


# ------------------------------------------------------------------------------------------ the two systems


@dataclass(slots=True)
class Site:
    """A copy of the project with its two databases."""

    path: Path
    forked: Run
    before: dict[str, Any] = field(default_factory=dict)  # what a section's check remembers for the next one

    def run(self, text: str) -> Ended:
        return run(text, self.path, settings())

    def ask(self, text: str, *codes: int) -> str:
        """What the README does not: quickly."""
        return passed(text, ask(text, self.path, settings(), self.forked), codes)

    def expect(self, text: str, *codes: int) -> str:
        return passed(text, self.run(text), codes)

    def plan(self, *codes: int) -> dict[str, Any]:
        """The report of a fresh plan, as JSON."""
        report: dict[str, Any] = json.loads(
            self.ask("erpoa plan --format json --full --detailed-exitcode", *codes)
        )
        return report

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The OA's tables by their names, the ERP's as `erp.…`, read only."""
        work = self.path / ".erpoa-example"
        with contextlib.closing(sqlite3.connect(f"file:{work}/oa.sqlite?mode=ro", uri=True)) as connection:
            connection.execute("attach ? as erp", [f"file:{work}/erp.sqlite?mode=ro"])
            return connection.execute(sql).fetchall()

    def pairs(self, sql: str) -> dict[Any, Any]:
        return dict(self.rows(sql))

    def damage(self, sql: str) -> None:
        """Changes the ERP's file behind Tryton's back."""
        with contextlib.closing(sqlite3.connect(self.path / ".erpoa-example" / "erp.sqlite")) as erp, erp:
            erp.execute(sql)


def passed(text: str, done: Ended, codes: Collection[int]) -> str:
    assert done.exit in (codes or (0,)), f"{text}: {done}"
    return done.out


@pytest.fixture(scope="module")
def tryton() -> None:
    """The golden database of a real Tryton is there."""
    with_tryton(of_sqlite_example())


@pytest.fixture
def site(tryton: None, tmp_path: Path, forked: Run) -> Site:
    return Site(copied(EXAMPLE, tmp_path), forked)


# -------------------------------------------------------------------------------------------------- the oracle

SUPPLIERS = """
    select party.code, party.name,
        (select i.code from erp.party_identifier i
         where i.party = party.id and i.active = 1 and i.type in ('cn_vat', 'de_vat', 'us_ein')
         order by instr('cn_vat de_vat us_ein', i.type), i.sequence, i.id limit 1),
        (select c.code from erp.country_country c join erp.party_address a on a.country = c.id
         where a.id = (select f.id from erp.party_address f where f.party = party.id and f.active = 1
                       order by f.sequence, f.id limit 1)),
        date(party.create_date, '+8 hours'),
        party.active,
        (select nullif(trim(f.attn), '') from erp.party_address f where f.party = party.id and f.active = 1
         order by f.sequence, f.id limit 1)
    from erp.party_party party
    where party.id in (
        select m.party from erp."party_party-party_category" m
        join erp.party_category k on k.id = m.category where k.name = '供应商 Supplier')"""

LISTED = """
    select s.code, s.name, s.tax_no, c.code, s.registered_on, s.active, s.contact_person
    from supplier s left join country c on c.id = s.country_id"""

COUNTRIES = """
    select code, code3, name, (select t.value from erp.ir_translation t where t.res_id = c.id and t.lang = 'zh_CN'
        and t.name = 'country.country,name' and t.type = 'model' and t.fuzzy = 0), active
    from erp.country_country c"""

CURRENCIES = """
    select code, name, (select t.value from erp.ir_translation t where t.res_id = c.id and t.lang = 'zh_CN'
        and t.name = 'currency.currency,name' and t.type = 'model' and t.fuzzy = 0), digits, cast(rounding as text),
        (select cast(r.rate as text) from erp.currency_currency_rate r where r.currency = c.id
         order by r.date desc limit 1),
        (select max(r.date) from erp.currency_currency_rate r where r.currency = c.id), active
    from erp.currency_currency c"""


def same_name(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip(" \u3000"))


def suppliers(site: Site, sql: str) -> dict[str, tuple[Any, ...]]:
    return {code: (same_name(name), *rest) for code, name, *rest in site.rows(sql)}


def exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def currencies(site: Site, sql: str) -> dict[str, tuple[Any, ...]]:
    return {
        code: (*names, exact(rounding), exact(rate), date, active)
        for code, *names, rounding, rate, date, active in site.rows(sql)
    }


def agrees(site: Site, *, but: Mapping[str, str | None] | None = None, gone: Collection[str] = ()) -> None:
    """Both systems agree about everything but the names in *but* (OA's supplier names, None: not there), the
    suppliers *gone* (deactivated in the OA), and what only the OA knows."""
    wanted, listed = suppliers(site, SUPPLIERS), suppliers(site, f"{LISTED} where s.code is not null")
    assert listed.pop("OA-99") == ("只在 OA 里的供应商", None, "CN", None, 1, "钱多")
    for code, name in (but or {}).items():
        row = wanted.pop(code)
        if name is None:
            assert code not in listed
        else:
            assert listed.pop(code) == (name, *row[1:])
    for code in gone:
        assert code not in wanted
        assert listed.pop(code)[4] == 0
    assert listed == wanted
    kept = site.rows("select code, code3, name_en, name_zh, active from country where code <> 'ZZ'")
    assert sorted(kept) == sorted(site.rows(COUNTRIES))
    assert site.rows("select name_en, name_zh, code3, active from country where code = 'ZZ'") == [
        ("Somewhere", "待定", None, 1)
    ]


def same_currencies(site: Site) -> None:
    ours = "select code, name_en, name_zh, digits, rounding, rate, rate_date, active from currency where code <> 'XBT'"
    assert currencies(site, ours) == currencies(site, CURRENCIES)
    assert site.rows("select id, name_en, name_zh, digits, rate from currency where code = 'XBT'") == [
        (3, "Bitcoin", "比特币", None, None)
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
    (row,) = site.rows(f"select {', '.join(columns)} from supplier where code = '{code}'")
    return row


def attn(site: Site, code: str) -> str:
    ((value,),) = site.rows(
        f"select a.attn from erp.party_address a join erp.party_party p on p.id = a.party where p.code = '{code}'"
    )
    return str(value)


def erp_but_attn(site: Site) -> list[list[tuple[Any, ...]]]:
    """All of the ERP that erpoa may not write."""
    return [
        site.rows("select * from erp.party_party order by id"),
        site.rows(
            "select id, party, country, city, sequence, active, write_date from erp.party_address order by id"
        ),
        site.rows("select * from erp.party_identifier order by id"),
        site.rows("select * from erp.currency_currency order by id"),
        site.rows("select * from erp.country_country order by id"),
    ]


# ---------------------------------------------------------------------------------- what each section promises


def built(site: Site) -> None:
    assert site.rows("select count(*) from erp.party_party") == [(355,)]
    assert site.rows("select typeof(rate), count(*) from erp.currency_currency_rate group by 1") == [
        ("blob", 8)
    ]
    site.before["oa"] = site.rows(f"{LISTED} order by s.id")
    site.before["erp"] = erp_but_attn(site)
    site.before["attn"] = site.rows("select id, attn from erp.party_address order by id")


def planned(site: Site) -> None:
    assert site.rows(f"{LISTED} order by s.id") == site.before["oa"], "a plan writes nothing"
    wanted = suppliers(site, SUPPLIERS)
    report = site.plan(2)
    found = writes(report)
    known = {"000001", "000003", "000004", "000010", "000019", "000020"}
    assert found["oa_suppliers create"] == sorted(set(wanted) - known)
    assert "000004" in found["oa_suppliers update"]
    assert found["oa_countries create"] == sorted(
        set(site.pairs("select code, 1 from erp.country_country")) - {"CN", "DE"}
    )
    assert not [name for name in found if name.endswith(("delete", "deactivate"))]
    assert not [name for name in found if name.startswith("erp_")], "the ERP has nothing to learn yet"
    assert [held["address"] for held in report["held"]] == ["oa_suppliers/code=000019"]
    text = site.ask("erpoa show first.erpoaplan --full")
    assert "91330100MA2A00009E" not in text
    assert "009E" in text


def applied(site: Site) -> None:
    assert site.rows("select id, code, tax_no, name from supplier where id in (4, 5) order by id") == [
        (4, None, "91320500MA1M000196", "重复录入的供应商"),
        (5, None, "91320500MA1M000196", "重复录入的供应商（二）"),
    ]
    agrees(site, but={"000019": None})
    assert site.rows("select id, code from supplier where id < 9 and code is not null order by id") == [
        (1, "000001"), (2, "000003"), (3, "000020"), (6, "000004"), (7, "OA-99"), (8, "000010"),
    ]  # fmt: skip
    # adopted, not renamed: another spelling of the same name; and what people typed stays
    assert in_oa(site, "000003", "name") == ("ABC贸易(上海)有限公司",)
    assert in_oa(site, "000001", "contact_phone", "remark") == ("021-5550 9999（手工）", "老客户介绍")
    assert in_oa(site, "000002", "contact_phone") == ("+86 755 5550 0002",)
    assert site.rows("select name_zh from currency where code = 'EUR'") == [("欧元（旧称）",)]
    assert site.rows("select count(*) from currency") == [(179,)]
    assert erp_but_attn(site) == site.before["erp"]
    assert site.rows("select id, attn from erp.party_address order by id") == site.before["attn"]


def settled(site: Site) -> None:
    agrees(site)
    same_currencies(site)
    assert in_oa(site, "000019", "id") == (4,)
    assert site.rows("select id from currency where code = 'EUR'") == [(2,)]
    assert erp_but_attn(site) == site.before["erp"]
    site.before["ids"] = site.pairs("select code, id from supplier")


def worked(site: Site) -> None:
    agrees(site)
    same_currencies(site)
    assert attn(site, "000113") == "郑爽"
    assert in_oa(site, "000113", "contact_phone") == ("0755-5550 0113",)
    assert in_oa(site, "000002", "contact_person") == ("李娜（采购部）",)
    assert in_oa(site, "000900", "name", "active") == ("新入围供应商有限公司", 1)
    assert in_oa(site, "000016", "active") == (1,)
    assert site.rows(
        "select count(*) from supplier where active = 0 and code in ('000101', '000102', '000103')"
    ) == [(3,)]
    assert site.rows("select rate, rate_date from currency where code = 'EUR'")[0][1] == "2026-07-01"
    assert site.pairs("select code, id from supplier where code <> '000900'") == site.before["ids"], (
        "no row was replaced"
    )


def agreed(site: Site) -> None:
    agrees(site)
    assert in_oa(site, "000003", "contact_person") == ("陈晓（ERP）",)
    assert in_oa(site, "000007", "contact_person") == ("赵子龙",)
    assert attn(site, "000003") == "陈晓（ERP）"


def deleted(site: Site) -> None:
    agrees(site, gone=("000104", "000105"))
    same_currencies(site)
    assert site.rows("select count(*) from erp.currency_currency") == [(170,)]
    assert site.rows("select count(*) from currency where code in ('XUA', 'XSU', 'XTS', 'XXX')") == [(0,)]
    assert site.pairs("select code, id from supplier where code <> '000900'") == site.before["ids"]


CHECKS: dict[int, Callable[[Site], None]] = {
    1: built, 2: planned, 3: applied, 4: settled, 5: worked, 6: agreed, 7: deleted, 8: deleted,
}  # fmt: skip


def conflicted(site: Site) -> None:
    """In the middle of section 6: neither side was touched."""
    assert in_oa(site, "000003", "contact_person") == ("陈晓（OA）",)
    assert attn(site, "000003") == "陈晓（ERP）"
    assert in_oa(site, "000007", "contact_person") == ("赵子龙",)
    report = site.plan(0, 2)
    assert "oa_suppliers/code=000003" in {row["address"] for row in report["conflicts"]}
    assert report["changes"] == []


def braked(site: Site) -> None:
    """In the middle of section 7: the brake held."""
    assert site.rows(
        "select count(*) from currency where code in ('XBA', 'XBB', 'XBC', 'XBD', 'XTS', 'XXX')"
    ) == [(6,)]
    report = site.plan(4)
    (guard,) = (g for g in report["guards"] if g["target"] == "oa_currencies" and g["verdict"] == "blocks")
    assert guard["guard"] == "max_delete"


def drifted(site: Site) -> None:
    """In the middle of section 5: reported, not overwritten; everything else arrived."""
    assert in_oa(site, "000106", "name") == ("私自改名有限公司",)
    agrees(site, but={"000106": "私自改名有限公司"})
    report = site.plan(2)
    assert [row["address"] for row in report["drift"]] == ["oa_suppliers/code=000106"]
    assert report["changes"] == []


BETWEEN: dict[Command, Callable[[Site], None]] = {
    Command(5, "erpoa apply day.erpoaplan --yes", 0): drifted,
    Command(6, "erpoa apply --yes", 9): conflicted,
    Command(7, "erpoa apply --yes", 4): braked,
}


@IN_TURN
def test_the_walkthrough(site: Site):
    script = commands(EXAMPLE / "README.md")
    assert set(BETWEEN) <= set(script)
    for command, following in zip(script, [*script[1:], None], strict=True):
        site.expect(command.text, command.exit)
        if command in BETWEEN:
            BETWEEN[command](site)
        if following is None or following.section != command.section:
            CHECKS[command.section](site)


@pytest.fixture(scope="module")
def met(tryton: None, tmp_path_factory: pytest.TempPathFactory, forked: Run) -> Site:
    """A site after its first apply; read only, to be copied."""
    site = Site(copied(EXAMPLE, tmp_path_factory.mktemp("met")), forked)
    site.expect("python build_erp.py")
    site.ask("erpoa init")
    site.ask("erpoa apply --yes", 5)
    return site


@pytest.fixture
def own(met: Site, tmp_path: Path) -> Site:
    """A copy of it to do things to."""
    return Site(Path(shutil.copytree(met.path, tmp_path / "example")), met.forked)


def test_a_read_that_lost_rows_deactivates_nobody(own: Site):
    before = own.rows(f"{LISTED} order by s.id")
    own.damage("delete from party_party where id % 5 < 2 and code <> 'OWN'")
    report = own.plan(4)
    assert not [name for name in writes(report) if name.startswith("oa_suppliers d")]
    assert report["withheld"]
    own.ask("erpoa apply --yes", 4)
    assert own.rows(f"{LISTED} order by s.id") == before


def test_an_emptied_source_proves_nothing(own: Site):
    before = (own.rows(f"{LISTED} order by s.id"), own.rows("select * from currency"))
    own.damage('delete from "party_party-party_category"')
    own.damage("delete from currency_currency")
    own.ask("erpoa apply --yes", 4)
    assert (own.rows(f"{LISTED} order by s.id"), own.rows("select * from currency")) == before


def test_without_a_key_nothing_is_read(own: Site):
    shutil.rmtree(own.path / ".erpoa")
    done = ask("erpoa plan", own.path, settings(), own.forked)
    assert (done.exit, done.out) == (3, "")
    assert "E0513" in done.err
    assert "erpoa init" in done.err
    assert not (own.path / ".erpoa" / "snapshots").exists()


def test_what_is_sensitive_is_nowhere_readable(own: Site):
    """Neither in what erpoa keeps nor, but for the last four characters, in what it prints."""
    secret = "91330100MA2A00009E"
    assert in_oa(own, "000009", "tax_no") == (secret,), "it did arrive"
    for path in (own.path / ".erpoa").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    (plan,) = (own.path / ".erpoa" / "plans").glob("*.erpoaplan")
    for form in ("text", "json"):
        told = own.ask(f"erpoa show {plan.relative_to(own.path)} --full --format {form}")
        assert secret not in told
        assert "009E" in told


def test_the_ledger_stands_only_where_something_was_written(own: Site):
    ledgers = "select (select count(*) from {}sqlite_master where name = 'erpoa_ledger')"
    assert own.rows(ledgers.format("")) == [(1,)]
    assert own.rows(ledgers.format("erp.")) == [(0,)], "the first apply had nothing to write to the ERP"
    assert own.rows("select count(distinct run_id) from erpoa_ledger") == [(1,)]
    own.expect("""python edit_oa.py "update supplier set contact_person = '郑爽' where code = '000113'" """)
    own.ask("erpoa apply --yes", 0, 5)
    assert own.rows(ledgers.format("erp.")) == [(1,)]
    assert attn(own, "000113") == "郑爽"
