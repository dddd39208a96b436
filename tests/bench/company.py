"""The data of the benchmarks: customers of 15 columns, several of them Chinese, 1 % changed on one side."""

from __future__ import annotations

from erpoa_cli.core.schema import Type, parse_type

TYPES: dict[str, Type] = {
    name: parse_type(text)
    for name, text in {
        "id": "integer",
        "code": "string",
        "name": "string",
        "short_name": "string",
        "tax_no": "string",
        "address": "string",
        "city": "string",
        "contact": "string",
        "phone": "string",
        "remark": "string",
        "credit_limit": "decimal(18,2)",
        "balance": "decimal(18,2)",
        "discount": "decimal(9,4)",
        "since": "date",
        "active": "boolean",
    }.items()
}

CHANGED, GONE, NEW = (
    100,
    400,
    400,
)  # one row in so many is changed, missing on their side, or only on their side


def rows_sql(rows: int) -> str:
    """DuckDB SQL of *rows* customers, numbered from 1."""
    return f"""
        SELECT i AS id, 'C' || lpad(i::VARCHAR, 9, '0') AS code,
            '华鑫供应商' || (i % 99991) || '有限公司' AS name,
            CASE WHEN i % 7 = 0 THEN NULL ELSE '华鑫' || (i % 9973) END AS short_name,
            '9144' || lpad((i * 7919 % 10000000000)::VARCHAR, 14, '0') AS tax_no,
            '广东省深圳市南山区科技路' || (i % 997) || '号' AS address,
            ['深圳', '广州', '上海', '北京', '成都'][1 + i % 5] AS city,
            CASE WHEN i % 11 = 0 THEN NULL ELSE '联系人' || (i % 7919) END AS contact,
            '+86 138' || lpad((i % 100000000)::VARCHAR, 8, '0') AS phone,
            CASE WHEN i % 3 = 0 THEN NULL ELSE 'remark ' || md5(i::VARCHAR) END AS remark,
            (i % 1000003)::DECIMAL(18,2) / 100 AS credit_limit,
            CASE WHEN i % 5 = 0 THEN NULL ELSE (i * 31 % 100000007)::DECIMAL(18,2) / 100 END AS balance,
            (i % 10000)::DECIMAL(9,4) / 10000 AS discount,
            DATE '1990-01-01' + (i % 12000)::INTEGER AS since,
            i % 13 <> 0 AS active
        FROM range(1, {rows + 1}) t(i)"""


def typed_sql(rows: int) -> str:
    """The same, each column cast to its declared type."""
    columns = ", ".join(f"CAST({name} AS {type_.duckdb}) AS {name}" for name, type_ in TYPES.items())
    return f"SELECT {columns} FROM ({rows_sql(rows)})"


def theirs_sql(rows: int) -> str:
    """The other side of the same customers: some with another name and balance, some missing, some more."""
    changed = f"id % {CHANGED} = 1"
    return f"""
        SELECT * REPLACE (
            CASE WHEN {changed} THEN name || '（旧）' ELSE name END AS name,
            CASE WHEN {changed} THEN balance + 1.01 ELSE balance END AS balance)
        FROM ({typed_sql(rows)}) WHERE id % {GONE} <> 2
        UNION ALL BY NAME
        SELECT * REPLACE (id + {rows} AS id, 'X' || code AS code) FROM ({typed_sql(rows)}) WHERE id % {NEW} = 3"""


def counted(rows: int) -> dict[str, int]:
    """How many rows of *rows* are changed, to be created, and gone from the source."""

    def hits(every: int, rest: int) -> int:
        return len(range(rest, rows + 1, every))

    both = len([i for i in range(1, min(rows, CHANGED * GONE) + 1) if i % CHANGED == 1 and i % GONE == 2])
    assert both == 0, "a row is changed or missing, never both"
    return {"update": hits(CHANGED, 1), "create": hits(GONE, 2), "delete": hits(NEW, 3)}
