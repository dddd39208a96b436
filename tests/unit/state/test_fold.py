"""Folding, against an oracle that does it row by row in plain Python."""

import itertools
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erpoa_cli.core.schema import BOOLEAN, INTEGER, STRING, parse_type
from erpoa_cli.state import FieldLayout, Layout
from erpoa_cli.state import overlay as overlays
from erpoa_cli.state.columns import conform
from erpoa_cli.state.fold import Source, last_words, patches
from erpoa_cli.state.image import rest_schema
from erpoa_cli.state.overlay import overlay
from tests import depth

FIELDS = {
    "f": FieldLayout(STRING),
    "g": FieldLayout(INTEGER, pending=True),
    "h": FieldLayout(parse_type("list<string>")),
}
LAYOUT = Layout(
    target="t", system="s", object="o", key={"a": STRING, "b": INTEGER}, id={"id": INTEGER}, fields=FIELDS
)
KEYS = st.tuples(st.sampled_from(["", "1", "1:1", "张", "\x1f"]), st.integers(0, 2))
VALUES = {
    "f": st.sampled_from(["", "x", "ｙ", None]),
    "g": st.integers(0, 3) | st.none(),
    "h": st.lists(st.sampled_from(["p", "q"]), max_size=2) | st.none(),
}
NAMES = st.lists(st.sampled_from(list(FIELDS)), unique=True)
Row = dict[str, Any]


@st.composite
def plan_rows(draw):
    """Rows of changes with the results of some of them, and the journal's sequence."""
    action = draw(st.sampled_from(["create", "update", "delete"]))
    a, b = draw(KEYS)
    row: Row = {"k_a": a, "k_b": b, "action": action, "step": 1, "wave": 1, "situation": "confirmed"}
    row["fields"] = [] if action == "delete" else draw(NAMES)
    row["settled"] = [n for n in draw(NAMES) if n not in row["fields"] and action == "update"]
    row["links"] = action != "delete" and draw(st.booleans())
    row["generation"] = draw(st.integers(1, 4) | st.none())
    row["id_id"] = draw(st.integers(1, 9) | st.none())
    row["p_g"] = draw(st.sampled_from(['["u","{}",""]', None]))
    for name, values in VALUES.items():
        row[f"d_{name}"], row[f"a_{name}"] = draw(values), draw(values)
    result: Row = {"outcome": draw(st.sampled_from(["applied", "applied", "applied", "rejected", "stale"]))}
    result["id_id"] = draw(st.integers(10, 19) | st.none())
    result["deviated"] = draw(st.none() | NAMES)
    result["d_g"] = draw(VALUES["g"])
    for name, values in VALUES.items():
        result[f"s_{name}"] = draw(values)
    return row, result


@st.composite
def state_rows(draw):
    row, _ = draw(plan_rows())
    row["action"] = draw(st.sampled_from(["adopt", "converge", "accept", "forget"]))
    row["links"] = None if draw(st.booleans()) else row["action"] != "forget"
    row["settled"] = [] if row["action"] == "forget" else draw(NAMES)
    row["fields"] = []
    return row


def follow(base: dict[tuple[str, int], Row], row: Row, result: Row | None) -> None:
    """What one applied row does to the base."""
    key = (row["k_a"], row["k_b"])
    old = base.get(key)
    links = row["links"] if row["links"] is not None else row["action"] not in ("delete", "forget")
    if not links:
        if old is not None:
            base[key] = {"generation": old["generation"], "dead": True, "id": None, "fields": {}}
        return
    new: Row = {"generation": max(1, row["generation"] or 1), "dead": False, "id": None, "fields": {}}
    if old is not None and not old["dead"] and row["action"] != "create":
        new = {**old, "fields": dict(old["fields"])}
    elif old is not None:
        new["generation"] = max(old["generation"] + 1, row["generation"] or 0)
    given_id = (result or {}).get("id_id")
    new["id"] = next((v for v in (given_id, row["id_id"], new["id"]) if v is not None), None)
    for name in FIELDS:
        desired, actual = row[f"d_{name}"], row[f"a_{name}"]
        if name in row["fields"]:
            new["fields"][name] = written(name, row, result or {}, desired, actual)
        elif name in row["settled"]:
            new["fields"][name] = (desired, actual)
    base[key] = new


def written(name: str, row: Row, result: Row, desired: Any, actual: Any) -> tuple[Any, Any]:
    agreed = result["d_g"] if name == "g" and row["p_g"] is not None else desired
    deviated = result["deviated"]
    if deviated is None:  # not read back
        return agreed, agreed if row["action"] == "create" else actual
    return agreed, result[f"s_{name}"] if name in deviated else agreed


def folded(batches: Any, layout: Layout) -> dict[tuple[str, int], Row]:
    """Rows at rest as the oracle has them."""
    found: dict[tuple[str, int], Row] = {}
    for batch in batches:
        assert batch.schema.equals(rest_schema(layout))
        for row in batch.to_pylist():
            key = (row["k_a"], row["k_b"])
            assert key not in found
            known = {n: (row[f"agreed_{n}"], row[f"seen_{n}"]) for n in FIELDS if row[f"known_{n}"]}
            for name in FIELDS:
                if name not in known:
                    assert row[f"agreed_{name}"] is None
                    assert row[f"seen_{name}"] is None
            found[key] = {
                "generation": row["generation"],
                "dead": row["dead"],
                "id": row["id_id"],
                "fields": known,
            }
    return found


RUNS = st.lists(st.tuples(st.lists(state_rows(), max_size=3), st.lists(plan_rows(), max_size=8)), max_size=4)
TOLD = pa.schema(
    [("ordinal", pa.int64()), ("outcome", pa.utf8()), ("id_id", pa.int64()), ("deviated", pa.list_(pa.utf8())), ("d_g", pa.int64())]
    + [(f"s_{n}", LAYOUT.plan_schema().field(f"d_{n}").type) for n in FIELDS]
)  # fmt: skip


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([{**row, "ordinal": i} for i, row in enumerate(rows)], LAYOUT.plan_schema())


def source(rows: list[Row], piece: int) -> Source:
    """*rows* as a plan file gives them, in pieces."""
    return lambda columns: iter(
        table(rows).select([*{"ordinal": 0, **dict.fromkeys(columns)}]).to_batches(piece)
    )


def journalled(changes: list[tuple[Row, Row]], order: list[int]) -> pa.Table:
    """The results of *changes*, recorded one by one in this *order*; of what was read back only what deviates."""
    told = [{"ordinal": at, **changes[at][1]} for at in order]
    deviating = {name for row in told for name in row["deviated"] or ()}
    schema = pa.schema([f for f in TOLD if not f.name.startswith("s_") or f.name[2:] in deviating])
    return last_words([(n, pa.Table.from_pylist([row], schema)) for n, row in enumerate(told)])


@pytest.mark.parametrize("waiting", [0, 1, 1 << 17])
@settings(
    max_examples=depth.examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(RUNS, st.integers(1, 3), st.integers(1, 5), st.randoms())
def test_folding_is_what_the_oracle_says(
    monkeypatch: Any, tmp_path: Any, waiting: int, runs: Any, size: int, piece: int, random: Any
) -> None:
    monkeypatch.setattr(overlays, "_KEPT", waiting)  # met rows wait in a file when there are more
    expected: dict[tuple[str, int], Row] = {}
    batches: Any = iter(())
    for state, changes in runs:
        for row in state:
            follow(expected, row, None)
        for row, result in changes:
            if result["outcome"] == "applied":
                follow(expected, row, result)
        for patch in patches(LAYOUT, source(state, piece), None, None):
            batches = overlay(batches, LAYOUT, patch, tmp_path)
        if changes:
            words = journalled(changes, random.sample(range(len(changes)), len(changes)))
            for patch in patches(LAYOUT, source([row for row, _ in changes], piece), words, None):
                batches = overlay(batches, LAYOUT, patch, tmp_path)
        if size > 1:  # cut the rows anew, as an image does
            rows = pa.Table.from_batches(list(batches), rest_schema(LAYOUT))
            batches = (conform(batch, rest_schema(LAYOUT)) for batch in rows.to_batches(size))
    assert folded(batches, LAYOUT) == expected
    assert not list(tmp_path.iterdir())


def test_the_last_word_counts() -> None:
    tables: list[Mapping[str, list[Any]]] = [
        {"ordinal": [1, 2], "outcome": ["in_doubt", "applied"]},
        {"ordinal": [1], "outcome": ["applied"], "id_id": [7]},
    ]
    for order in itertools.permutations(range(2)):
        words = last_words([(n, pa.table(tables[n])) for n in order])
        assert words.sort_by("ordinal").to_pylist() == [
            {"ordinal": 1, "outcome": "applied", "id_id": 7},
            {"ordinal": 2, "outcome": "applied", "id_id": None},
        ]


def test_without_fields_a_row_is_only_a_link() -> None:
    layout = Layout(target="t", system="s", object="o", key={"a": BOOLEAN}, id={}, fields={})
    rows = pa.Table.from_pylist(
        [{"ordinal": 0, "k_a": True, "action": "adopt", "links": True}], layout.plan_schema()
    )
    (patch,) = patches(layout, lambda columns: iter(rows.select(columns).to_batches()), None, None)
    (batch,) = overlay(iter(()), layout, patch)
    assert batch.to_pylist() == [{"k_a": True, "generation": 1, "dead": False}]


def test_a_stranger_that_is_removed_takes_nothing_of_the_row_that_has_its_key_along():
    """Ours was recognised by its link, the other has the same key and is deleted (`owns: all`)."""
    layout = Layout(target="t", system="s", object="o", key={"a": BOOLEAN}, id={"id": INTEGER}, fields={})
    ours = {
        "ordinal": 0,
        "k_a": True,
        "id_id": 1,
        "situation": "confirmed",
        "action": "update",
        "links": True,
    }
    strange = {
        "ordinal": 1,
        "k_a": True,
        "id_id": 2,
        "situation": "foreign",
        "action": "delete",
        "links": False,
    }
    rows = pa.Table.from_pylist([ours, strange], layout.plan_schema())
    done = pa.Table.from_pylist([{"ordinal": n, "outcome": "applied"} for n in range(2)])
    for results in (None, done):
        (patch,) = patches(
            layout,
            lambda columns: iter(rows.select([*dict.fromkeys(["ordinal", *columns])]).to_batches()),
            results,
            None,
        )
        (batch,) = overlay(iter(()), layout, patch)
        assert [(row["id_id"], row["dead"]) for row in batch.to_pylist()] == [(1, False)]
