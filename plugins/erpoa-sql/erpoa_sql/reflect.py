"""What tables a database has, and which declared type holds each column exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, MetaData
from sqlalchemy import types as sa
from sqlalchemy.dialects.mssql import DATETIMEOFFSET
from sqlalchemy.dialects.oracle import RAW
from sqlalchemy.exc import CompileError, NoSuchTableError

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
)
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo, ForeignKey, Hanging, ObjectInfo
from erpoa_cli.sdk.sql import LEDGER

_UNSIGNED_DIGITS = 20  # of a 64-bit number without sign


@dataclass(frozen=True, slots=True)
class Table:
    """An object, and the same as SQLAlchemy has it."""

    info: ObjectInfo
    table: sqlalchemy.Table


def names(connection: Connection, schema: str | None) -> list[str]:
    """Tables and views of the schema, without our ledger."""
    found = sqlalchemy.inspect(connection)
    return sorted({*found.get_table_names(schema), *found.get_view_names(schema)} - {LEDGER})


def reflect(connection: Connection, address: str, schema: str | None, *, read_only: bool) -> Table | None:
    """The table or view at *address* (`schema.table` outside the session's schema); None when there is none."""
    inspector = sqlalchemy.inspect(connection)
    where, _, name = address.rpartition(".")
    where_or_default = where or schema
    try:
        table = sqlalchemy.Table(
            name, MetaData(), schema=where_or_default, autoload_with=connection, resolve_fks=False
        )
    except NoSuchTableError:
        return None
    for column in table.columns:
        if isinstance(column.type, sa.JSON):
            column.type.none_as_null = True  # NULL is no JSON value
    is_view = name in inspector.get_view_names(where_or_default)
    key = tuple(c.name for c in table.primary_key.columns)
    uniques = [tuple(u["column_names"]) for u in inspector.get_unique_constraints(name, where_or_default)]
    uniques += [
        tuple(str(n) for n in index["column_names"])
        for index in inspector.get_indexes(name, where_or_default)
        if index.get("unique") and None not in index["column_names"]
    ]
    hangs = [] if is_view or read_only else list(_hanging(connection, name, where, schema))
    info = ObjectInfo(
        address=address,
        fields=tuple(_field(connection, column, is_view=is_view) for column in table.columns),
        id=key,
        keys=tuple(u for u in dict.fromkeys(uniques) if u != key),
        foreign_keys=tuple(
            ForeignKey(
                tuple(f["constrained_columns"]), str(f["referred_table"]), tuple(f["referred_columns"])
            )
            for f in inspector.get_foreign_keys(name, where_or_default)
        ),
        hanging=tuple(h for h in hangs if h.event == "DELETE"),
        following=tuple(h for h in hangs if h.event == "UPDATE"),
        triggers=None if read_only else _triggers(connection, name, where_or_default),
        writable=not (is_view or read_only),
    )
    return Table(info, table)


# PostgreSQL's catalogue tells what reflection does not: partitions, heirs, other schemas. Rows of a table are rows of the
# partitioned tables it is in, too, and it shows those of its partitions and heirs; a foreign key of a partition is told as one of
# the whole table.
_POSTGRESQL = sqlalchemy.text("""
    WITH RECURSIVE target(oid) AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = :name AND n.nspname = coalesce(CAST(:where AS text), current_schema())
    ), own(oid) AS (SELECT oid FROM target UNION SELECT i.inhrelid FROM pg_inherits i JOIN own ON own.oid = i.inhparent
    ), places(oid) AS (
        SELECT oid FROM own
        UNION SELECT a.relid FROM target, LATERAL pg_partition_ancestors(CAST(target.oid AS regclass)) a(relid)
    )
    SELECT DISTINCT CAST(n.nspname AS text), CAST(o.relname AS text),
        ARRAY(SELECT CAST(a.attname AS text) FROM unnest(c.conkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.at),
        ARRAY(SELECT CAST(a.attname AS text) FROM unnest(c.confkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.at),
        CASE k.rule WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END,
        n.nspname = coalesce(CAST(:session AS text), current_schema()), k.event
    FROM pg_constraint c
    CROSS JOIN LATERAL (VALUES ('DELETE', c.confdeltype), ('UPDATE', c.confupdtype)) k(event, rule)
    JOIN pg_class f ON f.oid = c.conrelid
    JOIN pg_class o ON o.oid = CASE WHEN f.relispartition THEN CAST(pg_partition_root(f.oid) AS oid) ELSE f.oid END
    JOIN pg_namespace n ON n.oid = o.relnamespace
    WHERE c.contype = 'f' AND c.confrelid IN (SELECT oid FROM places) AND k.rule IN ('c', 'n', 'd')
        AND c.conparentid = 0
    ORDER BY 1, 2, 3, 4, 5, 7""")


def _hanging(connection: Connection, name: str, where: str, schema: str | None) -> Iterator[Hanging]:
    """What a write in the table takes along or changes; of databases other than PostgreSQL in tables of the same schema."""
    if connection.dialect.name == "postgresql":
        asked = {"name": name, "where": where or schema, "session": schema}
        for place, other, own, theirs, effect, here, event in connection.execute(_POSTGRESQL, asked):
            yield Hanging(other if here else f"{place}.{other}", tuple(own), tuple(theirs), effect, event)
        return
    for (_, other), keys in sqlalchemy.inspect(connection).get_multi_foreign_keys(where or schema).items():
        for key in keys:
            for event in ("DELETE", "UPDATE"):
                effect = str(key.get("options", {}).get(f"on{event.lower()}") or "").upper()
                if key["referred_table"] == name and effect in ("CASCADE", "SET NULL", "SET DEFAULT"):
                    address = f"{where}.{other}" if where else other
                    own, theirs = tuple(key["constrained_columns"]), tuple(key["referred_columns"])
                    yield Hanging(address, own, theirs, effect, event)


_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(:name) ORDER BY name",
    "postgresql": "SELECT DISTINCT CAST(t.tgname AS text) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relname = :name "
    "AND n.nspname = coalesce(CAST(:schema AS text), current_schema()) ORDER BY 1",
    "mysql": "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_TABLE = :name "
    "AND EVENT_OBJECT_SCHEMA = coalesce(:schema, database()) ORDER BY TRIGGER_NAME",
}
_TRIGGERS["mariadb"] = _TRIGGERS["mysql"]


def _triggers(connection: Connection, name: str, schema: str | None) -> tuple[str, ...] | None:
    """Triggers of the table; None where it is not known how the database lists them."""
    sql = _TRIGGERS.get(connection.dialect.name)
    if sql is None:
        return None
    asked = {key: value for key, value in (("name", name), ("schema", schema)) if f":{key}" in sql}
    return tuple(connection.execute(sqlalchemy.text(sql), asked).scalars())


def _field(connection: Connection, column: sqlalchemy.Column[Any], *, is_view: bool) -> FieldInfo:
    type_, refused = declared(column.type, native_decimals=connection.dialect.supports_native_decimal)
    if "%(" in column.name:  # SQLAlchemy takes `%(x)s` in a name for a parameter
        type_, refused = None, "has `%(` in its name, which this connector cannot write"
    numbered = column.primary_key and column.autoincrement is True
    return FieldInfo(
        name=column.name,
        type=type_,
        native=_native(connection, column),
        nullable=bool(column.nullable),
        generated=bool(column.server_default is not None or column.identity or column.computed or numbered),
        writable=not (is_view or column.computed),
        refused=refused,
        takes=NUMBERS if type_ is None and isinstance(column.type, sa.Numeric) else frozenset(),
    )


def _native(connection: Connection, column: sqlalchemy.Column[Any]) -> str:
    try:
        return str(column.type.compile(connection.dialect))
    except CompileError:
        return "unknown"


def declared(column: sa.TypeEngine[Any], *, native_decimals: bool) -> tuple[Type | None, str]:
    """The declared type of a column, or why there is none and which to declare."""
    if isinstance(column, sa.Float | sa.Double):
        return (
            None,
            "is a floating-point number: declare decimal(15,6); values that need more than 15 digits are held",
        )
    if isinstance(column, sa.Numeric):
        return _decimal(column, native_decimals=native_decimals)
    if isinstance(column, sa.DateTime):  # before Date: what Oracle calls a date has a time
        return _moment(column)
    if isinstance(column, sa.Time) and column.timezone:
        return None, "is a time of day with a zone: declare string"
    if isinstance(column, sa.Integer) and getattr(column, "unsigned", False):
        return decimal(_UNSIGNED_DIGITS, 0), ""
    for kind, found in _SIMPLE:
        if isinstance(column, kind):
            return found, ""
    return None, f"type {type(column).__name__} has no exact equal here: declare string"


_SIMPLE: Sequence[tuple[Any, Type]] = (
    (sa.Boolean, BOOLEAN),
    (sa.Integer, INTEGER),
    (sa.Date, DATE),
    (sa.Time, Type(Kind.TIME)),
    (sa.LargeBinary, Type(Kind.BYTES)),
    (sa.BINARY, Type(Kind.BYTES)),
    (sa.VARBINARY, Type(Kind.BYTES)),
    (RAW, Type(Kind.BYTES)),
    (sa.JSON, Type(Kind.JSON)),
    (sa.Uuid, STRING),
    (sa.String, STRING),
)


def _decimal(column: sa.Numeric[Any], *, native_decimals: bool) -> tuple[Type | None, str]:
    if column.precision is None:
        return None, "has no precision and scale: declare decimal(38,9), or what its values need"
    precision, scale = column.precision, column.scale or 0
    if not 0 <= scale <= precision <= 38:
        return None, f"decimal({precision},{scale}) is beyond 38 digits: declare string"
    if not native_decimals and precision > 15:
        return (
            None,
            f"this driver has floats for decimals: declare decimal(15,{min(scale, 15)}), or make the column a text",
        )
    return decimal(precision, scale), ""


def _moment(column: sa.DateTime) -> tuple[Type | None, str]:
    if (getattr(column, "precision", None) or 0) > 6:
        return None, "has more than microseconds: declare string"
    zoned = column.timezone or getattr(column, "local_timezone", False) or isinstance(column, DATETIMEOFFSET)
    return (TIMESTAMPTZ if zoned else TIMESTAMP), ""
