"""The promises of a contract as SQL, against jsonschema's judgement of the same values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from erpoa_cli.core.contract import Property, accepts
from erpoa_cli.core.contract_sql import rules
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import INTEGER, STRING, Type, parse_type
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.arrow import arrow_type

STAGING = Staging(None, as_of=datetime(2026, 1, 1, tzinfo=UTC))


def breaks(schema: dict[str, Any], values: list[Any], type_: Type, *, required: bool = False) -> list[bool]:
    """Per value whether it breaks a promise of *schema*."""
    promised = Property(name="x", type=type_, required=required, schema=schema, at=Location("c.yml"))
    conditions = [f"coalesce({rule.where}, false)" for rule in rules(promised, type_)] or ["false"]
    table = pa.table({"i": range(len(values)), "x": pa.array(values, arrow_type(type_))})
    found = STAGING.compare(
        f"SELECT {' OR '.join(conditions)} AS b FROM incoming r ORDER BY i", {"incoming": table}
    )
    return [bool(b) for b in found.column(0).to_pylist()]


def oracle(schema: dict[str, Any], values: list[Any]) -> list[bool]:
    checker = Draft202012Validator(schema)
    return [v is not None and not checker.is_valid(v) for v in values]


TEXTS = st.lists(st.one_of(st.none(), st.text("aZ0 _é供Ａ😀", max_size=6)), min_size=1, max_size=8)


@given(
    TEXTS,
    st.sampled_from(
        [
            {"minLength": 2},
            {"maxLength": 3},
            {"minLength": 1, "maxLength": 1},
            {"enum": ["a", "供", ""]},
            {"const": "aZ"},
            {"pattern": "^a"},
            {"pattern": "[0-9]$"},
            {"pattern": "^[a-zA-Z]{2,4}$"},
            {},
        ]
    ),
)
def test_texts(values: list[str | None], schema: dict[str, Any]):
    assert breaks(schema, values, STRING) == oracle(schema, values)


@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-12, 12)), min_size=1, max_size=8
    ),
    st.sampled_from(
        [
            {"minimum": -3},
            {"maximum": 7},
            {"exclusiveMinimum": 0},
            {"exclusiveMaximum": 5},
            {"multipleOf": 3},
            {"enum": [1, 2, 12]},
            {"const": 0},
            {"minimum": -(2**63), "maximum": 2**62},
        ]
    ),
)
def test_whole_numbers(values: list[int | None], schema: dict[str, Any]):
    assert breaks(schema, values, INTEGER) == oracle(schema, values)


def test_decimals_are_compared_exactly():
    type_ = parse_type("decimal(38,2)")
    values = [Decimal("12345678901234567890.10"), Decimal("12345678901234567890.11"), None]
    assert breaks({"maximum": Decimal("12345678901234567890.10")}, values, type_) == [False, True, False]
    assert breaks({"multipleOf": 0.05}, [Decimal("0.15"), Decimal("0.16")], type_) == [False, True]


def test_null_breaks_only_required():
    assert breaks({"minLength": 5, "enum": ["x"]}, [None], STRING) == [False]
    assert breaks({}, [None, ""], STRING, required=True) == [True, False]


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("email", ["a@b.example", "李@华信.中国"], ["a", "@b", "a@", "a b@c.d", "a@b@c", ""]),
        ("date", ["2024-02-29"], ["2023-02-29", "2024-2-9", "2024-01-01T00:00:00Z"]),
        (
            "date-time",
            ["2024-01-01T10:00:00Z", "2024-01-01t10:00:00.5+08:00"],
            ["2024-01-01 10:00", "2024-13-01T10:00:00Z"],
        ),
        (
            "uuid",
            ["123e4567-e89b-12d3-a456-426614174000"],
            ["123e4567", "123e4567-e89b-12d3-a456-42661417400g"],
        ),
        ("ipv4", ["10.0.0.255"], ["10.0.0.256", "1.2.3", "1.2.3.4.", "1.2.3.4.5"]),
        ("uri", ["https://x.example/a?b", "urn:x"], ["x", "//x", "a b:c"]),
    ],
)
def test_formats(form: str, good: list[str], bad: list[str]):
    assert breaks({"format": form}, [*good, *bad], STRING) == [False] * len(good) + [True] * len(bad)


def test_lists_and_their_members():
    type_ = parse_type("list<struct<no: integer, unit: string>>")
    schema = {
        "minItems": 1,
        "items": {"required": ["no"], "properties": {"no": {"minimum": 1}, "unit": {"enum": ["kg"]}}},
    }
    values = [
        [{"no": 1, "unit": "kg"}],
        [],
        [{"no": None, "unit": "kg"}],
        [{"no": 0, "unit": None}],
        [{"no": 2, "unit": "t"}],
    ]
    assert breaks(schema, values, type_) == [False, True, True, True, True]
    assert breaks({"uniqueItems": True}, [["a", "b"], ["a", "a"], None], parse_type("list<string>")) == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("agreed", "found", "fits"),
    [
        ("string", "string", True),
        ("string", "integer", False),
        ("decimal(18,2)", "decimal(9,2)", True),
        ("decimal(18,2)", "decimal(18,3)", False),
        ("decimal(18,2)", "decimal(19,2)", False),
        ("decimal(18,2)", "integer", True),
        ("integer", "decimal(9,0)", False),
        ("date", "timestamp", False),
        ("list<struct<a: integer>>", "list<struct<a: integer, b: string>>", True),
        ("list<struct<a: integer>>", "list<struct<b: integer>>", False),
    ],
)
def test_types_that_satisfy_an_agreed_one(agreed: str, found: str, fits: bool):
    assert accepts(parse_type(agreed), parse_type(found)) is fits
