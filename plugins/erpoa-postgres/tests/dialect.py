"""What the conformance suite must know of PostgreSQL: its words, its types, and the values that others have not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from erpoa_cli.sdk.conformance import Dialect

# native type, value as PostgreSQL's literal, declared type, what arrives (text: what the engine parses), whether it parses
READ = [
    ("int8", "-9223372036854775808", "integer", -(2**63), True),
    ("int2", "-32768", "integer", -32768, True),
    ("int8", "9223372036854775807", "decimal(19,0)", Decimal(2**63 - 1), True),
    ("int8", "9223372036854775807", "string", "9223372036854775807", True),
    ("numeric(20,0)", "12345678901234567890", "decimal(20,0)", Decimal(12345678901234567890), True),
    ("numeric(20,0)", "12345678901234567890", "integer", "12345678901234567890", True),
    ("numeric(38,9)", "-12345678901234567890123456789.123456789", "decimal(38,9)",
     Decimal("-12345678901234567890123456789.123456789"), True),
    ("numeric(18,9)", "-0.000000001", "decimal(18,9)", Decimal("-0.000000001"), True),
    ("numeric(18,2)", "9999999999999999.99", "decimal(18,2)", Decimal("9999999999999999.99"), True),
    ("numeric(18,2)", "-9999999999999999.99", "decimal(20,4)", Decimal("-9999999999999999.9900"), True),
    ("numeric(18,2)", "1.10", "decimal(18,1)", "1.10", True),  # 1.1 it is; 1.11 would not parse
    ("numeric(18,2)", "NaN", "decimal(18,2)", "NaN", False),
    ("numeric(5,-2)", "1234567", "decimal(7,0)", Decimal(1234600), True),  # rounded by its column
    ("numeric", "1.10", "decimal(18,2)", "1.10", True),
    ("numeric", "12345678901234567890123456789012345678901234567890.5", "decimal(38,9)",
     "12345678901234567890123456789012345678901234567890.5", True),
    ("numeric", "Infinity", "decimal(38,9)", "Infinity", False),
    ("float8", "0.1", "decimal(15,6)", "0.1", True),
    ("float8", "0.1::float8 + 0.2::float8", "decimal(15,6)",
     "0.30000000000000004 (a floating-point number, not an exact decimal)", False),
    ("float8", "1e20", "decimal(38,2)", "100000000000000000000", True),
    ("float8", "1e-7", "decimal(15,9)", "0.0000001", True),
    ("float4", "0.1", "decimal(15,6)", "0.1", True),
    ("float8", "NaN", "decimal(15,6)", "NaN", False),
    ("float8", "-Infinity", "decimal(15,6)", "-Infinity", False),
    ("money", "1234.50", "decimal(19,2)", "1234.50", True),
    ("date", "0001-01-01", "date", date(1, 1, 1), True),
    ("date", "1582-10-10", "date", date(1582, 10, 10), True),
    ("date", "9999-12-31", "date", date(9999, 12, 31), True),
    ("date", "infinity", "date", "infinity", False),
    ("date", "0044-03-15 BC", "date", "0044-03-15 BC", False),
    ("date", "10000-01-01", "date", "10000-01-01", False),
    ("timestamp", "1899-12-31 23:59:59.999999", "timestamp", datetime(1899, 12, 31, 23, 59, 59, 999999), True),
    ("timestamp", "9999-12-31 23:59:59.999999", "timestamp", datetime(9999, 12, 31, 23, 59, 59, 999999), True),
    ("timestamp", "-infinity", "timestamp", "-infinity", False),
    ("timestamp", "0001-01-01 00:00:00 BC", "timestamp", "0001-01-01 00:00:00 BC", False),
    ("timestamp", "2024-03-31 02:30:00", "timestamp", datetime(2024, 3, 31, 2, 30), True),  # no such time in Berlin
    ("timestamptz", "2024-03-31 02:30:00+01", "timestamptz", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), True),
    ("timestamptz", "2024-02-29 08:00+08", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC), True),
    ("timestamptz", "9999-12-31 23:59:59.999999+00", "timestamptz",
     datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), True),
    ("timestamptz", "9999-12-31 23:00-08", "timestamptz", "10000-01-01 07:00:00+00", False),
    ("timestamptz", "infinity", "timestamptz", "infinity", False),
    ("timestamptz", "2024-02-29 08:00+08", "string", "2024-02-29 00:00:00+00", True),
    ("time", "23:59:59.999999", "time", time(23, 59, 59, 999999), True),
    ("time", "24:00:00", "time", "24:00:00", False),
    ("timetz", "12:00:00+08", "string", "12:00:00+08", True),
    ("interval", "1 mon 2 days 03:04:05.000006", "string", "1 mon 2 days 03:04:05.000006", True),
    ("char(5)", "ab", "string", "ab", True),
    ("varchar(3)", "é😀名", "string", "é😀名", True),
    ("text", "", "string", "", True),
    ("name", "x", "string", "x", True),
    ("bit(3)", "101", "string", "101", True),
    ("bool", "true", "boolean", True, True),
    ("bool", "true", "string", "true", True),
    ("bool", "true", "integer", "true", False),
    ("bytea", "\\x00ff", "bytes", b"\x00\xff", True),
    ("bytea", "\\x00ff", "string", "00ff", True),
    ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", True),
    ("mood", "froh 😀", "string", "froh 😀", True),
    ("positive", "7", "integer", 7, True),
    ("code5", "AB", "string", "AB", True),
    ("json", '{"b": 1.10,  "a": 1e5}', "json", '{"b": 1.10,  "a": 1e5}', True),
    ("jsonb", '{"b": 1.10, "a": 12345678901234567890}', "json", '{"a": 12345678901234567890, "b": 1.10}', True),
    ("text[]", '{a,NULL,"","x,y"}', "list<string>", '["a",null,"","x,y"]', True),
    ("int8[]", "{1,NULL}", "list<integer>", '["1",null]', True),
    ("numeric(30,9)[]", "{12345678901234567890.123456789}", "list<decimal(38,9)>",
     '["12345678901234567890.123456789"]', True),
    ("bool[]", "{t,f}", "list<boolean>", '["true","false"]', True),
    ("text[]", "{}", "list<string>", "[]", True),
    ("text[]", "{{a,b},{c,d}}", "list<string>", "{{a,b},{c,d}}", False),
    ("text[]", "[0:1]={a,b}", "list<string>", "[0:1]={a,b}", False),
    ("inet", "10.0.0.1/8", "string", "10.0.0.1/8", True),
    ("int4range", "[1,5)", "string", "[1,5)", True),
    ("xml", "<a>1</a>", "string", "<a>1</a>", True),
]  # fmt: skip

# native type, declared type, value, what is stored as text: None when it must be rejected
WRITTEN = [
    ("int4", "integer", 2**31 - 1, "2147483647"),
    ("int4", "integer", 2**31, None),
    ("int4", "decimal(9,2)", Decimal("7.00"), "7"),
    ("int4", "decimal(9,2)", Decimal("7.50"), None),
    ("numeric(9,2)", "decimal(18,4)", Decimal("1.2500"), "1.25"),
    ("numeric(9,2)", "decimal(18,4)", Decimal("1.2501"), None),
    ("numeric(9,2)", "decimal(18,2)", Decimal("12345678.00"), None),
    ("numeric(20,0)", "decimal(20,0)", Decimal(99999999999999999999), "99999999999999999999"),
    ("numeric(38,9)", "decimal(38,9)", Decimal("0.000000001"), "0.000000001"),
    ("numeric", "decimal(38,9)", Decimal("12345678901234567890123456789.123456789"),
     "12345678901234567890123456789.123456789"),
    ("float8", "decimal(15,6)", Decimal("0.100000"), "0.1"),
    ("float8", "decimal(38,9)", Decimal("12345678901234567890.123456789"), None),
    ("float4", "decimal(15,6)", Decimal("123456.789000"), None),
    ("float8", "integer", 2**53 + 1, None),
    ("money", "decimal(19,2)", Decimal("-0.01"), "-$0.01"),
    ("money", "decimal(19,4)", Decimal("0.0150"), None),
    ("varchar(3)", "string", "abc", "abc"),
    ("varchar(3)", "string", "abc ", None),  # PostgreSQL would cut the blank without a word
    ("varchar(3)", "string", "名称名称", None),
    ("code5", "string", "toolong", None),
    ("char(3)", "string", "ab", "ab"),
    ("char(3)", "string", "ab ", None),
    ("char(3)", "string", "abcd", None),
    ("text", "string", "x\0y", None),
    ("text", "string", "𠮷😀", "𠮷😀"),
    ("text", "decimal(9,2)", Decimal("-0.10"), "-0.10"),
    ("text", "timestamp", datetime(2024, 2, 29, 1, 2, 3), "2024-02-29T01:02:03.000000"),
    ("text", "boolean", True, "true"),
    ("uuid", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("uuid", "string", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", None),
    ("uuid", "string", "no uuid", None),
    ("int8", "string", "42", "42"),
    ("int8", "string", "007", None),
    ("mood", "string", "traurig", "traurig"),
    ("mood", "string", "wütend", None),
    ("positive", "integer", 0, None),
    ("bit(3)", "string", "101", "101"),
    ("bit(3)", "string", "1011", None),
    ("timestamp(0)", "timestamp", datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
    ("timestamp(0)", "timestamp", datetime(2024, 2, 29, 1, 2, 3, 4), None),
    ("timestamp", "timestamp", datetime(2024, 3, 31, 2, 30), "2024-03-31 02:30:00"),
    ("timestamptz", "timestamptz", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "2024-03-31 01:30:00+00"),
    ("date", "timestamp", datetime(2024, 2, 29, 1), None),
    ("date", "date", date(1, 1, 1), "0001-01-01"),
    ("date", "date", date(9999, 12, 31), "9999-12-31"),
    ("int2", "boolean", False, "0"),
    ("json", "json", '{"b": 1.10,  "a":1}', '{"b": 1.10,  "a":1}'),
    ("jsonb", "json", '{"b":1.10}', '{"b": 1.10}'),
    ("jsonb", "json", "no json", None),
    ("jsonb", "json", '"\\u0000"', None),
    ("text[]", "list<string>", ["a", None, "", 'q"\\,{}'], '{a,NULL,"","q\\"\\\\,{}"}'),
    ("text[]", "list<string>", ["nul\0"], None),
    ("varchar(2)[]", "list<string>", ["abc"], None),
    ("int4[]", "list<integer>", [1, None], "{1,NULL}"),
    ("int4[]", "list<integer>", [2**40], None),
    ("bytea", "string", "00ff", "\\x00ff"),
    ("inet", "string", "10.0.0.1/32", "10.0.0.1/32"),
    ("interval", "string", "1 mon", "1 mon"),
    ("interval", "string", "P1M", None),
]  # fmt: skip

# native type, value held as PostgreSQL's literal, declared type, value planned with: another one
MOVED = [
    ("numeric(9,2)", "NaN", "decimal(9,2)", Decimal("1.00")),
    ("numeric(9,2)", "NaN", "decimal(9,2)", None),
    ("text", "abc", "decimal(9,2)", Decimal("1.00")),
    ("text", "abc", "decimal(9,2)", None),
    ("text", "2024-02-31", "date", date(2024, 3, 2)),
    ("text", "2023-02-29 00:00", "timestamp", None),
    ("text", "25:00", "time", None),
    ("text", "maybe", "boolean", None),
    ("float8", "NaN", "decimal(9,2)", None),
    ("date", "infinity", "date", date(9999, 12, 31)),
    ("text", "Old", "string", "old"),
    ("char(5)", "old", "string", "old "),
    ("text COLLATE ci", "Old", "string", "old"),
    ("text", "", "string", None),
    ("text", "e\u0301", "string", "é"),
    ("json", '{"a": 1}', "json", '{"a": 2}'),
    ("jsonb", '{"a": 1.10}', "json", '{"a": 1.1}'),
    ("text[]", "{{a}}", "list<string>", ["a"]),
]
# the same value in another spelling
SPELT = [
    ("text", "7.0920", "decimal(9,3)", Decimal("7.092")),
    ("text", "2024-02-29 08:00:00+08:00", "timestamptz", datetime(2024, 2, 29, tzinfo=UTC)),
    ("text", "2024-02-29T00:00", "timestamp", datetime(2024, 2, 29)),
    ("text", "T", "boolean", True),
    ("varchar(10)", "2024-02-29", "date", date(2024, 2, 29)),
]

TYPES = (
    "CREATE TYPE mood AS ENUM ('froh 😀', 'traurig')",
    "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
    "CREATE DOMAIN code5 AS varchar(5)",
    "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
)


def made(literal: str) -> str:
    return literal if "::" in literal else f"'{literal}'"


POSTGRES = Dialect(
    number="int",
    text="text",
    long="text",
    decimal="numeric(9,2)",
    float="float8",
    computed="int GENERATED ALWAYS AS (y * 2) STORED",
    shown=lambda native: "v::text",
    odd=("numeric(9,2)", "'NaN'", "1.5", "decimal(9,2)"),
    triggers={
        "capitals": (
            (
                "CREATE OR REPLACE FUNCTION capitals() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN new.code := upper(new.code); RETURN new; END'"
            ),
            "CREATE TRIGGER capitals BEFORE INSERT OR UPDATE ON form FOR EACH ROW EXECUTE FUNCTION capitals()",
        ),
        "keep": (
            "CREATE OR REPLACE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'",
            "CREATE TRIGGER keep BEFORE UPDATE ON form FOR EACH ROW WHEN (new.name = 'keep') EXECUTE FUNCTION keep()",
        ),
        "skip": (
            "CREATE OR REPLACE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER skip BEFORE UPDATE ON form FOR EACH ROW WHEN (new.name = 'keep') EXECUTE FUNCTION skip()",
        ),
    },
    words={
        "duplicate": ("thing_code_key", "SQLSTATE 23505"),
        "check": ("thing_qty_check", "SQLSTATE 23514"),
        "null": ("SQLSTATE 23502",),
        "lock": ("55P03",),
    },
    before=TYPES,
    read=[(native, made(literal), *rest) for native, literal, *rest in READ],
    written=WRITTEN,
    moved=[(native, made(literal), *rest) for native, literal, *rest in MOVED],
    spelt=[(native, made(literal), *rest) for native, literal, *rest in SPELT],
    keys=("text COLLATE ci", "char(5)", "varchar(9)", "uuid", "text"),
    given=(
        ("id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "integer", ()),
        ("id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "integer", ()),
        ("id bigserial PRIMARY KEY", "integer", ()),
        ("id uuid DEFAULT gen_random_uuid() PRIMARY KEY", "string", ()),
        (
            "id text PRIMARY KEY",
            "string",
            (
                "CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := 'N' || md5(random()::text); RETURN NEW; END$$",
                "CREATE TRIGGER number BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION number()",
            ),
        ),
    ),
)
