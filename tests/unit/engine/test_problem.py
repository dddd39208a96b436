"""What DuckDB says of a row never tells the row; what it says of a statement is told whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging
from tests.unit.engine.small import AS_OF

CARD = "张三 4514\\nthe second line' when casting from source column leak"
ROW = (
    f"(SELECT E'{CARD.replace(chr(39), chr(39) * 2)}' AS card, 2000000000 AS pay, '77001931.45' AS salary) t"
)
SECRETS = ("张三", "4514", "second line", "2000000000", "77001931", "leak")


@pytest.mark.parametrize(
    ("select", "told"),
    [
        ("CAST(card AS DATE)", "a value of column card cannot be converted"),
        ("CAST(card AS INTEGER)", "a value of column card cannot be converted"),
        ("CAST(salary AS DECIMAL(4,2))", "a value of column salary cannot be converted"),
        ("CAST(pay AS TINYINT)", "a value of column pay cannot be converted"),
        ("CAST(string_split(card, ' ')[1] AS INTEGER)", "a value cannot be converted"),
        ("CAST(list_value(card)[1] AS STRUCT(a INTEGER))", "a value cannot be converted"),
        ("CAST(card AS BLOB)", "cannot be converted"),
        ("CAST(card AS TIMESTAMP)", "a value of column card cannot be converted"),
        ("pay * pay", "a value is out of range"),
        ("error(card)", "a row cannot be computed"),
        ("strptime(card, '%Y')", "a row cannot be computed"),
        ("from_hex(card)", "a row cannot be computed"),
        ("json_extract(card, '$.a')", "a row cannot be computed"),
        ("regexp_matches(salary, card || '(')", "a row cannot be computed"),
        ("(SELECT t.card FROM (VALUES (1), (2)))", "More than one row returned by a subquery"),
    ],
)
def test_what_is_said_of_a_row_tells_nothing_of_it(tmp_path: Path, select: str, told: str):
    with Staging(tmp_path, as_of=AS_OF) as staging:
        staging.lock()
        with pytest.raises(SqlProblem) as caught:
            staging.sql(f"SELECT {select} FROM {ROW}")
    problem = caught.value
    assert told in problem.summary
    said = f"{problem.summary} {problem.hint} {problem} {problem.__cause__}"
    assert [secret for secret in SECRETS if secret in said] == []


def test_what_is_said_of_a_statement_is_told(tmp_path: Path):
    with Staging(tmp_path, as_of=AS_OF) as staging, pytest.raises(SqlProblem) as caught:
        staging.sql(f"SELECT crad FROM {ROW}")
    assert caught.value.kind == "Binder Error"
    assert 'column "crad" not found' in caught.value.summary


def test_what_nobody_foresaw_is_not_told():
    for text in ("张三", "Novel Error: 张三", "Conversion Error: 张三\n\nLINE 1: SELECT 1\n               ^"):
        assert "张三" not in str(SqlProblem(text))
