"""Which row of theirs is which row of ours: links by id, else the declared `match` sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from erpoa_cli.core.columns import AGREED, ID, KEY, NOW, SEEN, WANTED, Columns
from erpoa_cli.core.reconcile.compare import evidence
from erpoa_cli.core.reconcile.shape import (
    Shape,
    key_text_sql,
    listed,
    names_sql,
    same_key,
    table,
    value_sql,
    work,
)
from erpoa_cli.core.schema import Kind
from erpoa_cli.core.target import BoundField, Column


def match_sets(shape: Shape) -> tuple[tuple[BoundField, ...], ...]:
    """The field sets that recognise a row; by default the fields that carry the key."""
    late = {f.name for f in shape.late}
    sets = shape.target.match
    if not sets:
        carried = {f.value.name: f.name for f in reversed(shape.fields) if isinstance(f.value, Column)}
        sets = (tuple(carried[k] for k in shape.key),) if set(shape.key) <= set(carried) else ()
    usable = (tuple(shape.field(name) for name in names) for names in sets)
    return tuple(fields for fields in usable if fields and not late & {f.name for f in fields})


def recognise(shape: Shape) -> Iterator[str]:
    """The statements that fill `T/again`, `T/link` and `T/match`.

    * `again`: identifiers that their system returned more than once;
    * `link`: one row per linked key: `row_b` (NULL when a sibling's link), key, id, generation, `row_a` (NULL
      when no such row is there), the hash of `agreed`, whether actual equals `seen`, whether the row must be
      judged in any case, whether another link of ours has the same identifier;
    * `match`: per key that no link answers: `row_a` and how many rows were hit (`hits`) and how many of ours
      hit that row (`claims`). Keys may be NULL here: what they hit is claimed all the same.
    """
    yield _again(shape)
    yield _link(shape)
    yield from _shared(shape)
    yield from _taken(shape)
    yield _match(shape)


def estranged(shape: Shape) -> str:
    """A SQL condition, never NULL: of all the values by which a row of theirs was recognised, none is left in the row
    that now has its identifier. A person renamed it, or it is another row: some systems give the identifiers of removed
    rows again (docs/adr/0018)."""
    watched = {f.name for f in shape.compared}
    sets = [fields for fields in match_sets(shape) if watched.issuperset(f.name for f in fields)]
    if not shape.id or not sets:
        return "false"
    seen = [[evidence(f, SEEN.sql(f.name)) for f in fields] for fields in sets]
    here = [[evidence(f, NOW.sql(f.name)) for f in fields] for fields in sets]
    told = listed((f"({listed((f'{v} IS NOT NULL' for v in one), ' AND ')})" for one in seen), " OR ")
    pairs = (zip(one, two, strict=True) for one, two in zip(seen, here, strict=True))
    left = listed((f"({listed((f'{v} = {w}' for v, w in each), ' AND ')})" for each in pairs), " OR ")
    return f"(row_a IS NOT NULL AND ({told}) AND NOT coalesce({left}, false))"


def row_hash(shape: Shape, image: Columns) -> str:
    """A hash over the compared fields: equal hashes of equal types mean equal values (docs/adr/0004)."""
    parts = ["0"]
    for field in shape.compared:
        value = image.sql(field.name)
        parts.append(value)
        if field.type.kind in (Kind.LIST, Kind.STRUCT):
            parts.append(f"CAST({value} AS VARCHAR)")  # DuckDB hashes NULL and an empty list alike
    return f"hash({listed(parts)})"


def remembered(shape: Shape) -> str:
    """The query that makes `base."T"` of base rows (`incoming`, with their number `row_b`): all that is needed of
    a row as long as nothing about it changed."""
    keys = [KEY.sql(k) for k in shape.key]
    ids = [ID.sql(i) for i in shape.id]
    return f"""SELECT row_b, {listed([*keys, *ids])}, generation, {_judge_anyway(shape)} AS special, len(known) = 0 AS adopted,
        {row_hash(shape, AGREED)} AS hash_agreed, {row_hash(shape, SEEN)} AS hash_seen FROM incoming"""


def _again(shape: Shape) -> str:
    ids = listed(NOW.sql(i) for i in shape.id) or "1"
    counted = f"SELECT {ids}, count(*) AS copies FROM {table('theirs', shape.name)} GROUP BY {ids} HAVING count(*) > 1"
    if not shape.id:
        counted = f"SELECT 1 AS copies FROM {table('theirs', shape.name)} LIMIT 0"
    return f"CREATE OR REPLACE TABLE {work(shape.name, 'again')} AS {counted}"


def _link(shape: Shape) -> str:
    keys = listed(KEY.sql(k) for k in shape.key)
    ids = listed(ID.sql(i) for i in shape.id)
    own = f"""
        SELECT row_b, {keys}, {ids + "," if ids else ""} generation, special, adopted, hash_agreed, hash_seen
        FROM {table("base", shape.name)}"""
    branches = [own] + [_sibling(shape, name) for name in shape.siblings if shape.id]
    same_id = listed((f"{NOW.sql(i, 'a')} = {ID.sql(i, 'b')}" for i in shape.id), " AND ") or "false"
    twice = listed((f"{NOW.sql(i, 'r')} = {ID.sql(i, 'b')}" for i in shape.id), " AND ") or "false"
    a_ids = listed(NOW.sql(i, "o") for i in shape.id)
    given = listed((f"g.{ID.sql(i)} = b.{ID.sql(i)}" for i in shape.id), " AND ") or "false"
    # Some systems give the identifier of a removed row to a new one: it is that row's whose values it has, and
    # what is left is recognised by `match`.
    lost = "g.holders > 1 AND NOT coalesce(a.actual_hash = b.hash_seen, false)"
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "link")} AS
    WITH b AS ({" UNION ALL BY NAME ".join(branches)}),
    given AS (SELECT {ids or "1 AS nothing"}, count(*) AS holders FROM ({own}) GROUP BY ALL HAVING count(*) > 1),
    a AS (SELECT o.rowid AS row_a, {a_ids + "," if a_ids else ""} {row_hash(shape, NOW)} AS actual_hash
        FROM {table("theirs", shape.name)} o {single(shape, "o")})
    SELECT b.* EXCLUDE (hash_seen), CASE WHEN {lost} THEN NULL ELSE a.row_a END AS row_a,
        a.actual_hash = b.hash_seen AS same_a, r.twice IS NOT NULL AS again, g.holders > 1 AS shared
    FROM b LEFT JOIN a ON {same_id} LEFT JOIN given g ON {given}
        LEFT JOIN (SELECT *, true AS twice FROM {work(shape.name, "again")}) r ON {twice}"""


def _shared(shape: Shape) -> Iterator[str]:
    """The statements that decide whose a row is where several links of ours have its identifier and what they remember does
    not tell: its system gave the identifier of a removed row again. The one that `match` recognises has it; else nothing is
    decided on it, as if it had been returned twice."""
    link, sets = work(shape.name, "link"), match_sets(shape)
    own = listed((f"({_recognised(fields, 'w')})" for fields in sets), " OR ") or "false"
    shared = f"shared AS (FROM {link} WHERE shared AND row_b IS NOT NULL AND row_a IS NOT NULL AND NOT again)"
    yield f"""
    UPDATE {link} AS l SET row_a = NULL, same_a = NULL FROM (
        WITH {shared},
        theirs AS (SELECT rowid AS row_a, * FROM {table("theirs", shape.name)} WHERE rowid IN (SELECT row_a FROM shared)),
        known AS (SELECT DISTINCT l.row_a, l.row_b FROM shared l JOIN theirs o ON o.row_a = l.row_a
            JOIN {table("desired", shape.name)} w ON {same_key(shape, "l", "w")} WHERE {own}),
        owner AS (SELECT row_a, min(row_b) AS row_b FROM known GROUP BY row_a HAVING count(*) = 1)
        SELECT s.row_b FROM shared s JOIN owner o ON o.row_a = s.row_a WHERE o.row_b <> s.row_b) lost
    WHERE l.row_b = lost.row_b"""
    yield f"""
    UPDATE {link} AS l SET again = true FROM (
        WITH {shared} SELECT row_a FROM shared GROUP BY row_a HAVING count(*) > 1) several
    WHERE l.row_a = several.row_a AND l.row_b IS NOT NULL"""


def _taken(shape: Shape) -> Iterator[str]:
    """The statement that gives up links to rows that another of ours, which has none, recognises by `match`, while the
    one that is linked does not: its identifier was given again, or a person made another row of it. A row of which the
    base does not know all (adopted just now, a new field) is not seen to have moved: its link stays."""
    sets = match_sets(shape)
    if not sets:
        return
    link, desired = work(shape.name, "link"), table("desired", shape.name)
    keys = listed(KEY.sql(k) for k in shape.key)

    own = listed((f"({_recognised(fields, 'w')})" for fields in sets), " OR ")
    claims = listed(
        (
            f"SELECT l.row_a FROM moved l JOIN theirs o ON o.row_a = l.row_a JOIN free u ON {_recognised(fields, 'u')}"
            for fields in sets
        ),
        " UNION ",
    )
    yield f"""
    UPDATE {link} AS l SET row_a = NULL, same_a = NULL FROM (
        WITH moved AS (FROM {link}
            WHERE row_b IS NOT NULL AND row_a IS NOT NULL AND NOT again AND NOT special AND NOT coalesce(same_a, false)),
        theirs AS (SELECT rowid AS row_a, * FROM {table("theirs", shape.name)} WHERE rowid IN (SELECT row_a FROM moved)),
        free AS (SELECT d.* FROM {desired} d ANTI JOIN (SELECT {keys} FROM {link} WHERE row_a IS NOT NULL OR again) k
            ON {same_key(shape, "k", "d")}),
        known AS (SELECT l.row_a FROM moved l JOIN theirs o ON o.row_a = l.row_a
            JOIN {desired} w ON {same_key(shape, "l", "w")} WHERE {own})
        SELECT row_a FROM ({claims}) WHERE row_a NOT IN (SELECT row_a FROM known)) taken
    WHERE l.row_a = taken.row_a AND l.row_b IS NOT NULL"""


def elsewhere(shape: Shape) -> str:
    """The statement that fills `T/elsewhere`: candidates (`ordinal`) whose links contradict `match`, each with what
    is told of it (`elsewhere`). By a set of `match` a row of ours that changed is not recognised in its own row but in one that is
    linked to another key, and what that key says is not recognised there either: the key was changed, given to somebody
    else, or two rows exchanged theirs. Links that a person declared just now (`adopted`) are believed."""
    link, desired = work(shape.name, "link"), table("desired", shape.name)
    near, actual = work(shape.name, "near"), table("theirs", shape.name)
    sets = match_sets(shape)
    if not sets:
        return f"CREATE OR REPLACE TABLE {work(shape.name, 'elsewhere')} AS SELECT 0 AS ordinal, '' AS elsewhere LIMIT 0"
    names = list(dict.fromkeys(f.name for fields in sets for f in fields))
    numbered = list(enumerate(sets))
    agree = listed(f"coalesce({_recognised(fields, 'd')}, false) AS agree{n}" for n, fields in numbered)
    hits = listed(
        (
            f"SELECT {n} AS by_set, d.ordinal, d.key_text, o.rowid AS row_a "
            f"FROM loose d JOIN {actual} o ON {_recognised(fields, 'd')} WHERE NOT d.agree{n}"
            for n, fields in numbered
        ),
        " UNION ALL ",
    )
    disagrees = listed((f"(h.by_set = {n} AND NOT l.agree{n})" for n, _ in numbered), " OR ")
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "elsewhere")} AS
    WITH loose AS MATERIALIZED (
        SELECT n.ordinal, {key_text_sql(shape, "n.")} AS key_text, {listed(WANTED.sql(n, "d") for n in names)}, {agree}
        FROM {near} n JOIN {desired} d ON d.rowid = n.row_d LEFT JOIN {actual} o ON o.rowid = n.row_a
            LEFT JOIN {link} l ON l.row_b = n.row_b
        WHERE NOT n.again AND NOT coalesce(l.adopted OR l.hash_agreed = {row_hash(shape, WANTED)}, false)),
    hit AS MATERIALIZED ({hits}),
    held AS (
        SELECT DISTINCT l.* FROM {link} l JOIN hit ON hit.row_a = l.row_a
        WHERE l.row_b IS NOT NULL AND NOT l.again AND NOT l.adopted),
    owned AS (
        SELECT n.ordinal, l.row_a, {key_text_sql(shape, "l.")} AS key_text, {agree}
        FROM held l JOIN {near} n ON n.row_b = l.row_b JOIN {actual} o ON o.rowid = l.row_a
            LEFT JOIN {desired} d ON d.rowid = n.row_d
        UNION ALL -- what is kept is no candidate
        SELECT NULL, l.row_a, {key_text_sql(shape, "l.")}, {listed("false" for _ in sets)}
        FROM held l ANTI JOIN {near} n ON n.row_b = l.row_b ANTI JOIN {desired} d ON {same_key(shape, "l", "d")}),
    met AS (
        SELECT h.ordinal AS ours, h.key_text AS our_key, l.ordinal AS theirs, l.key_text AS their_key
        FROM hit h JOIN owned l ON l.row_a = h.row_a WHERE h.ordinal IS DISTINCT FROM l.ordinal AND ({disagrees}))
    SELECT ordinal, min(words) AS elsewhere FROM (
        SELECT ours AS ordinal, concat('it is recognised in the row of ', their_key) AS words FROM met
        UNION ALL SELECT theirs, concat(our_key, ' is recognised in its row') FROM met)
    WHERE ordinal IS NOT NULL GROUP BY ordinal"""


def _recognised(fields: Sequence[BoundField], ours: str) -> str:
    """Whether the row *ours* of desired is recognised in their row `o` by these fields."""
    pairs = (f"{evidence(f, WANTED.sql(f.name, ours))} = {evidence(f, NOW.sql(f.name, 'o'))}" for f in fields)
    return listed(pairs, " AND ")


def single(shape: Shape, alias: str) -> str:
    """The join that leaves out rows of theirs whose identifier came more than once.

    Anti-joins are spelled as such: DuckDB turns a correlated NOT EXISTS into several joins."""
    if not shape.id:
        return ""
    on = listed((f"{NOW.sql(i, 'r')} = {NOW.sql(i, alias)}" for i in shape.id), " AND ")
    return f"ANTI JOIN {work(shape.name, 'again')} r ON {on}"


def _judge_anyway(shape: Shape) -> str:
    """Base rows that no hash can clear: a field without base, or deactivated by us through an extra field."""
    known = [f.name for f in shape.compared]
    usual = names_sql(sorted(f.name for f in shape.fields))
    # The cheapest test that decides most rows comes first: a base knows no fields but these.
    unknown = (
        f"CASE WHEN len(known) = {len(shape.columns)} THEN false WHEN known = {usual} THEN false "
        f"ELSE NOT list_has_all(known, {names_sql(known)}) END"
    )
    marks = [
        f"{AGREED.sql(x)} IS NOT DISTINCT FROM {value_sql(shape.deactivate[x], type_)}"
        for x, type_ in shape.extras.items()
        if x in shape.deactivate
    ]
    return f"({listed([unknown, *marks], ' OR ')})"


def _sibling(shape: Shape, name: str) -> str:
    """Links of another target of the object, for rows that this one has none for; not to what is another row's here: the
    identifier was given again."""
    keys = listed(KEY.sql(k, "s") for k in shape.key)
    ids = listed(ID.sql(i, "s") for i in shape.id)
    return f"""
        SELECT CAST(NULL AS BIGINT) AS row_b, {keys}, {ids}, s.generation, true AS special, false AS adopted,
            CAST(NULL AS UBIGINT) AS hash_agreed, CAST(NULL AS UBIGINT) AS hash_seen
        FROM {table("base", name)} s ANTI JOIN {table("base", shape.name)} b ON {same_key(shape, "s", "b")}
            ANTI JOIN {table("base", shape.name)} o ON {listed((f"{ID.sql(i, 's')} = {ID.sql(i, 'o')}" for i in shape.id), " AND ")}
        WHERE {listed((ID.sql(i, "s") + " IS NOT NULL" for i in shape.id), " AND ")}
"""


def _match(shape: Shape) -> str:
    keys = listed(KEY.sql(k) for k in shape.key)
    sets = match_sets(shape)
    names = list(dict.fromkeys(f.name for fields in sets for f in fields))
    linked = f"SELECT {keys} FROM {work(shape.name, 'link')} WHERE row_a IS NOT NULL OR again"
    ours = f"""
        SELECT {listed(["d.rowid AS row_d", *(KEY.sql(k, "d") for k in shape.key), *(WANTED.sql(n) for n in names)])}
        FROM {table("desired", shape.name)} d ANTI JOIN ({linked}) l ON {same_key(shape, "l", "d")}"""
    copy = listed((f"{NOW.sql(i, 'r')} = {NOW.sql(i, 'o')}" for i in shape.id), " AND ") or "false"
    known = listed((f"{ID.sql(i, 'k')} = {NOW.sql(i, 'o')}" for i in shape.id), " AND ") or "false"
    theirs = f"""
        SELECT {listed(["o.rowid AS row_a", "coalesce(r.copies, 1) AS copies", *(NOW.sql(n, "o") for n in names)])}
        FROM {table("theirs", shape.name)} o LEFT JOIN {work(shape.name, "again")} r ON {copy}
            ANTI JOIN {work(shape.name, "link")} l ON l.row_a = o.rowid
            ANTI JOIN (FROM {work(shape.name, "link")} WHERE again) k ON {known}"""
    steps: list[str] = []
    for number, fields in enumerate(sets):
        on = listed(
            (f"{evidence(f, WANTED.sql(f.name, 'u'))} = {evidence(f, NOW.sql(f.name, 't'))}" for f in fields),
            " AND ",
        )
        earlier = [f"u.row_d NOT IN (SELECT row_d FROM hit{n})" for n in range(number)]
        steps.append(
            f"hit{number} AS (SELECT {listed(KEY.sql(k, 'u') for k in shape.key)}, u.row_d AS row_d, t.row_a AS row_a, t.copies "
            f"FROM ours u JOIN theirs t ON {on} WHERE {listed(earlier, ' AND ') or 'true'})"
        )
    if not steps:
        nothing = (
            f"SELECT {keys}, 0 AS row_d, 0 AS row_a, 0 AS copies FROM {table('desired', shape.name)} LIMIT 0"
        )
        steps = [f"hit0 AS ({nothing})"]
    hits = " UNION ALL ".join(f"SELECT * FROM hit{n}" for n in range(len(steps)))
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "match")} AS
    WITH ours AS MATERIALIZED ({ours}), theirs AS MATERIALIZED ({theirs}), {", ".join(steps)}
    SELECT {keys}, row_a, greatest(count(*) OVER (PARTITION BY row_d), max(copies) OVER (PARTITION BY row_d)) AS hits,
        count(*) OVER (PARTITION BY row_a) AS claims
    FROM ({hits})"""


def identities(shape: Shape, *, actual_complete: bool) -> str:
    """The statement that fills `T/ids`, by which other targets' references are resolved: key, `id`,
    `row_a`, `pending` (wanted, but not there yet) and the key's JSON text. One row per key."""
    keys = listed(KEY.sql(k) for k in shape.key)
    own = next(iter(shape.id), None)
    present = "row_a IS NOT NULL" if actual_complete else "true"
    linked_id = ID.sql(own) if own else "CAST(NULL AS VARCHAR)"
    found_id = NOW.sql(own, "a") if own else "CAST(NULL AS VARCHAR)"
    complete = listed((f"{KEY.sql(k)} IS NOT NULL" for k in shape.key), " AND ")
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "ids")} AS
    WITH known AS (
        SELECT {keys}, {linked_id} AS id, row_a FROM {work(shape.name, "link")} WHERE {present} AND NOT again
        UNION ALL
        SELECT {listed(KEY.sql(k, "m") for k in shape.key)}, {found_id}, m.row_a
        FROM {work(shape.name, "match")} m JOIN {table("theirs", shape.name)} a ON a.rowid = m.row_a
        WHERE m.hits = 1 AND m.claims = 1),
    wanted AS (SELECT DISTINCT {keys} FROM {table("desired", shape.name)} d WHERE {complete}
        AND NOT EXISTS (SELECT 1 FROM known k WHERE {same_key(shape, "k", "d")})),
    every AS (SELECT *, false AS pending FROM known WHERE {complete}
        UNION ALL BY NAME SELECT *, true AS pending FROM wanted)
    SELECT *, {key_text_sql(shape, "")} AS key_text FROM every"""
