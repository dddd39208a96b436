"""`json_meaning` against plain Python that reads numbers as exact decimals."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from erpoa_cli.core.json_value import json_meaning

SAME = [
    ('{"b":1, "a":{"y":2,"x":[1,2]}}', '{"a": {"x": [1, 2], "y": 2}, "b": 1}'),
    (r'{"t":"\u4e2d\u6587","e":"\u00e9\/"}', '{"e": "é/", "t": "中文"}'),
    ("[1.0, 1, 1e0, 10e-1, 0.10]", "[1, 1.00, 1E+0, 1, 1e-1]"),
    ("[0, -0, 0.0, -0e5]", "[0,0,0,0]"),
    ('{"n":9007199254740993}', ' {"n": 9007199254740993.000} '),
    (r'"\ud83d\ude00"', '"😀"'),
    (r'"\ud800"', r'"\uD800"'),
    ("1" + "0" * 400, "1e400"),
]
OTHER = [
    ('{"n":9007199254740993}', '{"n": 9007199254740992}'),
    ("0.1", "0.1000000000000000055511151231257827"),
    ("[1,2]", "[2,1]"),
    ('{"a":null}', "{}"),
    ("1", '"1"'),
    ("true", "1"),
    ('""', "null"),
    ("[]", "{}"),
    ('{"a":1,"a":2}', '{"a":2}'),
    ('{"a":1,"a":2}', '{"a":2,"a":1}'),
    ("NaN", "null"),
    ('"A"', '"a"'),
    ('"é"', '"e\u0301"'),
    ('"1e0"', "1"),
    ("1e999999999999999999999", "1e999999999999999999998"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spelling_is_no_difference(one: str, other: str) -> None:
    assert json_meaning(one) == json_meaning(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_a_value_is_one(one: str, other: str) -> None:
    assert json_meaning(one) != json_meaning(other)


def test_what_cannot_be_read_means_itself() -> None:
    for text in ("", "{", "[" * 100_000, '{"a":1,"a":1}', "1e" + "9" * 50):
        assert json_meaning(text) == text


def test_a_number_of_ten_million_digits_takes_no_time() -> None:
    digits = "7" * 10_000_000
    assert json_meaning(f"[{digits}.0]") == f"[{digits}]"


def test_agrees_with_exact_decimals() -> None:
    draw = random.Random(14)
    values = [_value(draw, 3) for _ in range(300)]
    spelt = [(_spelt(draw, value), value) for value in values for _ in range(2)]
    for _ in range(3000):
        (one, a), (other, b) = draw.choice(spelt), draw.choice(spelt)
        assert (json_meaning(one) == json_meaning(other)) is _equal(a, b), (one, other)
    for value in values:
        assert json_meaning(_spelt(draw, value)) == json_meaning(_spelt(draw, value)), value


def _value(draw: random.Random, depth: int) -> Any:
    kind = draw.randrange(7 if depth else 5)
    if kind == 5:
        return [_value(draw, depth - 1) for _ in range(draw.randrange(3))]
    if kind == 6:
        return {draw.choice("abé"): _value(draw, depth - 1) for _ in range(draw.randrange(3))}
    return (
        None,
        draw.random() < 0.5,
        Decimal(draw.randrange(-3, 4)),
        Decimal(draw.randrange(30)) / 10,
        draw.choice(["", "中", '"', "1"]),
    )[kind]


def _equal(one: Any, other: Any) -> bool:
    """Plain Python takes 1 for true."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    return type(one) is type(other) and bool(one == other)


def _spelt(draw: random.Random, value: Any) -> str:
    blank = draw.choice(["", " ", "\n"])
    match value:
        case Decimal():
            return draw.choice([f"{value:f}", f"{value:.3f}", f"{value * 100:f}e-2", f"{value:E}"])
        case list():
            return "[" + blank + f"{blank},".join(_spelt(draw, item) for item in value) + "]"
        case dict():
            items = draw.sample(list(value.items()), len(value))
            return (
                "{"
                + f",{blank}".join(
                    f"{json.dumps(k, ensure_ascii=draw.random() < 0.5)}:{_spelt(draw, v)}" for k, v in items
                )
                + "}"
            )
        case _:
            return json.dumps(value, ensure_ascii=draw.random() < 0.5)
