"""Order over the noteworthy rows: pending values that nothing gives, second steps, waves.

The statements change `diff."T"` in place; `engine.changes.diff` runs them over all targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from erpoa_cli.core.columns import ID, KEY, NOW, PENDING, WANTED
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, listed, table, work
from erpoa_cli.core.schema import Kind, literal
from erpoa_cli.core.situation import CONTENT, REMOVALS, Action, does
from erpoa_cli.core.target import BoundField, Reference, Result

_PLANNED = f"kind IS NULL AND {does(*CONTENT)}"
_REMOVAL = f"kind IS NULL AND {does(*REMOVALS)}"


def creating(shape: Shape) -> str:
    """The statement that fills `T/creating`: key texts of the rows this plan creates."""
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "creating")} AS
        SELECT {key_text_sql(shape, "")} AS key_text FROM {table("diff", shape.name)}
        WHERE kind IS NULL AND {does(Action.CREATE)}"""


def _points_to(field: BoundField) -> str:
    assert isinstance(field.value, Reference | Result)
    return field.value.target


def _dangles(field: BoundField) -> str:
    pointer = f"json_extract_string({PENDING.sql(field.name)}, '$[1]')"
    return (
        f"{_PLANNED} AND list_contains(fields, {literal(field.name)}) AND {PENDING.sql(field.name)} IS NOT NULL "
        f"AND {pointer} NOT IN (SELECT key_text FROM {work(_points_to(field), 'creating')})"
    )


def settle_pending(shape: Shape) -> Iterator[str]:
    """Updates that return the number of changed rows: a reference to a row that this plan does not create
    holds its row; a deferred one and a result are left out and wait for the next plan."""
    for field in shape.pending:
        value = field.value
        if isinstance(value, Reference) and not value.defer:
            reason = f"concat({literal(f'{field.name}: waits for {value.target} ')}, json_extract_string({PENDING.sql(field.name)}, '$[1]'), ', which is not written')"
            yield f"""UPDATE {table("diff", shape.name)} SET kind = 'held', code = 'E0409', reason = {reason}, links = false
                WHERE {_dangles(field)}"""
            continue
        name = literal(field.name)
        yield f"""UPDATE {table("diff", shape.name)} SET
                fields = list_filter(fields, lambda x: x <> {name}), waiting = list_append(waiting, {name})
            WHERE {_dangles(field)}"""


def waiting_rows(shape: Shape) -> str:
    """Updates of which nothing is left are withheld: they say what they wait for."""
    return f"""UPDATE {table("diff", shape.name)} SET kind = 'withheld', code = 'E0425',
            reason = concat('waits for values of this plan: ', array_to_string(waiting, ', '))
        WHERE {_PLANNED} AND {does(Action.UPDATE)} AND len(fields) = 0"""


def second_steps(shape: Shape) -> Iterator[str]:
    """Deferred references are written by an update after all creates: a row of its own, unless nothing else
    of the row is written."""
    deferred = [f for f in shape.pending if isinstance(f.value, Reference) and f.value.defer]
    if not deferred:
        return
    diff = table("diff", shape.name)
    names = listed(
        f"CASE WHEN {PENDING.sql(f.name)} IS NOT NULL AND list_contains(fields, {literal(f.name)}) THEN {literal(f.name)} END"
        for f in deferred
    )
    second = f"list_filter(CAST([{names}] AS VARCHAR[]), lambda x: x IS NOT NULL)"
    split = work(shape.name, "split")
    yield f"""CREATE OR REPLACE TABLE {split} AS
        SELECT ordinal, {second} AS second, len({second}) = len(fields) AND {does(Action.UPDATE)} AS whole FROM {diff}
        WHERE {_PLANNED} AND len({second}) > 0"""
    yield f"""INSERT INTO {diff}
        SELECT d.* REPLACE (
            (SELECT max(ordinal) FROM {diff}) + row_number() OVER (ORDER BY d.ordinal) AS ordinal,
            {Action.UPDATE.sql} AS action, 2 AS step, s.second AS fields, [] AS drifted, [] AS conflicted, [] AS settled,
            true AS links{", before[1:0] AS before, after[1:0] AS after" if shape.lifecycle else ""})
        FROM {diff} d JOIN {split} s USING (ordinal) WHERE NOT s.whole"""
    yield f"""UPDATE {diff} SET fields = list_filter(fields, lambda x: NOT list_contains(s.second, x))
        FROM {split} s WHERE {diff}.ordinal = s.ordinal AND NOT s.whole"""
    yield f"UPDATE {diff} SET step = 2 FROM {split} s WHERE {diff}.ordinal = s.ordinal AND s.whole"


def _tree_fields(shape: Shape) -> list[BoundField]:
    return [
        f
        for f in shape.fields
        if isinstance(f.value, Reference) and f.value.target == shape.name and not f.value.defer
    ]


def any_written(shape: Shape) -> str:
    """The query for whether rows are written in the first step."""
    return f"SELECT count(*) > 0 FROM {table('diff', shape.name)} WHERE {_PLANNED} AND step = 1"


def number_writes(shape: Shape, first: int) -> str:
    """Give creates and updates of the first step the wave *first*."""
    return f"UPDATE {table('diff', shape.name)} SET wave = {first} WHERE {_PLANNED} AND step = 1"


def number_waiting(shape: Shape) -> str:
    """Give those of `T/depth` (`ordinal depth`) so much later waves."""
    diff = table("diff", shape.name)
    return f"""UPDATE {diff} SET wave = wave + w.depth FROM {work(shape.name, "depth")} w
        WHERE w.ordinal = {diff}.ordinal AND {_PLANNED} AND step = 1"""


def number_second_steps(shape: Shape, wave: int) -> str:
    return f"UPDATE {table('diff', shape.name)} SET wave = {wave} WHERE {_PLANNED} AND step = 2"


def removal_depths(shape: Shape) -> str:
    """Fill `T/height` (ordinal, height): how many rows of the same tree must be removed before."""
    trees = _tree_fields(shape)
    own = next(iter(shape.id), "")
    edges = [
        f"SELECT p.ordinal AS parent, c.ordinal AS child FROM {table('diff', shape.name)} c "
        f"JOIN {table('diff', shape.name)} p ON c.{NOW.sql(f.name)} = p.{ID.sql(own)} "
        f"AND p.ordinal <> c.ordinal WHERE c.{_REMOVAL.replace(' AND ', ' AND c.')} AND p.{_REMOVAL.replace(' AND ', ' AND p.')}"
        for f in trees
        if own
    ] or ["SELECT 0 AS parent, 0 AS child LIMIT 0"]
    # A row climbs over its children; a circle in their data would climb for ever, so the walk is bounded.
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "height")} AS
        WITH RECURSIVE edge AS MATERIALIZED ({" UNION ALL ".join(edges)}),
        walk AS (SELECT ordinal, 0 AS height FROM {table("diff", shape.name)} WHERE {_REMOVAL}
            UNION SELECT e.parent, walk.height + 1 FROM edge e JOIN walk ON e.child = walk.ordinal
            WHERE walk.height < 1000)
        SELECT ordinal, max(height) AS height FROM walk GROUP BY ordinal"""


def highest(shape: Shape) -> str:
    return f"SELECT max(height) FROM {work(shape.name, 'height')}"


def number_removals(shape: Shape, first: int) -> str:
    """Give removals their wave, counted from *first*, children before parents."""
    diff = table("diff", shape.name)
    return f"""UPDATE {diff} SET wave = {first} + h.height FROM {work(shape.name, "height")} h
        WHERE h.ordinal = {diff}.ordinal"""


def released(shape: Shape, later: Mapping[str, Shape], wave: int) -> Iterator[str]:
    """The statements that empty deferred references of rows that are deleted, in *wave*, before the rows of *later* they
    point to are: these go first, and a reference to them would be in the way."""
    fields = [f for f in shape.fields if isinstance(f.value, Reference) and f.value.defer]
    fields = [f for f in fields if _points_to(f) in later and f.type.kind is not Kind.LIST]
    if not fields or shape.lifecycle is not None:
        return
    diff, freed = table("diff", shape.name), work(shape.name, "freed")
    names = listed(
        f"CASE WHEN {_goes_too(f, later[_points_to(f)])} THEN {literal(f.name)} END" for f in fields
    )
    yield f"""CREATE OR REPLACE TABLE {freed} AS SELECT ordinal, names FROM (
            SELECT ordinal, list_filter(CAST([{names}] AS VARCHAR[]), lambda x: x IS NOT NULL) AS names
            FROM {diff} d WHERE kind IS NULL AND {does(Action.DELETE)})
        WHERE len(names) > 0"""
    emptied = {f.name: f"list_contains(s.names, {literal(f.name)})" for f in fields}
    left = [f"CASE WHEN {freely} THEN NULL ELSE d.{NOW.sql(n)} END" for n, freely in emptied.items()]
    # What is remembered follows the order of ordinals: the delete comes last, so it is the copy.
    yield f"""INSERT INTO {diff}
        SELECT d.* REPLACE (
            (SELECT max(ordinal) FROM {diff}) + row_number() OVER (ORDER BY d.ordinal) AS ordinal,
            {listed(f"{value} AS {NOW.sql(n)}" for value, n in zip(left, emptied, strict=True))})
        FROM {diff} d JOIN {freed} s USING (ordinal)"""
    wanted = {n: f"d.{NOW.sql(n)}" for n in shape.columns} | dict(zip(emptied, left, strict=True))
    yield f"""UPDATE {diff} AS d SET action = {Action.UPDATE.sql}, wave = {wave}, fields = s.names, drifted = [], conflicted = [],
            settled = [], links = true, {listed(f"{WANTED.sql(n)} = {value}" for n, value in wanted.items())}
        FROM {freed} s WHERE d.ordinal = s.ordinal"""


def _goes_too(field: BoundField, other: Shape) -> str:
    """Whether the row that `d` points to by *field* is another one that this plan deletes."""
    own = next(iter(other.id), None)
    if own is None:
        return "false"
    return f"""EXISTS (SELECT 1 FROM {table("diff", other.name)} g WHERE g.kind IS NULL AND {does(Action.DELETE, of="g")}
        AND g.{ID.sql(own)} = d.{NOW.sql(field.name)})"""


def any_released(shape: Shape, wave: int) -> str:
    """The query for whether rows have been given *wave* by `released`."""
    return f"SELECT count(*) > 0 FROM {table('diff', shape.name)} WHERE {_PLANNED} AND wave = {wave}"


def hold_lines(shape: Shape, parent: Shape, *, document: bool) -> Iterator[str]:
    """A document and its lines are held together: with *document* a line's problem holds the document; a
    document's problem always holds its lines."""
    keys = tuple(shape.key)[: shape.document]
    same = listed((f"{KEY.sql(k, 'l')} = {KEY.sql(k, 'p')}" for k in keys), " AND ")
    lines, documents = table("desired", shape.name), table("desired", parent.name)
    every = listed(KEY.sql(k) for k in shape.key)
    unnamed = listed((f"{KEY.sql(k)} IS NULL" for k in shape.key), " OR ")
    if document:
        yield f"""UPDATE {documents} AS p SET problem_code = 'E0412', problem = l.problem
            FROM (SELECT {listed(KEY.sql(k) for k in keys)}, concat('a line of it is held: ', min(problem)) AS problem
                FROM (SELECT {every}, CASE WHEN {unnamed} THEN 'its key is empty' WHEN count(*) > 1
                    THEN concat('the key of a line is repeated: ', {key_text_sql(shape, "")}) ELSE min(problem) END AS problem
                    FROM {lines} GROUP BY {every})
                WHERE problem IS NOT NULL GROUP BY {listed(KEY.sql(k) for k in keys)}) l
            WHERE p.problem IS NULL AND {same}"""
    yield f"""UPDATE {lines} AS l SET problem_code = 'E0413', problem = concat('its document is held: ', p.problem)
        FROM (SELECT {listed(KEY.sql(k) for k in keys)}, min(problem) AS problem FROM {documents}
            WHERE problem IS NOT NULL GROUP BY {listed(KEY.sql(k) for k in keys)}) p
        WHERE l.problem IS NULL AND {same}"""


def referenced(shape: Shape, other: Shape, field: BoundField) -> str:
    """The query for rows of *other* that this plan deletes although a row of *shape* that stays refers to
    them by *field*: number of deletes."""
    own = next(iter(other.id))
    ids = listed((f"d.{ID.sql(i)} = {NOW.sql(i, 'a')}" for i in shape.id), " AND ") or "false"
    leaves = f"({does(Action.DELETE, of='d')} OR list_contains(d.fields, {literal(field.name)}))"
    return f"""SELECT count(DISTINCT g.ordinal) FROM {table("diff", other.name)} g
        JOIN {table("theirs", shape.name)} a ON {NOW.sql(field.name, "a")} = g.{ID.sql(own)}
        WHERE g.kind IS NULL AND {does(Action.DELETE, of="g")}
        AND NOT EXISTS (SELECT 1 FROM {table("diff", shape.name)} d WHERE d.kind IS NULL AND {ids} AND {leaves})"""
