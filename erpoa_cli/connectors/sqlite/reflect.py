"""What tables a SQLite file has and which declared type holds each column exactly."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from erpoa_cli.connectors.sqlite.values import FLOAT_DIGITS, Affinity, Store, affinity
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
    identifier,
)
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo, ForeignKey, Hanging, ObjectInfo
from erpoa_cli.sdk.sql import LEDGER

_TIMES = {
    "DATE": DATE,
    "TIME": Type(Kind.TIME),
    "DATETIME": TIMESTAMP,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMP WITHOUT TIME ZONE": TIMESTAMP,
    "TIMESTAMPTZ": TIMESTAMPTZ,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMPTZ,
    "DATETIMEOFFSET": TIMESTAMPTZ,
}
_OTHERS = {
    "BOOL": BOOLEAN,
    "BOOLEAN": BOOLEAN,
    "JSON": Type(Kind.JSON),
    "UUID": STRING,
    "BYTEA": Type(Kind.BYTES),
    "VARBINARY": Type(Kind.BYTES),
    "BINARY": Type(Kind.BYTES),
}
_SCALED = re.compile(r"^(.*?)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*(.*)$", re.DOTALL)
_INTEGER = re.compile(r"^(UNSIGNED )?(BIG |TINY|SMALL|MEDIUM|BIG)?INT(EGER)?\d*( UNSIGNED)?$")
_LOOK_AT = 1000  # decimals looked at to say which type to declare


@dataclass(frozen=True, slots=True)
class Table:
    """An object and how its columns store; `indexed` are the leading column sets that an index serves."""

    info: ObjectInfo
    stores: Mapping[str, Store]
    rowid: str  # the column that is the rowid, or empty
    indexed: frozenset[str]  # columns an index begins with

    def is_unique(self, fields: Sequence[str]) -> bool:
        """Whether no two rows can have the same values in *fields*."""
        return any(key and set(key) <= set(fields) for key in (self.info.id, *self.info.keys))


def table_names(db: sqlite3.Connection) -> list[str]:
    """Tables and views of the file, without SQLite's own, the shadows of virtual tables and our ledger."""
    sql = (
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') "
        "AND substr(name, 1, 7) <> 'sqlite_' AND name <> ? ORDER BY name"
    )
    return [_str(name) for (name,) in db.execute(sql, (LEDGER,))]


def reflect(db: sqlite3.Connection, name: str) -> Table | None:
    """The table or view *name*; None when there is none."""
    found = db.execute(
        "SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ?", (name,)
    )
    facts = found.fetchone()
    if facts is None:
        return None
    is_view, strict = _str(facts[0]) == "view", bool(facts[1])
    columns = db.execute(
        'SELECT name, type, "notnull", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1',
        (name,),
    ).fetchall()
    key = tuple(_str(c[0]) for c in sorted((c for c in columns if c[4]), key=lambda c: c[4]))
    rowid = _rowid(db, name, key, columns)
    samples = _samples(db, name, [_str(c[0]) for c in columns])
    fields, stores = [], {}
    for column, declaration, not_null, default, pk, hidden in columns:
        label, native = _str(column), _str(declaration)
        kind = affinity(native, strict=strict)
        sure = label == rowid or (strict and kind is Affinity.INTEGER)
        store = Store(kind, sure, kind is Affinity.NUMERIC and _holds_blobs(db, name, label))
        type_, refused = _type(db, name, label, native, store)
        stores[label] = store
        fields.append(
            FieldInfo(
                name=label,
                type=type_,
                native=native,
                nullable=not (not_null or pk),
                generated=bool(default or hidden or label == rowid),
                writable=not (hidden or is_view),
                refused=refused,
                sample=samples.get(label, ""),
                takes=NUMBERS if type_ is None and _counts(native, store) else frozenset(),
            )
        )
    uniques, leading = _indexes(db, name)
    info = ObjectInfo(
        address=name,
        fields=tuple(fields),
        id=key,
        keys=tuple(u for u in uniques if u != key),
        foreign_keys=_foreign_keys(db, name),
        hanging=_hanging(db, name, key, "DELETE"),
        following=_hanging(db, name, key, "UPDATE"),
        triggers=tuple(_str(trigger) for (trigger,) in db.execute(_TRIGGERS, (name,))),
        writable=not is_view,
    )
    return Table(info, stores, rowid, frozenset({*leading, *key[:1]}))


def _str(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _rowid(
    db: sqlite3.Connection, table: str, key: Sequence[str], columns: Sequence[tuple[object, ...]]
) -> str:
    """The single INTEGER primary key column of a rowid table: SQLite numbers it by itself."""
    if len(key) != 1:
        return ""
    native = next(_str(c[1]) for c in columns if _str(c[0]) == key[0])
    own_index = db.execute("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).fetchone()
    return key[0] if native.upper() == "INTEGER" and own_index is None else ""


def _type(
    db: sqlite3.Connection, table: str, column: str, native: str, store: Store
) -> tuple[Type | None, str]:
    """The declared type of a column, or why there is none and which to declare."""
    scaled = _SCALED.match(native)
    name = " ".join((f"{scaled[1]} {scaled[4]}" if scaled else native).upper().split())
    if name in _TIMES:
        return _TIMES[name], ""
    if name in _OTHERS:
        return _OTHERS[name], ""
    if scaled and store.affinity is Affinity.NUMERIC:
        return _decimal(int(scaled[2]), int(scaled[3] or 0), store)
    match store.affinity:
        case Affinity.INTEGER if _INTEGER.match(name):
            return INTEGER, ""
        case Affinity.TEXT:
            return STRING, ""
        case Affinity.BLOB if native:
            return Type(Kind.BYTES), ""
        case Affinity.BLOB:
            return None, "has no declared type: declare the type its values have, e.g. string"
        case Affinity.REAL:
            advice = _advice(db, table, column, FLOAT_DIGITS)
            return None, f"is a 64-bit float: declare {advice}; values that need more than 15 digits are held"
        case _ if name in ("NUMERIC", "DECIMAL", "NUMBER"):
            most = 38 if store.blobs else FLOAT_DIGITS
            return None, f"has no precision and scale: declare {_advice(db, table, column, most)}"
        case _:
            return None, f"type {native!r} is not known here: declare the type its values have, e.g. string"


def _counts(native: str, store: Store) -> bool:
    """Whether the column is one of numbers, whatever their digits."""
    known = native.upper().split("(")[0].strip() in ("NUMERIC", "DECIMAL", "NUMBER")
    return store.affinity is Affinity.REAL or (known and store.affinity is Affinity.NUMERIC)


def _decimal(precision: int, scale: int, store: Store) -> tuple[Type | None, str]:
    if precision > 38 or scale > precision or not precision:
        return None, f"decimal({precision},{scale}) is beyond 38 digits: declare string"
    if precision <= FLOAT_DIGITS or store.blobs or (scale == 0 and precision <= 18):
        return decimal(precision, scale), ""
    advice = decimal(FLOAT_DIGITS, min(scale, FLOAT_DIGITS))
    return None, (
        f"SQLite keeps only {FLOAT_DIGITS} digits of a {precision}-digit decimal in such a column: "
        f"declare {advice} (other values are held), or make the column TEXT and declare decimal({precision},{scale})"
    )


def _advice(db: sqlite3.Connection, table: str, column: str, most: int) -> Type:
    """A decimal that holds the values seen, with some room before the point."""
    sql = f"SELECT t.{identifier(column)} FROM {identifier(table)} t WHERE t.{identifier(column)} IS NOT NULL LIMIT ?"
    whole, fraction = 1, 0
    for (value,) in db.execute(sql, (_LOOK_AT,)):
        try:
            number = Decimal(_str(value)).normalize()
        except (InvalidOperation, UnicodeDecodeError):
            continue
        if number.is_finite():
            fraction = max(fraction, -int(number.as_tuple().exponent))
            whole = max(whole, number.adjusted() + 1)
    scale = min(max(fraction, 2), most - 1)
    return decimal(max(min(most, 15), min(whole + scale, most)), scale)


def _holds_blobs(db: sqlite3.Connection, table: str, column: str) -> bool:
    name = identifier(column)
    sql = f"SELECT typeof(t.{name}) FROM {identifier(table)} t WHERE t.{name} IS NOT NULL LIMIT 1"
    found = db.execute(sql).fetchone()
    return found is not None and _str(found[0]) == "blob"


def _samples(db: sqlite3.Connection, table: str, columns: Sequence[str]) -> dict[str, str]:
    """One value per column from the first rows, as text."""
    names = ", ".join(f"t.{identifier(c)}" for c in columns)
    try:
        rows = db.execute(f"SELECT {names} FROM {identifier(table)} t LIMIT 5").fetchall()
    except sqlite3.Error:  # a view that does not run any more; reading it will say why
        return {}
    samples: dict[str, str] = {}
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            if value not in (None, b"") and column not in samples:
                samples[column] = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return samples


def _indexes(db: sqlite3.Connection, table: str) -> tuple[list[tuple[str, ...]], set[str]]:
    """The unique column sets, and the columns that an index begins with."""
    uniques: list[tuple[str, ...]] = []
    leading: set[str] = set()
    for name, unique, partial in db.execute(
        'SELECT name, "unique", partial FROM pragma_index_list(?) ORDER BY seq', (table,)
    ).fetchall():
        parts = db.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (_str(name),)).fetchall()
        columns = [None if part is None else _str(part) for (part,) in parts]
        if partial or None in columns:
            continue
        whole = tuple(c for c in columns if c is not None)
        leading.add(whole[0])
        if unique and whole not in uniques:
            uniques.append(whole)
    return uniques, leading


_TRIGGERS = (
    "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?) ORDER BY name"
)
_HANGING = """
    SELECT t.name, f.id, f."from", f."to", f.{0} FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) f
    WHERE t.schema = 'main' AND lower(f."table") = lower(?) AND f.{0} IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
    ORDER BY t.name, f.id, f.seq"""


def _hanging(db: sqlite3.Connection, table: str, key: tuple[str, ...], event: str) -> tuple[Hanging, ...]:
    found: dict[tuple[str, int], tuple[str, list[str], list[str]]] = {}
    for other, number, column, references, effect in db.execute(
        _HANGING.format(f"on_{event.lower()}"), (table,)
    ):
        _, columns, targets = found.setdefault((_str(other), number), (_str(effect), [], []))
        columns.append(_str(column))
        if references is not None:  # else it is the primary key
            targets.append(_str(references))
    return tuple(
        Hanging(other, tuple(c), tuple(t) or key, e, event) for (other, _), (e, c, t) in found.items()
    )


def _foreign_keys(db: sqlite3.Connection, table: str) -> tuple[ForeignKey, ...]:
    found: dict[int, tuple[str, list[str], list[str]]] = {}
    for number, other, column, references in db.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ):
        _, columns, targets = found.setdefault(number, (_str(other), [], []))
        columns.append(_str(column))
        if references is not None:
            targets.append(_str(references))
    return tuple(ForeignKey(tuple(c), other, tuple(t)) for other, c, t in found.values())
