"""Batches: outcomes per row in the database's own words, identifiers it gives, others who write at the same time."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from erpoa_postgres.values import array_literal
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.sdk.conformance.writer import Writer, outcomes
from erpoa_cli.sdk.errors import ContractBroken, Denied

THING = (
    "CREATE TABLE thing (id int PRIMARY KEY, code text UNIQUE, qty int CHECK (qty >= 0), name text NOT NULL)"
)
TYPES = {"id": "integer", "code": "string", "qty": "integer", "name": "string"}


def row(id_, code=None, qty=1, name="名"):
    return {"id": id_, "code": code or f"C{id_}", "qty": qty, "name": name}


@pytest.mark.parametrize("unless", [(), (("name",),)])
def test_identifiers_are_found_though_a_trigger_changes_what_was_written(server, config, session, unless):
    server.execute(
        "CREATE TABLE made (id serial PRIMARY KEY, name text)",
        "CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN IF NEW.name = 'drop' THEN RETURN NULL; END IF; NEW.name := upper(NEW.name) || '!'; RETURN NEW; END$$",
        "CREATE TRIGGER up BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION up()",
        config=config,
    )
    answers = Writer(session, "made", id="integer", name="string").create(
        [{"name": n} for n in ("b", "drop", "a")], unless
    )
    assert outcomes(answers) == ["applied", "rejected", "applied"]
    assert "ignored" in answers[1]["error"]
    found = dict(server.execute("SELECT id, name FROM made", config=config))
    assert [found.get(a["id.id"]) for a in answers] == ["B!", None, "A!"]


@pytest.mark.parametrize(
    "code",
    ["code text UNIQUE", "code text COLLATE ci", "code numeric(9,2) UNIQUE", "code text, UNIQUE (code, n)"],
)
def test_identifiers_are_found_by_a_key_that_tells_the_rows_apart(server, config, session, code):
    server.execute(
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        f"CREATE TABLE made (id serial PRIMARY KEY, n int, {code})",
        config=config,
    )
    numeric = "numeric" in code
    codes = [Decimal("1.10"), Decimal("11.00"), Decimal("1.10")] if numeric else ["ab", "AB", "ab"]
    writer = Writer(session, "made", id="integer", n="integer", code="decimal(9,2)" if numeric else "string")
    answers = writer.create([{"n": n, "code": c} for n, c in enumerate(codes)], unless=(("code",),))
    assert outcomes(answers) == ["applied", "applied", "stale"], "the third has the key of the first"
    found = dict(server.execute("SELECT id, code FROM made", config=config))
    assert [found[a["id.id"]] for a in answers[:2]] == codes[:2]


def test_a_row_swallowed_by_a_trigger_is_not_told_as_written(server, config, session):
    server.execute(
        THING,
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
        "CREATE TRIGGER no BEFORE INSERT OR UPDATE ON thing FOR EACH ROW WHEN (NEW.qty = 13) EXECUTE FUNCTION no()",
        config=config,
    )
    writer = Writer(session, "thing", **TYPES)
    assert outcomes(writer.create([row(1), row(2, qty=13), row(3)])) == ["applied", "rejected", "applied"]
    assert outcomes(writer.update([{"id": 1}, {"id": 3}], [{"qty": 13}, {"qty": 2}])) == [
        "rejected",
        "applied",
    ]


def test_constraints_checked_at_the_commit_name_their_row(server, config, session):
    server.execute(
        THING,
        "CREATE TABLE line (id int PRIMARY KEY, thing int REFERENCES thing DEFERRABLE INITIALLY DEFERRED)",
        config=config,
    )
    server.execute("INSERT INTO thing VALUES (1, 'a', 1, 'x')", config=config)
    answers = Writer(session, "line", id="integer", thing="integer").create(
        [{"id": 1, "thing": 1}, {"id": 2, "thing": 9}, {"id": 3, "thing": None}]
    )
    assert [a["error_class"] for a in answers] == [None, "master_missing", None]


def test_a_tree_in_one_batch(server, config, session):
    server.execute("CREATE TABLE dept (id int PRIMARY KEY, parent int REFERENCES dept)", config=config)
    answers = Writer(session, "dept", id="integer", parent="integer").create(
        [{"id": 1, "parent": 2}, {"id": 2, "parent": None}, {"id": 3, "parent": 1}]
    )
    assert outcomes(answers) == ["applied"] * 3


def test_views_partitions_and_generated_columns(server, config, session):
    server.execute(
        "CREATE TABLE p (id int, y int, twice int GENERATED ALWAYS AS (y * 2) STORED, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE VIEW v AS SELECT id, y FROM p WHERE y < 5 WITH CHECK OPTION",
        config=config,
    )
    types = {"id": "integer", "y": "integer", "twice": "integer"}
    answers = Writer(session, "p", ("id", "y"), **types).create([{"id": 1, "y": 1}, {"id": 2, "y": 99}])
    assert outcomes(answers) == ["applied", "rejected"], "no partition takes 99"
    answers = Writer(session, "v", ("id", "y"), **types).create([{"id": 3, "y": 1}, {"id": 4, "y": 7}])
    assert outcomes(answers) == ["applied", "rejected"], "the view does not show 7"
    with pytest.raises(ContractBroken):
        Writer(session, "p", ("id", "y"), **types).create([{"id": 5, "y": 1, "twice": 2}])
    assert [i.address for i in session.objects() if "." not in i.address] == ["p", "v"], (
        "no partitions, no ledger"
    )


def test_no_rights_is_no_rejected_row(server, config, session):
    server.execute(
        "CREATE TABLE public.foreign_thing (id int PRIMARY KEY)",
        "GRANT SELECT ON public.foreign_thing TO PUBLIC",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
    )
    with pytest.raises(Denied):
        Writer(session, "public.foreign_thing", id="integer").create([{"id": 1}])
    assert session.objects(["public.foreign_thing"])[0].writable is False
    server.execute("DROP TABLE public.foreign_thing")


# -- others who write at the same time --


@pytest.mark.parametrize(
    ("column", "more", "type_", "there", "value"),
    [
        ("text UNIQUE", "", "string", "'同'", "同"),
        ("text COLLATE ci UNIQUE", "", "string", "'Tie'", "Tie"),
        ("bigint UNIQUE", "", "integer", "7", 7),
        ("text UNIQUE", "", "integer", "'007'", 7),  # the index takes '7' beside it
        (
            "text UNIQUE DEFERRABLE INITIALLY DEFERRED",
            "",
            "string",
            "'同'",
            "同",
        ),  # refused at the commit only
        ("text", "CREATE UNIQUE INDEX ON keyed (code) WHERE v <> 'new'", "string", "'同'", "同"),
        ("text", "CREATE UNIQUE INDEX ON keyed (lower(code))", "string", "'ß'", "ß"),
        ("text", "CREATE UNIQUE INDEX ON keyed (code, v)", "string", "'同'", "同"),
        ("text", "", "string", "'同'", "同"),
    ],
)
def test_a_row_that_is_there_already_is_stale_whatever_stops_it(
    server, config, session, column, more, type_, there, value
):
    """Most keys stop the statement, and nobody has to look before; of the others somebody has to."""
    server.execute(
        "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        f"CREATE TABLE keyed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code {column}, v text)",
        more or "SELECT",
        f"INSERT INTO keyed (code, v) VALUES ({there}, 'old')",
        config=config,
    )
    one, two = (1, 2) if type_ == "integer" else ("新", "𝕏")
    writer = Writer(session, "keyed", id="integer", code=type_, v="string")
    for codes, wanted in (((one, value), ["applied", "stale"]), ((two, two), ["applied", "stale"])):
        answers = writer.create([{"code": code, "v": "new"} for code in codes], unless=(("code",),))
        assert outcomes(answers) == wanted
        assert answers[1]["error"] == "a row with this key exists already"
        ids = server.execute("SELECT max(id) FROM keyed", config=config)
        assert ids == [(answers[0]["id.id"],)], "the identifier is that of the row"
    kept = server.execute("SELECT code::text, v FROM keyed ORDER BY id", config=config)
    assert kept == [(there.strip("'"), "old"), (str(one), "new"), (str(two), "new")]


def test_rows_of_a_table_that_inherits_are_there_already_too(server, config, session):
    """No unique key of the parent knows of them."""
    server.execute(
        "CREATE TABLE keyed (code text UNIQUE, v text)",
        "CREATE TABLE more () INHERITS (keyed)",
        "INSERT INTO more VALUES ('同', 'old')",
        config=config,
    )
    writer = Writer(session, "keyed", ("code",), code="string", v="string")
    answers = writer.create([{"code": c, "v": "new"} for c in ("同", "新")], unless=(("code",),))
    assert outcomes(answers) == ["stale", "applied"]


@given(st.lists(st.none() | st.text(st.sampled_from("aN\"\\,{} '\n\t字"), max_size=4), max_size=6))
def test_any_texts_make_an_array(server, values):
    sent = array_literal(pa.array(values, pa.utf8()))
    cursor = server.db.execute("SELECT ARRAY(SELECT unnest(%s::text[]))", [sent])
    assert cursor.fetchone() == (values,)
