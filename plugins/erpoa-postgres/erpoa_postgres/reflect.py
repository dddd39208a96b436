"""What tables a database has: columns, keys, references, what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from erpoa_cli.core.schema import Type, identifier
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo, ForeignKey, ObjectInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.sql import LEDGER, Table
from erpoa_cli.sdk.sql.discovery import LOOK_AT, MOST, SAMPLES, decimal_of, first_texts
from erpoa_postgres.columns import FLOATS, Column, column, declared, refusal, text_of
from erpoa_postgres.hanging import hanging

Db = psycopg.Connection[tuple[Any, ...]]


_RELATIONS = """
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, n.nspname = current_schema(),
        pg_relation_is_updatable(c.oid, false), has_any_column_privilege(c.oid, 'SELECT'),
        has_any_column_privilege(c.oid, 'INSERT'), has_any_column_privilege(c.oid, 'UPDATE'),
        has_table_privilege(c.oid, 'DELETE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%%'
        AND n.nspname NOT LIKE 'pg\\_temp\\_%%' AND c.relname <> %s AND has_schema_privilege(n.oid, 'USAGE')
    ORDER BY n.nspname, c.relname"""
_COLUMNS = """
    SELECT a.attname, a.attnotnull, a.atthasdef, a.attidentity::text, a.attgenerated::text
    FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_INDEXES = """
    SELECT i.indisprimary, NOT EXISTS (
            SELECT FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent WHERE p.oid = i.indrelid AND p.relkind = 'r'
        ), ARRAY(
        SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY k(attnum, at)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.at), i.indimmediate
    FROM pg_index i WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
        AND i.indexprs IS NULL ORDER BY i.indexrelid"""
_TRIGGERS = """
    WITH RECURSIVE own(oid) AS (
        SELECT %s::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN own ON own.oid = i.inhparent
    )
    SELECT DISTINCT tgname::text FROM pg_trigger JOIN own ON own.oid = tgrelid
    WHERE NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1"""
_FOREIGN_KEYS = """
    SELECT n.nspname = current_schema(), n.nspname, f.relname,
        ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.at),
        ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.at)
    FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace n ON n.oid = f.relnamespace
    WHERE c.contype = 'f' AND c.conrelid = %s ORDER BY c.oid"""
_TYPES = """
    SELECT asked.at, format_type(t.oid, asked.modifier), CASE WHEN t.typtype = 'e' THEN 'enum'
            WHEN n.nspname = 'pg_catalog' OR t.typname = 'citext' THEN t.typname ELSE '' END,
        CASE WHEN t.typcategory <> 'A' THEN '' WHEN i.typtype = 'e' THEN 'enum' ELSE i.typname END
    FROM unnest(%s::oid[], %s::int4[]) WITH ORDINALITY asked(oid, modifier, at)
    JOIN pg_type t ON t.oid = asked.oid JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_type i ON i.oid = t.typelem ORDER BY asked.at"""

_INSERTS, _UPDATES, _DELETES = 8, 4, 16  # bits of pg_relation_is_updatable


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view: its address, its name in SQL and what the role may do with it."""

    oid: int
    address: str
    name: str
    kind: str
    readable: bool
    inserts: bool
    updates: bool
    deletes: bool

    @property
    def writable(self) -> bool:
        return self.inserts or self.updates or self.deletes


def relations(db: Db) -> dict[str, Relation]:
    """Every table and view by its address, without PostgreSQL's own, partitions and our ledger."""
    found: dict[str, Relation] = {}
    for oid, schema, name, kind, here, can, reads, inserts, updates, deletes in db.execute(
        _RELATIONS, (LEDGER,)
    ):
        address = name if here else f"{schema}.{name}"
        found[address] = Relation(
            oid, address, f"{identifier(schema)}.{identifier(name)}", kind, reads,
            bool(inserts and can & _INSERTS), bool(updates and can & _UPDATES), bool(deletes and can & _DELETES),
        )  # fmt: skip
    return found


def find_relation(db: Db, address: str) -> Relation:
    found = relations(db).get(address)
    if found is None:
        raise ContractBroken(f"there is no table or view {address!r}")
    return found


def described(db: Db, relation: str) -> dict[str, Column]:
    """The columns of *relation* (SQL: a name, or a query in brackets), domains as the types beneath them."""
    cursor = db.execute(f"SELECT * FROM {relation} t LIMIT 0")
    result = cursor.pgresult
    assert result is not None
    names = [c.name for c in cursor.description or ()]
    oids = [result.ftype(at) for at in range(result.nfields)]
    modifiers = [result.fmod(at) for at in range(result.nfields)]
    types = db.execute(_TYPES, (oids, modifiers)).fetchall()
    return {
        names[at - 1]: column(native, base, element, modifiers[at - 1]) for at, native, base, element in types
    }


def reflect(db: Db, relation: Relation, *, samples: bool = False) -> Table[Column]:
    """The table or view with its fields and keys; *samples*: also what its values look like."""
    columns = described(db, relation.name)
    uniques = db.execute(_INDEXES, (relation.oid,)).fetchall()
    key = next((tuple(names) for primary, _, names, _ in uniques if primary), ())
    seen = _samples(db, relation, columns) if samples else {}
    fields = tuple(
        _field(db, relation, name, columns[name], facts, seen.get(name, ""))
        for name, *facts in db.execute(_COLUMNS, (relation.oid,)).fetchall()
    )
    foreign = tuple(
        ForeignKey(tuple(own), other if here else f"{schema}.{other}", tuple(theirs))
        for here, schema, other, own, theirs in db.execute(_FOREIGN_KEYS, (relation.oid,))
    )
    hangs = list(hanging(db, relation.oid, relation.kind))  # whatever the role may do there
    info = ObjectInfo(
        address=relation.address,
        fields=fields,
        id=key,
        keys=tuple(dict.fromkeys(tuple(names) for primary, _, names, _ in uniques if not primary)),
        exchangeable=tuple(tuple(names) for _, _, names, at_once in uniques if not at_once),
        foreign_keys=foreign,
        hanging=tuple(h for h in hangs if h.event == "DELETE"),
        following=tuple(h for h in hangs if h.event == "UPDATE"),
        triggers=tuple(name for (name,) in db.execute(_TRIGGERS, (relation.oid,))),
        readable=relation.readable,
        writable=relation.writable,
    )
    refusing = [names for _, refuses, names, _ in uniques if refuses]
    return Table(info=info, name=relation.name, columns=columns, refusing=refusing)


def _field(db: Db, relation: Relation, name: str, of: Column, facts: Sequence[Any], sample: str) -> FieldInfo:
    not_null, default, identity, computed = facts
    type_ = declared(of)
    seen = _numbers(db, relation, name) if type_ is None and of.base == "numeric" else None
    return FieldInfo(
        name=name,
        type=type_,
        native=of.native,
        nullable=not not_null,
        generated=bool(default or identity),
        writable=not (computed or identity == "a") and (relation.inserts or relation.updates),
        refused="" if type_ is not None else refusal(of, seen),
        sample=sample,
        takes=NUMBERS if type_ is None and of.base in (*FLOATS, "numeric") else frozenset(),
    )


def _numbers(db: Db, relation: Relation, name: str) -> Type | None:
    """A decimal that holds the numbers seen, with some room before the point; None when there are none."""
    if not relation.readable or relation.kind == "v":
        return None
    quoted = identifier(name)
    found = db.execute(f"SELECT {quoted} FROM {relation.name} WHERE {quoted} IS NOT NULL LIMIT {LOOK_AT}")
    return decimal_of(n for (n,) in found)


def _samples(db: Db, relation: Relation, columns: Mapping[str, Column]) -> dict[str, str]:
    """One value per column from the first rows, as text. Views are not run for it: they may be slow."""
    if not relation.readable or relation.kind == "v" or not columns:
        return {}
    texts = ", ".join(f"left({text_of('t.' + identifier(n), c)}, {MOST})" for n, c in columns.items())
    try:
        rows = db.execute(f"SELECT {texts} FROM {relation.name} t LIMIT {SAMPLES}").fetchall()
    except psycopg.Error:  # a column we may not read, a foreign server that is down
        return {}
    return first_texts(list(columns), rows)
