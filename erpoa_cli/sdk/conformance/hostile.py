"""Values that break careless connectors, per declared type: the food of the conformance suite."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Type,
    decimal,
    parse_type,
)

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "  kept blanks  ",
    "NULL",
    "null",
    "\\N",
    "000123",
    "1e5",
    "12345678901234567890",
    "true",
    "华信精密机械股份有限公司",
    "Ａ１　全角，标点。",
    "😀 𠮷野家 👩‍👩‍👧",
    "e\u0301 and é",
    "'); DROP TABLE things; --",
    '"quoted", and ""doubled""',
    "semi;colon|pipe\ttab,comma",
    "two\nlines",
    "two\r\nlines",
    "\u202eright to left\u2066",
    "\x1b[31mred\x07",
    "=1+1",
    "+8613800138000",
    "%s {name} {{ secret('x') }} $1 ?",
    "back\\slash",
    "\ufeffbyte order mark",
    "nul\x00inside",
    "x" * 70_000,
)

NAMES: tuple[str, ...] = (
    *(
        "row",
        "rowid",
        "ROW_NUMBER",
        "key",
        "ordinal",
        "pos",
        "generation",
        "known",
        "here",
        "s",
        "t",
        "c0",
        "n",
        "at",
    ),
    *(
        "x",
        "?v",
        "v",
        "d_x",
        "a_x",
        "k_x",
        "id_x",
        "agreed_x",
        "seen_x",
        "set.x",
        "was.x",
        "id.x",
        "_erpoa_run",
        "erpoa_rows",
    ),
    *(
        "SELECT",
        "from",
        "user",
        "名称",
        "ＡＢ",
        "🍣",
        "it's",
        'say "hi"',
        "a b",
        " lead",
        "trail ",
        "a,b",
        "a/b",
        "a.b",
    ),
    *(
        "back\\slash",
        "%s",
        "%(x)s",
        ":x",
        "?1",
        "$1",
        "[x]",
        "`x`",
        "-- x",
        "(x)",
        "{x}",
        "long" * 15,
        "名" * 20,
    ),
)
"""Names of fields that meet those of a connector, or break out of its quotes. No two are the same in other letters."""

VALUES: Mapping[Type, tuple[Any, ...]] = {
    STRING: TEXTS,
    INTEGER: (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)),
    decimal(15, 2): tuple(map(Decimal, ("0.00", "-0.01", "0.10", "1234567890123.45", "9999999999999.99"))),
    decimal(20, 0): tuple(map(Decimal, ("0", "12345678901234567890", "-99999999999999999999"))),
    decimal(38, 9): tuple(
        map(
            Decimal,
            ("0.000000001", "-0.100000000", "12345678901234567890.123456789", "9" * 29 + "." + "9" * 9),
        )
    ),
    BOOLEAN: (True, False),
    DATE: (date(1, 1, 1), date(1582, 10, 10), date(1899, 12, 31), date(2024, 2, 29), date(9999, 12, 31)),
    Type(Kind.TIME): (time(0, 0), time(0, 0, 0, 1), time(23, 59, 59, 999999)),
    TIMESTAMP: (
        datetime(1, 1, 1),  # noqa: DTZ001 - local by type
        datetime(1899, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        datetime(2024, 2, 29),  # noqa: DTZ001
        datetime(2024, 2, 29, 12, 0, 0, 1),  # noqa: DTZ001
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
    ),
    TIMESTAMPTZ: (
        datetime(1899, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2024, 2, 29, tzinfo=UTC),
        datetime(2024, 2, 29, 8, 0, 0, 1, timezone(timedelta(hours=8))),
        datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    ),
    Type(Kind.JSON): (
        "{}",
        "[]",
        '{"price":1.10,"name":"é😀","none":null}',
        '["a",12345678901234567890]',
        '"text"',
    ),
    Type(Kind.BYTES): (b"", b"\x00\xff", bytes(range(256))),
    parse_type("list<string>"): ([], ["a", None, ""], ["名", "😀"]),
    parse_type("list<struct<no: integer, name: string>>"): (
        [{"no": 1, "name": "x"}, {"no": None, "name": ""}],
    ),
}
"""Hostile values of every kind of type. The zones of `timestamptz` differ; the instants count."""
