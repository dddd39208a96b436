"""Every type that MySQL has and others have not: read exactly, or refused; written exactly, or rejected."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from erpoa_mysql.encode import unfit_json

from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.meaning import Unparsed, meaning
from tests.unit.connectors.asking import Writer, outcomes, read, told

LONGEST = "9" * 35 + "." + "9" * 30

# native type, value as the server's literal, declared type, what arrives (text: what the engine parses), whether it parses
READ = [
    ("bigint", "-9223372036854775808", "integer", -(2**63), True),
    ("tinyint", "-128", "integer", -128, True),
    ("int zerofill", "7", "integer", 7, True),
    ("int(5) zerofill", "7", "string", "00007", True),
    ("bigint", "9223372036854775807", "decimal(19,0)", "9223372036854775807", True),
    ("bigint", "9223372036854775807", "decimal(20,0)", Decimal(2**63 - 1), True),
    ("bigint", "9223372036854775807", "string", "9223372036854775807", True),
    ("bigint unsigned", "18446744073709551615", "decimal(20,0)", Decimal(2**64 - 1), True),
    ("bigint unsigned", "18446744073709551615", "integer", "18446744073709551615", True),
    ("int unsigned", "4294967295", "integer", 2**32 - 1, True),
    ("tinyint(1)", "1", "boolean", True, True),
    ("tinyint(1)", "0", "boolean", False, True),
    ("tinyint(1)", "2", "boolean", "2", False),
    ("tinyint(1)", "-1", "integer", -1, True),
    ("bit(1)", "b'1'", "boolean", True, True),
    ("bit(8)", "b'11111110'", "integer", 254, True),
    ("bit(63)", f"b'{'1' * 63}'", "integer", 2**63 - 1, True),
    ("bit(64)", f"b'{'1' * 64}'", "decimal(20,0)", Decimal(2**64 - 1), True),
    ("bit(64)", f"b'{'1' * 64}'", "string", str(2**64 - 1), True),
    ("year", "2155", "integer", 2155, True),
    ("year", "0", "integer", 0, True),
    ("year", "0", "string", "0000", True),
    ("decimal(20,0)", "12345678901234567890", "decimal(20,0)", Decimal(12345678901234567890), True),
    ("decimal(20,0)", "12345678901234567890", "integer", "12345678901234567890", True),
    ("decimal(38,9)", "-12345678901234567890123456789.123456789", "decimal(38,9)",
     Decimal("-12345678901234567890123456789.123456789"), True),
    ("decimal(38,18)", "-0.000000000000000001", "decimal(38,18)", Decimal("-0.000000000000000001"), True),
    ("decimal(18,2)", "-9999999999999999.99", "decimal(20,4)", Decimal("-9999999999999999.9900"), True),
    ("decimal(18,2)", "1.10", "decimal(18,1)", "1.10", True),  # 1.1 it is; 1.11 would not parse
    ("decimal(65,30)", LONGEST, "string", LONGEST, True),
    ("decimal(65,30)", "1.5", "decimal(38,9)", "1.500000000000000000000000000000", True),
    ("double", "0.1", "decimal(15,6)", "0.1", True),
    ("double", "0.1e0 + 0.2e0", "decimal(15,6)",
     "0.30000000000000004 (a floating-point number, not an exact decimal)", False),
    ("double", "1e20", "decimal(38,2)", "100000000000000000000", True),
    ("double", "-1e-7", "decimal(15,9)", "-0.0000001", True),
    ("double", "1e300", "string", "1e300", True),
    ("double(10,2)", "0.15", "decimal(15,6)", "0.15", True),
    ("float", "0.1", "decimal(15,6)", "0.1", True),
    ("float", "123456.7", "decimal(15,6)", "123456.703125", True),  # what it is; the server tells 123457
    ("float", "16777216", "decimal(15,6)", "16777216", True),
    ("float", "1e-10", "decimal(38,12)", "0.0000000001", True),
    ("float", "0.123456789", "decimal(15,6)",
     "0.12345679104328156 (a floating-point number, not an exact decimal)", False),
    ("date", "'1000-01-01'", "date", date(1000, 1, 1), True),
    ("date", "'0001-01-01'", "date", date(1, 1, 1), True),
    ("date", "'9999-12-31'", "date", date(9999, 12, 31), True),
    ("date", "'0000-00-00'", "date", "0000-00-00", False),
    ("date", "'2024-00-00'", "date", "2024-00-00", False),
    ("date", "'2024-02-00'", "date", "2024-02-00", False),
    ("date", "'0000-02-01'", "date", "0000-02-01", False),
    ("date", "'2023-02-29'", "date", "2023-02-29", False),  # ALLOW_INVALID_DATES
    ("date", "'0000-00-00'", "string", "0000-00-00", True),
    ("datetime(6)", "'1899-12-31 23:59:59.999999'", "timestamp", datetime(1899, 12, 31, 23, 59, 59, 999999), True),
    ("datetime(6)", "'9999-12-31 23:59:59.999999'", "timestamp", datetime(9999, 12, 31, 23, 59, 59, 999999), True),
    ("datetime(3)", "'2024-02-29 01:02:03.004'", "timestamp", datetime(2024, 2, 29, 1, 2, 3, 4000), True),
    ("datetime", "'2024-03-31 02:30:00'", "timestamp", datetime(2024, 3, 31, 2, 30), True),  # no such time in Berlin
    ("datetime", "'0000-00-00 00:00:00'", "timestamp", "0000-00-00 00:00:00", False),
    ("datetime", "'2024-00-01 00:00:00'", "timestamp", "2024-00-01 00:00:00", False),
    ("datetime", "'2024-02-29 00:00:00'", "timestamptz", "2024-02-29 00:00:00", True),  # the source tells the zone
    ("timestamp(6)", "'2024-03-31 01:30:00.000001'", "timestamptz", datetime(2024, 3, 31, 1, 30, 0, 1, tzinfo=UTC), True),
    ("timestamp", "'1970-01-01 00:00:01'", "timestamptz", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), True),
    ("timestamp", "'2038-01-19 03:14:07'", "timestamptz", datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC), True),
    ("timestamp", "'0000-00-00 00:00:00'", "timestamptz", "0000-00-00 00:00:00", False),
    ("time(6)", "'23:59:59.999999'", "time", time(23, 59, 59, 999999), True),
    ("time", "'00:00:00'", "time", time(0, 0), True),
    ("time", "'24:00:00'", "time", "24:00:00", False),
    ("time", "'838:59:59'", "time", "838:59:59", False),
    ("time(6)", "'-00:00:00.000001'", "time", "-00:00:00.000001", False),
    ("time", "'-838:59:59'", "string", "-838:59:59", True),
    ("char(5)", "'ab  '", "string", "ab", True),
    ("varchar(9)", "'ab  '", "string", "ab  ", True),
    ("varchar(3)", "'é😀名'", "string", "é😀名", True),
    ("varchar(3) CHARACTER SET latin1", "'é€Ø'", "string", "é€Ø", True),
    ("varchar(3) CHARACTER SET gbk", "'华信精'", "string", "华信精", True),
    ("varchar(3) CHARACTER SET utf8mb3", "'华信精'", "string", "华信精", True),
    ("varchar(3) CHARACTER SET utf16", "'é😀名'", "string", "é😀名", True),
    ("text", "''", "string", "", True),
    ("longtext", "repeat('名', 100000)", "string", "名" * 100000, True),
    ("enum('a','froh 😀','')", "'froh 😀'", "string", "froh 😀", True),
    ("set('a','b','c')", "'c,a'", "string", "a,c", True),
    ("binary(4)", "X'00ff'", "bytes", b"\x00\xff\x00\x00", True),
    ("varbinary(4)", "X'00ff'", "bytes", b"\x00\xff", True),
    ("longblob", "X'00ff'", "string", "00ff", True),
    ("mediumblob", "''", "bytes", b"", True),
    ("json", """'{"b": 1.10,  "a": 1e5}'""", "json", '{"b": 1.10,  "a": 1e5}', True),
    ("json", """'{"b": 1.10}'""", "string", '{"b": 1.10}', True),
    ("longtext", """'{"b": 1.10}'""", "json", '{"b": 1.10}', True),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", True),
    ("inet6", "'2001:DB8::1'", "string", "2001:db8::1", True),
    ("point", "ST_GeomFromText('POINT(1 2)')", "string", "000000000101000000000000000000f03f0000000000000040", True),
]  # fmt: skip
SLACK = "SET sql_mode = 'ALLOW_INVALID_DATES'"  # as servers of old have it


@pytest.mark.parametrize(("native", "literal", "type_", "arrives", "parses"), READ)
def test_a_value_is_read_exactly_or_as_words_that_no_type_parses(
    server, config, session, native, literal, type_, arrives, parses
):
    server.execute(SLACK, f"CREATE TABLE t (id int PRIMARY KEY, v {native} NULL)",
                   f"INSERT INTO t VALUES (1, {literal}), (2, NULL)", config=config)  # fmt: skip
    rows, verdict = read(session, "t", id="integer", v=type_)
    assert verdict.status == "complete", verdict
    assert sorted(rows, key=lambda r: r["id"]) == [{"id": 1, "v": arrives}, {"id": 2, "v": None}]
    if isinstance(arrives, str):
        assert isinstance(meaning(arrives, parse_type(type_)), Unparsed) is not parses


def test_one_odd_value_does_not_spoil_the_other_columns(server, config, session):
    server.execute(
        SLACK,
        "CREATE TABLE t (id int PRIMARY KEY, a date, b date, c tinyint(1), d time)",
        "INSERT INTO t VALUES (1, '0000-00-00', '2024-01-01', 1, '01:00'), (2, '2024-01-02', NULL, 7, '02:00')",
        config=config,
    )
    request = ReadRequest(object="t", fields=tuple(
        Field(n, parse_type(t)) for n, t in {"a": "date", "b": "date", "c": "boolean", "d": "time"}.items()
    ))  # fmt: skip
    reading = session.read(request)
    assert reading.schema.types == [pa.utf8(), pa.date32(), pa.utf8(), pa.time64("us")]
    assert sum(batch.num_rows for batch in reading) == 2


def test_discovery_tells_the_types(server, config, session):
    server.execute(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, a tinyint(1), b tinyint, c bigint unsigned, d bit(1), e bit(9), "
        "f bit(64), g year, h decimal(9,2), i decimal(40,2), j char(3), k enum('x'), l set('x'), m json, n timestamp NULL, "
        "o datetime(3), p time, q varbinary(9), r longtext, s float, t uuid, "
        "u int INVISIBLE DEFAULT 3, v int AS (b * 2) STORED, w int AS (b + 1), x timestamp NOT NULL DEFAULT current_timestamp)",
        "INSERT INTO t (i) VALUES (1.25), (12345.5)",
        config=config,
    )
    (info,) = session.objects(["t"])
    found = {f.name: str(f.type) if f.type else f.refused for f in info.fields}
    assert found.pop("i") == "decimal(40,2) is beyond 38 digits: declare decimal(18,2), or string"
    assert found.pop("s").startswith("is a floating-point number: declare decimal(15,6)")
    assert found == {
        "id": "integer", "a": "boolean", "b": "integer", "c": "decimal(20,0)", "d": "boolean", "e": "integer",
        "f": "decimal(20,0)", "g": "integer", "h": "decimal(9,2)", "j": "string", "k": "string", "l": "string", "m": "json",
        "n": "timestamptz", "o": "timestamp", "p": "time", "q": "bytes", "r": "string", "t": "string", "u": "integer",
        "v": "integer", "w": "integer", "x": "timestamptz",
    }  # fmt: skip
    assert [f.name for f in info.fields if not f.writable] == ["v", "w"]
    assert [f.name for f in info.fields if f.generated] == ["id", "u", "x"]
    assert next(f.sample for f in info.fields if f.name == "i") == "1.25"


def test_a_query_is_typed_by_its_answer(server, config, session):
    server.execute(
        SLACK,
        "CREATE TABLE t (id int PRIMARY KEY, a decimal(12,3), b tinyint(1), c bigint unsigned, d datetime(6), e blob, "
        "f bit(9), g date)",
        "INSERT INTO t VALUES (1, 1.5, 1, 18446744073709551615, '2024-02-29 01:02:03', X'00ff', b'101', '0000-00-00')",
        config=config,
    )
    types = {"id": "integer", "a": "decimal(12,3)", "b": "boolean", "c": "decimal(20,0)", "d": "timestamp", "e": "bytes",
             "f": "integer", "g": "date", "h": "string", "i": "decimal(15,2)"}  # fmt: skip
    fields = tuple(Field(n, parse_type(t)) for n, t in types.items())
    query = 'SELECT t.*, concat("%", "名") AS h, a * 2 AS i FROM t -- a remark'
    rows, verdict = told(session.read(ReadRequest(object="", query=query, fields=fields)))
    assert verdict.status == "complete", verdict
    assert rows == [
        {"id": 1, "a": Decimal("1.500"), "b": True, "c": Decimal(2**64 - 1), "d": datetime(2024, 2, 29, 1, 2, 3),
         "e": b"\x00\xff", "f": 5, "g": "0000-00-00", "h": "%名", "i": "3.000"}
    ]  # fmt: skip


# native type, declared type, value, what is stored as text: None when it must be rejected
WRITTEN = [
    ("int", "integer", 2**31 - 1, "2147483647"),
    ("int", "integer", 2**31, None),
    ("int unsigned", "integer", -1, None),
    ("bigint unsigned", "decimal(20,0)", Decimal(2**64 - 1), "18446744073709551615"),
    ("int", "decimal(9,2)", Decimal("7.00"), "7"),
    ("int", "decimal(9,2)", Decimal("7.50"), None),
    ("tinyint(1)", "boolean", True, "1"),
    ("tinyint(1)", "integer", 7, "7"),
    ("tinyint(1)", "integer", 700, None),
    ("bit(1)", "boolean", False, "0"),
    ("bit(3)", "integer", 7, "7"),
    ("bit(3)", "integer", 8, None),
    ("bit(64)", "integer", -1, None),
    ("bit(64)", "decimal(20,0)", Decimal(2**64 - 1), "18446744073709551615"),
    ("year", "integer", 2024, "2024"),
    ("year", "integer", 24, None),  # it would become 2024
    ("year", "integer", 1900, None),
    ("decimal(9,2)", "decimal(18,4)", Decimal("1.2500"), "1.25"),
    ("decimal(9,2)", "decimal(18,4)", Decimal("1.2501"), None),  # MySQL would round it and only note so
    ("decimal(9,2)", "decimal(18,2)", Decimal("12345678.00"), None),
    ("decimal(38,9)", "decimal(38,9)", Decimal("0.000000001"), "0.000000001"),
    ("decimal(65,30)", "decimal(38,9)", Decimal("12345678901234567890123456789.123456789"),
     "12345678901234567890123456789.123456789000000000000000000000"),
    ("double", "decimal(15,6)", Decimal("0.100000"), "0.1"),
    ("double", "decimal(38,9)", Decimal("12345678901234567890.123456789"), None),
    ("double", "integer", 2**53 + 1, None),
    ("double", "integer", -(2**63), None),
    ("double(10,2)", "decimal(15,6)", Decimal("0.125000"), None),
    ("float", "decimal(15,6)", Decimal("0.100000"), "0.1"),
    ("float", "decimal(15,6)", Decimal("123456.789000"), None),
    ("float", "integer", 16777217, None),
    ("varchar(3)", "string", "abc", "abc"),
    ("varchar(3)", "string", "abc ", None),  # the server would cut the blank and only note so
    ("varchar(3)", "string", "名称名", "名称名"),
    ("varchar(3)", "string", "名称名称", None),
    ("tinytext", "string", "名" * 85, "名" * 85),
    ("tinytext", "string", "名" * 86, None),
    ("char(3)", "string", "ab", "ab"),
    ("char(3)", "string", "ab ", None),
    ("char(3)", "string", "abcd", None),
    ("text", "string", "x\0y", "x\0y"),
    ("text", "string", "𠮷😀\\N\t\n\r\"'%s", "𠮷😀\\N\t\n\r\"'%s"),
    ("text CHARACTER SET utf8mb3", "string", "名😀", None),
    ("text CHARACTER SET utf8mb3", "string", "名", "名"),
    ("text CHARACTER SET latin1", "string", "é€", "é€"),
    ("text CHARACTER SET latin1", "string", "名", None),
    ("text CHARACTER SET gbk", "string", "华信", "华信"),
    ("text CHARACTER SET gbk", "string", "é😀", None),
    ("text", "decimal(9,2)", Decimal("-0.10"), "-0.10"),
    ("text", "timestamp", datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03.000000"),
    ("text", "timestamptz", datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC), "2024-02-29T01:02:03.000004Z"),
    ("text", "date", date(1, 1, 1), "0001-01-01"),
    ("text", "time", time(1, 2, 3), "01:02:03.000000"),
    ("text", "boolean", True, "true"),
    ("text", "list<string>", ["a", None, 'q"\\'], '["a",null,"q\\"\\\\"]'),
    ("text", "bytes", b"\x00\xff", "00ff"),
    ("enum('a','b')", "string", "b", "b"),
    ("enum('a','b')", "string", "c", None),
    ("enum('a','b')", "string", "B", None),
    ("enum('a','b')", "string", "1", None),  # a number would choose by position
    ("enum('a','b')", "string", "", None),
    ("enum('a','')", "string", "", ""),
    ("set('a','b')", "string", "a,b", "a,b"),
    ("set('a','b')", "string", "b,a", None),
    ("set('a','b')", "string", "a,x", None),
    ("set('a','b')", "string", "", ""),
    ("datetime", "timestamp", datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
    ("datetime", "timestamp", datetime(2024, 2, 29, 1, 2, 3, 4), None),
    ("datetime(3)", "timestamp", datetime(2024, 2, 29, 1, 2, 3, 4000), "2024-02-29 01:02:03.004"),
    ("datetime(6)", "timestamp", datetime(1, 1, 1), "0001-01-01 00:00:00.000000"),
    ("datetime(6)", "timestamp", datetime(2024, 3, 31, 2, 30), "2024-03-31 02:30:00.000000"),
    ("datetime(6)", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC), None),  # whose local time would it be?
    ("timestamp(6) NULL", "timestamptz", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "2024-03-31 01:30:00.000000"),
    ("timestamp NULL", "timestamptz", datetime(2024, 3, 31, 1, 30, 0, 1, tzinfo=UTC), None),
    ("timestamp(6) NULL", "timestamptz", datetime(1969, 12, 31, tzinfo=UTC), None),
    ("timestamp(6) NULL", "timestamptz", datetime(1970, 1, 1, tzinfo=UTC), None),
    ("timestamp(6) NULL", "timestamptz", datetime(9999, 1, 1, tzinfo=UTC), None),
    ("date", "timestamp", datetime(2024, 2, 29, 1), None),
    ("date", "date", date(1, 1, 1), "0001-01-01"),
    ("date", "date", date(9999, 12, 31), "9999-12-31"),
    ("date", "string", "2024-02-29", "2024-02-29"),
    ("date", "string", "2023-02-29", None),
    ("date", "string", "0000-00-00", None),
    ("date", "string", "24-2-29", None),
    ("time", "time", time(23, 59, 59), "23:59:59"),
    ("time", "time", time(23, 59, 59, 1), None),
    ("time", "string", "838:59:59", "838:59:59"),
    ("time", "string", "900:00:00", None),
    ("bigint", "string", "42", "42"),
    ("bigint", "string", "007", None),
    ("bigint", "string", "4x", None),
    ("json", "json", '{"b": 1.10,  "a":12345678901234567890.12}', '{"b": 1.10,  "a":12345678901234567890.12}'),
    ("json", "json", "no json", None),
    ("json", "list<integer>", [1, None], "[1,null]"),
    ("varbinary(3)", "bytes", b"\x00\\\n", "\x00\\\n"),
    ("varbinary(3)", "bytes", b"abcd", None),
    ("binary(3)", "bytes", b"abc", "abc"),
    ("binary(3)", "bytes", b"ab", None),
    ("blob", "string", "6162", "ab"),
    ("blob", "string", "xyz", None),
    ("uuid", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("uuid", "string", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", None),
    ("uuid", "string", "no uuid", None),
    ("inet6", "string", "2001:db8::1", "2001:db8::1"),
]  # fmt: skip


@pytest.mark.parametrize("by_stream", [True, False], ids=["stream", "insert"])
@pytest.mark.parametrize(("native", "type_", "value", "stored"), WRITTEN)
def test_a_value_is_written_exactly_or_rejected_alone(
    server, config, session, native, type_, value, stored, by_stream
):
    server.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {native})", config=config)
    session._db.takes_streams = by_stream
    writer = Writer(session, "t", id="integer", v=type_)
    answers = writer.create([{"id": 1, "v": None}, {"id": 2, "v": value}, {"id": 3, "v": None}])
    expected = "rejected" if stored is None else "applied"
    assert outcomes(answers) == ["applied", expected, "applied"], answers
    shown = "v + 0" if native.startswith("bit") else "v"
    found = dict(server.execute(f"SELECT id, cast({shown} AS char) FROM t", config=config))
    assert found == {1: None, 3: None, **({2: stored} if stored is not None else {})}
    if stored is None:
        assert answers[1]["error"]
        return
    # what was written is recognised as unchanged, whatever its spelling
    assert outcomes(writer.update([{"id": 2}], [{"v": None}], [{"id": 2, "v": None}])) == ["stale"]
    assert outcomes(writer.update([{"id": 2}], [{"v": value}], [{"id": 2, "v": value}])) == ["applied"]
    assert outcomes(writer.delete([{"id": 2}], [{"id": 2, "v": value}])) == ["applied"]


@pytest.mark.parametrize(
    ("native", "stored", "type_", "was"),
    [
        ("text", "abc", "decimal(9,2)", Decimal("1.00")),
        ("text", "abc", "decimal(9,2)", Decimal("0.00")),
        ("text", "1.00x", "decimal(9,2)", Decimal("1.00")),
        ("text", "1.00\n", "decimal(9,2)", Decimal("1.00")),
        ("text", "abc", "decimal(9,2)", None),
        ("text", "9" * 60, "decimal(38,0)", Decimal("9" * 38)),
        ("text", "2024-02-31", "date", date(2024, 3, 2)),
        ("text", "2024-02-31", "date", None),
        ("text", "2023-02-29 00:00", "timestamp", None),
        ("text", "2024-02-29t00:00", "timestamp", datetime(2024, 2, 29)),
        ("text", "25:00", "time", None),
        ("text", "maybe", "boolean", None),
        ("text", "true ", "boolean", True),
        ("tinyint(1)", "2", "boolean", True),
        ("double", "0.30000000000000004", "decimal(15,1)", Decimal("0.3")),
        ("date", "0000-00-00", "date", None),
        ("date", "0000-00-00", "date", date(1, 1, 1)),
        ("datetime", "0000-00-00 00:00:00", "timestamp", None),
        ("time", "24:00:00", "time", time(0, 0)),
        ("year", "2024", "integer", 24),
        ("text", "Old", "string", "old"),
        ("varchar(9) COLLATE utf8mb4_unicode_ci", "Old", "string", "old"),
        ("varchar(9)", "old ", "string", "old"),
        ("varchar(9)", "old", "string", "old "),
        ("char(5)", "old", "string", "old "),
        ("varchar(9) CHARACTER SET latin1", "Old", "string", "old"),
        ("enum('old','Old2')", "old", "string", "OLD"),
        ("text", "", "string", None),
        ("text", "", "string", " "),
        ("text", "e\u0301", "string", "é"),
        ("text", "ß", "string", "ss"),
        ("json", '{"a": 1}', "json", '{"a": 2}'),
        ("json", '{"a": 1.10}', "json", '{"a": 1.1}'),
        ("varbinary(9)", "ab", "bytes", b"AB"),
        ("varbinary(9)", "ab", "bytes", b"ab\0"),
    ],
)  # fmt: skip
def test_what_a_row_holds_now_is_never_taken_for_what_it_held(
    server, config, session, native, stored, type_, was
):
    server.execute(
        SLACK,
        f"CREATE TABLE t (id int PRIMARY KEY, v {native})",
        f"INSERT INTO t VALUES (1, '{stored}')",
        config=config,
    )
    writer = Writer(session, "t", id="integer", v=type_)
    answers = writer.update([{"id": 1}], [{"v": None}], [{"v": was}])
    assert outcomes(answers) == ["stale"], answers
    assert outcomes(writer.delete([{"id": 1}], [{"v": was}])) == ["stale"]


@pytest.mark.parametrize(
    ("native", "stored", "type_", "was"),
    [
        ("text", "7.0920", "decimal(9,3)", Decimal("7.092")),
        ("text", "+.5", "decimal(9,3)", Decimal("0.500")),
        ("text", "2024-02-29 08:00:00+08:00", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC)),
        ("text", "2024-02-28T20:30:00.1234560000-0330", "timestamptz", datetime(2024, 2, 29, 0, 0, 0, 123456, UTC)),
        ("text", "2024-02-29T00:00Z", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC)),
        ("text", "2024-02-29 00:00-00", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC)),
        ("text", "2024-02-29T00:00", "timestamp", datetime(2024, 2, 29)),
        ("text", "2024-02-29 00:00:00.10", "timestamp", datetime(2024, 2, 29, 0, 0, 0, 100000)),
        ("text", "T", "boolean", True),
        ("text", "07:00", "time", time(7, 0)),
        ("varchar(10)", "2024-02-29", "date", date(2024, 2, 29)),
        ("date", "2024-02-29", "string", "2024-02-29"),
        ("int(6) zerofill", "7", "integer", 7),
    ],
)  # fmt: skip
def test_another_spelling_of_the_same_value_is_as_planned(
    server, config, session, native, stored, type_, was
):
    server.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, v {native})",
        f"INSERT INTO t VALUES (1, '{stored}')",
        config=config,
    )
    writer = Writer(session, "t", id="integer", v=type_)
    assert outcomes(writer.update([{"id": 1}], [{"v": was}], [{"v": was}])) == ["applied"]
    assert outcomes(writer.delete([{"id": 1}], [{"v": was}])) == ["applied"]


@pytest.mark.parametrize(
    "native",
    [
        "varchar(9)",
        "varchar(9) COLLATE utf8mb4_unicode_ci",
        "varchar(9) COLLATE utf8mb4_bin",
        "varchar(9) CHARACTER SET latin1",
        "char(9)",
        "enum('ab','cd')",
        "varbinary(9)",
    ],
)
def test_keys_are_compared_byte_by_byte(server, config, session, native):
    server.execute(f"CREATE TABLE t (code {native} PRIMARY KEY, v text)", config=config)
    key, other = ("6162", "4142") if native == "varbinary(9)" else ("ab", "AB")
    writer = Writer(session, "t", ("code",), code="string", v="string")
    assert outcomes(writer.create([{"code": key, "v": "1"}], unless=(("code",),))) == ["applied"]
    assert outcomes(writer.update([{"code": other}], [{"v": "2"}])) == ["stale"]
    assert outcomes(writer.create([{"code": key, "v": "1"}], unless=(("code",),))) == ["stale"]
    request = ReadRequest(object="t", fields=(Field("code", parse_type("string")),))
    for asked, count in ((key, 1), (other, 0), (key + " ", 0), ("nul\0", 0), ("名", 0)):
        reading = session.find(request, ("code",), pa.table({"code": [asked]}))
        assert sum(b.num_rows for b in reading) == count, asked
        assert reading.verdict.status == "complete"
        filtered = ReadRequest(object="t", fields=request.fields, filter={"code": asked})
        assert sum(b.num_rows for b in session.read(filtered)) == count, asked
    assert outcomes(writer.update([{"code": key}], [{"v": "2"}])) == ["applied"]


def test_a_key_that_the_collation_takes_for_another_is_a_duplicate(server, config, session):
    server.execute("CREATE TABLE t (code varchar(9) PRIMARY KEY, v text)", config=config)
    writer = Writer(session, "t", ("code",), code="string", v="string")
    rows = [{"code": code, "v": code} for code in ("a", "A", "a ", "b")]
    answers = writer.create(rows, unless=(("code",),))
    assert outcomes(answers) == ["applied", "rejected", "rejected", "applied"]
    assert [a["error_class"] for a in answers[1:3]] == ["duplicate"] * 2
    assert "1062" in answers[1]["error"]


def test_a_filter_takes_no_text_for_a_number(server, config, session):
    server.execute(
        "CREATE TABLE t (id int PRIMARY KEY, s varchar(9), n int, b tinyint(1), d decimal(9,2))",
        "INSERT INTO t VALUES (1, 'abc', 0, 0, 1.50), (2, '7', 7, 1, 7), (3, '7x', 7, 1, 7), (4, NULL, NULL, NULL, NULL)",
        config=config,
    )
    fields = (Field("id", parse_type("integer")),)
    for wanted, ids in (
        ({"s": 0}, []), ({"s": 7}, [2]), ({"n": 7}, [2, 3]), ({"n": "7"}, [2, 3]), ({"n": "7x"}, []), ({"b": True}, [2, 3]),
        ({"b": False}, [1]), ({"s": None}, [4]), ({"s": ["abc", "7x"]}, [1, 3]), ({"s": "ABC"}, []), ({"d": 7}, [2, 3]),
        ({"d": "1.50"}, [1]), ({"s": "' OR 1=1 -- \\"}, []),
    ):  # fmt: skip
        rows, verdict = told(session.read(ReadRequest(object="t", fields=fields, filter=wanted)))
        assert verdict.status == "complete", verdict
        assert sorted(row["id"] for row in rows) == ids, wanted
    assert (
        told(session.read(ReadRequest(object="t", fields=fields, filter={"s": True})))[1].status == "failed"
    )


def test_rows_larger_than_a_packet_of_the_protocol(server, config, session):
    """Longer than 16 MiB: the packets continue each other."""
    server.execute("CREATE TABLE t (id int PRIMARY KEY, a longtext, b longblob)", config=config)
    ((usual,),) = server.execute("SELECT @@global.max_allowed_packet")
    server.execute("SET GLOBAL max_allowed_packet = 1 << 28")
    try:
        server.execute(
            "INSERT INTO t VALUES (1, repeat('x', (1 << 24) - 1), 'b'), (2, repeat('y', 255), repeat('z', 70000)), "
            "(3, repeat('名', 12000000), NULL), (4, '', '')",
            config=config,
        )
        rows, verdict = read(session, "t", id="integer", a="string", b="bytes")
    finally:
        server.execute(f"SET GLOBAL max_allowed_packet = {usual}")
    assert verdict.status == "complete", verdict
    assert {row["id"]: (row["a"], row["b"]) for row in rows} == {
        1: ("x" * ((1 << 24) - 1), b"b"),
        2: ("y" * 255, b"z" * 70000),
        3: ("名" * 12_000_000, None),
        4: ("", b""),
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a":1,"b":[1.5,-2,18446744073709551615],"c":"1.10"}', True),
        ('{"a":1.10}', False),
        ("[18446744073709551616]", False),
        ("-9223372036854775809", False),
        ("1e5", False),
        ("0.1234567890123456789", False),
        ("no json", True),  # the server refuses it
    ],
)
def test_numbers_that_json_of_mysql_would_change(text, kept):
    """MySQL keeps them as integers of 64 bits or as floats (documented; MariaDB keeps the text)."""
    assert unfit_json(pa.array([None, text])) == ({} if kept else {1: "MySQL's json would change a number"})
