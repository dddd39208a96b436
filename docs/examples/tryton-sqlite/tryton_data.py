"""The ERP's data, entered and edited through Tryton's own API; runs inside Tryton's environment.

    python tryton_data.py CONFIGURATION fill | list | STEP [DATABASE]

Started by `build_erp.py` and `edit_erp.py`. Everything is deterministic but the times Tryton notes. The countries and
currencies are the ISO ones, by Tryton's own import scripts (without the 5,000 subdivisions: two minutes for
nothing this example uses).
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import datetime as dt
import inspect
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from proteus import Model, config
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_10
from trytond.modules.country.scripts import import_countries
from trytond.modules.currency.scripts import import_currencies

SEED = 20260701
GENERATED = 330
FIRST_GENERATED = 101  # Tryton's own sequence gives the codes 000101, 000102, …
SUPPLIER = "供应商 Supplier"
CUSTOMER = "客户 Customer"


@dataclass(frozen=True, slots=True)
class Party:
    name: str
    code: str | None = None  # None: by Tryton's sequence
    country: str | None = "CN"
    city: str | None = None
    attn: str | None = None
    phone: str | None = None
    taxes: tuple[tuple[str, str], ...] = ()
    active: bool = True
    category: str | None = SUPPLIER


def chinese_tax_number(body: str) -> tuple[str, str]:
    """A unified social credit code, which Tryton calls cn_vat, from its first 17 characters."""
    return "cn_vat", body + str(uscc.calc_check_digit(body))


def german_tax_number(body: str) -> tuple[str, str]:
    return "de_vat", "DE" + body + str(mod_11_10.calc_check_digit(body))


# What real master data looks like: these rows are the ones an integration trips over.
NOTABLE = (
    Party("华信精密机械有限公司", "000001", city="上海", attn="王建国", phone="+86 21 5550 0001",
          taxes=(chinese_tax_number("91310000MA1K00001"),)),
    Party("深圳市宏达电子科技股份有限公司", "000002", city="深圳", attn="李娜", phone="+86 755 5550 0002",
          taxes=(chinese_tax_number("91440300MA5D00002"),)),
    Party("ＡＢＣ贸易（上海）有限公司", "000003", city="上海", attn="陈晓", taxes=(chinese_tax_number("91310115MA1H00003"),)),
    Party("Müller & Söhne Präzisionsteile GmbH", "000004", "DE", "Nürnberg", "Jürgen Müller", "+49 911 555 0004",
          (german_tax_number("13669597"),)),
    Party("O'Brien \"Precision\" Tools; Ltd, | Co\\Works", "000005", "GB", "Cork Street", "Siobhán O'Brien"),
    Party("=SUM(A1:A9) Consulting", "000006", "US", "Austin", "@cmd", "+1 512 555 0106", (("us_ein", "91-1144442"),)),
    Party("北京龙芯🐉科技有限公司", "000007", city="北京", attn="赵云🙂", taxes=(chinese_tax_number("91110108MA0000007"),)),
    Party("𠮷野家食品株式会社", "000008", "JP", "東京", "吉野 太郎"),
    Party("  两端空格有限公司  ", "000009", city="杭州", taxes=(chinese_tax_number("91330100MA2A00009"),)),
    Party("Cafe\u0301 de l’Étoile S.A.R.L.", "000010", "FR", "Paris", "Zoë"),
    Party("شركة النور للتجارة", "000011", "AE", "دبي"),
    Party("<script>alert(1)</script> {{ 7*7 }} Ltd", "000012", "US", "New York"),
    Party("长" * 200 + "有限公司", "000013", city="成都"),
    Party("无国家代码贸易行", "000014", None, taxes=(chinese_tax_number("91500000MA5U00014"),)),
    Party("无税号个体工商户", "000015", city="义乌", phone="0579-8555 0015"),
    Party("已停用的老供应商", "000016", city="天津", active=False, taxes=(chinese_tax_number("91120000MA0600016"),)),
    Party("Doppelt Registriert AG", "000017", "DE", "Köln", taxes=(
        chinese_tax_number("91310000MA1K00017"), german_tax_number("81252657"))),
    Party("繁體與簡体混排有限公司", "000018", "TW", "臺北", "林雨"),
    Party("重复录入的供应商", "000019", city="苏州", attn="周敏", taxes=(chinese_tax_number("91320500MA1M00019"),)),
    Party("OA 里只有税号的供应商", "000020", city="宁波", attn="吴迪", taxes=(chinese_tax_number("91330200MA2B00020"),)),
    Party("全角编码供应商", "00２１", city="武汉"),
    Party("Slash/Equals=Comma, Ltd", "S/07=1,2", "US", "Boston"),
    Party("Lower case code", "a0007", "US", "Denver"),
    Party("Upper case code", "A0007", "US", "Dallas"),
)  # fmt: skip

CITIES = ("上海", "北京", "深圳", "广州", "苏州", "杭州", "南京", "武汉", "成都", "重庆", "天津", "青岛")
WORDS = ("华", "信", "宏", "达", "瑞", "丰", "恒", "泰", "金", "龙", "鑫", "盛", "远", "博", "德", "嘉")
TRADES = (
    "精密机械",
    "电子科技",
    "化工材料",
    "包装制品",
    "物流",
    "五金工具",
    "仪器仪表",
    "自动化设备",
    "纺织",
    "环保工程",
)
KINDS = ("有限公司", "股份有限公司", "有限责任公司", "（集团）有限公司")
FOREIGN = (
    ("DE", "GmbH"),
    ("US", "Inc."),
    ("GB", "Ltd"),
    ("FR", "SARL"),
    ("JP", "K.K."),
    ("IT", "S.p.A."),
    ("SG", "Pte Ltd"),
)
ENGLISH = (
    "Northern",
    "Apex",
    "Blue River",
    "Summit",
    "Golden Gate",
    "Atlas",
    "Pioneer",
    "Evergreen",
    "Delta",
    "Orion",
)
GOODS = ("Bearings", "Castings", "Polymers", "Controls", "Fasteners", "Packaging", "Optics", "Logistics")
SURNAMES = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴")
GIVEN = ("伟", "芳", "娜", "敏", "静", "强", "磊", "洋", "艳", "杰")


def generated() -> Iterator[Party]:
    """Ordinary suppliers, a tenth of them customers instead and some not active."""
    chance = random.Random(SEED)  # noqa: S311 - sample data
    for number in range(GENERATED):
        if chance.random() < 0.7:
            city = chance.choice(CITIES)
            name = city + "".join(chance.sample(WORDS, 2)) + chance.choice(TRADES) + chance.choice(KINDS)
            party = Party(name, city=city, taxes=(chinese_tax_number(f"91310000MA3{number:06d}"),),
                          attn=chance.choice(SURNAMES) + chance.choice(GIVEN))  # fmt: skip
        else:
            country, form = chance.choice(FOREIGN)
            name = f"{chance.choice(ENGLISH)} {chance.choice(GOODS)} {number} {form}"
            taxes = (german_tax_number(f"{20_000_000 + number}"),) if country == "DE" else ()
            party = Party(name, country=country, city="—", taxes=taxes)
        if chance.random() < 0.5:
            party = replace(party, phone=f"+86 10 5551 {number:04d}")
        category = CUSTOMER if number % 10 == 9 else SUPPLIER
        yield replace(party, category=category, active=number % 25 != 24)


# ---------------------------------------------------------------------------------------------- filling


def fill() -> None:
    """Everything a fresh database needs."""
    import_iso()
    money()
    sequence()
    categories = {name: create("party.category", name=name) for name in (SUPPLIER, CUSTOMER)}
    save((*NOTABLE, *generated()), categories)
    company()


def import_iso() -> None:
    with config.get_config().set_context(active_test=False):
        import_countries.translate_countries(
            import_countries.update_countries(import_countries.get_countries())
        )
        import_currencies.do_import()


def money() -> None:
    """Decimals of the currencies that have no cents, and rates against the renminbi."""
    for code, digits in (("JPY", 0), ("KRW", 0), ("KWD", 3)):
        currency = find("currency.currency", code)
        currency.digits, currency.rounding = digits, Decimal(1).scaleb(-digits)
        currency.save()
    for code, rate in (("CNY", "1"), ("USD", "0.139470"), ("EUR", "0.1279"), ("JPY", "20.950000"),
                       ("GBP", "0.1101"), ("KRW", "1.9E+2"), ("HKD", "1.088613")):  # fmt: skip
        add_rate(code, dt.date(2026, 1, 1), rate)
    add_rate("USD", dt.date(2026, 6, 1), "0.140100")


def add_rate(code: str, date: dt.date, rate: str) -> None:
    currency = find("currency.currency", code)
    new = currency.rates.new()
    new.date, new.rate = date, Decimal(rate)
    currency.save()


def sequence() -> None:
    """Party codes of six digits with leading zeros; the numbers below stay free for codes typed by hand."""
    (numbers,) = Model.get("ir.sequence").find([("name", "=", "Party")])
    numbers.padding, numbers.number_next = 6, FIRST_GENERATED
    numbers.save()


def company() -> None:
    create("company.company", party=save((Party("本公司 Own Company", "OWN", category=None),), {})[0],
           currency=find("currency.currency", "CNY"))  # fmt: skip


def save(parties: tuple[Party, ...], categories: dict[str, Any]) -> list[Any]:
    """Creates parties in one call. Tryton refuses to create an inactive one: those are deactivated afterwards."""
    countries = {country.code: country for country in Model.get("country.country").find([])}
    records = [record(party, countries, categories) for party in parties]
    Model.get("party.party").save(records)
    inactive = [new for new, party in zip(records, parties, strict=True) if not party.active]
    for new in inactive:
        new.active = False
    Model.get("party.party").save(inactive)
    return records


def record(party: Party, countries: dict[str, Any], categories: dict[str, Any]) -> Any:
    new = Model.get("party.party")(name=party.name)
    if party.code is not None:
        new.code = party.code
    if party.category is not None:
        new.categories.append(type(categories[party.category])(categories[party.category].id))
    address = new.addresses[0] if new.addresses else new.addresses.new()
    address.country = countries[party.country] if party.country else None
    address.city, address.attn = party.city, party.attn
    for kind, code in party.taxes:
        identifier = new.identifiers.new()
        identifier.type, identifier.code = kind, code
    if party.phone:
        mechanism = new.contact_mechanisms.new()
        mechanism.type, mechanism.value = "phone", party.phone
    return new


def create(model: str, **values: Any) -> Any:
    new = Model.get(model)(**values)
    new.save()
    return new


def find(model: str, code: str) -> Any:
    with config.get_config().set_context(active_test=False):
        (found,) = Model.get(model).find([("code", "=", code)])
    return found


# ---------------------------------------------------------------------------------------------- editing


def edits() -> None:
    """A working day: two names, a country, a tax number, a contact person, a rate, one supplier new, some off, one on."""
    change("000001", name="华信精密机械股份有限公司")
    change("000005", name="O'Brien Precision Tools Ltd")
    change_address("000108", country=find("country.country", "SG"))
    identifier = find("party.party", "000004").identifiers[0]
    identifier.code = german_tax_number("13669598")[1]
    identifier.save()
    change_address("000002", attn="李娜（采购部）")
    add_rate("EUR", dt.date(2026, 7, 1), "0.1283")
    (category,) = Model.get("party.category").find([("name", "=", SUPPLIER)])
    save((Party("新入围供应商有限公司", "000900", city="合肥", attn="孙悦", taxes=(chinese_tax_number("91340100MA2C00900"),)),),
         {SUPPLIER: category})  # fmt: skip
    for code in ("000101", "000102", "000103"):
        change(code, active=False)
    change("000016", active=True)


def deletes() -> None:
    """One party deleted, one no longer a supplier, two currencies deleted."""
    find("party.party", "000104").delete()
    party = find("party.party", "000105")
    party.categories.pop()  # `remove` would delete the category itself, and with it every supplier
    party.save()
    delete_currencies("XUA", "XSU")


def cull() -> None:
    """Six currencies deleted: more than the brake of the OA's pick list lets through."""
    delete_currencies("XBA", "XBB", "XBC", "XBD", "XTS", "XXX")


def contact() -> None:
    """Two contact persons are changed; the walkthrough changes the first one in the OA, too."""
    change_address("000003", attn="陈晓（ERP）")
    change_address("000007", attn="赵子龙")


def delete_currencies(*codes: str) -> None:
    for code in codes:
        find("currency.currency", code).delete()


def change(code: str, **values: Any) -> None:
    party = find("party.party", code)
    for field, value in values.items():
        setattr(party, field, value)
    party.save()


def change_address(code: str, **values: Any) -> None:
    address = find("party.party", code).addresses[0]
    for field, value in values.items():
        setattr(address, field, value)
    address.save()


STEPS: dict[str, Callable[[], None]] = {step.__name__: step for step in (edits, deletes, cull, contact)}


def main(configuration: str, command: str, database: str = "erp") -> None:
    if command == "list":
        for name, step in STEPS.items():
            print(f"{name:8} {inspect.getdoc(step)}")
        return
    if command != "fill" and command not in STEPS:
        sys.exit(f"there is no step {command!r}: {', '.join(STEPS)}")
    config.set_trytond(database, config_file=configuration)
    (fill if command == "fill" else STEPS[command])()
    print(f"{command}: done")


if __name__ == "__main__":
    main(*sys.argv[1:])
