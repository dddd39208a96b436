"""Which rows must be looked at: the narrow joins over keys, identifiers and hashes."""

from __future__ import annotations

from dataclasses import dataclass

from erpoa_cli.core.columns import ID, KEY, NOW, PENDING, WANTED
from erpoa_cli.core.reconcile.recognise import row_hash
from erpoa_cli.core.reconcile.shape import Shape, listed, same_key, table, work
from erpoa_cli.core.schema import literal
from erpoa_cli.core.situation import Action, does
from erpoa_cli.core.target import Column, OnSourceGone, Owns


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the reads behind a diff prove. A reason says why absence proves nothing; empty: it does.

    `first`: no plan of this target was applied yet; `edited`: definitions behind the target changed since;
    `unread`: `T/unread` lists rows of theirs (`row_a`, `unread`) with a value that could not be read; `whole`: what is
    wanted is known, even where it is nothing."""

    desired: str = ""
    actual: str = ""
    first: bool = False
    edited: bool = False
    unread: bool = False
    whole: bool = False


def twin(shape: Shape) -> str:
    """Keys of desired that are repeated or not whole, with the first row that has each."""
    keys = listed(KEY.sql(k) for k in shape.key)
    null = listed((f"{KEY.sql(k)} IS NULL" for k in shape.key), " OR ")
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "twin")} AS
        SELECT {keys}, min(rowid) AS first_row, count(*) AS copies, {null} AS unnamed
        FROM {table("desired", shape.name)} GROUP BY {keys} HAVING count(*) > 1 OR {null}"""


def proof(shape: Shape, evidence: Evidence) -> str:
    """Why a row that is missing from desired may exist all the same; NULL when its absence is proven.

    `unplaced`: the same for a row of theirs that nothing recognises, while one of ours that is held may be it."""
    unlinked = f"""NOT EXISTS (SELECT 1 FROM {work(shape.name, "link")} l
            WHERE l.row_a IS NOT NULL AND {same_key(shape, "l", "d")})
        AND NOT EXISTS (SELECT 1 FROM {work(shape.name, "match")} m WHERE {same_key(shape, "m", "d")})"""
    null = listed((f"{KEY.sql(k, 'd')} IS NULL" for k in shape.key), " OR ")
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "proof")} AS
        SELECT CASE WHEN {literal(evidence.desired)} <> '' THEN {literal(evidence.desired)}
            WHEN {"false" if evidence.whole else "true"} AND NOT EXISTS (SELECT 1 FROM {table("desired", shape.name)})
                THEN 'no row is wanted at all'
            WHEN EXISTS (SELECT 1 FROM {work(shape.name, "twin")} WHERE unnamed)
                THEN 'a row with an empty key column may be this row' END AS unproven,
        CASE WHEN EXISTS (SELECT 1 FROM {table("desired", shape.name)} d
                WHERE (d.problem IS NOT NULL OR {null}) AND {unlinked})
            THEN 'a held row of ours may be this row' END AS unplaced"""


def near(shape: Shape, evidence: Evidence, first: int = 0) -> str:
    """The narrow join: keys and row numbers of everything that hashes cannot clear, numbered by key.

    What is numbered and sorted here need not be sorted with all its values. With *first*, the number to count from:
    instead the rows that `T/touched` names, which are written for their lines."""
    keys = listed(KEY.sql(k, "d") for k in shape.key)
    both = listed(f"coalesce({KEY.sql(k, 'd')}, {KEY.sql(k, 'l')}) AS {KEY.sql(k)}" for k in shape.key)
    match_keys = listed(KEY.sql(k, "m") for k in shape.key)
    linked_ids = [f"l.{ID.sql(i)}" for i in shape.id]
    order = [f"{KEY.sql(k)} NULLS FIRST" for k in shape.key] + [ID.sql(i) for i in shape.id]
    ids = [ID.sql(i) for i in shape.id]
    pending = [f"{PENDING.sql(f.name)} IS NOT NULL" for f in shape.pending]
    waiting = ["len(waiting) > 0"] if shape.pending else []
    special = listed(["problem IS NOT NULL", *pending, *waiting, *_leaving(shape)], " OR ")
    twins = listed((f"{KEY.sql(k, 't')} IS NOT DISTINCT FROM {KEY.sql(k, 'd')}" for k in shape.key), " AND ")
    wanted = (
        "NOT coalesce(d.desired_hash = l.hash_agreed AND l.same_a AND NOT d.special AND NOT l.special, false)"
    )
    if first:
        wanted = f"EXISTS (SELECT 1 FROM {work(shape.name, 'touched')} t WHERE {same_key(shape, 't', 'd')})"
    gone = _removed_with_document(shape, "l") if shape.target.on_source_gone is OnSourceGone.KEEP else "true"
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "near")} AS
    WITH d AS (SELECT d.rowid AS row_d, {keys}, {row_hash(shape, WANTED)} AS desired_hash,
            {special} OR t.first_row IS NOT NULL AS special, t.copies, t.unnamed
        FROM {table("desired", shape.name)} d LEFT JOIN {work(shape.name, "twin")} t ON {twins}
        WHERE t.first_row IS NULL OR t.first_row = d.rowid),
    joined AS (SELECT d.row_d, d.copies, d.unnamed, {listed([both, *linked_ids])},
            l.row_b, l.row_a, coalesce(l.row_b, l.row_a) IS NOT NULL AS linked, coalesce(l.again, false) AS again
        FROM d FULL JOIN {work(shape.name, "link")} l ON {same_key(shape, "d", "l")}
        WHERE {wanted} AND (d.row_d IS NOT NULL OR (l.row_b IS NOT NULL AND NOT l.again AND ({gone} OR l.row_a IS NULL)))),
    hit AS (SELECT {match_keys}, min(row_a) AS m_row, max(hits) AS hits, max(claims) AS claims
        FROM {work(shape.name, "match")} m GROUP BY {match_keys}),
    every AS (SELECT joined.* EXCLUDE (row_a), coalesce(joined.row_a, hit.m_row) AS row_a,
            joined.row_a IS NULL AND hit.m_row IS NOT NULL AS matched,
            coalesce(hit.hits, 1) AS hits, coalesce(hit.claims, 1) AS claims
        FROM joined LEFT JOIN hit ON {same_key(shape, "joined", "hit")}
        {"" if first else _foreign(shape, evidence)})
    SELECT {first} + row_number() OVER () - 1 AS ordinal, * {f"EXCLUDE ({listed(ids)})" if ids else ""}
    FROM (SELECT * FROM every ORDER BY {listed(order)})"""


def _removed_with_document(shape: Shape, alias: str) -> str:
    """Whether a line goes because its document does, whatever becomes of lines that are missing."""
    lines = shape.target.lines
    if lines is None:
        return "false"
    keys = tuple(shape.key)[: shape.document]
    ours, theirs = (listed(KEY.sql(k, each) for k in keys) for each in (alias, "p"))
    leaves = does(Action.DELETE, of="p") + (" OR p.leaves" if shape.wish else "")
    return f"({ours}) IN (SELECT ({theirs}) FROM {table('diff', lines.parent)} p WHERE {leaves})"


def _leaving(shape: Shape) -> list[str]:
    """Lines of documents that are deleted: nothing about them changed, and all the same they go."""
    return [_removed_with_document(shape, "d")] if shape.wish else []


def _foreign(shape: Shape, evidence: Evidence) -> str:
    """Rows of theirs that nothing of ours recognises: ours to remove only where the target owns all."""
    target = shape.target
    kept = (OnSourceGone.KEEP, OnSourceGone.UNDO)  # documents of others are not undone
    if target.owns is not Owns.ALL or evidence.first or target.on_source_gone in kept:
        return ""
    carried = {f.value.name: f.name for f in reversed(shape.fields) if isinstance(f.value, Column)}
    named = [
        f"TRY_CAST({NOW.sql(carried[k], 'a')} AS {t.duckdb}) AS {KEY.sql(k)}"
        for k, t in shape.key.items()
        if k in carried
    ]
    ids = [f"{NOW.sql(i, 'a')} AS {ID.sql(i)}" for i in shape.id]
    return f"""UNION ALL BY NAME
    SELECT {listed((f"{c}," for c in named + ids), " ")}
        a.rowid AS row_a, false AS linked, false AS again, false AS matched, 1 AS hits, 1 AS claims
    FROM {table("theirs", shape.name)} a
    WHERE NOT EXISTS (SELECT 1 FROM {work(shape.name, "link")} l WHERE l.row_a = a.rowid)
        AND NOT EXISTS (SELECT 1 FROM {work(shape.name, "match")} m WHERE m.row_a = a.rowid)
        AND NOT EXISTS (SELECT 1 FROM {work(shape.name, "again")} r
            WHERE {listed((f"{NOW.sql(i, 'r')} = {NOW.sql(i, 'a')}" for i in shape.id), " AND ") or "false"})"""
