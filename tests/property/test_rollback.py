"""Plan, apply, roll back, apply, over generated worlds: the database holds what it held before, and what is left as it
is has been told with its reason."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine import staging
from erpoa_cli.engine.changes import diff, freeze
from erpoa_cli.state import PlanFile
from tests import depth, planning
from tests.integration.documents import Documents
from tests.integration.test_rollback_identity import AGAIN, ONCE, TEXT, Shop
from tests.planning import PlanResult, RunResult
from tests.property.databases import Databases, planned, realistic
from tests.property.line_oracle import Order, Orders, Wish
from tests.property.line_oracle import Rules as LineRules
from tests.property.oracle import Row, World
from tests.property.stores import Mariadb, Postgres, Sqlite, Store
from tests.property.test_diff import SETTINGS
from tests.property.test_documents import Oracle as Rules
from tests.property.test_documents import by_hand, handwork, wishes
from tests.property.test_lines import ANCHOR, ROUND, RULES, STARTS, Real, compared, numbering, tidy, wish
from tests.property.test_lines import handwork as by_people
from tests.property.worlds import worlds
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

FEW = 4
PER_EXAMPLE = 5


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module", autouse=True)
def large() -> Iterator[None]:
    """Every relation is one that is loaded in slices, compressed, and judged in chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "SLICE", 3)
        patch.setattr(diff, "CHUNK", 3)
        patch.setattr(freeze, "_SORTED", 2)
        yield


@pytest.fixture(
    scope="module",
    params=["sqlite", *(pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb"))],
)
def store(request: pytest.FixtureRequest) -> Callable[[Path], Store]:
    if request.param == "sqlite":
        return lambda directory: Sqlite(directory / "oa.db")
    url = request.getfixturevalue(f"{request.param}_url")
    served = Postgres(url) if request.param == "postgres" else Mariadb(url)
    return lambda _: served


@pytest.mark.sampled("property", seconds=120, least=30)
@settings(max_examples=depth.examples(FEW, deep=10), **SETTINGS)
@given(world=worlds(PER_EXAMPLE), keyed=st.booleans())
@depth.while_there_is_time
def test_a_run_is_taken_back(
    home: Path, store: Callable[[Path], Store], world: World, *, keyed: bool
) -> None:
    directory = Path(tempfile.mkdtemp(dir=home))
    before = realistic(world, keyed=keyed)
    real = Databases(directory, before, keyed, store(directory), world.desired)
    real.build()
    held = real.contents()
    forth = real.plan("there.erpoaplan")
    run = real.apply(forth)
    there = real.contents()
    if there == held:
        with pytest.raises(Failure, match="wrote nothing"):
            real.roll_back(run.run)
        return
    back = real.roll_back(run.run)
    answers = planned(PlanFile.open(back.path))
    told = [a for a in answers if a.kind]
    ended = real.apply(back)
    counts = ended.outcomes.get("t", {})
    # A row that is made anew is not, where another row has by now what recognises it: apply says so.
    refused = sum(n for outcome, n in counts.items() if outcome is not Outcome.APPLIED)
    assert set(counts) <= {Outcome.APPLIED, Outcome.STALE}, explained(forth, back, ended)

    keys = {a.key for a in told if a.id is None}  # of rows that would be made anew
    left = {a.id for a in told} | {a.id for a in planned(PlanFile.open(forth.path)) if a.key in keys}
    again = real.contents()
    changed = {row["id"] for row in held if row not in there}
    lost, more = without(held, left), without(again, left)
    difference = [r for r in lost if r not in more], [r for r in more if r not in lost]
    words = explained(forth, back, ended)
    assert max(map(len, difference)) <= refused, words
    assert refused or lost == more, words
    assert all(a.code for a in told)
    for one in told:  # nothing else was told: what the run did not touch is none of a rollback's business
        assert one.id in changed | {row["id"] for row in there if row not in held} | {None}
    if before.actual_complete:
        event(f"told: {sorted({a.code or '' for a in told})}")
    shutil.rmtree(directory)


def without(rows: Sequence[Row], left: Collection[object]) -> list[list[tuple[str, object]]]:
    """*rows* less those with the identifiers *left*, without identifiers: a row that is made anew has another."""
    told = (row for row in rows if row["id"] not in left)
    return sorted(([(n, v) for n, v in sorted(row.items()) if n != "id"] for row in told), key=repr)


def explained(forth: PlanResult, back: PlanResult, ended: RunResult) -> str:
    """What the run did, what was taken back and what became of it."""
    lines = [f"{a}" for a in planned(PlanFile.open(forth.path)) if a.action]
    lines += ["--"] + [f"{a}" for a in planned(PlanFile.open(back.path))] + [str(ended.outcomes)]
    return "\n".join(lines)


# -- documents that are moved, and documents that hold their lines --------------------------------------------------------


def told_of(back: PlanResult, key: str, *names: str) -> set[object]:
    """The documents of which something stays as it is, with the reason; by their key, and by what people made of it."""
    found = set()
    for name in names:
        for member in ("held", "withheld", "tasks"):
            rows = planning.rows(back, member, name)
            assert all(row["code"] and row["reason"] for row in rows)
            found |= {row.get(f"{image}{key}") for row in rows for image in ("k_", "a_", "d_")}
    return found - {None}


LIVING = "SELECT req_no, supplier, status, received FROM po WHERE cancelled IS NULL ORDER BY 1"


@pytest.mark.sampled("property", seconds=100, least=30)
def test_runs_of_documents_are_taken_back(tmp_path: Path) -> None:
    back_again = 0
    for number in depth.some(range(1000, 1200), 2):
        print(f"world {number}")
        (tmp_path / str(number)).mkdir()
        world, chance, oracle = Documents(tmp_path / str(number)).build(), random.Random(number), Rules()
        for _ in range(3):
            handwork(chance, world, oracle)
            new = [*wishes(chance, world, oracle)]
            for no in new:
                if oracle.wanted[no][0] != "undo" and chance.random() < 0.3:
                    by_hand(chance, world, oracle, no)
            plan = world.plan()
            if not plan.header.applyable:
                continue
            before = {row[0]: row for row in world.rows(LIVING)}
            run = world.apply(plan).run
            there = {row[0]: row for row in world.rows(LIVING)}
            oracle.apply()
            if before == there:
                continue
            copy = Documents(tmp_path / f"{number}.back")
            shutil.copytree(world.root, copy.root)
            back = planning.roll_back(copy.bound(), run)
            outcomes = planning.apply(copy.bound(), back).outcomes if back.header.applyable else {}
            assert {o for counts in outcomes.values() for o in counts} <= {Outcome.APPLIED}
            left = told_of(back, "no", "orders")
            again = {row[0]: row for row in copy.rows(LIVING)}
            assert {n: r for n, r in again.items() if n not in left} == {
                n: r for n, r in before.items() if n not in left
            }
            assert {n: r for n, r in again.items() if n in left} == {
                n: r for n, r in there.items() if n in left
            }
            back_again += len({n for n in {*before, *there} if before.get(n) != there.get(n)} - left)
            shutil.rmtree(copy.root)
    assert back_again > 3


@pytest.mark.sampled("property", seconds=150, least=60)
@settings(max_examples=depth.examples(1, deep=100), **SETTINGS)
@given(rules=RULES, starts=STARTS, turns=ROUND)
@depth.while_there_is_time
def test_runs_of_lines_are_taken_back(
    home: Path, rules: LineRules, starts: list[tuple[Any, Any]], turns: list[Any]
) -> None:
    real, world = Real(Path(tempfile.mkdtemp(dir=home)), rules), Orders(rules, items={"A", "螺丝"})
    anchor = {"src_line": 1, "item": "A", "qty": Decimal(1), "price": None, "text": None}
    world.wishes[ANCHOR] = Wish("王", [anchor])
    for number, (buyer, lines) in enumerate(starts, 1):
        world.wishes[f"PR-{number:02}"] = Wish(buyer, lines and [{**line} for line in lines])
    for number in range(2):
        for n, (ours, theirs) in enumerate(turns, 1):
            by_people(world, f"PR-{n:02}", theirs)
            if number:
                wish(world, f"PR-{n:02}", ours)
        world.items.add(f"N{number}")
        for each in world.wishes.values():
            tidy(each, world.items, f"N{number}")
        real.fill(world)
        before = real.contents()
        first = world.plan()
        plan = real.plan_as(first)
        if not plan.header.applyable:
            break
        with numbering(rules.numbered):
            run = real.apply(plan).run
            there = real.contents()
            if written(before) != written(there):
                copy = Real.__new__(Real)
                Small.__init__(copy, Path(f"{real.root}.back{number}"))
                copy.rules = rules
                shutil.copytree(real.root, copy.root)
                taken_back(copy, run, before)
        world.apply(first)
        compared(real.contents(), world)
    shutil.rmtree(real.root)


def taken_back(copy: Real, run: str, before: list[Order]) -> None:
    first = planning.roll_back(copy.bound(), run)
    blocking = [g for g in PlanFile.open(first.path).guards if g.blocks]
    waivers = [Waiver(g.target, g.guard, g.measured, "the run is taken back") for g in blocking]
    back = planning.roll_back(copy.bound(), run, *waivers) if waivers else first
    outcomes = copy.apply(back).outcomes if back.header.applyable else {}
    assert {o for counts in outcomes.values() for o in counts} <= {Outcome.APPLIED}
    left = told_of(back, "no", "orders", "orders.lines")
    assert written(copy.contents(), left) == written(before, left)


def written(orders: list[Order], left: Collection[object] = ()) -> list[Any]:
    """What orders hold, without the numbers that their system gives; a list that was NULL comes again as an empty one."""

    def plain(line: dict[str, Any]) -> list[tuple[str, Any]]:
        return sorted((n, v) for n, v in line.items() if n != "line_id")

    kept = (o for o in orders if o.no not in left)
    return sorted(((o.no, o.buyer, sorted(map(plain, o.lines or []), key=repr)) for o in kept), key=repr)


# -- identifiers that are given again ---------------------------------------------------------------------------------------

MEANT = """SELECT no, i.code, pri FROM {0} o LEFT JOIN item i ON i.id = replace(o.{1}, '#', '')"""


class Meanings(Shop):
    """A shop with rows that come and go, looked at by what they mean."""

    def meanings(self) -> dict[str, dict[str, tuple[Any, ...]]]:
        found = {name: self.held(MEANT.format(name, shows)) for name, shows in SHOWN.items()}
        return {name: {no: tuple(rest) for no, *rest in rows} for name, rows in found.items()}

    def mutate(self, chance: random.Random) -> None:
        with closing(sqlite3.connect(self.root / "erp.db")) as db, db:
            items = [code for (code,) in db.execute("SELECT code FROM item ORDER BY 1")]
            for _ in range(chance.randint(1, 4)):
                no, code = str(chance.randint(1, 5)), chance.choice(items)
                match chance.randrange(4):
                    case 0 if len(items) > 1:
                        items.remove(code)
                        db.execute("DELETE FROM item WHERE code = ?", (code,))
                        for (left,) in db.execute("SELECT no FROM ord WHERE item = ?", (code,)).fetchall():
                            db.execute("UPDATE ord SET item = ? WHERE no = ?", (chance.choice(items), left))
                    case 1:
                        code = chance.choice("ABCDEF")
                        if code not in items:
                            items.append(code)
                            db.execute("INSERT INTO item VALUES (?, 'n')", (code,))
                    case 2:
                        db.execute("DELETE FROM ord WHERE no = ?", (no,))
                    case _:
                        db.execute("DELETE FROM ord WHERE no = ?", (no,))
                        db.execute("INSERT INTO ord VALUES (?, ?, ?)", (no, code, chance.choice("xyz")))


SHOWN = {"ord": "item_id", "label": "shows"}


@pytest.mark.sampled("property", seconds=100, least=30)
def test_what_a_run_pointed_to_is_what_it_meant(tmp_path: Path) -> None:
    """Some runs later, every row of a run points to the row it meant before, whatever has its number now, or stays as it is."""
    restored = 0
    for number in depth.some(range(2000, 2300), 2):
        print(f"world {number}")
        chance = random.Random(number)
        (tmp_path / str(number)).mkdir()
        shop = Meanings(tmp_path / str(number), *chance.choice([(AGAIN, ""), (AGAIN, TEXT), (ONCE, TEXT)]))
        shop.sql("ALTER TABLE label ADD COLUMN pri TEXT", "oa.db")
        shop.change()
        history = []
        for _ in range(4):
            shop.mutate(chance)
            before = shop.meanings()
            plan = shop.plan()
            if plan.conclusion is PlanConclusion.BLOCKED:
                withheld = planning.rows(plan, "withheld", "ord")
                assert {row["reason"] for row in withheld} == {"ords is empty"}, withheld
            elif any(plan.header.counts.values()):
                history.append((before, shop.apply(plan).run, shop.meanings()))
        if not history:
            continue
        before, run, after = chance.choice(history)
        now = shop.meanings()
        try:
            back = planning.roll_back(shop.bound(), run)
        except Failure:
            continue  # it wrote nothing
        if not back.header.applyable:
            continue
        shop.apply(back)
        again = shop.meanings()
        items = {code for (code,) in shop.held("SELECT code FROM item")}
        for name in SHOWN:
            told = {row["k_no"]: row["reason"] for row in planning.rows(back, "withheld", name)}
            for no in {*before[name], *after[name], *now[name]}:
                was, left, here = (one[name].get(no) for one in (before, after, now))
                expected = here if no in told or was == left else was
                assert again[name].get(no) == expected, (number, name, no, told, was, left, here)
                restored += no not in told and was != left
                if told.get(no, "").endswith("is gone") and "pointed" in told[no]:
                    assert was is not None
                    assert was[0] not in items, (number, name, no, told)
        shutil.rmtree(shop.root)
    assert restored
