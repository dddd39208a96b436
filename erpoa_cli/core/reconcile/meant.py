"""Which row an identifier meant before a run that is taken back: systems give the identifiers of deleted rows again, and rows
that are made anew get others. A reference goes to the row that it meant, whatever its number is now, or stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from erpoa_cli.core.columns import ID, KEY, NOW, Columns
from erpoa_cli.core.reconcile.shape import Shape, listed, same_key, table, work
from erpoa_cli.core.schema import Kind, identifier, literal
from erpoa_cli.core.situation import Action, does
from erpoa_cli.core.target import BoundField, Reference, Result


def own_id(shape: Shape) -> str | None:
    """The column by which others refer to rows of *shape*."""
    return next(iter(shape.id), None)


def ended(shape: Shape) -> str:
    """The statement that fills `T/since` of `T/then`, the rows that the run and later ones wrote: identifiers that ceased to
    mean a row of ours and those that were given to new ones, in order. `gone`: the row is not there any more; `left`: it
    is, as none of ours; `made`: a row of ours got it."""
    own = own_id(shape)
    keys = listed(KEY.sql(k) for k in shape.key)
    if own is None:
        columns = listed(f"CAST(NULL AS {t.duckdb}) AS {KEY.sql(k)}" for k, t in shape.key.items())
        return f"""CREATE OR REPLACE TABLE {work(shape.name, "since")} AS
            SELECT 0 AS place, '' AS id, '' AS event, false AS stranger, {columns} WHERE false"""
    again = f"{does(Action.CREATE)} AND situation = 'vanished'"
    lost = f"{does(Action.DELETE, Action.FORGET)} OR ({does(Action.MOVE)} AND NOT links) OR ({again})"
    gone = f"{does(Action.DELETE)} OR situation IN ('vanished', 'both_gone')"
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "since")} AS
    SELECT row_number() OVER (ORDER BY number, wave, step, ordinal, event = 'made') AS place, id, event, stranger, {keys} FROM (
        SELECT number, wave, step, ordinal, CAST({ID.sql(own)} AS VARCHAR) AS id, {keys},
            CASE WHEN {gone} THEN 'gone' ELSE 'left' END AS event, situation = 'foreign' AS stranger
        FROM {work(shape.name, "then")} WHERE {lost}
        UNION ALL BY NAME
        SELECT number, wave, step, ordinal, CAST(given AS VARCHAR) AS id, {keys}, 'made' AS event, false AS stranger
        FROM {work(shape.name, "then")} WHERE {does(Action.CREATE)})
    WHERE id IS NOT NULL"""


def meant(shape: Shape, missing: str) -> str:
    """The statement that fills `T/meant`: which key an identifier (as text) meant before the run: that of the row that lost it
    first, else that of the row which is linked to it. `alive`: that row is there, perhaps with another identifier, or
    this plan makes it anew (`removed`); `loose`: it is there, but none of ours any more; `given`: another row of ours has
    the identifier now. *missing*: why a row that was not read may be there all the same; empty: it is not."""
    own = own_id(shape)
    if own is None:
        columns = listed(f"CAST(NULL AS {t.duckdb}) AS {KEY.sql(k)}" for k, t in shape.key.items())
        flags = listed(f"false AS {name}" for name in ("removed", "given", "alive", "loose"))
        return f"CREATE OR REPLACE TABLE {work(shape.name, 'meant')} AS SELECT '' AS id, '' AS event, {columns}, {flags} WHERE false"
    keys, kept = listed(KEY.sql(k) for k in shape.key), work(shape.name, "kept")
    linked = f"CAST({ID.sql(own)} AS VARCHAR)"
    here = f"SELECT CAST({identifier(own)} AS VARCHAR) FROM {table('actual', shape.name)}"
    there = "true" if missing else f"coalesce(CAST({ID.sql(own, 'k')} AS VARCHAR) IN ({here}), false)"
    given = f"coalesce(h.id IN (SELECT {linked} FROM {kept} WHERE {ID.sql(own)} IS NOT NULL), false)"
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "meant")} AS
    WITH lost AS (SELECT * FROM {work(shape.name, "since")} QUALIFY row_number() OVER (PARTITION BY id ORDER BY place) = 1),
    had AS (SELECT id, event, stranger, {keys} FROM lost
        UNION ALL BY NAME
        SELECT DISTINCT ON (id) {linked} AS id, 'kept' AS event, false AS stranger, {keys} FROM {kept}
        WHERE {ID.sql(own)} IS NOT NULL AND NOT ({linked} IN (SELECT id FROM lost))),
    again AS (SELECT DISTINCT {keys}, CAST({ID.sql(own)} AS VARCHAR) AS id FROM {work(shape.name, "done")} WHERE removed)
    SELECT h.id, h.event, {listed(KEY.sql(k, "h") for k in shape.key)}, g.id IS NOT NULL AS removed, {given} AND event <> 'kept' AS given,
        event <> 'made' AND (g.id IS NOT NULL OR (NOT stranger AND {there})) AS alive,
        event = 'left' AND NOT {given} AND coalesce(h.id IN ({here}), false) AS loose
    FROM had h LEFT JOIN {kept} k ON {same_key(shape, "k", "h")}
        LEFT JOIN again g ON {same_key(shape, "g", "h")} AND g.id = h.id"""


def by_value(field: BoundField, others: Mapping[str, Shape]) -> bool:
    """Whether the value of *field* is the identifier of one row of another target, alone or in a text."""
    match field.value:
        case Reference():
            return True
        case Result(target=to, field=name, by=by):
            other = others[to]
            return name == own_id(other) and len(by) == len(other.key)
        case _:
            return False


def _told(field: BoundField, id: str) -> str:
    """What a field that means the row with the identifier *id* shows."""
    match field.value:
        case Result(text=text) if text:
            return f"replace({literal(text)}, '{{value}}', {id})"
        case _:
            return id


def joins(shape: Shape, others: Mapping[str, Shape], alias: str, columns: Columns) -> Iterator[str]:
    """Joins `mN` of the row that the field N means. A list of identifiers is looked up as a whole."""
    for number, field in enumerate(shape.fields):
        if not isinstance(field.value, Reference | Result) or not by_value(field, others):
            continue
        value = columns.sql(field.name, alias)
        other = others[field.value.target]
        where = work(other.name, "meant")
        if field.type.kind is not Kind.LIST:
            yield f"LEFT JOIN {where} m{number} ON {_told(field, f'm{number}.id')} = CAST({value} AS VARCHAR)"
            continue
        key = KEY.sql(next(iter(other.key)), "x")
        lost = (
            f"x.id IS NOT NULL AND NOT x.alive AND NOT x.loose OR x.id IS NULL AND NOT ({here(other, 'e.v')})"
        )
        yield f"""LEFT JOIN LATERAL (SELECT list({key} ORDER BY e.n) AS keys, coalesce(bool_and(coalesce(x.alive, false)), true) AS whole,
                bool_or(x.removed) AS removed, bool_or(x.given) AS given,
                bool_or({lost}) OR (bool_or(x.event <> 'kept') AND NOT bool_and(coalesce(x.alive, false))) AS lost
            FROM (SELECT unnest({value}) AS v, generate_subscripts({value}, 1) AS n) e
            LEFT JOIN {where} x ON x.id = CAST(e.v AS VARCHAR)) m{number} ON true"""


def here(other: Shape, value: str) -> str:
    """Whether a row of *other* has this identifier now."""
    own = own_id(other)
    if own is None:
        return "true"
    return f"coalesce(CAST({value} AS VARCHAR) IN (SELECT CAST({identifier(own)} AS VARCHAR) FROM {table('actual', other.name)}), false)"


def lost(shape: Shape, others: Mapping[str, Shape], missing: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Of references and results that shall be as before: when they cannot be, and why."""
    for number, field in enumerate(shape.fields):
        if not isinstance(field.value, Reference | Result):
            continue
        other, value = others[field.value.target], NOW.sql(field.name, "c")
        wanted = f"(c.removed OR list_contains(c.written, {literal(field.name)})) AND {value} IS NOT NULL"
        gone = literal(f"{field.name}: the row of {other.name} that it pointed to is gone")
        if by_value(field, others):
            if field.type.kind is Kind.LIST:
                if not missing[other.name] and own_id(other):
                    yield f"{wanted} AND m{number}.lost", gone
                continue
            own = own_id(other)
            if own is None:
                continue
            yield (
                f"{wanted} AND m{number}.id IS NOT NULL AND NOT m{number}.alive AND NOT m{number}.loose",
                gone,
            )
            if not missing[other.name]:
                yield f"{wanted} AND m{number}.id IS NULL AND NOT {_shown(field, other, own, value)}", gone
            continue
        result = field.value
        assert isinstance(result, Result)
        anew = f"EXISTS (SELECT 1 FROM {work(other.name, 'since')} WHERE event <> 'made')"
        if derived(shape, result):
            yield f"{wanted} AND coalesce(x{number}.moved AND NOT x{number}.alive, false)", gone
        elif len(result.by) < len(other.key):
            why = f"{field.name}: it came from rows of {other.name}, and those are others since"
            yield f"{wanted} AND {anew}", literal(why)
        elif not any(f.name == result.field for f in other.fields):  # else it is a copy, which is as it was
            yield f"{wanted} AND {anew} AND NOT {_shown(field, other, result.field, value)}", gone


def _shown(field: BoundField, other: Shape, name: str, value: str) -> str:
    """Whether a row that is there now has in the column *name* what *value* tells."""
    told = _told(field, f"CAST({identifier(name)} AS VARCHAR)")
    return f"coalesce(CAST({value} AS VARCHAR) IN (SELECT {told} FROM {table('actual', other.name)}), false)"


def derived(shape: Shape, result: Result) -> bool:
    """Whether the key of a row tells which rows its result comes from."""
    return set(result.by) <= set(shape.key)


def again_joins(shape: Shape, others: Mapping[str, Shape], alias: str) -> Iterator[str]:
    """Joins `xN` of the rows that the result N comes from, where our key names them and one of them is another since the
    run (`moved`): whether there is one (`alive`)."""
    for number, field in enumerate(shape.fields):
        result = field.value
        if not isinstance(result, Result) or by_value(field, others) or not derived(shape, result):
            continue
        other = others[result.target]
        theirs = list(other.key.items())[: len(result.by)]
        text = listed(KEY.sql(k) for k, _ in theirs)
        on = listed(
            (
                f"{KEY.sql(k, f'x{number}')} = TRY_CAST({KEY.sql(n, alias)} AS {t.duckdb})"
                for n, (k, t) in zip(result.by, theirs, strict=True)
            ),
            " AND ",
        )
        yield f"""LEFT JOIN (SELECT {text}, bool_or(moved) AS moved, bool_or(alive) AS alive FROM (
                SELECT {text}, true AS moved, false AS alive FROM {work(other.name, "since")} WHERE event <> 'made' AND NOT stranger
                UNION ALL BY NAME SELECT {text}, true AS moved, true AS alive FROM {work(other.name, "done")} WHERE removed
                UNION ALL BY NAME SELECT {text}, false AS moved, true AS alive FROM {work(other.name, "kept")})
            GROUP BY {text}) x{number} ON {on}"""
