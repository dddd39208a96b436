"""Documents that hold their lines, planned and applied for real over rounds of wishes and handwork: every plan, and
what the ERP holds after it, is what `line_oracle` says."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpoa_cli.connectors.duckdb.session import DuckdbSession
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import READ, WriteBatch
from tests import depth, planning
from tests.planning import PlanResult
from tests.property.line_oracle import MEMBERS, WRITES, Name, Order, Orders, Rules, Step, Values, Wish
from tests.property.test_diff import SETTINGS
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

WORLDS = 1  # seconds each
DOCUMENTS, ROUNDS = 24, 3
ANCHOR = "PR-00"  # always wanted with its line: an empty relation would prove nothing

BY_HAND = itertools.count(10_000)  # numbers of documents that people made
D = Decimal
BUYERS = [None, "", "王", "李 雷", "Ａcme 公司", "'; DROP TABLE purchase_order; --"]
POOLS: dict[str, list[Any]] = {
    "item": [None, "A", "A", "螺丝", "螺丝", "N0", "N1", "N2", "never"],
    "qty": [None, D("0.000"), D("0.001"), D("2.000"), D("-3.500"), D("123456789.125")],
    "price": [None, D("0.00"), D("1.50"), D("9999999999.99")],
    "text": [None, "", "六角螺母", "六角螺母 ", '{"a": [1]}\t😀', "x"],
}
REQUESTED = (
    "STRUCT(line_no BIGINT, item_code VARCHAR, qty DECIMAL(12,3), price DECIMAL(12,2), words VARCHAR)[]"
)
LISTED = 'STRUCT(line_id BIGINT, src_line BIGINT, item BIGINT, qty DECIMAL(12,3), price DECIMAL(12,2), "text" VARCHAR, remark VARCHAR)[]'


# -- worlds ----------------------------------------------------------------------------------------------------------

RULES = st.builds(
    Rules,
    on_line_problem=st.sampled_from(["hold_document", "hold_line"]),
    on_missing_line=st.sampled_from(["delete", "delete", "keep", "task"]),
    on_source_gone=st.sampled_from(["keep", "delete"]),
    on_first_contact=st.sampled_from(["report", "write"]),
    on_drift=st.sampled_from(["report", "revert", "accept"]),
    on_conflict=st.sampled_from(["report", "write", "accept"]),
    on_vanished=st.sampled_from(["report", "recreate", "forget"]),
    numbered=st.booleans(),
)
KEYS = st.sampled_from([1, 2, 3, 4, 4, 5, 60, None])
LINES = st.fixed_dictionaries(
    {"src_line": KEYS, **{name: st.sampled_from(pool) for name, pool in POOLS.items()}}
)
LISTS = st.one_of(*[st.lists(LINES, min_size=2, max_size=5)] * 5, st.sampled_from([None, []]))
FIELDS = st.sampled_from([*POOLS])
ANY = st.integers(0, 1 << 16)
OURS = st.one_of(
    st.tuples(st.just("lines"), LISTS),
    st.tuples(st.just("buyer"), st.sampled_from(BUYERS)),
    *[st.tuples(st.just("change"), ANY, FIELDS, ANY)] * 10,
    *[st.tuples(st.just("add"), LINES)] * 2,
    *[st.tuples(st.just("remove"), ANY)] * 2,
    st.tuples(st.just("reorder")),
    st.tuples(st.just("key"), ANY, KEYS),
    st.tuples(st.just("gone")),
    st.tuples(st.just("twice")),
)
THEIRS = st.one_of(
    st.tuples(st.just("buyer"), st.sampled_from(BUYERS)),
    *[st.tuples(st.just("change"), ANY, FIELDS, ANY)] * 10,
    st.tuples(st.just("remark"), ANY, st.sampled_from(["", "请尽快", "x"])),
    *[st.tuples(st.just("add"), LINES)] * 2,
    *[st.tuples(st.just("remove"), ANY)] * 2,
    st.tuples(st.just("reorder")),
    st.tuples(st.just("key"), ANY, KEYS),
    st.tuples(st.just("copy"), ANY),
    st.tuples(st.just("gone")),
    st.tuples(st.just("no"), st.sampled_from(["PR-77", None])),
    st.tuples(st.just("by hand"), LISTS),
    st.tuples(st.just("no list")),
)
Edit = tuple[Any, ...]
TURN = st.tuples(st.lists(OURS, min_size=1, max_size=3), st.lists(THEIRS, max_size=3))
ROUND = st.lists(TURN, min_size=DOCUMENTS - 1, max_size=DOCUMENTS - 1)
STARTS = st.lists(st.tuples(st.sampled_from(BUYERS), LISTS), min_size=DOCUMENTS - 1, max_size=DOCUMENTS - 1)


def edited(lines: list[Values], edit: Edit) -> list[Values]:
    """*lines* after what is done to one of them."""
    lines = [dict(line) for line in lines]
    place = edit[1] % len(lines) if lines and len(edit) > 1 and isinstance(edit[1], int) else -1
    match edit:
        case ("add", line):
            lines.append({**line})
        case ("reorder",):
            lines.reverse()
        case _ if place < 0:
            pass
        case ("change", _, name, which):
            lines[place][name] = POOLS[name][which % len(POOLS[name])]
        case ("remark", _, text):
            lines[place]["remark"] = text
        case ("key", _, key):
            lines[place]["src_line"] = key
        case ("remove", _):
            del lines[place]
        case ("copy", _):
            lines.append({**lines[place]})
        case _:
            raise AssertionError(edit)
    return lines


def wish(world: Orders, no: str, edits: list[Edit]) -> None:
    """What happens to a requisition between two runs."""
    if no in world.wishes:
        world.wishes[no].twice = False
    for edit in edits:
        found = world.wishes.get(no)
        match edit:
            case ("gone",):
                world.wishes.pop(no, None)
            case ("lines", lines):
                world.wishes[no] = Wish(found.buyer if found else "王", lines and [{**x} for x in lines])
            case ("buyer", buyer) if found:
                found.buyer = buyer
            case ("twice",) if found:
                found.twice = True
            case _ if found:
                found.lines = edited(found.lines or [], edit)
            case _:
                pass  # there is none to change


def tidy(wish: Wish, items: set[str], new: str) -> None:
    """Only what can be written is left of a requisition; an item that nobody knows is the one that is *new*."""
    keyed = {line["src_line"]: line for line in wish.lines or [] if line["src_line"] is not None}
    for line in keyed.values():
        line["item"] = line["item"] if line["item"] in {None, *items} else new
    wish.twice, wish.lines = False, wish.lines and list(keyed.values())


def handwork(world: Orders, no: str, edits: list[Edit]) -> None:
    """What people do in the ERP to the document of a requisition, or in place of it."""
    for edit in edits:
        known = world.known.get((no,))
        order = known.row if known and any(known.row is o for o in world.there) else None
        match edit:
            case ("by hand", lines):
                theirs = None if lines is None else saved(world, lines)
                buyer = world.wishes[no].buyer if no in world.wishes else "王"
                world.there.append(Order(next(BY_HAND), no, buyer, theirs))
            case _ if order is None:
                pass
            case ("gone",):
                world.there = [o for o in world.there if o is not order]
            case ("buyer", buyer):
                order.buyer = buyer
            case ("no", other):
                order.no = other
            case ("no list",):
                order.lines = None
            case _:
                order.lines = saved(world, edited(order.lines or [], edit))


def saved(world: Orders, lines: list[Values]) -> list[Values]:
    """*lines* as an ERP keeps them: with an item that it has or a number of none, and each with a number of its own."""
    found: list[Values] = []
    for each in lines:
        line = {**dict.fromkeys(MEMBERS), **each}
        if line["item"] is not None and line["item"] not in {999, *world.made}:
            line["item"] = 999
        if world.rules.numbered and line["line_id"] in {None, *(other["line_id"] for other in found)}:
            line["line_id"] = next(BY_HAND)
        found.append(line)
    return found


# -- the same for real -----------------------------------------------------------------------------------------------


class Real(Small):
    """The world in a project over two DuckDB files."""

    def __init__(self, root: Path, rules: Rules) -> None:
        super().__init__(root)
        self.rules = rules
        self.file("erpoa.yml", "format: 1\nname: orders\nowner: a@b.example\ndescription: d\n")
        self.file(
            "systems/s.yml",
            "systems: {oa: {plugin: duckdb, config: {path: oa.duckdb}}, erp: {plugin: duckdb, config: {path: erp.duckdb}}}",
        )
        self.file(
            "sources/s.yml",
            """
            sources:
              items: {system: oa, object: item, key: [code], fields: {code: string}}
              requisitions:
                system: oa
                object: requisition
                key: [no]
                fields:
                  no: string
                  buyer: string
                  lines: "list<struct<line_no: integer, item_code: string, qty: decimal(12,3), price: decimal(12,2), words: string>>"
            """,
        )
        self.file(
            "targets/t.yml",
            f"""
            targets:
              materials: {{from: items, system: erp, object: material, key: [code], fields: [code]}}
              orders:
                from: requisitions
                system: erp
                object: purchase_order
                key: [no]
                guards: {{max_delete: {{count: 1000}}, max_change: {{count: 1000}}}}
                on_source_gone: {rules.on_source_gone}
                on_first_contact: {rules.on_first_contact}
                on_drift: {rules.on_drift}
                on_conflict: {rules.on_conflict}
                on_vanished: {rules.on_vanished}
                fields:
                  no: no
                  buyer: buyer
                  lines:
                    from: lines
                    key: [line_no]
                    on_line_problem: {rules.on_line_problem}
                    on_missing_line: {rules.on_missing_line}
                    {"id: [line_id]" if rules.numbered else ""}
                    fields:
                      src_line: line_no
                      item: {{ref: materials, by: [item_code]}}
                      qty: qty
                      price: {{from: price, master: erp}}
                      text: words
            """,
        )
        with self.opened("oa") as db:
            db.execute("CREATE TABLE item (code VARCHAR)")
            db.execute(f"CREATE TABLE requisition (no VARCHAR, buyer VARCHAR, lines {REQUESTED})")
        with self.opened("erp") as db:
            db.execute("CREATE SEQUENCE ids START 100")
            db.execute(
                "CREATE TABLE material (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), code VARCHAR UNIQUE)"
            )
            db.execute(
                f"CREATE TABLE purchase_order (id BIGINT PRIMARY KEY DEFAULT nextval('ids'), no VARCHAR, buyer VARCHAR, lines {LISTED})"
            )

    def opened(self, system: str) -> closing[duckdb.DuckDBPyConnection]:
        return closing(duckdb.connect(str(self.root / f"{system}.duckdb")))

    def fill(self, world: Orders) -> None:
        """Both databases hold what the world does."""
        with self.opened("oa") as db:
            db.execute("DELETE FROM item")
            db.executemany("INSERT INTO item VALUES (?)", [[code] for code in sorted(world.items)])
            db.execute("DELETE FROM requisition")
            names = ("line_no", "item_code", "qty", "price", "words")
            for no, each in world.wishes.items():
                ours = ("src_line", "item", "qty", "price", "text")
                lines = each.lines and [
                    {n: line[o] for n, o in zip(names, ours, strict=True)} for line in each.lines
                ]
                for _ in range(2 if each.twice else 1):
                    db.execute("INSERT INTO requisition VALUES (?, ?, ?)", [no, each.buyer, lines])
        with self.opened("erp") as db:
            ids = dict(db.execute("SELECT code, id FROM material").fetchall())
            db.execute("DELETE FROM purchase_order")
            for order in world.there:
                lines = order.lines and [
                    {**line, "item": ids.get(line["item"], line["item"])} for line in order.lines
                ]
                db.execute(
                    "INSERT INTO purchase_order VALUES (?, ?, ?, ?)", [order.id, order.no, order.buyer, lines]
                )

    def contents(self) -> list[Order]:
        with self.opened("erp") as db:
            codes = dict(db.execute("SELECT id, code FROM material").fetchall())
            found = db.execute("SELECT id, no, buyer, lines FROM purchase_order ORDER BY id").fetchall()
        return [
            Order(
                id_, no, buyer,
                lines and [{**line, "item": codes.get(line["item"], line["item"])} for line in lines],
            )
            for id_, no, buyer, lines in found
        ]  # fmt: skip

    def plan_as(self, plan: Mapping[Name, Step]) -> PlanResult:
        """A plan, which has to be that *plan* of the oracle; documents that lines of theirs go down with need a waiver."""
        lost = len(lines_of_theirs(plan))
        waivers = (Waiver("orders", "referential", lost, "they go with their document"),) if lost else ()
        return self.plan(*waivers)


def lines_of_theirs(plan: Mapping[Name, Step]) -> list[Name]:
    """Documents that are deleted with lines that nobody asked for."""
    found = []
    for name, step in plan.items():
        if len(name) == 1 and step.action == "delete" and not step.held and step.theirs:
            gone = [id(line.line) for n, line in plan.items() if n[0] == name[0] and line.action == "delete"]
            if any(id(line) not in gone for line in step.theirs.lines or []):
                found.append(name)
    return found


@contextmanager
def numbering(on: bool) -> Iterator[None]:
    """Their system numbers lines whenever it saves an order."""
    real = DuckdbSession.write_rows

    def saving(self: DuckdbSession, batch: WriteBatch) -> pa.RecordBatch:
        answer = real(self, batch)
        if batch.object == "purchase_order":
            for id_, lines in self.rows("SELECT id, lines FROM purchase_order"):
                for line in lines or []:
                    line["line_id"] = line["line_id"] or self.rows("SELECT nextval('ids')")[0][0]
                self.execute("UPDATE purchase_order SET lines = ? WHERE id = ?", (lines, id_))
        # what it does is done after DuckDB has answered
        return answer.select([n for n in answer.schema.names if n != READ and not n.startswith("seen.")])

    with pytest.MonkeyPatch.context() as patch:
        if on:
            patch.setattr(DuckdbSession, "write_rows", saving)
        yield


Told = dict[Name, tuple[Any, ...]]


def planned(result: PlanResult) -> Told:
    """What a plan says of documents and lines: action and fields, drift, conflicts, and whether it is set aside."""
    found: Told = {}
    for target, key in (("orders", ["no"]), ("orders.lines", ["no", "line_no"])):
        for member in ("changes", "state", "held", "withheld", "tasks", "drift", "conflicts"):
            for row in planning.rows(result, member, target):
                name = tuple(row[f"k_{n}"] for n in key)
                if row["kind"]:
                    found[name] = ("held",)
                    continue
                vanished = row["situation"] == "vanished" and row["action"] is None
                found[name] = (
                    row["action"], frozenset(row["fields"]) - {"document"}, frozenset(row["drifted"]),
                    frozenset(row["conflicted"]), vanished,
                )  # fmt: skip
    return found


def told(plan: Mapping[Name, Step]) -> Told:
    """The same of a plan of the oracle."""
    found: Told = {}
    for name, step in plan.items():
        if step.held:
            found[name] = ("held",)
        elif step.action or step.drifted or step.conflicted or step.vanished:
            fields = step.fields if step.action in ("create", "update") else frozenset()
            found[name] = (step.action, fields, step.drifted, step.conflicted, step.vanished)
    return found


def differences(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    return {n: (found.get(n), wanted.get(n)) for n in {*found, *wanted} if found.get(n) != wanted.get(n)}


def compared(found: list[Order], world: Orders) -> None:
    """Their documents are the world's, whose new ones and their new lines get to know their numbers."""
    old = {order.id for order in world.there}
    for order in world.there:
        if order.id is None:
            order.id = next((o.id for o in found if o.id not in old and o.no == order.no), None)
        if world.rules.numbered:
            theirs = next((o.lines for o in found if o.id == order.id), None)
            for line, other in zip(order.lines or [], theirs or [], strict=False):
                line["line_id"] = line["line_id"] or other["line_id"]
    assert differences({o.id: o for o in found}, {o.id: o for o in world.there}) == {}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines")


@pytest.mark.sampled("property", seconds=300, least=60)
@settings(max_examples=depth.examples(WORLDS, deep=100), **SETTINGS)
@given(
    rules=RULES,
    clean=st.sampled_from([True, True, False]),
    starts=STARTS,
    rounds=st.lists(ROUND, min_size=ROUNDS, max_size=ROUNDS),
)
@depth.while_there_is_time
def test_documents_and_lines_are_what_the_oracle_says(
    home: Path, rules: Rules, starts: list[tuple[Any, Any]], rounds: list[list[Any]], *, clean: bool
) -> None:
    real, world = Real(Path(tempfile.mkdtemp(dir=home)), rules), Orders(rules, items={"A", "螺丝"})
    anchor = {"src_line": 1, "item": "A", "qty": D(1), "price": None, "text": None}
    world.wishes[ANCHOR] = Wish("王", [anchor])
    for number, (buyer, lines) in enumerate(starts, 1):
        world.wishes[f"PR-{number:02}"] = Wish(buyer, lines and [{**line} for line in lines])
    for number, turns in enumerate(rounds):
        for n, (ours, theirs) in enumerate(turns, 1):
            no = f"PR-{n:02}"
            handwork(world, no, theirs)
            if number:
                wish(world, no, ours)
        world.items.add(f"N{number}")  # it is created by the plan that first has a line of it
        for each in world.wishes.values() if clean else ():
            tidy(each, world.items, f"N{number}")
        real.fill(world)
        first = world.plan()
        result = real.plan_as(first)
        assert differences(planned(result), told(first)) == {}, rules
        if result.header.applyable:
            with numbering(real.rules.numbered):
                outcomes = real.apply(result).outcomes
            assert {o for counts in outcomes.values() for o in counts} <= {Outcome.APPLIED}
        else:
            assert not any(step.action for step in first.values()), rules
        world.apply(first)
        compared(real.contents(), world)
        second = world.plan()
        assert differences(planned(real.plan_as(second)), told(second)) == {}, rules
        forgotten = {name[0] for name, step in first.items() if step.action == "forget"}  # and made anew
        left = {n for n, step in second.items() if step.action in WRITES and not step.held}
        assert [name for name in left if name[0] not in forgotten] == []
    shutil.rmtree(real.root)
