"""What goes along with a row, or loses its reference, when the row is deleted: also through a view, from a partition, and
from a table that inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from erpoa_cli.sdk.connector import Hanging

Db = psycopg.Connection[tuple[Any, ...]]

# Rows of a table are rows of the partitioned tables it is in, too, and it shows those of its partitions and heirs. A foreign
# key of a partition is told as one of the whole table, which alone is an object: too many rows may be told then.
_HANGING = """
    WITH RECURSIVE own(oid) AS (
        SELECT %s::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN own ON own.oid = i.inhparent
    ), places(oid) AS (SELECT oid FROM own UNION SELECT a.relid FROM pg_partition_ancestors(%s::oid::regclass) a(relid))
    SELECT DISTINCT n.nspname = current_schema(), n.nspname, o.relname,
        ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.at),
        ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, at)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.at),
        CASE k.rule WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END, k.event
    FROM pg_constraint c
    CROSS JOIN LATERAL (VALUES ('DELETE', c.confdeltype), ('UPDATE', c.confupdtype)) k(event, rule)
    JOIN pg_class f ON f.oid = c.conrelid
    JOIN pg_class o ON o.oid = CASE WHEN f.relispartition THEN pg_partition_root(f.oid) ELSE f.oid END
    JOIN pg_namespace n ON n.oid = o.relnamespace
    WHERE c.contype = 'f' AND c.confrelid IN (SELECT oid FROM places) AND k.rule IN ('c', 'n', 'd')
        AND c.conparentid = 0
    ORDER BY 2, 3, 4, 5, 6, 7"""
_BENEATH = """
    SELECT DISTINCT c.oid, c.relkind::text FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class c ON c.oid = d.refobjid
    WHERE r.ev_class = %s AND c.oid <> r.ev_class AND c.relkind IN ('r', 'p', 'f', 'v') ORDER BY c.oid"""
# Of which column a field of a view is: the server keeps that with the view's query. Queries within it are not told apart.
_ORIGINS = r"""
    SELECT a.attname::text, pg_column_is_updatable(r.ev_class, a.attnum, false), array_agg(DISTINCT ARRAY[m[2], m[3]]::oid[]),
        (SELECT count(*) FROM pg_rewrite o WHERE o.ev_class = r.ev_class) = 1
    FROM pg_rewrite r
    CROSS JOIN LATERAL regexp_matches(r.ev_action::text,
        ':resno (\d+) :resname (?:\\.|[^\s\\])+ :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (\d+) ', 'g') m
    JOIN pg_attribute a ON a.attrelid = r.ev_class AND a.attnum = m[1]::int AND NOT a.attisdropped
    WHERE r.ev_class = %s AND r.ev_type = '1' GROUP BY r.ev_class, a.attnum, a.attname"""
_NAMES = "SELECT attnum, attname::text FROM pg_attribute WHERE attrelid = %s AND attnum > 0"


def hanging(db: Db, oid: int, kind: str) -> Iterator[Hanging]:
    """What hangs on rows of the table or view *oid*, or follows them. A field that a foreign key references and a view does not show is
    unknown: then `references` is empty."""
    found: dict[Hanging, None] = {}
    for table, fields in _tables(db, oid, kind, None, frozenset()):
        for here, schema, other, own, theirs, effect, event in db.execute(
            _HANGING, (table, table)
        ).fetchall():
            shown = theirs if fields is None else [fields[name] for name in theirs if name in fields]
            references = tuple(shown) if len(shown) == len(theirs) else ()
            found[Hanging(other if here else f"{schema}.{other}", tuple(own), references, effect, event)] = (
                None
            )
    yield from found


def _tables(
    db: Db, oid: int, kind: str, shown: Mapping[str, str] | None, above: frozenset[int]
) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """The tables beneath a relation with their columns that are *shown* above it: column → field. None: all are, as such."""
    if kind != "v":
        yield oid, shown
        return
    origins = db.execute(_ORIGINS, (oid,)).fetchall()
    base = _base(origins)
    for below, its_kind in db.execute(_BENEATH, (oid,)).fetchall():
        if below in above or base not in (None, below):
            continue
        names: dict[int, str] = dict(db.execute(_NAMES, (below,)).fetchall())
        fields = {}
        for field, is_updatable, pairs, _ in origins:
            seen = [p for p in pairs if p[0] == base] if base and is_updatable else pairs
            top = field if shown is None else shown.get(field)
            if top is not None and len(seen) == 1 and seen[0][0] == below:
                fields[names[seen[0][1]]] = top
        yield from _tables(db, below, its_kind, fields, above | {oid})


def _base(origins: Sequence[tuple[Any, ...]]) -> int | None:
    """The one relation from which a view deletes, where that is sure: a view without rules of its own deletes from the one
    whose columns can be updated through it."""
    told = [
        {table for table, _ in pairs} - {0} for _, updatable, pairs, plain in origins if updatable and plain
    ]
    common = set.intersection(*told) if told else set()
    return common.pop() if len(common) == 1 else None
