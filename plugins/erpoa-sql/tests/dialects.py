"""What the conformance suite must know of the databases that the connector is tested through."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from erpoa_cli.sdk.conformance import Dialect

EXACT = Decimal("12345678901234567890.123456789")

SQLITE = Dialect(
    number="INTEGER",
    text="VARCHAR(20)",
    long="TEXT",
    decimal="NUMERIC(9,2)",
    float="NUMERIC(9,3)",
    computed="INTEGER AS (y * 2)",
    shown=lambda native: "CAST(v AS TEXT)",
    odd=("INTEGER", "'x'", "7", "integer"),
    triggers={
        "capitals": (
            "CREATE TRIGGER made AFTER INSERT ON form BEGIN UPDATE form SET code = upper(code) WHERE id = new.id; END",
            "CREATE TRIGGER changed AFTER UPDATE OF code ON form BEGIN UPDATE form SET code = upper(code) WHERE id = new.id; END",
        ),
        "keep": (
            ("CREATE TRIGGER kept AFTER UPDATE OF name ON form WHEN new.name = 'keep' "
            "BEGIN UPDATE form SET name = old.name WHERE id = new.id; END"),
        ),
        "skip": ("CREATE TRIGGER skipped BEFORE UPDATE ON form WHEN new.name = 'keep' BEGIN SELECT RAISE(IGNORE); END",),
    },
    words={"duplicate": ("UNIQUE constraint failed",), "check": ("CHECK",), "null": ("NOT NULL constraint failed",), "lock": ("locked",)},
    read=[
        ("INTEGER", "7", "integer", "7", True),
        ("INTEGER", "'x'", "integer", "x", False),
        ("VARCHAR(20)", "'００７'", "string", "００７", True),
        ("TIMESTAMP", "'2026-03-29 02:30:00.000001'", "timestamp", "2026-03-29T02:30:00.000001", True),
    ],
    written=[
        ("NUMERIC(10,2)", "decimal(38,9)", Decimal("1.500000000"), "1.5"),
        ("NUMERIC(10,2)", "decimal(38,9)", Decimal("12345678901234567.123456789"), None),
        ("VARCHAR(20)", "string", "007", "007"),
        ("NUMERIC(10,2)", "string", "007", None),
        ("TIMESTAMP", "timestamp", datetime(2026, 3, 29, 2, 30, 0, 1), "2026-03-29 02:30:00.000001"),
    ],
    moved=[
        ("TEXT COLLATE NOCASE", "'Old'", "string", "old"),
        ("TEXT", "''", "string", None),
        ("TEXT", "'abc'", "decimal(9,2)", Decimal("1.00")),
        ("TEXT", "'abc'", "decimal(9,2)", None),
    ],
    spelt=[
        ("TEXT", "'7.0920'", "decimal(9,3)", Decimal("7.092")),
        ("TEXT", "'2024-02-29'", "date", date(2024, 2, 29)),
    ],
    keys=("TEXT", "TEXT COLLATE NOCASE", "VARCHAR(20)"),
    given=(("id INTEGER PRIMARY KEY AUTOINCREMENT", "integer", ()),),
)  # fmt: skip

POSTGRESQL = Dialect(
    number="int",
    text="varchar(20)",
    long="text",
    decimal="numeric(9,2)",
    float="numeric(9,3)",
    computed="int GENERATED ALWAYS AS (y * 2) STORED",
    shown=lambda native: "v::text",
    odd=("numeric(9,2)", "'NaN'", "1.50", "decimal(9,2)"),
    triggers={
        "capitals": (
            ("CREATE OR REPLACE FUNCTION capitals() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN new.code := upper(new.code); RETURN new; END'"),
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
    words={"duplicate": ("unique",), "check": ("check",), "null": ("not-null",), "lock": ("lock timeout",)},
    read=[
        ("bigint", "7", "integer", "7", True),
        ("numeric(38,9)", str(EXACT), "decimal(38,9)", str(EXACT), True),
        ("numeric(9,2)", "'NaN'", "decimal(9,2)", "NaN", False),
        ("text", "'００７'", "string", "００７", True),
    ],
    written=[
        ("int", "integer", 2**31, None),
        ("int", "integer", 2**31 - 1, "2147483647"),
        ("numeric(9,2)", "decimal(18,4)", Decimal("1.2500"), "1.25"),
        ("numeric(9,2)", "decimal(18,4)", Decimal("1.2501"), None),
        ("numeric(38,9)", "decimal(38,9)", EXACT, str(EXACT)),
        ("varchar(3)", "string", "abc", "abc"),
        ("varchar(3)", "string", "abc ", None),
        ("varchar(3)", "string", "名称名称", None),
        ("text", "string", "𠮷😀", "𠮷😀"),
        ("timestamp(0)", "timestamp", datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
        ("timestamp(0)", "timestamp", datetime(2024, 2, 29, 1, 2, 3, 4), None),
        ("timestamptz", "timestamptz", datetime(2024, 3, 31, 1, 30, tzinfo=UTC), "2024-03-31 01:30:00+00"),
        ("date", "date", date(1, 1, 1), "0001-01-01"),
    ],
    moved=[
        ("numeric(9,2)", "'NaN'", "decimal(9,2)", None),
        ("text", "''", "string", None),
        ("text", "'abc'", "decimal(9,2)", None),
    ],
    spelt=[
        ("text", "'7.0920'", "decimal(9,3)", Decimal("7.092")),
        ("text", "'2024-02-29'", "date", date(2024, 2, 29)),
    ],
    keys=("text", "varchar(9)"),
    given=(
        ("id serial PRIMARY KEY", "integer", ()),
        ("id bigserial PRIMARY KEY", "integer", ()),
    ),
)  # fmt: skip
