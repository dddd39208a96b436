"""The SQL diff against the plain-Python oracle, over generated targets and generated disorder."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from erpoa_cli.core.target import Column, Compare, Mode, OnSourceGone, Target, TargetField
from tests import depth
from tests.property.oracle import Answer, Base, Oracle, World, applied
from tests.property.staged import answers, connect
from tests.property.worlds import AT, TYPES, worlds

FEW = 50  # examples
# Not shrunk: the failure names the rows, and shrinking takes minutes.
SETTINGS: Any = {
    "deadline": None,
    "derandomize": False,
    "database": None,
    "phases": [Phase.explicit, Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
PER_EXAMPLE = 10  # little worlds under one target: one run of the SQL answers all of them


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as opened:
        yield opened


def comparable(found: list[Answer]) -> list[tuple[object, ...]]:
    """Answers in one order; of held and withheld rows only what is told about them."""
    told = []
    for a in found:
        values = tuple(sorted(a.values)) if not a.kind else ()
        generation = a.generation if not a.kind and (a.action == "create" or a.links) else None
        cause = a.cause if not a.kind else None
        fields = a.fields if not a.kind else None
        id_ = a.id if not a.kind and a.action != "create" else None
        links = a.links if not a.kind else None
        told.append(
            (
                a.key,
                id_,
                a.situation,
                a.action,
                a.kind,
                a.code,
                cause,
                links,
                generation,
                fields,
                a.drifted,
                a.conflicted,
                a.settled,
                values,
            )
        )
    return sorted(told, key=repr)


@pytest.mark.sampled("property", seconds=120, least=30)
@settings(max_examples=depth.examples(FEW, deep=10), **SETTINGS)
@given(world=worlds(PER_EXAMPLE))
@depth.while_there_is_time
def test_the_diff_is_what_the_oracle_says(connection: duckdb.DuckDBPyConnection, world: World) -> None:
    expected = Oracle(world).answers()
    assert comparable(answers(connection, world)) == comparable(expected)


@pytest.mark.sampled("property", seconds=60, least=15)
@settings(max_examples=depth.examples(FEW // 2, deep=10), **SETTINGS)
@given(world=worlds(PER_EXAMPLE))
@depth.while_there_is_time
def test_after_apply_and_fold_nothing_is_left_to_do(
    connection: duckdb.DuckDBPyConnection, world: World
) -> None:
    expected = Oracle(world).answers()
    forgotten = {a.key for a in expected if a.action == "forget"}  # still wanted, they are created anew
    waited = {a.key for a in expected if a.kind}  # a link was given up for a row that is linked elsewhere now
    after = applied(world, expected)
    second = answers(connection, after)
    over = forgotten | waited | learned(world, after)
    left = [a for a in second if a.action and not a.kind and a.key not in over]
    assert left == []


def learned(world: World, after: World) -> set[tuple[Any, ...]]:
    """Keys whose base did not know all of its row before, and sees now that it moved."""
    before, now = Oracle(world), Oracle(after)
    now.give_up()
    return {key for key in now.taken if key in world.base and before.incomplete(world.base[key])}


def test_an_empty_list_is_not_null(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB hashes both alike, and the hash decides which rows are looked at."""
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "code"),), at=AT,
        fields=tuple(TargetField(n, Column(n), AT, type=TYPES[n]) for n in ("w", "code", "tags")),
    )  # fmt: skip
    values = {"w": 1, "code": "001"}
    base = Base(7, 1, {**values, "tags": None}, {**values, "tags": None})
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, "001"), **values, "tags": [], "problem": None}],
        actual=[{"id": 7, **values, "tags": None}],
        base={(1, "001"): base},
    )
    (found,) = answers(connection, world)
    assert (found.action, found.fields) == ("update", frozenset({"tags"}))


def test_a_link_of_another_target_gives_nobody_what_is_another_rows_here(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Their system gave the identifier of a removed row to the next one that we created."""
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "code"),), at=AT,
        fields=tuple(TargetField(n, Column(n), AT, type=TYPES[n]) for n in ("w", "code", "name")),
    )  # fmt: skip
    old, new = ({"w": 1, "code": code, "name": "same"} for code in ("001", "002"))
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, row["code"]), **row, "problem": None} for row in (old, new)],
        actual=[{"id": 7, **new}],
        base={(1, "002"): Base(7, 1, new, new)},
        siblings={(1, "001"): 7},
    )
    (found,) = answers(connection, world)
    assert (found.key, found.situation, found.action) == ((1, "001"), "absent", "create")


@pytest.mark.parametrize("name", ["new", None])
def test_of_two_linked_to_one_identifier_the_recognised_one_has_the_row(
    connection: duckdb.DuckDBPyConnection, name: str | None
) -> None:
    """Their system gave the identifier of a removed row to the one that we created, and `create_only` remembers nothing
    that tells them apart. A removal would take the row of the other."""
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "name"),), at=AT, mode=Mode.CREATE_ONLY,
        on_source_gone=OnSourceGone.DELETE,
        fields=tuple(TargetField(n, Column(n), AT, type=TYPES[n]) for n in ("w", "code", "name")),
    )  # fmt: skip
    old = {"w": 1, "code": "001", "name": "old"}
    new = {"w": 1, "code": "002", "name": name}
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, "002"), **new, "problem": None}],
        actual=[{"id": 7, **new}],
        base={(1, "001"): Base(7, 1, old, old), (1, "002"): Base(7, 1, new, new)},
    )
    found = {a.key[1]: (a.situation, a.action, a.code) for a in answers(connection, world)}
    if name:
        assert found == {"001": ("both_gone", "forget", None)}
    else:
        assert found == {}, "nobody knows whose it is: it stays"


@pytest.mark.parametrize("digits", [True, False])
def test_a_text_without_digits_recognises_nothing_by_its_digits(
    connection: duckdb.DuckDBPyConnection, *, digits: bool
) -> None:
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "name"),), at=AT,
        fields=tuple(
            TargetField(n, Column(n), AT, type=TYPES[n], compare=(Compare("digits_only"),) if n == "name" else ())
            for n in ("w", "code", "name")
        ),
    )  # fmt: skip
    ours, theirs = ("138 0000", "138-0000") if digits else ("无", "待定")
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, "001"), "w": 1, "code": "001", "name": ours, "problem": None}],
        actual=[{"id": 7, "w": 1, "code": "999", "name": theirs}],
        base={},
    )
    (found,) = answers(connection, world)
    assert found.situation == ("found" if digits else "absent")


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_nothing_is_decided_on_a_row_that_they_returned_twice(
    connection: duckdb.DuckDBPyConnection, *, wanted: bool, known: bool
) -> None:
    """It is there: a create would double it, and forgotten it would be nobody's."""
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "code"),), at=AT,
        fields=tuple(TargetField(n, Column(n), AT, type=TYPES[n]) for n in ("w", "code")),
    )  # fmt: skip
    values = {"w": 1, "code": "001"}
    other = {"key": (2, "002"), "w": 2, "code": "002", "problem": None}
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, "001"), **values, "problem": None} if wanted else other],
        actual=[{"id": 7, **values}, {"id": 7, **values}, {"id": 8, "w": 2, "code": "002"}],
        base={(1, "001"): Base(7, 1, values, values)} if known else {},
    )
    found = {a.key: (a.situation, a.kind, a.code, a.action) for a in answers(connection, world)}
    held = ("ambiguous", "held", "E0408" if known else "E0403", None)
    assert found.get((1, "001")) == (held if wanted else None)


@pytest.mark.parametrize(
    ("ours", "theirs", "action", "fields"),
    [
        ("0.00", "0.01", "adopt", ()),  # at the tolerance: the same
        ("0.00", "0.02", None, ()),  # beyond it: reported on first contact
        ("0.02", None, "update", ("amount",)),  # nothing there yet: filled
    ],
)
def test_first_contact_at_its_borders(
    connection: duckdb.DuckDBPyConnection,
    ours: str,
    theirs: str | None,
    action: str | None,
    fields: tuple[str, ...],
) -> None:
    near = (Compare("tolerance", Decimal("0.01")),)
    plain = tuple(TargetField(n, Column(n), AT, type=TYPES[n]) for n in ("w", "code"))
    target = Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), match=(("w", "code"),), at=AT,
        fields=(*plain, TargetField("amount", Column("amount"), AT, near, type=TYPES["amount"])),
    )  # fmt: skip
    values = {"w": 1, "code": "001"}
    world = World(
        target=target,
        extras=(),
        desired=[{"key": (1, "001"), **values, "amount": Decimal(ours), "problem": None}],
        actual=[{"id": 7, **values, "amount": Decimal(theirs) if theirs else None}],
        base={},
    )
    (found,) = answers(connection, world)
    assert (found.action, found.fields) == (action, frozenset(fields))
