"""Which rows of a target are written before which: parents that are new, parents that are moved themselves, and rows that
have a value which only one row may have.

The statements read and hold rows of `diff."T"`; `engine.changes.diff` runs them over all targets, and tells what they
find apart by `core.precedence`.
"""

from __future__ import annotations

from collections.abc import Sequence

from erpoa_cli.core.columns import ID, NOW, PENDING, WANTED
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, listed, names_sql, table, work
from erpoa_cli.core.schema import literal
from erpoa_cli.core.situation import CONTENT, Action, does
from erpoa_cli.core.target import BoundField, Reference

_WRITTEN = f"kind IS NULL AND step = 1 AND {does(*CONTENT)}"
_CHANGED = f"kind IS NULL AND step = 1 AND {does(Action.UPDATE)}"


def waits(shape: Shape) -> str:
    """The query for `ordinal`, `first` (the row that is written before it), `what` (the fields that say so), `tree` (these are a
    reference to a parent), `soft` (their system may not mind); empty where nothing of a target is ordered."""
    trees = _trees(shape)
    found = [
        *(_new_parents(shape, field) for field in trees),
        *(_moved_parents(shape, field, own) for field in trees for own in list(shape.id)[:1]),
        *(_handed_on(shape, names) for names in shape.unique),
    ]
    return listed(found, " UNION ALL ")


def _trees(shape: Shape) -> list[BoundField]:
    return [
        f
        for f in shape.fields
        if isinstance(f.value, Reference) and f.value.target == shape.name and not f.value.defer
    ]


def _writes(field: BoundField, alias: str) -> str:
    return f"list_contains({alias}.fields, {literal(field.name)})"


def _new_parents(shape: Shape, field: BoundField) -> str:
    """Parents that this plan creates give the identifier."""
    diff = table("diff", shape.name)
    return f"""
    SELECT r.ordinal, s.ordinal AS first, {literal(field.name)} AS what, true AS tree, false AS soft
    FROM (SELECT ordinal, json_extract_string({PENDING.sql(field.name)}, '$[1]') AS parent FROM {diff} d
        WHERE {_WRITTEN} AND {_writes(field, "d")} AND {PENDING.sql(field.name)} IS NOT NULL) r
    JOIN (SELECT ordinal, {key_text_sql(shape, "")} AS own FROM {diff}
        WHERE {_WRITTEN} AND {does(Action.CREATE)}) s ON s.own = r.parent"""


def _moved_parents(shape: Shape, field: BoundField, own: str) -> str:
    """Who is above a row when all is written has its own parent before: so no row is ever, for a moment, above itself."""
    diff, parent = table("diff", shape.name), WANTED.sql(field.name)
    moved = f"SELECT ordinal, {ID.sql(own)} AS id FROM {diff} d WHERE {_CHANGED} AND {_writes(field, 'd')}"
    return f"""
    SELECT * FROM (
        WITH RECURSIVE moved AS MATERIALIZED ({moved}),
        above AS (
            SELECT ordinal, {parent} AS id FROM {diff} d
            WHERE {_WRITTEN} AND {_writes(field, "d")} AND {PENDING.sql(field.name)} IS NULL AND {parent} IS NOT NULL
                AND (SELECT count(*) FROM moved) > 0
            UNION SELECT u.ordinal, {NOW.sql(field.name, "a")} FROM above u
                JOIN {table("theirs", shape.name)} a ON {NOW.sql(own, "a")} = u.id
                WHERE {NOW.sql(field.name, "a")} IS NOT NULL AND u.id NOT IN (SELECT id FROM moved))
        SELECT above.ordinal, moved.ordinal AS first, {literal(field.name)} AS what, true AS tree, true AS soft
        FROM above JOIN moved ON moved.id = above.id)"""


def _handed_on(shape: Shape, names: Sequence[str]) -> str:
    """A value that only one row may have is free when the row that has it was written. What a delete makes free comes last:
    who wants it is refused before, and tried again."""
    diff, every = table("diff", shape.name), names_sql(names)
    after = {
        n: f"CASE WHEN list_contains(fields, {literal(n)}) THEN {WANTED.sql(n)} ELSE {NOW.sql(n)} END"
        for n in names
    }
    places = range(len(names))
    taken = listed((f"{after[n]} AS v{at}" for at, n in enumerate(names)))
    given = listed((f"{NOW.sql(n)} AS v{at}" for at, n in enumerate(names)))
    differs = listed((f"{NOW.sql(n)} IS DISTINCT FROM {after[n]}" for n in names), " OR ")
    same = listed((f"r.v{at} = s.v{at}" for at in places), " AND ")
    touched = f"list_has_any(fields, {every})"
    return f"""
    SELECT r.ordinal, s.ordinal AS first, {literal(", ".join(names))} AS what, false AS tree, false AS soft
    FROM (SELECT ordinal, {taken} FROM {diff} WHERE {_WRITTEN} AND {touched}) r
    JOIN (SELECT ordinal, {given} FROM {diff} WHERE {_CHANGED} AND {touched} AND ({differs})) s
        ON {same} AND r.ordinal <> s.ordinal"""


def hold_circles(shape: Shape) -> str:
    """The statement that holds the rows of `T/circle` (`ordinal`, `first` and `what` as of `waits`, `code`) and returns how many."""
    diff = table("diff", shape.name)
    return f"""UPDATE {diff} SET kind = 'held', code = c.code, links = false, reason = CASE c.code
            WHEN 'E0411' THEN concat('its parents form a circle: by ', c.what, ' it is below ', c.other)
            WHEN 'E0440' THEN concat(c.what, ': waits for ', c.other, ', which is held')
            ELSE concat(c.what, ': waits for ', c.other, ', which waits for this row in turn') END
        FROM (SELECT c.*, {key_text_sql(shape, "o.")} AS other FROM {work(shape.name, "circle")} c
            JOIN {diff} o ON o.ordinal = c.first) c
        WHERE {diff}.ordinal = c.ordinal"""
