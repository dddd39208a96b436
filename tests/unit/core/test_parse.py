"""Text → declared type in DuckDB, against Python's own int, Decimal, datetime and zoneinfo."""

from __future__ import annotations

import json
import re
import string
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from erpoa_cli.core.moment_format import DIRECTIVES, unknown_directives
from erpoa_cli.core.parse import broken, value
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.engine.relations.load import parsing, trouble
from erpoa_cli.engine.staging import Staging

BAD = object()
STAGING = Staging(None, as_of=datetime(2026, 1, 1, tzinfo=UTC))


def read(field: Field, texts: list[str | None]) -> list[Any]:
    """Each text as its value, None for NULL, BAD for what is held."""
    table = pa.table({"x": pa.array(texts, pa.utf8())})
    rows = STAGING.compare(
        f"SELECT v, {broken('x', field, 'v')} AS b FROM (SELECT x, {value('x', field)} AS v FROM incoming)",
        {"incoming": table},
    ).to_pylist()
    return [BAD if row["b"] else row["v"] for row in rows]


def reads(type_: str, text: str | None, **more: Any) -> Any:
    return read(Field("x", parse_type(type_), **more), [text])[0]


NUMBERS = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,12})?", fullmatch=True),
    st.sampled_from(
        ["", " 1", "1 ", "1e3", "NaN", "inf", "-0", "0x1", "1_000", "１２", "١", "1,000", "--1", "."]
    ),
)


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_integers_are_whole_numbers_of_64_bits_and_nothing_else(texts: list[str]):
    def oracle(text: str) -> Any:
        if not re.fullmatch("[+-]?[0-9]+", text):
            return BAD
        number = int(text)
        return number if -(2**63) <= number < 2**63 else BAD

    assert read(Field("x", parse_type("integer")), list(texts)) == [oracle(t) for t in texts]


@given(
    st.lists(NUMBERS, min_size=1, max_size=20),
    st.sampled_from([(18, 2), (38, 9), (3, 3), (38, 0), (38, 38), (1, 0), (20, 2)]),
)
def test_decimals_keep_every_digit_or_are_held(texts: list[str], size: tuple[int, int]):
    precision, scale = size

    def oracle(text: str) -> Any:
        if not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)", text):
            return BAD
        number = Decimal(text)
        exact = Decimal(int(number.scaleb(scale, context(60)))).scaleb(-scale, context(60))
        return number if exact == number and abs(number) < Decimal(10) ** (precision - scale) else BAD

    assert read(Field("x", parse_type(f"decimal({precision},{scale})")), list(texts)) == [
        oracle(t) for t in texts
    ]


def context(digits: int) -> Any:
    from decimal import Context

    return Context(prec=digits)


def test_twenty_digit_amounts_are_exact():
    assert reads("decimal(38,2)", "12345678901234567890.10") == Decimal("12345678901234567890.10")
    assert reads("decimal(18,2)", "1.505") is BAD  # DuckDB's cast gives 1.51
    assert reads("integer", "1.5") is BAD  # DuckDB's cast gives 2


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%d/%m/%y", "%-d.%-m.%Y"]))
def test_dates_are_iso_dates_that_exist(day: date, pattern: str):
    text = f"{day:%d}" and day.strftime(pattern).zfill(8 if pattern == "%Y%m%d" else 0)
    iso = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
    assert reads("date", text) == (day if iso else BAD)


@pytest.mark.parametrize(
    "text", ["2023-02-29", "0000-01-01", "2024-13-01", "2024-1-5", "2024-01-05 ", "", "今天"]
)
def test_what_is_no_date_is_held(text: str):
    assert reads("date", text) is BAD


def test_a_declared_pattern_reads_dates_and_refuses_what_has_no_room():
    assert reads("date", "2024年02月29日", format="%Y年%m月%d日") == date(2024, 2, 29)
    assert reads("date", "2023年02月29日", format="%Y年%m月%d日") is BAD
    for word in ("infinity", "-infinity", "Infinity ", " EPOCH", "epoch", "now", "today"):
        for type_, pattern in (
            ("date", "%d.%m.%Y"),
            ("timestamp", "%b %d, %Y"),
            ("time", "%H:%M"),
            ("timestamptz", "%Y %z"),
        ):
            assert reads(type_, word, format=pattern) is BAD, (type_, word)
    assert reads("date", "2024-01-05 00:00", format="%Y-%m-%d %H:%M") == date(2024, 1, 5)
    assert reads("date", "2024-01-05 10:00", format="%Y-%m-%d %H:%M") is BAD
    assert reads("timestamptz", "2024-01-05 10:00 +0800", format="%Y-%m-%d %H:%M %z") == datetime(
        2024, 1, 5, 2, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("type_", "text", "how"),
    [
        ("date", "0000-01-01", {"format": "%Y-%m-%d"}),
        ("date", "0000-02-29 00", {"format": "%Y-%m-%d %H"}),
        ("timestamp", "0000-01-01", {"format": "%Y-%m-%d"}),
        ("timestamptz", "0000-01-01", {"format": "%Y-%m-%d"}),
        ("timestamptz", "0000-12-31 23:00", {"format": "%Y-%m-%d %H:%M", "zone": "America/New_York"}),
        ("timestamptz", "0001-01-01 00:00", {"format": "%Y-%m-%d %H:%M", "zone": "Asia/Shanghai"}),
        ("timestamptz", "0001-01-01 00:00:00", {"zone": "Asia/Shanghai"}),
        ("timestamptz", "9999-12-31 23:00:00", {"zone": "America/New_York"}),
        ("timestamptz", "0001-01-01 00:00 +0100", {"format": "%Y-%m-%d %H:%M %z"}),
        ("timestamptz", "9999-12-31 23:59 -0100", {"format": "%Y-%m-%d %H:%M %z"}),
        ("timestamptz", "0001-01-01 00:00:00+01:00", {}),
        ("timestamptz", "9999-12-31 23:59:59-01", {}),
    ],
)
def test_what_no_calendar_has_is_held(type_: str, text: str, how: dict[str, str]):
    assert reads(type_, text, **how) is BAD


OFFSETS = st.one_of(
    st.from_regex(r"[+-][0-9]{2}(:?[0-9]{2})?", fullmatch=True),
    st.sampled_from(
        ["Z", "", "z", "+25:00", "-24:00", "+12:60", "+08:99", "+99:99", "+08:00:99", "+8", "+08:", "UTC"]
    ),
)
DAYS = st.one_of(
    st.dates().map(date.isoformat),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.sampled_from(
        ["0000-01-01", "2026-02-30", "26-02-03", " 2026-02-03", "2026-02-03 ", "2026-2-3", "epoch"]
    ),
)
CLOCKS = st.one_of(
    st.times().map(time.isoformat),
    st.from_regex(r"[0-2][0-9]:[0-6][0-9](:[0-6][0-9])?(\.[0-9]{1,8})?", fullmatch=True),
    st.sampled_from(["24:00", "24:00:00", "23:59:60", "8:00", "08:00:00.", "0800"]),
)
_CLOCK = r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})0*)?)?"


@example([("2026-11-30", "08:00:00", "+08:99"), ("2026-11-30", "08:00:00", "+25:00")])
@given(st.lists(st.tuples(DAYS, CLOCKS, OFFSETS), min_size=1, max_size=20))
def test_what_no_calendar_and_no_clock_has_becomes_no_value(parts: list[tuple[str, str, str]]):
    """Against numbers that are counted by hand: exactly the ISO form of what exists, else held."""

    def day(text: str) -> date | None:
        found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text, re.ASCII)
        year, month, number = map(int, found.groups()) if found else (0, 0, 0)
        last = monthrange(year, month)[1] if year and 1 <= month <= 12 else 0
        return date(year, month, number) if 1 <= number <= last else None

    def clock(text: str) -> time | None:
        found = re.fullmatch(_CLOCK, text, re.ASCII)
        hour, minute, second = (int(n or 0) for n in found.groups()[:3]) if found else (99, 0, 0)
        whole = hour < 24 and minute < 60 and second < 60
        return time(hour, minute, second, int(((found and found[4]) or "").ljust(6, "0"))) if whole else None

    def offset(text: str) -> timedelta | None:
        found = re.fullmatch(r"([+-])(\d\d)(?::?(\d\d))?", text, re.ASCII)
        if text == "Z":
            return timedelta(0)
        if (
            not found or int(found[2]) > 15 or int(found[3] or 0) > 59
        ):  # 15:56 is the furthest that any zone was
            return None
        return timedelta(hours=int(found[2]), minutes=int(found[3] or 0)) * (-1 if found[1] == "-" else 1)

    def moment(text: tuple[str, str, str], *, whole: bool) -> Any:
        at, of = day(text[0]), clock(text[1])
        shift = offset(text[2]) if whole else None if text[2] else timedelta(0)
        if at is None or of is None or shift is None:
            return BAD
        try:
            local = datetime.combine(at, of) - shift
        except OverflowError:
            return BAD
        return local.replace(tzinfo=UTC) if whole else local

    texts = [f"{one}T{two}{three}" for one, two, three in parts]
    assert read(Field("x", parse_type("timestamptz")), list(texts)) == [moment(p, whole=True) for p in parts]
    assert read(Field("x", parse_type("timestamp")), list(texts)) == [moment(p, whole=False) for p in parts]
    assert read(Field("x", parse_type("date")), [p[0] for p in parts]) == [day(p[0]) or BAD for p in parts]
    read_times = read(Field("x", parse_type("time")), [p[1] for p in parts])
    assert read_times == [BAD if (t := clock(p[1])) is None else t for p in parts]


@pytest.mark.parametrize(
    ("type_", "pattern", "sound", "odd"),
    [
        ("date", "%Y-%m-%d", ["2026-02-03", "2026-2-3"], ["26-02-03", " 2026-02-03", "2026-02-03 ", "2026-02-030", "2026-02-30"]),
        ("date", "%Y%m%d", ["20260203"], ["2026203", "2026 0203"]),
        ("date", "%d.%m.%y", ["03.02.26"], ["03.02.2026", "03.02.6"]),
        ("date", "%a %d %b %Y", ["Tue 03 Feb 2026", "tue  3 feb 2026"], ["Mon 03 Feb 2026", "Tue 03 Feb", "Tue03 Feb 2026"]),
        ("date", "%j %Y", ["034 2026", "34 2026"], ["366 2026", "000 2026"]),
        ("date", "%G-W%V-%u", ["2026-W06-2"], ["2026-W54-1", "2025-W53-1", "2026-W6-8"]),
        ("time", "%I:%M %p", ["03:30 PM", "3:30 pm"], ["15:30 PM", "03:60 PM"]),
        ("time", "%H:%M", ["00:00", "23:59"], ["24:00", "23:60"]),
        ("timestamp", "%d/%m/%Y %H:%M:%S.%f", ["03/02/2026 04:05:06.5"], ["03/02/2026 04:05:60.5", "03/02/2026 04:05:06.1234567"]),
        ("timestamptz", "%d.%m.%Y %H:%M %z", ["03.02.2026 04:05 +0800"], ["03.02.2026 04:05 +2500", "03.02.2026 04:05 +0860", "03.02.2026 04:05 +8"]),
        ("timestamptz", "%a, %d %b %Y %H:%M %z", ["Tue, 03 Feb 2026 00:05 +0800"], ["Mon, 03 Feb 2026 00:05 +0800"]),
        ("timestamptz", "%d.%m.%Y %H:%M %Z", ["03.02.2026 04:05 Asia/Shanghai"], ["03.02.2026 04:05 CST", "03.02.2026 04:05 +08"]),
    ],
)  # fmt: skip
def test_a_text_is_exactly_what_its_format_says(type_: str, pattern: str, sound: list[str], odd: list[str]):
    """A leading zero may be missing where nothing follows at once, and letters may be small; all else is held."""
    one, *others = read(Field("x", parse_type(type_), format=pattern), list(sound))
    assert one is not BAD
    assert all(other == one for other in others) or type_ == "time"
    assert read(Field("x", parse_type(type_), format=pattern), list(odd)) == [BAD] * len(odd)


def test_an_object_with_a_key_twice_is_no_json():
    for text in (
        '{"a": 1, "a": 2}',
        ' {"a": 1, "\\u0061": 1}',
        '[{"a": 1, "a": 1}]',
        '{"a": [[{"b": {"c": 1, "d": 2, "c": 3}}]]}',
    ):
        assert reads("json", text) is BAD, text
        assert reads("list<json>", f"[{text}]") is BAD, text
    assert reads("json", '{"a": [1, ], "b": 1}') is BAD
    assert reads("struct<a: integer>", '{"a": 1, "a": 1}') is BAD
    for text in (
        '{"a": 1, "A": 2}',
        '[{"a": 1}, {"a": 1}]',
        '{"a": {"a": {"a": ", ]:::{"}}}',
        '"a:b:c"',
        '["nan", "b"]',
    ):
        assert json.loads(reads("json", text)) == json.loads(text), text


def test_the_ends_of_the_calendar_are_read():
    assert reads("date", "0001-01-01", format="%Y-%m-%d") == date(1, 1, 1)
    assert reads("date", "9999-12-31", format="%Y-%m-%d") == date(9999, 12, 31)
    assert reads("timestamp", "9999-12-31 23", format="%Y-%m-%d %H") == datetime(9999, 12, 31, 23)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert reads("timestamptz", "9999-12-31 23:59:59Z") == last
    assert reads("timestamptz", "9999-12-31 23:59:59", format="%Y-%m-%d %H:%M:%S") == last
    assert reads("timestamptz", "0001-01-01 01:00:00+01") == datetime(1, 1, 1, tzinfo=UTC)


def test_the_directives_are_those_that_duckdb_knows():
    known = set()
    for directive in (dash + letter for dash in ("", "-") for letter in string.printable if letter != "'"):
        try:
            duckdb.sql(f"SELECT try_strptime('x', '%{directive}')").fetchall()
        except duckdb.InvalidInputException:
            continue
        known.add(f"%{directive}")
    assert known == set(DIRECTIVES)
    assert unknown_directives("%Y-%m-%d %-H 100%% %s %Q%") == ("%s", "%Q", "%")
    assert unknown_directives("no date %%s") == ()


@pytest.mark.parametrize("second", ["", ":07", ":07.1", ":07.123456", ":07.12345600"])
@pytest.mark.parametrize("between", ["T", " "])
@pytest.mark.parametrize("offset", ["Z", "+08", "+0800", "+08:00", "-05:30", "-0530", "+00"])
def test_instants_have_their_offset(second: str, between: str, offset: str):
    text = f"1899-12-31{between}23:59{second}{offset}"
    plain = f"1899-12-31T23:59{second or ':00'}".replace("12345600", "123456").replace(".1", ".1")
    moment = datetime.fromisoformat(_six_digits(plain))
    shift = offset.replace(":", "")
    away = timedelta()
    if shift != "Z":
        away = timedelta(hours=int(shift[1:3]), minutes=int(shift[3:5] or 0)) * (-1 if shift[0] == "-" else 1)
    assert reads("timestamptz", text) == (moment - away).replace(tzinfo=UTC)
    assert reads("timestamp", text) is BAD  # local time has no offset
    assert reads("timestamp", text.removesuffix(offset)) == moment
    assert reads("timestamptz", text.removesuffix(offset)) is BAD


def _six_digits(text: str) -> str:
    head, dot, fraction = text.partition(".")
    return f"{head}.{fraction.ljust(6, '0')}" if dot else text


def test_more_than_microseconds_are_held():
    assert reads("timestamp", "2024-01-01 00:00:00.1234567") is BAD


ZONES = ["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]


@given(
    st.datetimes(datetime(1985, 1, 1), datetime(2037, 1, 1)).map(lambda d: d.replace(microsecond=0)),
    st.sampled_from(ZONES),
)
def test_local_times_exist_once(local: datetime, zone: str):
    assert reads("timestamptz", local.isoformat(sep=" "), zone=zone) == _instant(local, zone)


@pytest.mark.parametrize(
    ("local", "zone"),
    [
        (datetime(1986, 5, 4, 2, 30), "Asia/Shanghai"),  # clocks went forward at 2
        (datetime(1986, 9, 14, 1, 30), "Asia/Shanghai"),  # … and back
        (datetime(2024, 3, 10, 2, 30), "America/New_York"),
        (datetime(2024, 11, 3, 1, 30), "America/New_York"),
        (datetime(2024, 4, 7, 1, 45), "Australia/Lord_Howe"),  # half an hour
        (datetime(2011, 12, 30, 12), "Pacific/Apia"),  # a day that never was
    ],
)
def test_local_times_that_never_were_or_were_twice_are_held(local: datetime, zone: str):
    assert _instant(local, zone) is BAD
    assert reads("timestamptz", local.isoformat(sep=" "), zone=zone) is BAD


def _instant(local: datetime, zone: str) -> Any:
    instants = {local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    real = [i for i in instants if i.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local]
    return real[0] if len(real) == 1 else BAD


@pytest.mark.parametrize(
    ("text", "meant"),
    [("0", False), ("1", True), ("TRUE", True), ("false", False), ("t", True), ("F", False)]
    + [(text, BAD) for text in ("", "yes", "2", "是", " 1", "NULL")],
)
def test_booleans(text: str, meant: Any):
    assert reads("boolean", text) is meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"单价": 1.10}', '{"单价": 1.10}'),
        ('{"a":NaN}', BAD),
        ('{"a":-Infinity}', BAD),
        ('{"name":"Nan\\"Infinity"}', '{"name":"Nan\\"Infinity"}'),
        ("{", BAD),
        ("", BAD),
        ("null", "null"),
    ],
)
def test_json_is_json(text: str, meant: Any):
    assert reads("json", text) == meant


def test_bytes_are_hexadecimal():
    assert reads("bytes", "00fF") == b"\x00\xff"
    assert [reads("bytes", t) for t in ("0", "zz", "0x00")] == [BAD, BAD, BAD]


LINES = "list<struct<no: integer, qty: decimal(9,3), day: date>>"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[]", []),
        (
            '[{"no": 1, "qty": "1.5", "day": "2024-02-29"}, {"no": 2, "qty": 2.250, "day": null}]',
            [
                {"no": 1, "qty": Decimal("1.500"), "day": date(2024, 2, 29)},
                {"no": 2, "qty": Decimal("2.250"), "day": None},
            ],
        ),
        ('[{"no": 1.5, "qty": 1, "day": null}]', BAD),
        ('[{"no": 1, "qty": 0.1234567890123456789, "day": null}]', BAD),
        ('[{"no": 1, "qty": "1.2345", "day": null}]', BAD),
        ('[{"no": 1}]', BAD),
        ("{}", BAD),
        ("[1]", BAD),
        ("x", BAD),
    ],
)
def test_lists_of_structs_are_exact_to_the_leaf(text: str, meant: Any):
    assert reads(LINES, text) == meant


def test_fields_may_be_called_like_anything():
    fields = [Field(n, parse_type(LINES)) for n in ("x0", "n", "t", "?x", "a.b", 'quo"te', "select", "名称")]
    text = '[{"no": 1, "qty": "1.5", "day": null}]'
    table = pa.table({f.name: pa.array([text]) for f in fields})
    row = STAGING.compare(parsing(table.schema, fields), {"incoming": table}).to_pylist()[0]
    assert row == {f.name: [{"no": 1, "qty": Decimal("1.500"), "day": None}] for f in fields} | {
        trouble(fields): None
    }


def test_a_name_of_theirs_never_meets_ours():
    """The name within is longer than that of any field."""
    names = ("v", "?v", "?", "0", "?0", "?1", "_0")
    fields = [Field(n, parse_type("integer")) for n in names]
    table = pa.table({n: pa.array([str(at)]) for at, n in enumerate(names)})
    row = STAGING.compare(parsing(table.schema, fields), {"incoming": table}).to_pylist()[0]
    assert row == {n: at for at, n in enumerate(names)} | {trouble(fields): None}


def test_nulls_and_empty_and_blank_are_told_apart():
    field = Field("x", parse_type("string"), nulls=("", "null"))
    assert read(field, ["", "null", " ", "NULL", None, "x"]) == [None, None, " ", "NULL", None, "x"]
    assert reads("string", "") == ""
    number = Field("x", parse_type("integer"), nulls=("", "无"))
    assert read(number, ["", "无", "7", "null"]) == [None, None, 7, BAD]


def test_hostile_text_stays_text():
    texts = [
        "'; DROP TABLE x; --",
        "供应商\u202e\u2066",
        "\x1b[31m",
        "😀",
        "0012",
        "a\nb",
        '"',
        "\\",
        "%s",
        "{{ x }}",
    ]
    assert read(Field("x", parse_type("string"), nulls=("'; --",)), [*texts]) == texts
