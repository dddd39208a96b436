"""YAML into data with positions; PyYAML's own emitter is the oracle."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.project import parse as subject
from erpoa_cli.project.parse import parse

# next line and line separators are line breaks to YAML 1.1
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


@given(DATA)
def test_data_comes_back_as_written(data: Any):
    # Quoting every text leaves nothing to be resolved: what is read must be what was written.
    text = yaml.dump(data, Dumper=Quoting, allow_unicode=True)
    assert parse(text).data == data
    assert parse(text).problems == []


class Quoting(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, min_size=1, max_size=5))
def test_positions_are_those_of_the_text(data: dict[str, str]):
    text = yaml.dump(data, Dumper=Quoting, allow_unicode=True, width=10**6)
    lines = text.split("\n")
    for key, (line, column, (value_line, value_column)) in parse(text).mark[2].items():
        assert yaml.safe_load(lines[line - 1])
        assert column == 1 or lines[line - 1][column - 1] in "\"?'"
        assert key in data
        assert lines[value_line - 1][value_column - 1] == '"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("007", "007"),
        ("+007", "+007"),
        ("1:30", "1:30"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("2026-12-30", "2026-12-30"),
        ("２０", "２０"),
        (".inf", ".inf"),
        ("NaN", "NaN"),
        ("=", "="),
        ("12345678901234567890", 12345678901234567890),
        ("-0", 0),
        ("1.10", Decimal("1.10")),
        ("0.1", Decimal("0.1")),
        ("1e3", Decimal("1e3")),
        (".5", Decimal("0.5")),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("nul", "nul"),
        ("1" * 101, "1" * 101),
        ("'7'", "7"),
        ('"true"', "true"),
        ("|-\n  7", "7"),
    ],
)
def test_plain_scalars(text: str, value: Any):
    found = parse(f"x: {text}\n").data["x"]
    assert (found, type(found)) == (value, type(value))
    assert str(found) == str(value)  # 1.10 keeps its zero


def test_keys_are_text_whatever_they_look_like():
    assert parse("on: 1\n007: 2\ntrue: 3\n1.0: 4").data == {"on": 1, "007": 2, "true": 3, "1.0": 4}


def test_every_repeated_key_is_told_and_the_first_stays():
    parsed = parse("a: 1\nb: {c: 1, c: 2}\na: 2\n")
    assert parsed.data == {"a": 1, "b": {"c": 1}}
    assert [(p.code, p.line, p.column) for p in parsed.problems] == [("E0105", 2, 11), ("E0105", 3, 1)]


def test_positions_count_characters():
    parsed = parse("键: {名称: 值😀, x: 1}\n")
    assert parsed.mark[2]["键"][2][2]["x"] == [1, 13, [1, 16]]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1\nb: *x", "E0106"),
        ("<<: {a: 1}", "E0106"),
        ("a: !!str 1", "E0106"),
        ("a: !ENV x", "E0106"),
        ("? {a: 1}\n: 2", "E0104"),
        ("? [a]\n: 2", "E0104"),
        (": 2", "E0104"),
        ("a: 1\n---\nb: 2", "E0104"),
        ("a: b: c", "E0104"),
        ("a: [1", "E0104"),
        ("a: 'x", "E0104"),
        ("a\tb:\n\t- 1", "E0104"),
        ("a: \x00", "E0104"),
        ("%YAML 9.9\n---\na", "E0104"),
        ("- " * 50 + "x", "E0107"),
    ],
)
def test_refusals(text: str, code: str):
    parsed = parse(text)
    assert [p.code for p in parsed.problems] == [code]
    assert parsed.data is None
    assert parsed.problems[0].remedy


def test_a_quoted_merge_sign_is_a_key():
    assert parse('"<<": 1').data == {"<<": 1}


def test_nodes_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subject, "MAX_NODES", 100)
    assert [p.code for p in parse("[" + "1," * 200 + "]").problems] == ["E0107"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_text_raises(text: str):
    parse(text)
