"""Every type that MySQL has and others have not: read exactly, or refused; written exactly, or rejected."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from erpoa_mysql.encode import unfit_json

from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.sdk.conformance.writer import Writer, outcomes, told
from erpoa_cli.sdk.connector import ReadRequest

SLACK = "SET sql_mode = 'ALLOW_INVALID_DATES'"  # as servers of old have it


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
