"""What a model may say: judged against DuckDB's own catalogue of functions, and by example."""

from __future__ import annotations

import duckdb
import pytest

from erpoa_cli.project.functions import model_templates
from erpoa_cli.project.sql import judge
from erpoa_cli.project.template import Templates

KEYS = {"s": ("b",), "m": ("k",)}


def codes(text: str) -> list[str]:
    rendered = templates().render(text)
    return [problem.code for problem in judge(rendered, KEYS).problems]


def places(text: str) -> list[tuple[str, int, int]]:
    rendered = templates().render(text)
    return [(p.code, *rendered.place(p.offset)) for p in judge(rendered, KEYS).problems]


def templates() -> Templates:
    class Inputs:
        def var(self, name: str) -> str:
            return {"company": "01", "long": "a\nb"}[name]

    return model_templates(Inputs())  # type: ignore[arg-type]


def catalogue(condition: str) -> list[str]:
    query = f"select distinct function_name from duckdb_functions() where {condition} order by 1"
    names = [name for (name,) in duckdb.connect().execute(query).fetchall()]
    return [name for name in names if name.isidentifier()]


def test_every_function_that_is_not_a_function_of_its_arguments_is_refused():
    volatile = catalogue("function_type = 'scalar' and stability <> 'CONSISTENT'")
    assert len(volatile) > 20
    assert [name for name in volatile if not codes(f"select {name}() as x")] == []


def test_every_table_function_but_the_harmless_ones_is_refused():
    tables = catalogue("function_type in ('table', 'table_macro', 'pragma')")
    assert len(tables) > 80
    allowed = {name for name in tables if not codes(f"select * from {name}(1)")}
    assert allowed == {"generate_series", "json_each", "json_tree", "range", "unnest"}


def test_macros_over_the_catalogue_are_refused():
    macros = catalogue("function_type = 'macro' and macro_definition ilike '%duckdb_%'")
    assert [name for name in macros if not codes(f"select {name}('x') as x")] == []


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as a",
        "from {{ source('s') }}",
        "select * from {{ source('s') }} union all select * from {{ ref('m') }} order by all limit 3",
        "with a as (select 1 as x), b as (select * from a) select * from b",
        "with recursive t as (select 1 as n union all select n + 1 from t where n < 5) select * from t",
        "select s.*, l.qty from {{ source('s') }} s, unnest(s.lines) as t(l)",
        "select * from range(10) where range > 3",
        "select row_number() over (partition by a order by b) as n from {{ source('s') }}",
        "select row_number() over w as n from {{ source('s') }} window w as (partition by a order by b)",
        "select string_agg(a, '、' order by b) as a from {{ source('s') }}",
        "select lag(a) ignore nulls over (order by b) as a from {{ source('s') }}",
        "select list(a order by b) filter (where a > 0) as l from {{ source('s') }}",
        "select distinct on (a) a, b from {{ source('s') }} order by a, b desc",
        "select a from {{ source('s') }} qualify row_number() over (partition by a order by b) = 1",
        "select {{ as_of() }} as at, 'now()' as text -- now()\n/* read_csv('x') */ from {{ source('s') }}",
        "select \"current_date\", s.now as now, x as today from {{ source('s') }} s",
        "select case when a like '%uuid%' then 1 end as x from {{ source('s') }}",
        "select {'k': 1} as s, [1, 2] as l, a::decimal(18,2) as d from {{ source('s') }}",
        "select a from {{ source('名称') }} where b = '{{ var(\"company\") }}'",
        "select * exclude (a) replace (b + 1 as b) from {{ source('s') }}",
        "select (select max(x) from {{ ref('m') }} m where m.k = s.k) as x from {{ source('s') }} s",
        "select age({{ as_of() }}, least(a, b)) as x from {{ source('s') }}",
        "select * from (select 1 as a) as t semi join {{ ref('m') }} m on m.a = t.a",
    ],
)
def test_what_models_need_is_allowed(text: str):
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("select 1; select 2", "E0211"),
        ("values (1)", "E0211"),
        ("describe select 1", "E0211"),
        ("summarize {{ source('s') }}", "E0211"),
        ("explain select 1", "E0211"),
        ("attach 'x.db'", "E0211"),
        ("copy (select 1) to '/tmp/x'", "E0211"),
        ("set memory_limit = '1TB'", "E0211"),
        ("install httpfs", "E0211"),
        ("create table x as select 1", "E0211"),
        ("pivot {{ source('s') }} on a using sum(b)", "E0211"),
        ("select a into b from {{ source('s') }}", "E0211"),
        ("select ? as a", "E0211"),
        ("select $1 as a", "E0211"),
        ("select * from (describe select 1)", "E0211"),
        ("select * from (show tables)", "E0212"),
        ("select * from a", "E0212"),
        ("select * from main.a", "E0212"),
        ("select * from memory.source.s", "E0212"),
        ('select * from "/etc/passwd"', "E0212"),
        ("select * from 'x.parquet'", "E0212"),
        ("select * from a{{ source('s') }}", "E0212"),
        ("select * from memory.{{ source('s') }}", "E0212"),
        ("select * from information_schema{{ '.\"tables\"' }}", "E0212"),
        ("select * from {{ '\"tables\"' }}", "E0212"),
        ("select * from {{ source('s') }}.x", "E0212"),
        ("select 1 where exists (from sqlite_master)", "E0212"),
        ("with a as (select 1) select * from (select * from b) as a", "E0212"),
        ("select * from (with inner_only as (select 1) select * from inner_only), inner_only", "E0212"),
        ("select main.getenv('HOME') as x", "E0213"),
        ("select * from {{ 'read_csv' }}('x')", "E0213"),
        ("select {{ 'getenv(' }}'HOME') as x", "E0213"),
        ("select getvariable({{ var('company') }}) as x", "E0213"),
        ("select 'x.csv'.read_text() as x", "E0213"),
        ("select getvariable('as_of') as x", "E0213"),
        ("select * from (select 1) t, read_blob('x')", "E0213"),
        ("select GetEnv ('HOME') as x", "E0213"),
        ("select Now() as x", "E0214"),
        ("select current_timestamp at time zone 'UTC' as x", "E0214"),
        ("select CURRENT_DATE - 1 as x", "E0214"),
        ("select localtimestamp as x", "E0214"),
        ("select age(a) as x from {{ source('s') }}", "E0214"),
        ("select first(a) as x from {{ source('s') }}", "E0214"),
        ("select first_value(a) over (partition by b) as x from {{ source('s') }}", "E0214"),
        ("select array_agg(a) as x from {{ source('s') }}", "E0214"),
        ("select * from {{ source('s') }} limit 1", "E0214"),
        ("select * from (select * from {{ source('s') }} order by a) limit 1", "E0214"),
        ("select * from {{ source('s') }} using sample 10", "E0214"),
        ("select * from {{ source('s') }} tablesample 10%", "E0214"),
        ("select distinct on (a) * from {{ source('s') }}", "E0214"),
    ],
)
def test_what_models_may_not_do(text: str, code: str):
    assert code in codes(text)


def test_places_are_those_of_the_file():
    text = "select '{{ var(\"company\") }}' as 公司, {{ as_of() }} as at, now() as b\nfrom {{\n  source('s') }} as s,\n  t\n"
    assert places(text) == [("E0214", 1, text.index("now()") + 1), ("E0212", 4, 3)]


def test_a_value_with_line_breaks_shifts_nothing_before_it():
    text = "select '{{ var(\"long\") }}' as a,\n  now() as b"
    assert places(text) == [("E0214", 2, 3)]


def test_depth_ends_in_a_finding():
    assert codes("select " + "(" * 3000 + "1" + ")" * 3000) == ["E0210"]
