"""Batches: homogeneous, in the order of waves, nothing lost, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.situation import Action
from erpoa_cli.core.target import Target
from erpoa_cli.engine.batching import calls, placed, with_before
from erpoa_cli.engine.writing.batch import batches
from erpoa_cli.sdk.connector import ObjectInfo

ROW = st.fixed_dictionaries(
    {
        "wave": st.integers(0, 3),
        "step": st.integers(1, 4),
        "situation": st.sampled_from(["absent", "vanished", "confirmed", "found"]),
        "action": st.sampled_from(["create", "update", "delete", "deactivate", "move"]),
        "call": st.sampled_from([None, "submit", "审核"]),
        "fields": st.lists(st.sampled_from(["编码", "name", "税号"]), unique=True, max_size=3),
        "key": st.integers(0, 15),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=30, unique_by=lambda row: (row["key"], row["step"]))
SCHEMA = pa.schema(
    [
        ("ordinal", pa.int64()),
        ("wave", pa.int64()),
        ("step", pa.int64()),
        ("situation", pa.utf8()),
        ("action", pa.utf8()),
        ("call", pa.utf8()),
        ("fields", pa.list_(pa.utf8())),
        ("key", pa.utf8()),
    ]
)


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"ordinal": i, **row, "key": str(row["key"])} for i, row in enumerate(rows)], SCHEMA
    )


def _placed(rows: list[dict[str, Any]], piece: int = 7) -> pa.Table:
    """*rows* as `placing` tells them of a plan whose row groups have *piece* rows."""
    table = _table(rows)
    return with_before(placed(table.to_batches(piece)), table["key"].combine_chunks())


def _object(size: int, **per_call: int) -> tuple[Target, ObjectInfo]:
    """What is written *size* rows at a time, by calls that take so many of them."""
    target = Target(
        name="t",
        from_="s",
        system="oa",
        object="o",
        key=("key",),
        fields=(),
        at=Location("t.yml", 1),
        batch=size,
    )
    return target, ObjectInfo(address="o", fields=(), rows_per_call=per_call)


def test_a_call_may_take_fewer_rows_than_a_batch() -> None:
    row = {"wave": 0, "step": 1, "situation": "absent", "action": "create", "call": None, "fields": ["name"]}
    rows = [{**row, "key": n} for n in range(7)]
    rows += [
        {**row, "key": n, "situation": "found", "action": action}
        for n, action in ((7, "update"), (8, "deactivate"))
    ]
    rows += [{**row, "key": n, "situation": "found", "action": "move", "call": "审核"} for n in (9, 10, 11)]
    # Batches of five: 5 + 2 creates by two, an update, a deactivation, three moves one by one.
    target, info = _object(5, create=2, update=1, 审核=1)
    assert calls(_placed(rows), target, info) == 3 + 1 + 1 + 1 + 3


def _loading(tables: Mapping[str, list[dict[str, Any]]]) -> Callable[[str, pa.Array], pa.Table]:
    return lambda target, ordinals: _table(tables[target]).take(ordinals)


@given(
    st.dictionaries(st.sampled_from(["b", "a", "c"]), ROWS),
    st.integers(1, 7),
    st.integers(1, 7),
    st.sets(st.integers(0, 29), max_size=9),
)
def test_every_row_once_in_the_order_it_must_be_written(
    tables: Mapping[str, list[dict[str, Any]]], size: int, piece: int, done: set[int]
) -> None:
    made = list(
        batches(
            {t: _placed(rows, piece) for t, rows in tables.items()},
            _loading(tables),
            dict.fromkeys(tables, size),
            dict.fromkeys(tables, sorted(done)),
        )
    )
    if not done:
        counted = {t: calls(_placed(rows, piece), *_object(size)) for t, rows in tables.items()}
        assert counted == Counter(b.target for b in made)
    written = [(b.target, o) for b in made for o in b.ordinals]
    expected = {(t, i) for t, rows in tables.items() for i in range(len(rows)) if i not in done}
    assert sorted(written) == sorted(expected)
    assert [b.wave for b in made] == sorted(b.wave for b in made)
    for batch in made:
        assert 1 <= batch.rows.num_rows <= size
        assert batch.ordinals == sorted(batch.ordinals)
        for row in batch.rows.to_pylist():
            same = (row["wave"], row["step"], Action(row["action"]), tuple(row["fields"]), row["call"] or "")
            assert same == (batch.wave, batch.step, batch.action, batch.fields, batch.call)
            assert set(batch.before) == _earlier(tables[batch.target], row)
            assert batch.seen == (row["situation"] not in {"absent", "vanished"})


def _earlier(rows: list[dict[str, Any]], row: dict[str, Any]) -> set[str]:
    """What the steps just before that of *row* write in the same row."""
    steps = {r["step"]: r["fields"] for r in rows if str(r["key"]) == row["key"]}
    found: set[str] = set()
    step = row["step"] - 1
    while step in steps:
        found |= set(steps[step])
        step -= 1
    return found


def test_within_a_wave_targets_keep_the_order_of_the_plan() -> None:
    row = {"wave": 0, "step": 1, "situation": "absent", "action": "create", "fields": ["name"], "key": 0}
    rows = {"z": [row], "a": [row]}
    made = batches({t: _placed(r) for t, r in rows.items()}, _loading(rows), {"z": 5, "a": 5})
    assert [b.target for b in made] == ["z", "a"]


@pytest.mark.parametrize("action", ["create", "delete"])
def test_no_fields_is_no_field(action: str) -> None:
    rows = {"t": [{"wave": 0, "step": 1, "situation": "absent", "action": action, "fields": [], "key": 0}]}
    (made,) = batches(
        {"t": _placed(rows["t"])},
        _loading(rows),
        {"t": 9},
    )
    assert made.fields == ()
