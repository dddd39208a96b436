"""Texts and what they mean, against the canonical texts and the engine's own parser."""

from __future__ import annotations

import json
from decimal import Decimal

import duckdb
import pytest

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.parse import value
from erpoa_cli.core.schema import Field, Kind, parse_type
from erpoa_cli.sdk.conformance import VALUES
from erpoa_cli.sdk.meaning import Unparsed, meaning

TEXTS = [
    "", " ", "1", "01", "+1", "-0", " 1", "1 ", "1_0", "１", "1.0", "1.", ".5", "1e3", "NaN", "true", "T", "yes", "0",
    "2024-02-29", "2023-02-29", "20240229", "2024-2-9", "２０２４-02-29", "0000-01-01", "2024-W01-1",
    "12:00", "12:00:00.1234567", "24:00", "12", "2024-01-01", "2024-01-01 00:00:00", "2024-01-01T00:00:00.000001",
    "2024-01-01 00:00:00Z", "2024-01-01 00:00:00+08:00", "2024-01-01 00:00:00+0800", "2024-01-01 00:00:00+25:00", "2024-01-01 00:00:00+08:99", "2024-01-01x00:00:00",
]  # fmt: skip


@pytest.mark.parametrize("type_", [t for t in VALUES if t.kind not in (Kind.LIST, Kind.STRUCT)], ids=str)
def test_the_canonical_text_means_its_value(type_):
    for expected in VALUES[type_]:
        found = meaning(canonical(expected, type_), type_)
        json_ = type_.kind is Kind.JSON and expected is not None  # what it means is in a spelling of its own
        assert (read(found) == read(expected)) if json_ else (found == expected)


def read(document):
    return json.loads(document, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.parametrize(
    "type_", ["integer", "decimal(20,6)", "boolean", "date", "time", "timestamp", "timestamptz"]
)
def test_what_the_engine_parses_means_the_same_here(type_):
    """Where the engine reads a value, this reads that value; where it reads none, two texts are not made equal."""
    field = Field("v", parse_type(type_))
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for text in TEXTS:
            sql = f"SELECT {value('v', field)} AS v FROM (SELECT ?::VARCHAR AS v)"
            parsed = db.execute(sql, [text]).to_arrow_table()["v"][0].as_py()
            found = meaning(text, field.type)
            if parsed is not None:
                assert found == parsed, text
            elif type_ in ("integer", "date", "boolean") or text[19:] in ("+25:00", "+08:99"):
                assert isinstance(found, Unparsed), text


def test_two_spellings_of_one_value():
    for type_, one, other, equal in (
        ("decimal(9,4)", "7.0920", "7.092", True),
        ("decimal(9,4)", "7.0920", "7.0921", False),
        ("timestamptz", "2024-01-01 08:00:00+08:00", "2024-01-01T00:00:00.000000Z", True),
        ("timestamp", "2024-01-01 00:00:00", "2024-01-01T00:00:00.000000", True),
        ("boolean", "1", "true", True),
        ("string", "1", "1 ", False),
        ("integer", "x", "y", False),
    ):
        declared = parse_type(type_)
        assert (meaning(one, declared) == meaning(other, declared)) is equal, (one, other)
