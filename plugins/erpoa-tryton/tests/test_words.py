"""Errors are classed by their words, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from erpoa_tryton import TrytonConnector
from erpoa_tryton.errors import failure, without_values
from erpoa_tryton.session import TrytonSession

from erpoa_cli.sdk.conformance.writer import Writer, outcomes
from erpoa_cli.sdk.errors import ContractBroken, Denied, Rejected
from tests.tryton.databases import CLERK

from .asking import by_code, parties, pressed
from .test_documents import ordered


@pytest.fixture
def chinese(tryton_config: dict[str, Any]) -> Iterator[TrytonSession]:
    """The clerk, whom the server answers in Chinese."""
    session = TrytonConnector().open({**tryton_config, **CLERK, "language": "zh_CN"})
    yield session
    session.close()


def test_chinese_words_mean_the_same(chinese: TrytonSession) -> None:
    codes = [{"code": code, "name": "x"} for code in ("ZH1", "ZH2", "ZH1")]
    assert outcomes(parties(chinese).create(codes[:1])) == ["applied"]
    answers = parties(chinese).create(codes[1:])
    assert [(a["outcome"], a["error_class"]) for a in answers] == [
        ("applied", None),
        ("rejected", "duplicate"),
    ]
    assert "不能重复" in answers[1]["error"]
    places = Writer(chinese, "party.address", id="integer", party="integer", city="string")
    [refused] = places.create([{"party": None, "city": "上海"}])
    assert (refused["outcome"], refused["error_class"]) == ("rejected", "rejected")
    assert "参与者" in refused["error"], "the field's own name stays"
    with pytest.raises(Denied, match="权限"):
        chinese.client.change("model.res.group.create", [{"name": "x"}])
    assert len(by_code(chinese, "ZH")) == 2


def test_buttons_in_chinese(chinese: TrytonSession) -> None:
    ids = ordered(chinese, ["ZB0", "ZB1"])
    [line] = chinese.client.read("model.purchase.line.search", [["purchase", "=", ids[1]]], 0, 1, None)
    chinese.client.change("model.purchase.line.delete", [line])
    assert outcomes(pressed(chinese, "purchase.purchase", "quote", ids, "draft")) == ["applied", "rejected"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The code on party must be unique.", "duplicate"),
        ("参与者代码不能重复.", "duplicate"),
        ("You can not have two users with the same login!", "duplicate"),
        ("参与者类别名称必须唯一.", "duplicate"),
        ('You are not allowed to access "Party".', "auth"),
        ('没有访问 "Party" 的权限.', "auth"),
        ('Calling button "process on "Purchase" is not allowed.', "auth"),
        ('不允许在 "Purchase" 上点击按钮 "process.', "auth"),
        ('You are trying to write to records "7" of "Party" that don\'t exist.', "stale"),
        ('正在尝试写入不存在的记录 "7"（属于"Party"）。', "stale"),
        ('The value "7" for field "Party" in "Address" does not exist.', "master_missing"),
        ('模型 "Address" 的字段 "Party" 对应的取值 "7" 不存在.', "master_missing"),
        (
            'You are not allowed to write to records "7" of "Party" because of at least one of these rules:\nx',
            "rejected",
        ),
        ('A value is required for field "Party" in record "7" of "Address".', "rejected"),
        ("余额不足", "rejected"),
    ],
)
def test_what_words_mean(text: str, kind: str) -> None:
    assert failure(["UserError", [text, "", None]]).word == kind


def test_other_errors() -> None:
    assert isinstance(failure(["UserWarning", ["name", "确认吗？", ""]]), Rejected)
    assert isinstance(failure(["", "traceback"]), ContractBroken)
    assert isinstance(failure([]), ContractBroken)


def test_values_are_left_out() -> None:
    said = failure(["UserError", ['The value "身份证 110101" for field "税号" is wrong', "", None]])
    assert without_values(said, {"税号"}) == 'The value … for field "税号" is wrong'
