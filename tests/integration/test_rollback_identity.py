"""What a run pointed to is what it meant then: identifiers are given again, rows come back under others, fields change hands."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.situation import Outcome
from erpoa_cli.state import PlanFile
from tests import planning
from tests.planning import PlanResult
from tests.unit.engine.small import Small

pytestmark = pytest.mark.in_turn("rollback", of=2, seconds=5)

AGAIN = "INTEGER PRIMARY KEY"  # the number of a deleted row is given again
ONCE = "INTEGER PRIMARY KEY AUTOINCREMENT"
TEXT = ', text: "#{value}"'  # how a label shows the number


class Shop(Small):
    """Items, orders that point to them, and labels that show the number of an item: three targets of one system."""

    def __init__(self, root: Path, number: str = ONCE, label: str = "", **of: str) -> None:
        super().__init__(root)
        self.file("erpoa.yml", "format: 1\nname: shop\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
        )
        self.file(
            "sources/s.yml",
            """
            sources:
              items: {system: erp, object: item, key: [code], fields: {code: string, name: string}}
              ords: {system: erp, object: ord, key: [no], fields: {no: string, item: string, pri: string}}
            """,
        )
        self.file(
            "targets/t.yml",
            f"""
            targets:
              item:
                from: items
                system: oa
                object: item
                key: [code]
                on_source_gone: delete
                returns: [id]
                guards: {{max_delete: {{count: 100}}}}
                fields: {{code: code, name: name}}
              ord:
                from: ords
                system: oa
                object: ord
                key: [no]
                on_source_gone: delete
                {of.get("ord", "")}
                guards: {{max_delete: {{count: 100}}}}
                fields: {{no: no, item_id: {{ref: item, by: [item]}}, pri: {of.get("pri", "pri")}}}
              label:
                from: ords
                system: oa
                object: label
                key: [no]
                on_source_gone: delete
                guards: {{max_delete: {{count: 100}}}}
                fields: {{no: no, shows: {{result: item.id, by: [item]{label}}}}}
            """,
        )
        self.sql("CREATE TABLE item (code TEXT, name TEXT); CREATE TABLE ord (no TEXT, item TEXT, pri TEXT);")
        self.sql("INSERT INTO item VALUES ('A', 'a'), ('B', 'b'), ('C', 'c')")
        self.sql("INSERT INTO ord VALUES ('1', 'C', 'x'), ('2', 'B', 'x'), ('3', 'A', 'x')")
        self.sql(
            f"CREATE TABLE item (id {number}, code TEXT, name TEXT); "
            f"CREATE TABLE ord (id {number}, no TEXT, item_id INTEGER, pri TEXT); "
            f"CREATE TABLE label (id {number}, no TEXT, shows TEXT);",
            "oa.db",
        )

    def held(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / "oa.db")) as db:
            return db.execute(query).fetchall()

    def orders(self) -> dict[str, str]:
        """The item of every order, by what it means."""
        return dict(self.held("SELECT o.no, i.code FROM ord o LEFT JOIN item i ON i.id = o.item_id"))

    def labels(self) -> dict[str, str]:
        """The item of every label, by what it means; what means none as it is."""
        return dict(
            self.held(
                "SELECT l.no, coalesce(i.code, l.shows) FROM label l LEFT JOIN item i ON i.id = replace(l.shows, '#', '')"
            )
        )

    def change(self, *statements: str) -> str:
        """Apply what the source says after *statements*; the run."""
        for statement in statements:
            self.sql(statement)
        result = self.apply()
        assert {o for counts in result.outcomes.values() for o in counts} <= {Outcome.APPLIED}
        return result.run

    def take_back(self, run: str) -> PlanResult:
        back = planning.roll_back(self.bound(), run)
        if PlanFile.open(back.path).header.applyable:
            outcomes = self.apply(back).outcomes
            assert {o for counts in outcomes.values() for o in counts} <= {Outcome.APPLIED}
        return back


def told(back: PlanResult, name: str, member: str = "withheld") -> list[tuple[Any, ...]]:
    return [(row["k_no"], row["code"], row["reason"]) for row in planning.rows(back, member, name)]


GONE = "the row of item that it pointed to is gone"


@pytest.mark.parametrize("number", [AGAIN, ONCE], ids=["again", "once"])
@pytest.mark.parametrize("label", ["", TEXT], ids=["plain", "text"])
def test_an_identifier_of_then_is_not_another_row_of_now(tmp_path: Path, number: str, label: str) -> None:
    """The item that an order had is gone, and its number belongs to nobody, or to another one: the order stays."""
    shop = Shop(tmp_path, number, label)
    shop.change()
    run = shop.change("UPDATE ord SET item = 'A' WHERE no = '1'", "UPDATE ord SET pri = 'y' WHERE no = '2'")
    shop.change("DELETE FROM item WHERE code = 'C'")
    shop.change("INSERT INTO item VALUES ('D', 'd')")
    back = shop.take_back(run)
    assert told(back, "ord") == [("1", "E0543", f"item_id: {GONE}")]
    assert told(back, "label") == [("1", "E0543", f"shows: {GONE}")]
    assert shop.orders() == shop.labels() == {"1": "A", "2": "B", "3": "A"}
    assert shop.held("SELECT pri FROM ord WHERE no = '2'") == [("x",)]


@pytest.mark.parametrize("number", [AGAIN, ONCE], ids=["again", "once"])
@pytest.mark.parametrize("label", ["", TEXT], ids=["plain", "text"])
def test_a_row_that_came_back_is_the_row_that_was_meant(tmp_path: Path, number: str, label: str) -> None:
    shop = Shop(tmp_path, number, label)
    shop.change()
    run = shop.change("UPDATE ord SET item = 'A' WHERE no = '1'", "DELETE FROM ord WHERE no = '2'")
    shop.change("DELETE FROM item WHERE code IN ('B', 'C')")
    shop.change("INSERT INTO item VALUES ('D', 'd')")
    shop.change("INSERT INTO item VALUES ('B', 'b'), ('C', 'c')")
    back = shop.take_back(run)
    assert told(back, "ord") == told(back, "label") == []
    assert shop.orders() == shop.labels() == {"1": "C", "2": "B", "3": "A"}


def test_a_number_that_nobody_has_any_more_is_not_shown_again(tmp_path: Path) -> None:
    """What their system gives is no identifier: which row it was of, nobody can tell once that is gone."""
    shop = Shop(tmp_path)
    shop.sql(
        "ALTER TABLE item ADD COLUMN num TEXT; CREATE TRIGGER give AFTER INSERT ON item "
        "BEGIN UPDATE item SET num = 'N-' || new.id WHERE id = new.id; END;",
        "oa.db",
    )
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8").replace("result: item.id", "result: item.num")
    targets.write_text(text.replace("returns: [id]", "returns: [id, num]"), encoding="utf-8")
    shop.change()
    run = shop.change("UPDATE ord SET item = 'A' WHERE no IN ('1', '2')")
    shop.change("DELETE FROM item WHERE code = 'C'")
    back = shop.take_back(run)
    assert told(back, "label") == [("1", "E0543", f"shows: {GONE}")]
    assert shop.held("SELECT no, shows FROM label ORDER BY no") == [("1", "N-1"), ("2", "N-2"), ("3", "N-1")]


@pytest.mark.parametrize("label", ["", TEXT], ids=["plain", "text"])
def test_what_shows_a_row_that_is_made_anew_gets_what_it_gives(tmp_path: Path, label: str) -> None:
    shop = Shop(tmp_path, ONCE, label)
    shop.change()
    run = shop.change("DELETE FROM ord WHERE no = '1'", "DELETE FROM item WHERE code = 'C'")
    back = shop.take_back(run)
    assert [(d.code, d.detail) for d in back.diagnostics if d.summary.startswith("item")] == [
        ("E0548", "Rows that the run did not write show what the old ones gave: label.shows.")
    ]
    assert shop.orders() == shop.labels() == {"1": "C", "2": "B", "3": "A"}


def test_a_result_in_a_text_is_there_with_the_row(tmp_path: Path) -> None:
    """Outside a rollback, too: a row that is created shows the number of one that is created with it."""
    shop = Shop(tmp_path, ONCE, TEXT)
    shop.change()
    assert shop.held("SELECT shows FROM label ORDER BY no") == [("#3",), ("#2",), ("#1",)]
    assert not any(planning.plan(shop.bound()).header.counts.values())


def test_a_row_of_others_with_the_key_of_ours_is_another_row(tmp_path: Path) -> None:
    """A row that vanished was made anew, and one of others, which has the same key, was switched off by the same run."""
    shop = Shop(tmp_path)
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8")
    own = "on_source_gone: deactivate\n    deactivate: {set: {name: gone}}\n    owns: all\n    on_vanished: recreate\n    match: [[name]]"
    targets.write_text(text.replace("on_source_gone: delete", own, 1), encoding="utf-8")
    shop.sql("DELETE FROM ord")
    shop.change()
    shop.sql(
        "DELETE FROM item WHERE code = 'A'; INSERT INTO item (code, name) VALUES ('A', 'other')", "oa.db"
    )
    run = shop.change()
    assert shop.held("SELECT code, name FROM item ORDER BY id") == [
        ("B", "b"),
        ("C", "c"),
        ("A", "gone"),
        ("A", "a"),
    ]
    back = shop.take_back(run)
    assert [(r["id_id"], r["reason"]) for r in planning.rows(back, "withheld", "item")] == [
        (4, "nothing links it")
    ]
    assert shop.held("SELECT code, name FROM item ORDER BY id") == [("B", "b"), ("C", "c"), ("A", "gone")]


def test_a_row_with_more_than_its_target_has_by_now_is_not_made_anew(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.change()
    run = shop.change("DELETE FROM ord WHERE no = '1'")
    targets = tmp_path / "targets/t.yml"
    targets.write_text(targets.read_text(encoding="utf-8").replace(", pri: pri", ""), encoding="utf-8")
    back = shop.take_back(run)
    why = "it held pri, which the target does not have any more, or with another type"
    assert told(back, "ord") == [("1", "E0543", why)]
    assert shop.held("SELECT no FROM ord ORDER BY no") == [("2",), ("3",)]


def test_a_field_that_is_theirs_by_now_stays_theirs(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.change()
    run = shop.change(
        "UPDATE ord SET pri = 'y' WHERE no IN ('1', '2')", "UPDATE ord SET item = 'B' WHERE no = '3'"
    )
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8")
    targets.write_text(text.replace("pri: pri", "pri: {from: pri, master: oa}"), encoding="utf-8")
    back = shop.take_back(run)
    assert told(back, "ord") == [
        (no, "E0543", "the run wrote pri, which the target's system is the master of by now") for no in "12"
    ]
    assert (back.conclusion, [(d.code, d.summary) for d in back.diagnostics]) == (
        PlanConclusion.BLOCKED,
        [("E0549", "ord: 2 rows are not taken back")],
    )
    assert shop.held("SELECT pri FROM ord ORDER BY no") == [("y",), ("y",), ("x",)]
    assert shop.orders()["3"] == "A"


def test_what_a_target_does_not_do_by_now_is_not_done(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.change()
    run = shop.change("DELETE FROM ord WHERE no = '1'", "UPDATE ord SET pri = 'y' WHERE no = '2'")
    targets = tmp_path / "targets/t.yml"
    text = targets.read_text(encoding="utf-8")
    targets.write_text(text.replace("object: ord", "object: ord\n    mode: update_only"), encoding="utf-8")
    back = shop.take_back(run)
    assert told(back, "ord") == [("1", "E0543", "the target never creates")]
    assert shop.held("SELECT no, pri FROM ord ORDER BY no") == [("2", "x"), ("3", "x")]
