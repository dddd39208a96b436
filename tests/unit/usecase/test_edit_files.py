"""Edits and settlements of many rows at once, from a file or by a selection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from erpoa_cli import usecase
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.address import parse_address
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import InDoubt
from erpoa_cli.usecase import Adopt, Forget, Protect, Rekey, Settlement, Unprotect, Workspace
from tests import depth, planning
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

CODES = [f"0{n}" for n in range(8)]


@pytest.fixture
def people(tmp_path: Path) -> Small:
    """Eight people, whose numbers there are 10 to 17."""
    made = Small(tmp_path)
    made.file("erpoa.yml", "format: 1\nname: people\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    made.file(
        "sources/s.yml",
        "sources: {people: {system: erp, object: person, key: [code], fields: {code: string, name: string}}}",
    )
    made.file(
        "targets/t.yml",
        "targets: {t: {from: people, system: oa, object: person, key: [code], fields: [code, name], tags: [hr]}}",
    )
    made.sql("CREATE TABLE person (code TEXT PRIMARY KEY, name TEXT)")
    made.sql("CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT)", "oa.db")
    for number, code in enumerate(CODES):
        made.sql(f"INSERT INTO person VALUES ('{code}', '华{code}')")
        made.sql(f"INSERT INTO person VALUES ({number + 10}, '{code}', '华{code}')", "oa.db")
    return made


@pytest.fixture
def agreed(people: Small) -> Small:
    people.apply()
    return people


def work(world: Small) -> Workspace:
    return usecase.open_workspace(world.root)


def linked(world: Small) -> dict[str, int]:
    """Their number by our key."""
    live = usecase.links(work(world), "t").live
    return {str(link.key["code"]): int(link.id["id"] or 0) for link in live}


def listed(world: Small, *lines: str) -> Path:
    path = world.root / "编辑.csv"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    return path


def said(failure: pytest.ExceptionInfo[Failure]) -> list[tuple[str, int]]:
    """Code and line of everything that is wrong."""
    return [(d.code, d.at.line if d.at else 0) for d in failure.value.diagnostics]


def test_rows_of_a_file_are_forgotten(agreed: Small) -> None:
    edits = usecase.read_edits(listed(agreed, "address", "t/code=01", "", '"t/code=03"'), Forget)
    assert usecase.propose(work(agreed), *edits).rows == 2
    assert usecase.carry_out(work(agreed), *edits) == 2
    assert sorted(linked(agreed)) == [code for code in CODES if code not in ("01", "03")]


def test_everything_that_is_wrong_is_told_with_its_line_and_nothing_is_done(agreed: Small) -> None:
    before = linked(agreed)
    file = listed(agreed, "address", "t/code=01", "t/code=99", "t/nr=1", "t/code=01", "t/code=98")
    with pytest.raises(Failure) as misspelt:
        usecase.carry_out(work(agreed), *usecase.read_edits(file, Forget))
    assert said(misspelt) == [("E0606", 4), ("E0606", 5)]
    file = listed(agreed, "address", "t/code=01", "t/code=99", "t/code=98")
    with pytest.raises(Failure) as absent:
        usecase.carry_out(work(agreed), *usecase.read_edits(file, Forget))
    assert said(absent) == [("E0605", 3), ("E0605", 4)]
    file = listed(agreed, "address,new", "t/code=00,t/code=01", "t/code=02,x/code=09", "t/code=04,what")
    with pytest.raises(Failure) as renamed:
        usecase.read_edits(file, Rekey)
    assert said(renamed) == [("E0606", 3), ("E0606", 4)]
    assert linked(agreed) == before


@pytest.mark.parametrize(
    "lines",
    [
        ["adress", "t/code=01"],
        ["address,new", "t/code=01,x"],
        ["address,address", "t/code=01,x"],
        ["address", "t/code=01,t/code=02"],
        ["address", '"t/code=01'],
        [""],
    ],
)
def test_a_file_that_says_something_else_is_refused(agreed: Small, lines: list[str]) -> None:
    with pytest.raises(Failure, match="E0601"):
        usecase.read_edits(listed(agreed, *lines), Forget)


def test_bytes_that_are_no_utf_8_are_refused(agreed: Small) -> None:
    path = agreed.root / "gb.csv"
    path.write_bytes("address\nt/code=张\n".encode("gb18030"))
    with pytest.raises(Failure, match="E0601"):
        usecase.read_edits(path, Forget)


def test_keys_are_handed_on_in_a_chain(agreed: Small) -> None:
    """In whatever order the file has them."""
    file = listed(agreed, "address,new", "t/code=00,t/code=01", "t/code=01,t/code=02", "t/code=02,t/code=20")
    usecase.carry_out(work(agreed), *usecase.read_edits(file, Rekey))
    assert linked(agreed) == {
        "01": 10, "02": 11, "20": 12, **{code: n for n, code in enumerate(CODES, 10) if code > "02"}
    }  # fmt: skip


def test_a_circle_of_keys_and_one_key_for_two_are_refused(agreed: Small) -> None:
    before = linked(agreed)
    for second in ("t/code=01,t/code=00", "t/code=02,t/code=01"):
        file = listed(agreed, "address,new", "t/code=00,t/code=01", second)
        with pytest.raises(Failure, match="E0618"):
            usecase.carry_out(work(agreed), *usecase.read_edits(file, Rekey))
    assert linked(agreed) == before


def test_rows_are_adopted_and_protected_by_a_file(agreed: Small) -> None:
    usecase.carry_out(
        work(agreed), *usecase.read_edits(listed(agreed, "address", "t/code=00", "t/code=01"), Forget)
    )
    file = listed(agreed, "address,id.id", "t/code=00,11", "t/code=01,10")
    usecase.carry_out(work(agreed), *usecase.read_edits(file, Adopt))
    assert (linked(agreed)["00"], linked(agreed)["01"]) == (11, 10)
    for wrong in ("t/code=02,10", "t/code=02,x", "t/code=02,"):
        with pytest.raises(Failure, match=r"E0618|E0601"):
            usecase.carry_out(
                work(agreed), *usecase.read_edits(listed(agreed, "address,id.id", wrong), Adopt)
            )
    file = listed(agreed, "address,reason", "t/code=00,审计", "t/code=01,")
    usecase.carry_out(work(agreed), *usecase.read_edits(file, Protect, reason="audit"))
    with work(agreed).reading() as state:
        assert {json.loads(p.key)["code"]: p.reason for p in state.protected()} == {
            "00": "审计",
            "01": "audit",
        }
    with pytest.raises(Failure, match="E0605"):
        usecase.carry_out(
            work(agreed), *usecase.read_edits(listed(agreed, "address", "t/code=02"), Unprotect)
        )


def test_a_protection_goes_with_its_row(agreed: Small) -> None:
    usecase.carry_out(work(agreed), Protect(parse_address("t/code=00"), "audit"))
    file = listed(agreed, "address,new", "t/code=01,t/code=21", "t/code=00,t/code=01")
    usecase.carry_out(work(agreed), *usecase.read_edits(file, Rekey))
    with work(agreed).reading() as state:
        assert [json.loads(p.key) for p in state.protected()] == [{"code": "01"}]


def test_what_is_removed_and_protected_since_the_plan_stays(agreed: Small) -> None:
    text = (agreed.root / "targets/t.yml").read_text(encoding="utf-8")
    agreed.file(
        "targets/t.yml",
        text.replace("tags: [hr]", "on_source_gone: delete, guards: {max_delete: {count: 9}}"),
    )
    agreed.sql("DELETE FROM person WHERE code = '00'")
    plan = agreed.plan()
    usecase.carry_out(work(agreed), Protect(parse_address("t/code=00"), "audit"))
    with pytest.raises(Failure, match="E0536"):
        agreed.apply(plan)
    assert planning.rows(agreed.plan(), "withheld", "t")[0]["code"] == "E0422"


def test_a_long_chain_is_made_again(agreed: Small) -> None:
    many = 400
    file = listed(agreed, "address,new", *(f"t/code=k{n},t/code=k{n + 1}" for n in range(many)))
    adopted = [Adopt(parse_address(f"t/code=k{n}"), {"id": str(1000 + n)}) for n in range(many)]
    usecase.carry_out(work(agreed), *adopted)
    usecase.carry_out(work(agreed), *usecase.read_edits(file, Rekey))
    for _ in range(60):
        usecase.carry_out(work(agreed), Rekey(parse_address("t/code=00"), parse_address("t/code=x")))
        usecase.carry_out(work(agreed), Rekey(parse_address("t/code=x"), parse_address("t/code=00")))
    before = linked(agreed)
    usecase.rebuild(work(agreed), "t")
    assert linked(agreed) == before


def test_the_columns_of_a_key_may_stand_in_any_order(agreed: Small) -> None:
    agreed.file(
        "targets/t.yml",
        "targets: {t: {from: people, system: oa, object: person, key: [code], fields: [code, name]},"
        " u: {from: pairs, system: oa, object: pair, key: [a, b], fields: [a, b]}}",
    )
    agreed.file(
        "sources/p.yml",
        "sources: {pairs: {system: erp, object: pair, key: [a, b], fields: {a: string, b: string}}}",
    )
    agreed.sql("CREATE TABLE pair (a TEXT, b TEXT); INSERT INTO pair VALUES ('1', '2'), ('3', '4')")
    agreed.sql("CREATE TABLE pair (id INTEGER PRIMARY KEY, a TEXT, b TEXT, UNIQUE (a, b))", "oa.db")
    agreed.apply()
    turned, straight = parse_address("u/b=2,a=1"), parse_address("u/a=1,b=2")
    usecase.carry_out(work(agreed), Protect(turned, "x"))
    with work(agreed).reading() as state:
        assert [json.loads(p.key) for p in state.protected()] == [{"a": "1", "b": "2"}]
    with pytest.raises(Failure, match="E0606"):
        usecase.propose(work(agreed), Forget(turned), Forget(straight))
    with pytest.raises(Failure, match="E0618"):
        usecase.carry_out(work(agreed), Rekey(straight, parse_address("u/b=4,a=3")))
    assert usecase.propose(work(agreed), Forget(turned)).rows == 1


def test_many_edits_are_made_again_when_the_base_is_rebuilt(agreed: Small) -> None:
    """Edits in any order, one by one or together: the audit trail tells the same."""
    chance = depth.chance()
    for _ in range(12):
        held = sorted(linked(agreed))
        free = [code for code in [*CODES, "20", "21"] if code not in held]
        few = chance.sample(held, min(len(held), chance.randint(1, 2)))
        match chance.choice(["forget", "rekey", "adopt"]):
            case "forget" if len(held) > 3:
                lines = ["address", *(f"t/code={code}" for code in few)]
                usecase.carry_out(work(agreed), *usecase.read_edits(listed(agreed, *lines), Forget))
            case "adopt" if free:
                unknown = sorted(set(range(10, 18)) - set(linked(agreed).values()))
                pairs = zip(free, unknown, strict=False)
                lines = ["address,id.id", *(f"t/code={code},{number}" for code, number in pairs)]
                usecase.carry_out(work(agreed), *usecase.read_edits(listed(agreed, *lines), Adopt))
            case _:
                new = [*free, *few][: len(few)] if len(free) >= len(few) else []
                lines = ["address,new", *(f"t/code={a},t/code={b}" for a, b in zip(few, new, strict=False))]
                usecase.carry_out(work(agreed), *usecase.read_edits(listed(agreed, *lines), Rekey))
    before = linked(agreed)
    usecase.rebuild(work(agreed), "t")
    assert linked(agreed) == before


def doubtful(people: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four people are created, committed under other codes, and the answer is lost."""
    people.sql("DELETE FROM person WHERE id < 14", "oa.db")
    people.sql(
        "CREATE TRIGGER other AFTER INSERT ON person BEGIN UPDATE person SET code = 'x' || code WHERE id = NEW.id; END",
        "oa.db",
    )
    write = SqliteSession.write

    def lost(self: SqliteSession, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        list(write(self, batch))
        if batch.run:
            raise InDoubt("the answer is lost")
        yield

    with monkeypatch.context() as broken:
        broken.setattr(SqliteSession, "write", lost)
        assert people.apply().outcomes["t"] == {Outcome.IN_DOUBT: 4}
    people.sql("DROP TRIGGER other", "oa.db")


def test_a_plan_that_sees_the_row_settles_its_doubt(people: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful(people, monkeypatch)
    people.sql("UPDATE person SET code = '00' WHERE code = 'x00'", "oa.db")
    people.sql("UPDATE person SET code = '01', name = 'typed' WHERE code = 'x01'", "oa.db")
    plan = people.plan()
    assert {row["k_code"] for row in planning.rows(plan, "withheld", "t")} == {"02", "03"}
    people.apply(plan)
    assert [str(doubt.address) for doubt in usecase.doubts(work(people))] == [
        "t/code=01", "t/code=02", "t/code=03"
    ]  # fmt: skip
    assert linked(people)["00"] == 18
    people.sql("UPDATE person SET name = '华01' WHERE code = '01'", "oa.db")
    people.apply()
    assert [str(doubt.address) for doubt in usecase.doubts(work(people))] == ["t/code=02", "t/code=03"]


def test_all_that_is_in_doubt_is_settled_by_a_file_or_a_selection(
    people: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful(people, monkeypatch)
    world = work(people)
    unsettled = [str(doubt.address) for doubt in usecase.doubts(world) if doubt.unsettled]
    assert len(unsettled) == 4
    file = listed(
        people, "address,applied,id.id,reason", "t/code=00,yes,,seen", "t/code=09,no,,", "t/code=01,ja,,x"
    )
    with pytest.raises(Failure, match="E0612"):
        usecase.read_settlements(file, applied=None, reason="")
    for wrong in (["t/code=00,yes,14"], ["t/code=00,yes,18", "t/code=01,yes,18"]):
        file = listed(people, "address,applied,id.id", *wrong)
        untrue = usecase.read_settlements(file, applied=None, reason="seen")
        with pytest.raises(Failure, match="E0612"):
            usecase.settle(world, untrue)
    with pytest.raises(Failure, match="E0612"):
        usecase.carry_out(world, Adopt(parse_address("t/code=00"), {"id": "18"}))
    file = listed(people, "address,applied,id.id", "t/code=00,yes,18", "t/code=01,no,")
    assert usecase.settle(world, usecase.read_settlements(file, applied=None, reason="seen")) == 2
    assert linked(people)["00"] == 18
    rest = [Settlement(d.address, False, "seen") for d in usecase.doubts(world)]
    assert usecase.settle(world, rest) == 2
    assert usecase.doubts(world) == []
    assert planning.plan(people.bound()).conclusion is not PlanConclusion.BLOCKED
