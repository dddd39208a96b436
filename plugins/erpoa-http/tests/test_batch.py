"""One call for many records: an answer per record, halves where there is none, doubts where it is lost."""

from __future__ import annotations

from typing import Any

import erpoa_twin
import pytest
from erpoa_twin import Twin

from .shelf import Shelf, shelf, things, told
from .twin import Table, config, opened

BATCH = {
    "call": "POST /suppliers/batch",
    "size": 10,
    "body": {"items": "{records}"},
    "results": "results",
    "index": "index",
    "success": {"status": "created"},
    "error": {"code": "error.code", "message": "error.message"},
    "id": "id",
}


def batched(twin: Twin) -> dict[str, Any]:
    said = config(twin, create_safety="lookup")
    suppliers = {**said["objects"]["suppliers"], "create": {"call": "POST /suppliers", "batch": BATCH}}
    return {**said, "objects": {**said["objects"], "suppliers": suppliers}}


def test_each_record_has_its_answer():
    with erpoa_twin.running() as twin, opened(batched(twin)) as session:
        table = Table(session, "suppliers")
        assert table.info.batch_size == 200
        rows = [{"code": f"{n:03}", "name": f"名{n}"} for n in range(25)]
        rows[3]["code"], rows[17]["code"] = "S0001", "001"
        made = table.create(rows)
        assert [m["outcome"] == "applied" for m in made] == [n not in {3, 17} for n in range(25)]
        assert made[3]["error_class"] == made[17]["error_class"] == "duplicate"
        assert "S0001" in made[3]["error"]
        codes = {row["id"]: row["code"] for row in table.read("id", "code")}
        assert all(
            codes[str(m["id.id"])] == r["code"]
            for m, r in zip(made, rows, strict=True)
            if m["outcome"] == "applied"
        )
        assert len([c for c in twin.admin("GET", "calls")["calls"] if c["path"].endswith("/batch")]) == 3


def test_a_lost_answer_leaves_its_records_in_doubt():
    with erpoa_twin.running() as twin, opened(batched(twin)) as session:
        twin.faults(dropped_after_commit={"rate": 1, "times": 1, "on": "POST */batch"})
        made = Table(session, "suppliers").create([{"code": f"{n:03}", "name": "名"} for n in range(25)])
        doubts = [n for n, m in enumerate(made) if m["outcome"] == "in_doubt"]
        assert len(doubts) in {5, 10}
        assert doubts == list(range(doubts[0], doubts[0] + len(doubts)))
        assert len(twin.effects(kind="suppliers", effect="create")) == 25


def saved(url: str, **batch: Any) -> dict[str, Any]:
    """A shelf that takes ten records at `POST /save`."""
    fields = {"code": "string", "name": "string"}
    said = {"call": "POST /save", "size": 10, "results": "made", **batch}
    return things(url, fields, create={"batch": said})


def test_a_batch_refused_as_a_whole_is_halved_to_the_bad_record():
    it = Shelf()

    async def hook(request: Any) -> Any:
        if request.path != "/save":
            return None
        rows = it.bodies[-1]
        if any(row["name"] == "bad" for row in rows):
            return told({"message": "one of them is bad"}, 422)
        it.records |= {row["code"]: row for row in rows}
        return told({"made": [{"code": row["code"]} for row in rows]})

    it.hook = hook
    with shelf(it), opened(saved(it.url)) as session:
        rows = [{"code": f"{n:03}", "name": "bad" if n in {4, 11} else "good"} for n in range(20)]
        made = Table(session, "things").create(rows)
        assert [m["outcome"] for m in made] == ["rejected" if n in {4, 11} else "applied" for n in range(20)]
        assert made[4]["error"].endswith("one of them is bad")
        assert sorted(it.records) == [r["code"] for r in rows if r["name"] == "good"]


def test_an_answer_that_is_not_one_per_record_is_a_doubt():
    it = Shelf()
    answers = iter(
        [
            {"made": [{"number": 1}]},
            {"made": "yes"},
            {},
            {"made": [{"n": 1, "code": "B"}, {"n": 1, "code": "A"}]},
        ]
    )

    async def hook(request: Any) -> Any:
        return told(next(answers)) if request.path == "/save" else None

    it.hook = hook
    rows = [{"code": "A", "name": "x"}, {"code": "B", "name": "x"}]
    with shelf(it):
        for more in ({"ordered": True}, {"ordered": True}, {}, {"index": "n"}):
            with opened(saved(it.url, **more)) as session:
                assert {m["outcome"] for m in Table(session, "things").create(rows)} == {"in_doubt"}


def numbered(rows: list[dict[str, Any]], it: Shelf) -> list[dict[str, Any]]:
    """What a server makes of *rows*, which gives each a number of its own."""
    made = [{"id": len(it.records) + n, **row} for n, row in enumerate(rows, 1)]
    it.records |= {str(row["id"]): row for row in made}
    return made


def keyed(it: Shelf, **batch: Any) -> dict[str, Any]:
    """A shelf whose things have a code of ours and a number of theirs."""
    fields = {"id": "integer", "code": "string", "name": "string"}
    many = {"call": "POST /save", "size": 10, "results": "made", **batch}
    said = things(it.url, fields, create={"batch": many})
    said["objects"]["things"] |= {"id": "id", "key": ["code"]}
    return said


@pytest.mark.parametrize("order", ["as sent", "turned round", "by name"])
def test_results_belong_to_the_records_whose_key_they_have(order: str):
    it = Shelf()

    async def hook(request: Any) -> Any:
        if request.path != "/save":
            return None
        made = numbered(it.bodies[-1], it)
        match order:
            case "turned round":
                made.reverse()
            case "by name":
                made.sort(key=lambda row: str(row["name"]))
        return told({"made": made})

    it.hook = hook
    with shelf(it), opened(keyed(it)) as session:
        rows = [{"code": f"{n:03}", "name": f"{(n * 7) % 25:03}"} for n in range(25)]
        answers = Table(session, "things").create(rows)
        assert {a["outcome"] for a in answers} == {"applied"}
        for row, answer in zip(rows, answers, strict=True):
            assert it.records[str(answer["id.id"])]["code"] == row["code"]


@pytest.mark.parametrize("ordered", [True, False])
def test_results_without_a_key_count_by_place_only_where_that_is_promised(ordered: bool):
    it = Shelf()

    async def hook(request: Any) -> Any:
        if request.path != "/save":
            return None
        return told({"made": [{"id": row["id"]} for row in numbered(it.bodies[-1], it)]})

    it.hook = hook
    with shelf(it), opened(keyed(it, ordered=ordered)) as session:
        answers = Table(session, "things").create([{"code": f"{n:03}", "name": "x"} for n in range(12)])
        assert {a["outcome"] for a in answers} == {"applied" if ordered else "in_doubt"}


def test_updates_and_deletes_go_in_batches_too():
    it = Shelf()

    async def hook(request: Any) -> Any:
        match request.path, it.bodies[-1]:
            case "/edit", {"rows": rows}:
                for row in rows:
                    it.records[row["code"]] |= row["set"]
                return told({"done": [{"ok": True, "code": row["code"]} for row in reversed(rows)]})
            case "/drop", {"codes": codes}:
                done = [{"ok": it.records.pop(code, None) is not None, "code": code} for code in codes]
                return told({"done": done[::-1]})
            case _:
                return None

    it.hook = hook
    ends = {"size": 4, "results": "done", "success": {"ok": True}}
    edit = {
        "call": "POST /edit",
        **ends,
        "item": {"code": "{id}", "set": "{record}"},
        "body": {"rows": "{records}"},
    }
    drop = {"call": "POST /drop", **ends, "body": {"codes": "{records}"}}
    fields = {"code": "string", "name": "string"}
    with shelf(it), opened(things(it.url, fields, update={"batch": edit}, delete={"batch": drop})) as session:
        table = Table(session, "things")
        rows = [{"code": f"{n:03}", "name": "old"} for n in range(9)]
        table.create(rows)
        codes = [r["code"] for r in rows]
        told_ = table.update(
            codes, [{"name": "old"}] * 8 + [{"name": "moved"}], [{"name": f"新{n}"} for n in range(9)]
        )
        assert [t["outcome"] for t in told_] == ["applied"] * 8 + ["stale"]
        assert [r["name"] for r in table.read("name")] == [*(f"新{n}" for n in range(8)), "old"]
        told_ = table.delete(codes[:2], [{"name": "新0"}, {"name": "新0"}])
        assert [t["outcome"] for t in told_] == ["applied", "stale"]
        assert len(it.records) == 8
