"""What tables a server has: columns, keys, references, what may be done with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

from pymysql.constants import FIELD_TYPE, FLAG  # type: ignore[import-untyped]
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.schema import Type
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo, ForeignKey, Hanging, ObjectInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import LEDGER
from erpoa_cli.sdk.sql import Table as SqlTable
from erpoa_cli.sdk.sql.discovery import LOOK_AT, MOST, SAMPLES, decimal_of, first_texts
from erpoa_mysql.columns import BINARIES, FLOATS, Column, column, declared, refusal, text_of
from erpoa_mysql.encode import quoted
from erpoa_mysql.grants import Grants
from erpoa_mysql.wire import Wire

_BINARY = 63  # the character set of what is no text

_RELATIONS = """
    SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE, coalesce(t.ENGINE, ''), coalesce(e.TRANSACTIONS = 'YES' AND
        e.SAVEPOINTS = 'YES', false), t.TABLE_SCHEMA = database()
    FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
    WHERE t.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
        AND t.TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') AND t.TABLE_NAME <> %s{}
    ORDER BY t.TABLE_SCHEMA, t.TABLE_NAME"""
_ONE = " AND t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s"
_COLUMNS = """
    SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE = 'NO', COLUMN_DEFAULT, EXTRA,
        coalesce(GENERATION_EXPRESSION, '') <> ''
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"""
_JSON = """
    SELECT CONSTRAINT_NAME FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s
        AND CHECK_CLAUSE = concat('json_valid(`', CONSTRAINT_NAME, '`)')"""
_INDEXES = """
    SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"""
_FOREIGN_KEYS = """
    SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME,
        REFERENCED_TABLE_SCHEMA = database()
    FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
        AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION"""

_TRIGGERS = """
    SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s
    ORDER BY TRIGGER_NAME"""
_HANGING = """
    SELECT k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME,
        k.TABLE_SCHEMA = database(), r.{0}_RULE, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME
    FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
    WHERE k.REFERENCED_TABLE_NAME IS NOT NULL AND r.{0}_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
    ORDER BY k.REFERENCED_TABLE_SCHEMA, k.REFERENCED_TABLE_NAME, k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"""

_FIXED = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.TIME: "time(6)",
    FIELD_TYPE.DATETIME: "datetime(6)",
    FIELD_TYPE.TIMESTAMP: "timestamp(6)",
    FIELD_TYPE.JSON: "json",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view: its address, its place, what keeps it and what the user may do with it."""

    address: str
    schema: str
    table: str
    is_view: bool
    engine: str
    is_transactional: bool
    may: frozenset[str]  # SELECT, INSERT, UPDATE, DELETE

    @property
    def name(self) -> str:
        """Its name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def writable(self) -> bool:
        return self.is_transactional and bool(self.may - {"SELECT"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(SqlTable[Column]):
    """A table, and the column of it that counts by itself."""

    counter: str


def relations(db: Wire) -> dict[str, Relation]:
    """Every table and view by its address, without the server's own and our ledger."""
    return {found.address: found for found in _relations(db, "")}


def find_relation(db: Wire, address: str) -> Relation:
    """The table or view at *address*; one with a point in its name before one of another database."""
    ((here,),) = db.rows("SELECT database()")
    places = [(here, address)]
    places += [(address[:at], address[at + 1 :]) for at, sign in enumerate(address) if sign == "."]
    for (
        place
    ) in places:  # each for itself: a server looks at all its tables for a condition that names no single one
        for found in _relations(db, _ONE, place):
            if found.address == address:
                return found
    raise ContractBroken(f"there is no table or view {address!r}")


def _relations(db: Wire, which: str, place: Sequence[str] = ()) -> Iterator[Relation]:
    grants = Grants(db)
    for schema, table, kind, engine, is_transactional, here in db.rows(
        _RELATIONS.format(which), (LEDGER, *place)
    ):
        address = table if here else f"{schema}.{table}"
        may = frozenset(p for p in ("SELECT", "INSERT", "UPDATE", "DELETE") if grants.may(p, schema, table))
        yield Relation(address, schema, table, kind == "VIEW", engine, bool(is_transactional), may)


def columns_of(db: Wire, relation: Relation) -> dict[str, Column]:
    """The columns of a table or view."""
    return {name: of for name, of, *_ in _columns(db, relation)}


def described(db: Wire, query: str) -> dict[str, Column]:
    """The columns of *query*, as its answer describes them."""
    return {field.name: _answered(field) for field in db.described(f"SELECT * FROM ({query}\n) t LIMIT 0")}


def _answered(field: Any) -> Column:
    code, is_unsigned = field.type_code, bool(field.flags & FLAG.UNSIGNED)
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        digits = field.length - (field.scale > 0) - (not is_unsigned)
        return column(f"decimal({digits},{field.scale})")
    if code == FIELD_TYPE.BIT:
        return column(f"bit({field.length})")
    if code in _FIXED:
        native = "tinyint(1)" if code == FIELD_TYPE.TINY and field.length == 1 else _FIXED[code]
        return column(native + (" unsigned" if is_unsigned else ""))
    if code == FIELD_TYPE.NULL or field.charsetnr != _BINARY:
        return column("longtext", "utf8mb4")
    return column("geometry" if code == FIELD_TYPE.GEOMETRY else "longblob")


def what_hangs(db: Wire) -> dict[tuple[str, str], tuple[Hanging, ...]]:
    """Database and table → what hangs on its rows, or follows them, in whatever database, as far as the user may see it. Asked once for all
    tables: a server looks at all of them, whichever is asked for."""
    found: dict[tuple[str, str], tuple[Hanging, ...]] = {}
    for event in ("DELETE", "UPDATE"):
        for at, rows in groupby(db.rows(_HANGING.format(event)), lambda row: row[:7]):
            target, (schema, table, _, here, effect) = (at[0], at[1]), at[2:]
            own, theirs = zip(*(row[7:] for row in rows), strict=True)
            one = Hanging(table if here else f"{schema}.{table}", own, theirs, effect, event)
            found[target] = (*found.get(target, ()), one)
    return found


def reflect(
    db: Wire,
    relation: Relation,
    *,
    samples: bool = False,
    hanging: Mapping[tuple[str, str], tuple[Hanging, ...]] = MappingProxyType({}),
) -> Table:
    """The table or view with its fields and keys; *samples*: also what its values look like and which triggers it has; *hanging*: of `what_hangs`."""
    place = (relation.schema, relation.table)
    found = _columns(db, relation)
    columns = {name: of for name, of, *_ in found}
    uniques = {
        index: tuple(row[1] for row in rows)
        for index, rows in ((i, list(g)) for i, g in groupby(db.rows(_INDEXES, place), lambda row: row[0]))
        if all(name is not None and part is None for _, name, part in rows)  # no expressions, no beginnings
    }
    seen = _samples(db, relation, columns) if samples else {}
    info = ObjectInfo(
        address=relation.address,
        fields=tuple(_field(db, relation, facts, seen.get(facts[0], "")) for facts in found),
        id=uniques.get("PRIMARY", ()),
        keys=tuple(dict.fromkeys(names for index, names in uniques.items() if index != "PRIMARY")),
        foreign_keys=tuple(
            _foreign_key(list(rows)) for _, rows in groupby(db.rows(_FOREIGN_KEYS, place), lambda row: row[0])
        ),
        hanging=tuple(h for h in hanging.get(place, ()) if h.event == "DELETE"),
        following=tuple(h for h in hanging.get(place, ()) if h.event == "UPDATE"),
        triggers=tuple(name for (name,) in db.rows(_TRIGGERS, place)) if samples else None,
        readable="SELECT" in relation.may,
        writable=relation.writable,
    )
    counter = next((name for name, *_, extra, _ in found if "auto_increment" in extra.lower()), "")
    return Table(info=info, name=relation.name, columns=columns, counter=counter)


def _columns(db: Wire, relation: Relation) -> list[tuple[str, Column, bool, str | None, str, bool]]:
    """Of every column its name and type, whether it is NOT NULL, default, extras, and whether it is computed."""
    place = (relation.schema, relation.table)
    # MariaDB's JSON is a text with a check
    texts = {name for (name,) in db.rows(_JSON, place)} if db.is_mariadb and not relation.is_view else set()
    return [
        (name, column(native, charset, collation, is_json=name in texts), *facts)
        for name, native, charset, collation, *facts in db.rows(_COLUMNS, place)
    ]


def _foreign_key(rows: Sequence[tuple[Any, ...]]) -> ForeignKey:
    _, _, schema, table, _, here = rows[0]
    own, theirs = (tuple(row[at] for row in rows) for at in (1, 4))
    return ForeignKey(own, table if here else f"{schema}.{table}", theirs)


def _field(db: Wire, relation: Relation, facts: tuple[Any, ...], sample: str) -> FieldInfo:
    name, of, not_null, default, extra, computed = facts
    type_ = declared(of)
    seen = _numbers(db, relation, name) if type_ is None and of.base == "decimal" else None
    has_default = default is not None and default != "NULL"
    return FieldInfo(
        name=name,
        type=type_,
        native=of.native,
        nullable=not not_null,
        generated=has_default or "auto_increment" in extra.lower(),
        writable=not computed and relation.writable and bool(relation.may & {"INSERT", "UPDATE"}),
        refused="" if type_ is not None else refusal(of, seen),
        sample=sample,
        takes=NUMBERS if type_ is None and of.base in (*FLOATS, "decimal") else frozenset(),
    )


def _numbers(db: Wire, relation: Relation, name: str) -> Type | None:
    """A decimal that holds the numbers seen, with some room before the point; None when there are none."""
    if "SELECT" not in relation.may or relation.is_view:
        return None
    sql = f"SELECT {quoted(name)} FROM {relation.name} WHERE {quoted(name)} IS NOT NULL LIMIT {LOOK_AT}"
    return decimal_of(n for (n,) in db.rows(sql))


def _samples(db: Wire, relation: Relation, columns: Mapping[str, Column]) -> dict[str, str]:
    """One value per column from the first rows, as text. Views are not run for it: they may be slow."""
    if "SELECT" not in relation.may or relation.is_view:
        return {}
    texts = ", ".join(
        f"left({text_of(quoted(n), of)}, {MOST})"
        if of.base not in BINARIES
        else f"hex(left({quoted(n)}, {MOST // 2}))"
        for n, of in columns.items()
    )
    try:
        rows = db.rows(f"SELECT {texts} FROM {relation.name} LIMIT {SAMPLES}")
    except Error:  # a column we may not read
        return {}
    return first_texts(list(columns), rows)
