"""What depends on the order in which rows come is refused, and nothing else; what is accepted gives one answer for shuffled rows."""

from __future__ import annotations

import random
from types import SimpleNamespace

import duckdb
import pytest

from erpoa_cli.project.functions import model_templates
from erpoa_cli.project.sql import judge

TEMPLATES = model_templates(SimpleNamespace(var=None))  # type: ignore[arg-type]
KEYS = {"orders": ("no",), "lines": ("order_no", "line"), "vendors": ("code",)}

SETTLED = [
    "select area, count(*), sum(amount), min(no), max(day), avg(amount) from {orders} group by area",
    "select no, row_number() over (partition by area order by no) as n from {orders}",
    "select no, row_number() over (partition by area order by amount desc, no) as n from {orders}",
    "select no, rank() over (order by amount) as r, dense_rank() over (partition by area order by day) as d from {orders}",
    "select no, sum(amount) over (partition by area order by day) as running from {orders}",
    "select area, row_number() over (order by area) as n from {orders} group by area",
    "select distinct area, dense_rank() over (order by area) as n from {orders}",
    "select area, row_number() over (order by area) as n from {orders}",
    "select area, string_agg(no, ',' order by no) as all_of_them from {orders} group by area",
    "select area, string_agg(lower(vendor), ',' order by lower(vendor)) as v from {orders} group by area",
    "select area, first(no order by amount desc, no) as best from {orders} group by area",
    "select area, first(vendor order by amount desc, no) as best from {orders} group by area",
    "select area, arg_max(vendor, no) as latest from {orders} group by area",
    "select area, list(distinct vendor order by vendor) as v from {orders} group by area",
    (
        "select o.no, list({{'l': l.line, 'q': l.qty}} order by l.line) as lines from {orders} o join {lines} l on l.order_no = o.no "
        "group by all"
    ),
    "select o.no, v.name, row_number() over (order by o.no) as n from {orders} o join {vendors} v on v.code = o.vendor",
    "select o.no, v.name, row_number() over (order by o.no) as n from {orders} o left join {vendors} v on v.code = o.vendor",
    "select area as no, vendor, row_number() over (partition by area order by no) as n from {orders}",
    "select no, lag(amount) over (order by day, no) as before from {orders}",
    "select no, first_value(day) over (partition by area order by day) as first_day from {orders}",
    "select * from {orders} order by amount desc, no limit 3",
    "select area from {orders} group by area order by area limit 1",
    "select area, sum(amount) as s from {orders} group by area order by s, area limit 1",
    "select distinct on (area) area, no, amount from {orders} order by area, amount desc, no",
    (
        "with latest as (select vendor, no, amount from {orders} qualify row_number() over (partition by vendor order by day desc, no) = 1) "
        "select v.code, latest.amount, row_number() over (order by v.code) as n from {vendors} v left join latest on latest.vendor = v.code"
    ),
    "select vendor, row_number() over (order by vendor) as n from (select vendor, sum(amount) as s from {orders} group by vendor)",
    "select area, sum(cast(amount / 3 as decimal(18,6))) as third from {orders} group by area",
    "select area, sum(amount * 2) as s, max(amount / 3) as m, median(amount) as d from {orders} group by area",
    "select area, n from (select area, no, row_number() over (partition by area order by no) as n from {orders}) where n = 1",
    "select area from {orders} union select name from {vendors} order by area limit 2",
    "select (select first(line order by line) from {lines} l where l.order_no = o.no) as f from {orders} o",
]

UNSETTLED = [
    ("select no, row_number() over (order by 1) as n from {orders}", "E0215"),
    ("select no, row_number() over (order by amount) as n from {orders}", "E0215"),
    (
        "select no, row_number() over w as n from {orders} window w as (partition by area order by day)",
        "E0215",
    ),
    ("select no as area, vendor, row_number() over (order by area) as n from {orders}", "E0215"),
    ("select no, ntile(2) over (order by day) as n from {orders}", "E0215"),
    ("select no, lag(no) over (order by day) as n from {orders}", "E0215"),
    ("select no, last_value(no) over (partition by area order by day) as n from {orders}", "E0215"),
    (
        "select no, sum(amount) over (order by day rows between 1 preceding and current row) as n from {orders}",
        "E0215",
    ),
    ("select area, arg_max(no, amount) as n from {orders} group by area", "E0215"),
    ("select area, max_by(vendor, day) as n from {orders} group by area", "E0215"),
    ("select area, first(no order by amount) as n from {orders} group by area", "E0215"),
    ("select area, string_agg(vendor, ',' order by day) as n from {orders} group by area", "E0215"),
    ("select area, list(no order by day) as n from {orders} group by area", "E0215"),
    (
        "select o.no, first(l.qty order by l.line) as n from {orders} o join {lines} l on true group by o.no",
        "E0215",
    ),
    (
        "select o.no, v.name, row_number() over (order by v.code) as n from {orders} o left join {vendors} v on v.code = o.vendor",
        "E0215",
    ),
    ("select no from {orders} order by amount limit 1", "E0215"),
    ("select distinct on (area) area, no from {orders} order by area, amount", "E0215"),
    ("select area, sum(amount) as s from {orders} group by area order by s limit 1", "E0215"),
    ("select area, sum(amount / 3) as s from {orders} group by area", "E0215"),
    ("select area, avg(cast(amount as double)) as s from {orders} group by area", "E0215"),
    ("select area, sum(x) as s from (select area, sqrt(amount) as x from {orders}) group by area", "E0215"),
    ("select no, rowid as n from {orders}", "E0215"),
    ("select o.no, v.name from {orders} o positional join {vendors} v", "E0215"),
    ("select area from {orders} union all select name from {vendors} order by area limit 2", ""),
    ("select * from {orders} union all select * from {orders} order by 1 limit 2", "E0215"),
    ("select area, mode(vendor) as n from {orders} group by area", "E0216"),
    ("select area, approx_count_distinct(vendor) as n from {orders} group by area", "E0216"),
    ("select area, stddev(amount) as n from {orders} group by area", "E0216"),
    ("select area, histogram(vendor) as n from {orders} group by area", "E0216"),
    ("select no, current_localtimestamp() as n from {orders}", "E0216"),
    ("select list_aggregate([1, 2], 'mode') as n from {orders}", "E0216"),
    ('select "approx_quantile"(amount, 0.5) as n from {orders}', "E0216"),
    ("select nonsense(no) as n from {orders}", "E0216"),
]


def codes(text: str) -> list[str]:
    called = {name: f"{{{{ source('{name}') }}}}" for name in KEYS}
    rendered = TEMPLATES.render(text.format(**called))
    return [problem.code for problem in judge(rendered, KEYS).problems]


@pytest.mark.parametrize("text", SETTLED)
def test_what_cannot_answer_differently_is_accepted(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(("text", "code"), UNSETTLED)
def test_what_may_answer_differently_is_refused(text: str, code: str) -> None:
    assert codes(text) == ([code] if code else [])


def test_without_keys_nothing_is_known_to_be_settled() -> None:
    rendered = TEMPLATES.render("select a, row_number() over (order by b) from {{ source('s') }}")
    assert [p.code for p in judge(rendered, {}).problems] == ["E0215"]


@pytest.mark.parametrize("text", SETTLED)
def test_shuffled_rows_give_the_same_answer(text: str) -> None:
    """Many ties, several threads, and a table that is filled in another order each time."""
    seed = random.Random(7)
    orders = [(f"N{n:03}", f"A{n % 3}", f"V{n % 4}", n % 5, f"2026-01-0{n % 6 + 1}") for n in range(120)]
    lines = [(f"N{n % 120:03}", n // 120, n % 7) for n in range(360)]
    vendors = [(f"V{n}", f"name {n % 2}") for n in range(4)]
    answers = set()
    for _ in range(3):
        db = duckdb.connect()
        db.execute("SET preserve_insertion_order = false")
        db.execute(
            "CREATE TABLE orders (no VARCHAR, area VARCHAR, vendor VARCHAR, amount DECIMAL(9,2), day DATE)"
        )
        db.execute("CREATE TABLE lines (order_no VARCHAR, line INTEGER, qty DECIMAL(9,2))")
        db.execute("CREATE TABLE vendors (code VARCHAR, name VARCHAR)")
        for table, rows in (("orders", orders), ("lines", lines), ("vendors", vendors)):
            seed.shuffle(rows)
            values = ", ".join(str(row) for row in rows)
            db.execute(f"INSERT INTO {table} VALUES {values}")
        answers.add(str(sorted(db.execute(text.format(**{n: n for n in KEYS})).fetchall(), key=str)))
        db.close()
    assert len(answers) == 1
