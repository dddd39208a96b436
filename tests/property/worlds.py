"""Hypothesis strategies: declared targets and the three relations around them, in every kind of disorder."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import BOOLEAN, INTEGER, STRING, Kind, Type, decimal
from erpoa_cli.core.target import (
    Column,
    Compare,
    Mode,
    OnDrift,
    OnSourceGone,
    OnVanished,
    Ownership,
    Owns,
    ReportOrWrite,
    Target,
    TargetField,
)
from tests.property.oracle import Base, Row, World

AT = Location("targets/t.yml", 1, 1)
AMOUNT = decimal(20, 2)
TAGS = Type(Kind.LIST, item=STRING)
TYPES = {"w": INTEGER, "code": STRING, "name": STRING, "amount": AMOUNT, "tags": TAGS, "active": BOOLEAN}

KEYS = ["001", "1", "００１", "a'\";--", "供应商😀", ""]
NAMES = [None, "", "华信", " 华信", "Ａcme", "Acme", "acme", "a  cme", "\u202e1380", "138-0"]
AMOUNTS = [
    None,
    Decimal("0.00"),
    Decimal("0.01"),
    Decimal("0.02"),
    Decimal("123456789012345678.90"),
    Decimal("-123456789012345678.90"),
]
LISTS = [None, [], ["a", "b"], ["b", "a"], ["a"]]
POOLS: dict[str, list[Any]] = {"name": NAMES, "amount": AMOUNTS, "tags": LISTS, "active": [None, True, False]}
TEXT_STEPS = [
    (),
    ("trim",),
    ("nfkc", "ci"),
    ("trim", "collapse_space", "nfkc"),
    ("digits_only",),
    ("ignore",),
    ("exact",),
]

MATCHES = [[["code"]], [["code"], ["name"]], [["name", "amount"], ["code"]], [["name"]]]

_ownership = st.sampled_from([Ownership.OURS, Ownership.OURS, Ownership.SHARED, Ownership.THEIRS])


@st.composite
def targets(draw: st.DrawFn) -> Target:
    steps = tuple(Compare(kind) for kind in draw(st.sampled_from(TEXT_STEPS)))
    near = draw(st.sampled_from([(), (Compare("tolerance", Decimal("0.01")),)]))
    order = draw(st.sampled_from([(), (Compare("unordered"),)]))
    fields = [
        TargetField("w", Column("w"), AT, type=INTEGER),
        TargetField("code", Column("code"), AT, type=STRING),
        TargetField("name", Column("name"), AT, steps, draw(_ownership), type=STRING),
        TargetField("amount", Column("amount"), AT, near, draw(_ownership), type=AMOUNT),
        TargetField("tags", Column("tags"), AT, order, draw(_ownership), type=TAGS),
    ]
    managed = draw(st.booleans())
    if managed:
        fields.append(TargetField("active", Column("active"), AT, (), draw(_ownership), type=BOOLEAN))
    restores = not managed and draw(st.booleans())
    return Target(
        name="t", from_="s", system="oa", object="o", key=("w", "code"), fields=tuple(fields), at=AT,
        match=tuple(("w", *names) for names in draw(st.sampled_from(MATCHES))),
        mode=draw(st.sampled_from([Mode.UPSERT, Mode.UPSERT, Mode.UPDATE_ONLY, Mode.CREATE_ONLY])),
        on_source_gone=draw(st.sampled_from([OnSourceGone.KEEP, OnSourceGone.DEACTIVATE, OnSourceGone.DELETE])),
        deactivate={"active": False},
        restore={"active": True} if restores else {},
        owns=draw(st.sampled_from(Owns)),
        on_first_contact=draw(st.sampled_from(ReportOrWrite)),
        on_drift=draw(st.sampled_from(OnDrift)),
        on_conflict=draw(st.sampled_from(["report", "write", "accept", "oa", "erp"])),
        on_vanished=draw(st.sampled_from(OnVanished)),
        on_new_field=draw(st.sampled_from(ReportOrWrite)),
    )  # fmt: skip


def _values(names: list[str]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({name: st.sampled_from(POOLS[name]) for name in names})


@st.composite
def worlds(draw: st.DrawFn, cases: int) -> World:
    """*cases* independent little worlds under one target, told apart by the key column `w`, which every match
    set has too. What is proven by the reads is common to all of them."""
    target = draw(targets())
    extras = () if any(f.name == "active" for f in target.fields) else ("active",)
    parts = [draw(_case(number, target, extras)) for number in range(cases)]
    unnamed = (
        [] if draw(st.integers(0, 7)) else [_desired((1, None), draw(_values(_columns(target, extras))))]
    )
    return World(
        target=target,
        extras=extras,
        desired=[row for part in parts for row in part.desired] + unnamed,
        actual=[row for part in parts for row in part.actual],
        base={k: v for part in parts for k, v in part.base.items()},
        gone={k: v for part in parts for k, v in part.gone.items()},
        siblings={k: v for part in parts for k, v in part.siblings.items()},
        desired_complete=draw(st.integers(0, 5)) > 0,
        actual_complete=draw(st.integers(0, 5)) > 0,
        first=draw(st.integers(0, 3)) == 0,
    )


def _columns(target: Target, extras: tuple[str, ...]) -> list[str]:
    return [f.name for f in target.fields if f.name in POOLS] + list(extras)


def _desired(key: tuple[Any, ...], values: Row, problem: str | None = None) -> Row:
    return {"key": key, "w": key[0], "code": key[1], **values, "problem": problem}


# How often desired, actual and base have a row of one key.
_PRESENCE = [
    *[(1, 1, 1)] * 6, *[(1, 1, 0)] * 2, (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 1), (0, 0, 1), (0, 1, 0),
    (2, 1, 1), (2, 0, 0), (1, 2, 1), (1, 2, 0), (0, 2, 1),
]  # fmt: skip


@st.composite
def _case(draw: st.DrawFn, w: int, target: Target, extras: tuple[str, ...]) -> World:
    columns = _columns(target, extras)
    world = World(target=target, extras=extras, desired=[], actual=[], base={})
    for number, code in enumerate(draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=4))):
        key, id_ = (w, code), 1000 * w + number
        first = draw(_values(columns))
        # Mostly one value on all sides; each side may have moved away from it.
        ours, theirs, agreed, seen = (
            {**first, **(draw(_values(columns)) if draw(st.integers(0, 3)) == 0 else {})} for _ in range(4)
        )
        for name in draw(st.lists(st.sampled_from(columns), max_size=2)):
            theirs[name] = draw(st.sampled_from(POOLS[name]))
        d, a, b = draw(st.sampled_from(_PRESENCE))
        problem = "missing" if draw(st.integers(0, 9)) == 0 else None
        world.desired.extend(_desired(key, ours, problem) for _ in range(d))
        shown = draw(st.sampled_from([code, code, code, "other"]))  # their code need not be ours
        again = draw(st.booleans())  # twice: the same identifier, or another row with the same values
        world.actual.extend(
            {"id": id_ if again else id_ + 100 * n, "w": w, "code": shown, **theirs} for n in range(a)
        )
        if b:
            known = [n for n in ["w", "code", *columns] if n not in extras or draw(st.booleans())]
            known = [n for n in known if draw(st.integers(0, 7))]
            images = {"w": w, "code": code, **agreed}, {"w": w, "code": shown, **seen}
            if draw(st.integers(0, 3)) == 0:  # as after a deactivation
                images[0]["active"] = images[1]["active"] = False
            world.base[key] = Base(
                id=draw(st.sampled_from([id_, id_, id_, id_, id_ + 900])),
                generation=draw(st.integers(1, 3)),
                agreed={n: images[0][n] for n in known},
                seen={n: images[1][n] for n in known},
            )
        elif draw(st.integers(0, 4)) == 0:
            world.gone[key] = draw(st.integers(1, 3))
        if draw(st.integers(0, 9)) == 0:
            world.siblings[key] = id_
    if world.base and draw(st.integers(0, 2)) == 0:
        _rename(draw, world, w)
    return world


def _rename(draw: st.DrawFn, world: World, w: int) -> None:
    """What the source says of a key it says under another one: under a new one, or two keys are exchanged."""
    old, new = draw(st.sampled_from([*world.base])), (w, draw(st.sampled_from([*KEYS, "new"])))
    there = next((a for a in world.actual if a["id"] == world.base[old].id), None)
    as_it_was = draw(st.booleans())
    for row in world.desired:
        if row["key"] in (old, new):
            row["key"] = new if row["key"] == old else old
            row["code"] = row["key"][1]
        if row["key"] == new and there and as_it_was:
            row |= {n: v for n, v in there.items() if n not in ("id", "w", "code", "active")}
