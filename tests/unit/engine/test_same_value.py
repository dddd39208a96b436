"""Values are compared by what they mean, on both sides, and our own write in another form is nobody's change."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.schema import grouped
from erpoa_cli.core.situation import Action, Outcome
from tests import depth, planning
from tests.planning import PlanResult
from tests.unit.engine.pairs import COLUMNS, ROLES, VALUES, Pair, Project
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow


def world(root: Path, fields: str, *, source: str = "", target: str = "") -> Small:
    """Things with a code and *fields*, `name: type, …`, from `erp.db` to `oa.db`."""
    made = Small(root)
    made.file("erpoa.yml", "format: 1\nname: things\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    names = ", ".join(part.partition(":")[0].strip() for part in fields.split("; "))
    types = ", ".join(fields.split("; "))
    made.file(
        "sources/s.yml",
        f"sources: {{thing: {{system: erp, object: thing, key: [code], fields: {{code: string, {types}}}}}}}",
    )
    made.file(
        "targets/t.yml",
        f"targets: {{thing: {{from: thing, system: oa, object: thing, key: [code], fields: [code, {names}]{target}}}}}",
    )
    made.sql(f"CREATE TABLE thing (code TEXT PRIMARY KEY, {source or 'v'});")
    return made


def told(made: Small, plan: PlanResult) -> dict[str, list[Any]]:
    return {
        m.value: [r["k_code"] for r in planning.rows(plan, m, "thing")]
        for m in Member
        if planning.rows(plan, m, "thing")
    }


def theirs(made: Small, database: str = "oa.db") -> dict[str, Any]:
    with sqlite3.connect(made.root / database) as db:
        return dict(db.execute("SELECT code, v FROM thing"))


# -- JSON -----------------------------------------------------------------------------------------------------------


def test_json_in_another_spelling_is_the_same(tmp_path: Path) -> None:
    made = world(tmp_path, "v: json")
    made.sql(
        """INSERT INTO thing VALUES ('same', '{"b":1.0, "a":"\\u4e2d"}'), ('other', '{"n":9007199254740993}');"""
    )
    made.sql("CREATE TABLE thing (id INTEGER PRIMARY KEY, code TEXT UNIQUE, v JSON);", "oa.db")
    made.sql(
        """INSERT INTO thing (code, v) VALUES ('same', '{"a": "中", "b": 1}'), ('other', '{"n": 9007199254740992}');""",
        "oa.db",
    )
    first = made.plan()
    assert told(made, first) == {"state": ["same"], "drift": ["other"]}
    made.apply(first)
    assert told(made, made.plan()) == {"drift": ["other"]}
    made.sql("""UPDATE thing SET v = '{"a":"中","b":10e-1}' WHERE code = 'same';""")
    assert told(made, made.plan()) == {"drift": ["other"]}, "our side is spelt otherwise"
    made.sql("""UPDATE thing SET v = '{ "b" : 1, "a" : "中" }' WHERE code = 'same';""", "oa.db")
    assert told(made, made.plan()) == {"drift": ["other"]}, "so is theirs"
    made.sql("""UPDATE thing SET v = '{"a":"中","b":2}' WHERE code = 'same';""")
    plan = made.plan()
    made.sql("""UPDATE thing SET v = '{"b":1,"a":"中"}' WHERE code = 'same';""", "oa.db")
    run = made.apply(plan)
    assert theirs(made)["same"] == '{"a":"中","b":2}', (
        "a spelling that moved since the plan is no other value"
    )
    assert run.outcomes["thing"][Outcome.APPLIED] == 1


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_number_that_is_a_text_key_there_is_its_digits(tmp_path: Path) -> None:
    made = Project(tmp_path / "p", Pair("sqlite", "integer", "TEXT", "key"))
    made.sql("INSERT INTO t (v, name) VALUES ('007', 'theirs')")
    assert made.outcome() == ("settled", [])
    assert made.sql("SELECT v, name FROM t ORDER BY v") == [("007", "theirs"), ("7", "n1"), ("8", "n2")]


def test_floats_keep_fifteen_digits_and_no_more(tmp_path: Path) -> None:
    made = world(tmp_path, "v: 'decimal(20,2)'")
    made.sql(
        "INSERT INTO thing VALUES ('A', '1.5'), ('B', '0.10'), ('C', '-9999999999999.99'), ('D', '12345678901234567.89');"
    )
    made.sql("CREATE TABLE thing (id INTEGER PRIMARY KEY, code TEXT UNIQUE, v REAL);", "oa.db")
    run = made.apply(made.plan())
    assert theirs(made) == {"A": 1.5, "B": 0.1, "C": -9999999999999.99}
    assert run.outcomes["thing"][Outcome.REJECTED] == 1
    assert told(made, made.plan()) == {"withheld": ["D"]}


def test_what_is_advised_of_a_column_can_be_done_there(tmp_path: Path) -> None:
    made = world(tmp_path, "v: string")
    made.sql("CREATE TABLE thing (id INTEGER PRIMARY KEY, code TEXT UNIQUE, v REAL);", "oa.db")
    with pytest.raises(Failure) as caught:
        made.plan()
    [found] = caught.value.diagnostics
    assert found.code == "E0317"
    assert "declare" not in f"{found.summary} {found.detail} {found.remedy}"
    assert "decimal" in found.remedy


def test_a_reference_finds_a_key_only_if_it_is_that_key(tmp_path: Path) -> None:
    made = world(tmp_path, "v: string")
    made.sql("INSERT INTO thing VALUES ('2', 'two');")
    made.file(
        "sources/s.yml",
        """
        sources:
          thing: {system: erp, object: thing, key: [code], fields: {code: integer, v: string}}
          use: {system: erp, object: use, key: [no], fields: {no: string, of: 'decimal(5,1)'}}
        """,
    )
    made.file(
        "targets/u.yml",
        """
        targets:
          use: {from: use, system: oa, object: use, key: [no], fields: {no: no, of: {ref: thing, by: of}}}
        """,
    )
    made.sql("CREATE TABLE use (no TEXT, of TEXT); INSERT INTO use VALUES ('whole', '2.0'), ('near', '1.5');")
    made.sql("CREATE TABLE thing (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, v TEXT);"
             "CREATE TABLE use (no TEXT PRIMARY KEY, of INTEGER);", "oa.db")  # fmt: skip
    plan = made.plan()
    assert [(r["k_no"], r["code"]) for r in planning.rows(plan, Member.HELD, "use")] == [("near", "E0405")]
    made.apply(plan)
    with sqlite3.connect(tmp_path / "oa.db") as db:
        assert db.execute("SELECT no, of FROM use").fetchall() == [("whole", 1)]


FIXED = [
    Pair("sqlite", "date", "TEXT", "key"),
    Pair("sqlite", "decimal(10,2)", "TEXT", "ref"),
    Pair("sqlite", "integer", "DECIMAL(12,2)", "key"),
    Pair("duckdb", "integer", "DECIMAL(12,2)", "key"),
    Pair("duckdb", "date", "TIMESTAMPTZ", "match"),
    Pair("duckdb", "decimal(10,2)", "DOUBLE", "field"),
]
PAIRS = [
    Pair(plugin, declared, column, role)
    for plugin, columns in COLUMNS.items()
    for role in ROLES
    for declared in VALUES
    for column in columns
    if not (role == "key" and column == "VARCHAR[]")  # is no primary key
]


@pytest.mark.parametrize("pair", FIXED, ids=str)
def test_types_that_meet_settle(tmp_path: Path, pair: Pair) -> None:
    assert Project(tmp_path / "p", pair).outcome() == ("settled", [])


@pytest.mark.sampled("property", seconds=40, least=4)
def test_every_pair_of_types_has_an_answer(tmp_path: Path) -> None:
    for number, pair in enumerate(depth.some(PAIRS, 4)):
        answer, words = Project(tmp_path / str(number), pair).outcome()
        assert answer in ("settled", "refused", "aside"), f"{pair}: {answer} {words}"
        if answer == "refused":
            assert set(words) <= {"E0317", "E0318"}, f"{pair}: {words}"


# -- our own write in another form -----------------------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path) -> Small:
    """A value that both sides may change; the ERP keeps it without blanks."""
    made = world(tmp_path, "v: string", source="v TEXT")
    made.file(
        "sources/s.yml",
        """
        sources:
          ours: {system: erp, object: thing, key: [code], fields: {code: string, v: string}}
          theirs: {system: oa, object: thing, key: [code], fields: {code: string, v: string}}
        """,
    )
    fields = "fields: {code: code, v: {from: v, master: shared}}"
    made.file(
        "targets/t.yml",
        f"""
        targets:
          thing: {{from: ours, system: oa, object: thing, key: [code], {fields}}}
          back: {{from: theirs, system: erp, object: thing, key: [code], mode: update_only, {fields}}}
        """,
    )
    made.sql("""INSERT INTO thing VALUES ('A', '333'), ('B', '777');
        CREATE TRIGGER own_form AFTER UPDATE ON thing WHEN instr(new.v, ' ') BEGIN
        UPDATE thing SET v = replace(new.v, ' ', '') WHERE code = new.code; END;""")
    made.sql("CREATE TABLE thing (id INTEGER PRIMARY KEY, code TEXT UNIQUE, v TEXT);", "oa.db")
    for _ in range(2):
        made.apply(made.plan())
    return made


def test_our_own_write_in_another_form_is_no_conflict(shared: Small) -> None:
    shared.sql("UPDATE thing SET v = '44 55' WHERE code = 'A';", "oa.db")
    for _ in range(2):
        shared.apply(shared.plan())
    assert (theirs(shared, "erp.db")["A"], theirs(shared)["A"]) == ("4455", "44 55")
    assert list(planning.told(shared.plan())) == []
    shared.sql("UPDATE thing SET v = '88' WHERE code = 'A';", "oa.db")
    shared.sql("UPDATE thing SET v = '99' WHERE code = 'A';")
    both = shared.plan()
    assert told(shared, both)["conflicts"] == ["A"], "edits on both sides are one"
    assert planning.rows(both, Member.CHANGES, "thing") == []


def test_one_edit_after_that_goes_over(shared: Small) -> None:
    shared.sql("UPDATE thing SET v = '44 55' WHERE code = 'A';", "oa.db")
    for _ in range(2):
        shared.apply(shared.plan())
    shared.sql("UPDATE thing SET v = '99' WHERE code = 'A';")
    plan = shared.plan()
    assert [r["action"] for r in planning.rows(plan, Member.CHANGES, "thing")] == [Action.UPDATE.value]
    shared.apply(plan)
    assert theirs(shared)["A"] == "99"


# -- very many -------------------------------------------------------------------------------------------------------


def test_very_many_conditions_are_no_deep_nest() -> None:
    terms = ["1"] * 5000
    assert duckdb.execute(f"SELECT {grouped(terms, ' | ')}, {grouped(terms, ' & ')}").fetchone() == (1, 1)
    assert sqlite3.connect(":memory:").execute(f"SELECT {grouped(terms, ' AND ')}").fetchone() == (1,)
