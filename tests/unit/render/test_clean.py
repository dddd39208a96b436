"""Each sink has its own cleaner: what is dangerous there is visible, what is harmless stays."""

import csv as csv_module
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.core.plan import FieldChange
from erpoa_cli.core.report import Answer, Table
from erpoa_cli.render import clean, csv, markdown, terminal
from erpoa_cli.render.layout import Piece, chunks, cut, elide, pad, width
from erpoa_cli.render.mask import Masker
from erpoa_cli.render.table import lines
from erpoa_cli.render.value import plain, shown, sides


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("华信（上海）", "华信（上海）"),
        ("\x1b[2J", "\\e[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("全角　空格\xa0", "全角\\u3000空格\\xa0"),
        ("C:\\temp", "C:\\\\temp"),
        ("👩‍🔧", "👩‍🔧"),
        ("a\u200db", "a\\u200db"),
        ("\U000e0041", "\\U000e0041"),
        ("\ue000", "\\ue000"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 3 + "\\u0301" * 6),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\ud800", "\\ud800"),
    ],
)
def test_terminal(text, expected):
    assert clean.terminal(text) == expected


STEERING = "\n\r\t\x00\x1b\x7f\x9b\u200e\u202e\u2028\u2066\u2069\ufeff"


@given(st.lists(st.one_of(st.characters(), st.sampled_from(STEERING))).map("".join))
def test_terminal_text_is_one_printable_line(text):
    told = clean.terminal(text)
    assert not set(told) & set(STEERING)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in told)


@given(st.text(), st.text())
def test_terminal_text_is_unambiguous(one, other):
    assert one == other or clean.terminal(one) != clean.terminal(other)


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@x", "\t=1", "  =1", "＝1", "\n=1"])
def test_csv_cells_are_no_formulas(text):
    assert clean.csv(text) == "'" + text


def test_csv_leaves_the_rest_alone():
    assert [clean.csv(t) for t in ("", "007", "a=b", "张三", " x")] == ["", "007", "a=b", "张三", " x"]


def test_csv_shows_what_steers_or_reorders():
    steering = [
        chr(n) for n in (*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x202E, 0x2066)
    ]
    for char in steering:
        told = clean.csv(f"甲{char}乙")
        assert char not in told
        assert told.startswith("甲\\")
    assert clean.csv("一\n二\t三\r\n四 👨\u200d👩") == "一\n二\t三\r\n四 👨\u200d👩"
    assert clean.csv("\r=1") == "\\r=1"  # it would write over what stands before it


def test_csv_keeps_null_and_empty_apart_and_numbers_as_they_are():
    table = Table(("a", "b", "c"), ((None, "", Decimal("-12345678901234567890.10")), ("=x", 'q"', "多\n行")))
    rows = list(csv_module.reader(io.StringIO(csv.document(Answer(tables=(table,))))))
    assert rows == [["a", "b", "c"], ["NULL", "", "-12345678901234567890.10"], ["'=x", 'q"', "多\n行"]]


@pytest.mark.parametrize(
    "text",
    ["<script>", "[x](javascript:y)", "**b**", "| a |", "`c`", "# h", "<!-- -->", "&lt;", "a\n\n# b", "$x$"],
)
def test_markdown_shows_the_text_and_nothing_else(text):
    told = clean.markdown(text)
    assert "\n" not in told
    for char in "<>[]*|`#&$":
        assert told.count(char) == told.count("\\" + char)


def test_markdown_of_a_plan(rich_plan, run_report):
    for report in (rich_plan, run_report):
        told = markdown.document(report)
        assert "\x1b" not in told
        assert "<script>" not in told
        rows = [line for line in told.splitlines() if line.startswith("|")]
        assert rows
    assert "prefix" in markdown.document(rich_plan)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("", '""'),
        (" ", '" "'),
        ("NULL", '"NULL"'),
        ('"', '"\\""'),
        ("0012", '"0012"'),
        (True, "true"),
        (12, "12"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal("-0.00"), "-0.00"),
        (datetime(1899, 12, 31, 23, 59, 59, 1), "1899-12-31 23:59:59.000001"),
        (datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=8))), "2026-01-01 00:00:00Z"),
        ([1, None, "a"], '[1, NULL, "a"]'),
        ({"名": "\x1b"}, '{名: "\\e"}'),
        (b"\x00\xff", "0x00ff"),
    ],
)
def test_values(value, text):
    assert shown(value) == text


def test_plain_values_are_canonical():
    assert plain(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"
    assert json.loads(plain({"a": Decimal("1.10")})) == {"a": "1.10"}


@pytest.mark.parametrize("reveal", ["", "last4", "last9", "length", "nonsense"])
def test_sensitive_values_show_no_more_than_allowed(reveal):
    secret = FieldChange("6222020000000001", "6222020000000002", sensitive=True, reveal=reveal)
    before, after = sides(secret)
    most = {"last4": 4, "last9": 9}.get(reveal, 0)
    for told, value in ((before, "6222020000000001"), (after, "6222020000000002")):
        assert value[: len(value) - most] not in told
        assert all(value[i : i + most + 1] not in told for i in range(len(value) - most))


def test_a_short_sensitive_value_is_not_shown_whole():
    assert "1234" not in "".join(sides(FieldChange("1234", None, sensitive=True, reveal="last4")))


@given(st.text(st.characters(codec="utf-8")), st.integers(1, 40))
def test_pieces_fit_and_lose_nothing(text, cells):
    text = clean.terminal(text)
    assert width(elide(text, cells)) <= cells
    head, tail = cut(text, cells)
    assert head + tail == text
    joined = "".join(chunks(text, max(cells, 2)))
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_width_counts_cells():
    assert width("abc") == 3
    assert width("华信") == 4
    assert pad("华", 4) == "华  "


@pytest.mark.parametrize("cells", [40, 60, 80, 200])
def test_tables_fit(cells):
    table = Table(
        ("名称", "amount", "说明"),
        (("华信精密制造有限公司" * 3, Decimal("1.00"), "说明 " * 30), ("x", 2, None)),
    )
    for text in terminal.plain(lines(table, cells)).splitlines():
        assert width(text) <= cells


def test_every_form_of_a_secret_is_masked():
    import base64
    from urllib.parse import quote, quote_plus

    secret = 'p@ss wörd/"密码"+='
    masker = Masker()
    masker.learn([secret, "abc"])
    forms = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    forms += [base64.b64encode(f"{user}:{secret}".encode()).decode() for user in ("a", "ab", "abc", "管理员")]
    for form in forms:
        told = masker.masked(f"GET https://x/?token={form}&y")
        assert form not in told
        assert "(secret)" in told
    assert (
        masker.masked("abc stays: too short to be told from other text")
        == "abc stays: too short to be told from other text"
    )


@given(st.lists(st.one_of(st.characters(), st.sampled_from(STEERING + "\u200b\U000e0041"))).map("".join))
def test_json_says_the_same_and_steers_nothing(text):
    told = clean.json(json.dumps([text], ensure_ascii=False))
    assert json.loads(told) == json.loads(json.dumps([text]))
    assert not set(told) & set(STEERING)
    assert "\u200b" not in told
    assert "\U000e0041" not in told


def test_headings_are_cleaned():
    """Where they stand side by side, and where they do not."""
    for cells in (100, 8):
        told = terminal.plain(lines(Table(("a\x1b\x9bb", "c\u202e"), (("x" * 40, "y" * 40),)), cells))
        assert "a\\e\\x9bb" in told
        assert "c\\u202e" in told


def test_what_no_cleaner_met_is_harmless_on_its_way_out():
    piece = Piece("a\x1b[2J\x9b\u2028\rb", "title")
    assert terminal.plain([(piece,)]) == "a\\x1b[2J\\x9b\\u2028\\rb\n"
    stream = io.StringIO()
    terminal.write([(piece,)], stream, color=True)
    assert "\x1b[2J" not in stream.getvalue()
