"""Writes to a system without transactions that loses answers: whatever is lost, one effect per row or a named doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.core.target import Column, Target, TargetField
from erpoa_cli.engine.staging import Staging
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.doubt import RowByRow
from erpoa_cli.engine.writing.request import request
from erpoa_cli.sdk.connector import (
    OUTCOMES,
    BatchReading,
    CreateSafety,
    ObjectInfo,
    Reading,
    ReadRequest,
    Writable,
    WriteBatch,
)
from erpoa_cli.sdk.errors import InDoubt, Rejected, Throttled, Transient
from tests import depth

AT = Location("targets/t.yml", 1, 1)
TYPES = {"id": INTEGER, "no": STRING, "name": STRING}
TARGET = Target(
    name="orders", from_="o", system="erp", object="orders", key=("no",), at=AT, match=(("no",),),
    fields=(TargetField("no", Column("no"), AT, type=STRING), TargetField("name", Column("name"), AT, type=STRING)),
)  # fmt: skip


class Api(Writable):
    """Orders by number, kept in memory. *faults*: what happens to one call after the other.

    `ok`; `lost` (not done, no answer); `done` (done, no answer); `busy` (surely not done); `cut` (done, and the whole
    batch's answers are lost from here); `all` (the batch is refused as a whole if any name in it is `bad`)."""

    def __init__(self, faults: Sequence[str], *, keyed: bool = False) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        self.seen: dict[str, int] = {}
        self._faults = iter(faults)
        self._keyed = keyed

    def check(self) -> Sequence[str]:
        return ()

    def identity(self) -> str:
        return "api"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        return ()

    def close(self) -> None: ...

    def committed(self, run: str, number: int) -> bool | None:
        return None

    def read(self, request: ReadRequest) -> Reading:
        raise NotImplementedError

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        sought = set(zip(*(values[n].to_pylist() for n in by), strict=True))
        found = [row for row in self.rows.values() if tuple(row[n] for n in by) in sought]
        schema = pa.schema([(f.name, pa.int64() if f.name == "id" else pa.utf8()) for f in request.fields])
        return BatchReading(schema, pa.Table.from_pylist(found, schema).to_batches())

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if any(name == "bad whole" for name in batch.rows.to_pydict().get("set.name", ())):
            raise Rejected("one of these is bad")
        for row in batch.rows.to_pylist():
            fault = next(self._faults, "ok")
            self.calls.append((fault, row["key"]))
            if row.get("set.name") == "bad":
                yield _answer(row["ordinal"], "rejected", "rejected", "name 不能是 bad")
                continue
            if fault in ("lost", "busy"):
                yield _answer(
                    row["ordinal"], "in_doubt", "transient" if fault == "busy" else "in_doubt", fault
                )
                continue
            id_ = self._do(batch.action, row)
            if fault == "cut":
                raise InDoubt("connection reset")
            if fault == "done":
                yield _answer(row["ordinal"], "in_doubt", "in_doubt", "timeout")
            else:
                yield _answer(row["ordinal"], "applied", None, None, id_)

    def _do(self, action: Action, row: dict[str, Any]) -> int:
        if action is Action.CREATE:
            if self._keyed and row["key"] in self.seen:
                return self.seen[row["key"]]
            id_ = len(self.rows) + 100
            self.rows[id_] = {"id": id_, "no": row["set.no"], "name": row["set.name"]}
            self.seen[row["key"]] = id_
            return id_
        if action is Action.DELETE:
            self.rows.pop(row["id.id"], None)
        else:
            self.rows[row["id.id"]]["name"] = row["set.name"]
        return int(row["id.id"])


def _answer(
    ordinal: int, outcome: str, class_: str | None, words: str | None, id_: int | None = None
) -> pa.RecordBatch:
    columns = {"ordinal": [ordinal], "outcome": [outcome], "error_class": [class_], "error": [words]}
    schema = OUTCOMES if id_ is None else OUTCOMES.append(pa.field("id.id", pa.int64()))
    return pa.RecordBatch.from_pydict(columns if id_ is None else {**columns, "id.id": [id_]}, schema)


@pytest.fixture(scope="module")
def staging() -> Iterator[Staging]:
    with Staging(None, as_of=datetime(2026, 1, 1, tzinfo=UTC)) as opened:
        yield opened


def desk(staging: Staging, api: Api, safety: CreateSafety) -> Desk:
    return Desk(
        target=TARGET, info=ObjectInfo(address="orders", fields=(), create_safety=safety),
        session=api, id_types={"id": INTEGER}, types={"no": STRING, "name": STRING}, returns={}, plugin="api", ledger=False,
        lineage="l", key_types={"no": STRING}, linked=set,
        typed=lambda reading, fields: pa.Table.from_batches(list(reading), reading.schema), compare=staging.compare,
    )  # fmt: skip


def batch(action: Action, names: Sequence[str], before: Sequence[str] = ()) -> Batch:
    count = len(names)
    rows = pa.table(
        {
            "ordinal": pa.array(range(count), pa.int64()),
            "generation": pa.repeat(1, count),
            "situation": pa.repeat("absent" if action is Action.CREATE else "confirmed", count),
            "k_no": [f"PO-{n:03}" for n in range(count)],
            "id_id": pa.array([None if action is Action.CREATE else n + 1 for n in range(count)], pa.int64()),
            "d_no": [f"PO-{n:03}" for n in range(count)],
            "d_name": list(names),
            "a_no": [f"PO-{n:03}" for n in range(count)],
            "a_name": list(before or names),
        }
    )
    fields = {Action.CREATE: ("no", "name"), Action.UPDATE: ("name",), Action.DELETE: ()}[action]
    return Batch("orders", 1, 1, action, fields, rows)


def writer(staging: Staging, api: Api, safety: CreateSafety) -> RowByRow:
    at = desk(staging, api, safety)
    return RowByRow(at, lambda part: request(at, part, "r", 0, ""), verify=True, pause=lambda _: None)


def told(outcomes: pa.Table) -> list[str]:
    assert outcomes["ordinal"].to_pylist() == list(range(outcomes.num_rows))
    return [str(o) for o in outcomes["outcome"].to_pylist()]


FAULTS = st.lists(st.sampled_from(["ok", "ok", "ok", "lost", "done", "busy", "cut"]), max_size=40)


@settings(max_examples=depth.examples(60), deadline=None)
@given(faults=FAULTS, count=st.integers(1, 8), keyed=st.booleans(), sent=st.booleans())
def test_a_create_has_one_effect_whatever_is_lost(staging, faults, count, keyed, sent) -> None:
    api = Api([*faults[:4], *(["ok"] * 200)] if len(faults) < 5 else faults[:9], keyed=keyed)
    names = ["bad" if n % 5 == 3 else f"采购 {n}" for n in range(count)]
    wanted = batch(Action.CREATE, names)
    write = writer(staging, api, CreateSafety.KEY if keyed else CreateSafety.LOOKUP)
    try:
        outcomes = write.settle(wanted) if sent else write.write(wanted)
    except Transient:  # busy too often: the run is interrupted, and resumed
        outcomes = write.settle(wanted)
    there = sorted(row["no"] for row in api.rows.values())
    said = told(outcomes)
    assert len(set(there)) == len(there), "doubled"
    for n, outcome in enumerate(said):
        exists = f"PO-{n:03}" in there
        assert outcome in ("applied", "rejected", "in_doubt")
        assert exists or outcome != "applied"
        assert not exists or outcome in ("applied", "in_doubt")
        assert (outcome == "rejected") <= (names[n] == "bad")
    if len(faults) < 3:
        assert said == ["rejected" if name == "bad" else "applied" for name in names]


@settings(max_examples=depth.examples(40), deadline=None)
@given(faults=FAULTS, count=st.integers(1, 8))
def test_what_cannot_be_looked_up_is_never_repeated(staging, faults, count) -> None:
    faults = [f for f in faults if f != "busy"]
    api = Api(faults)
    said = told(writer(staging, api, CreateSafety.NONE).write(batch(Action.CREATE, ["a"] * count)))
    assert len({key for _, key in api.calls}) == len(api.calls), "a call was made twice"
    answered = {key: fault for fault, key in api.calls}
    assert said.count("applied") == sum(fault == "ok" for fault in answered.values())


@settings(max_examples=depth.examples(40), deadline=None)
@given(faults=FAULTS, action=st.sampled_from([Action.UPDATE, Action.DELETE]), count=st.integers(1, 8))
def test_updates_and_deletes_are_looked_up(staging, faults, action, count) -> None:
    api = Api([*faults[:3], *(["ok"] * 50)])
    api.rows = {n + 1: {"id": n + 1, "no": f"PO-{n:03}", "name": "old"} for n in range(count)}
    wanted = batch(action, ["new"] * count, ["old"] * count)
    assert told(writer(staging, api, CreateSafety.LOOKUP).write(wanted)) == ["applied"] * count
    names = [row["name"] for row in api.rows.values()]
    assert names == ([] if action is Action.DELETE else ["new"] * count)


def test_a_row_that_another_moved_while_the_answer_was_lost_is_stale(staging) -> None:
    api = Api(["lost"])
    api.rows = {1: {"id": 1, "no": "PO-000", "name": "theirs"}}
    outcomes = writer(staging, api, CreateSafety.LOOKUP).write(batch(Action.UPDATE, ["new"], ["old"]))
    assert told(outcomes) == [Outcome.STALE.value]
    assert api.rows[1]["name"] == "theirs"


def test_a_batch_refused_as_a_whole_is_cut_to_the_bad_rows(staging) -> None:
    api = Api([])
    names = ["bad whole" if n in (17, 40) else "fine" for n in range(64)]
    outcomes = writer(staging, api, CreateSafety.LOOKUP).write(batch(Action.CREATE, names))
    assert [n for n, o in enumerate(told(outcomes)) if o == "rejected"] == [17, 40]
    assert len(api.rows) == 62
    assert outcomes["error"][17].as_py() == "one of these is bad"


def test_several_rows_with_our_reference_stay_in_doubt(staging) -> None:
    api = Api([])
    api.rows = {n: {"id": n, "no": "PO-000", "name": "x"} for n in (1, 2)}
    outcomes = writer(staging, api, CreateSafety.LOOKUP).settle(batch(Action.CREATE, ["x"]))
    assert told(outcomes) == [Outcome.IN_DOUBT.value]
    assert "several rows have its reference no" in outcomes["error"][0].as_py()
    assert len(api.rows) == 2


def test_the_system_says_how_long_to_wait(staging) -> None:
    waited: list[float] = []
    api = Api([])
    refusals = [Throttled("slow down", 7.5), Throttled("slow down", 2.5)]
    plain = api.write

    def write(asked: WriteBatch) -> Iterator[pa.RecordBatch]:
        if refusals:
            raise refusals.pop(0)
        return plain(asked)

    api.write = write  # type: ignore[method-assign, assignment]
    once = replace(writer(staging, api, CreateSafety.KEY), pause=waited.append)
    assert told(once.write(batch(Action.CREATE, ["a"]))) == ["applied"]
    assert waited == [7.5, 2.5]


def test_the_key_of_an_effect(staging) -> None:
    at = desk(staging, Api([]), CreateSafety.KEY)
    keys = lambda b: request(at, b, "r", 0, "").rows["key"].to_pylist()  # noqa: E731
    create = keys(batch(Action.CREATE, ["a", "b"]))
    assert len({*create}) == 2
    assert keys(batch(Action.CREATE, ["other", "values"])) == create, "a create is known by its address"
    changed = keys(batch(Action.UPDATE, ["a", "b"], ["x", "y"]))
    assert changed == keys(batch(Action.UPDATE, ["a", "b"], ["other", "before"]))
    assert not {*changed} & {*create, *keys(batch(Action.UPDATE, ["c", "d"]))}


def test_what_is_changed_there_and_back_is_another_effect_each_time(staging) -> None:
    """A system that honours keys takes the second change to the same value for a repetition of the first."""
    at = desk(staging, Api([]), CreateSafety.KEY)

    def keys(action: Action, run: str, name: str = "新") -> list[str]:
        made: list[str] = request(at, batch(action, [name, "b"]), run, 0, "").rows["key"].to_pylist()
        return made

    assert keys(Action.UPDATE, "r1") == keys(Action.UPDATE, "r1")
    assert (
        len({*keys(Action.UPDATE, "r1"), *keys(Action.UPDATE, "r2"), *keys(Action.UPDATE, "r1", "旧")}) == 5
    )
    assert not {*keys(Action.DELETE, "r1")} & {*keys(Action.DELETE, "r2")}
    assert keys(Action.CREATE, "r1") == keys(Action.CREATE, "r2", "another name")


@pytest.mark.parametrize(("now", "believes"), [("NEW", True), ("typed by somebody", False)])
def test_what_is_read_after_a_write_is_believed_only_as_another_form_of_it(
    staging, now: str, believes: bool
) -> None:
    api = Api([])
    api.rows = {1: {"id": 1, "no": "PO-000", "name": "old"}}
    plain = api.write

    def write(asked: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from list(plain(asked))
        api.rows[1]["name"] = now

    api.write = write  # type: ignore[method-assign, assignment]
    (row,) = (
        writer(staging, api, CreateSafety.LOOKUP).write(batch(Action.UPDATE, ["new"], ["old"])).to_pylist()
    )
    assert row["outcome"] == "applied"
    if believes:
        assert (row["deviated"], row["s_name"], row["error_class"]) == (["name"], "NEW", None)
    else:
        assert (row["deviated"], row["s_name"], row["error_class"]) == ([], None, "unlike")
