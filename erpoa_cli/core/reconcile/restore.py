"""What a run left and what was there before it, as rows that a target is fed from: the statements of a rollback.

The diff, the order of writes and the guards are those of every plan (`rows`, `order`, `documents`); here is only what is
wanted: what was agreed of every row, and of the rows of the run what they held before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from erpoa_cli.core.columns import AGREED, ID, KEY, LEFT, NOW, RESTORED, SAVED, SEEN, WANTED, WAS, Columns
from erpoa_cli.core.reconcile import meant
from erpoa_cli.core.reconcile.recognise import match_sets
from erpoa_cli.core.reconcile.shape import (
    Shape,
    ignored,
    listed,
    names_sql,
    same_key,
    table,
    work,
)
from erpoa_cli.core.schema import Kind, identifier, literal
from erpoa_cli.core.situation import WRITES, Action, Outcome, does
from erpoa_cli.core.target import (
    BoundField,
    Column,
    Mode,
    OnDrift,
    OnSourceGone,
    OnVanished,
    Ownership,
    Owns,
    Reference,
    ReportOrWrite,
    Result,
)

# -- the target as a rollback compares it -----------------------------------------------------------------------------


def own(name: str) -> str:
    """The column of the feed with the value of a field itself; a key column beside it may be called anything that can be
    declared, which control characters cannot."""
    return f"\x01{name}"


def by(name: str, number: int) -> str:
    """The columns of the feed with the key of the row that a reference or result means."""
    return f"\x02{number}/{name}"


def restoring(shape: Shape, others: Mapping[str, Shape], extras: Iterable[str]) -> Shape:
    """*shape* fed from `T/before`: every field is ours and comes from there, nothing but the rows of the run is touched,
    and rows that the run made are removed. *extras*: fields that a deactivation of the run set, or its restoration."""
    target, at = shape.target, shape.target.at
    taken = {n: t for n, t in shape.extras.items() if n in set(extras)}
    fields = [replace(f, value=_fed(f, others), ownership=Ownership.OURS) for f in shape.fields]
    fields += [BoundField(n, Column(own(n)), at, type=t) for n, t in taken.items()]
    return replace(
        shape,
        extras={n: t for n, t in shape.extras.items() if n not in taken},
        target=replace(
            target,
            fields=tuple(fields),
            match=tuple(tuple(f.name for f in each) for each in match_sets(shape)),
            mode=Mode.UPSERT,
            on_source_gone=OnSourceGone.UNDO if shape.lifecycle else OnSourceGone.DELETE,
            deactivate={},
            restore={},
            owns=Owns.APPLIED,
            on_first_contact=ReportOrWrite.REPORT,
            on_drift=OnDrift.REPORT,
            on_conflict="report",
            on_vanished=OnVanished.REPORT,
            on_new_field=ReportOrWrite.REPORT,
        ),
    )


def _fed(field: BoundField, others: Mapping[str, Shape]) -> Column | Reference | Result:
    match field.value:
        case Reference() as reference:
            keys = range(_named(field, others[reference.target]))
            names = tuple(by(field.name, n) for n in keys)
            return replace(reference, by=names, when_null="null", missing="hold")
        case Result() as result:
            return replace(result, by=tuple(by(field.name, n) for n in range(len(result.by))))
        case _:
            return Column(own(field.name))


def _named(field: BoundField, other: Shape) -> int:
    """How many columns name a row of *other*: its key, or a list of keys of one column."""
    return 1 if field.type.kind is Kind.LIST else len(other.key)


# -- what the run did -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is on record of a run and a target: the columns of `T/planned` (the rows of the plan) and `T/told` (their
    outcomes), and fields that the target does not have any more, or with
    another type."""

    planned: frozenset[str]
    told: frozenset[str]
    dropped: tuple[str, ...] = ()


def done(shape: Shape, recorded: Recorded) -> str:
    """The statement that fills `T/done`, a row per row of theirs that the run changed, numbered (`n`): whether it made the
    row (`created`) or took it away (`removed`), its identifier, the fields whose values it changed (`written`), and all
    values before (`a_`) and after it (`left_`)."""
    one = listed([*(KEY.sql(k) for k in shape.key), *(ID.sql(i) for i in shape.id)])
    old = [WAS.sql(i) for i in shape.id]
    same = listed(
        (
            f"s.{left} IS NOT DISTINCT FROM f.{right}"
            for left, right in [
                *((KEY.sql(k), KEY.sql(k)) for k in shape.key),
                *((WAS.sql(i), ID.sql(i)) for i in shape.id),
            ]
        ),
        " AND ",
    )
    known = [n for n in shape.columns if NOW(n) in recorded.planned]
    unrecorded = ", ".join(f.name for f in shape.fields if f.name not in known)
    before = {n: f"CAST({NOW.sql(n, 'f')} AS {shape.columns[n].duckdb})" for n in known}
    ids = [f"coalesce(max({_told(ID, i, recorded)}), any_value({ID.sql(i, 'c')}))" for i in shape.id]
    lefts = [f"{_left(n, recorded)} AS {LEFT.sql(n)}" for n in known]
    changed = [
        f"CASE WHEN list_contains(s.fields, {literal(n)}) AND {_left_or(n, before[n])} IS DISTINCT FROM {before[n]} "
        f"THEN {literal(n)} END"
        for n in known
    ]
    dropped = [
        f"CASE WHEN list_contains(s.fields, {literal(n)}) OR (s.removed AND NOT s.created AND {NOW.sql(n, 'f')} IS NOT NULL) "
        f"THEN {literal(n)} END"
        for n in recorded.dropped
    ]
    values = [
        part
        for n, type_ in shape.columns.items()
        for part in (
            f"{before.get(n, f'CAST(NULL AS {type_.duckdb})')} AS {NOW.sql(n)}",
            f"{_left_or(n, before[n]) if n in before else f'CAST(NULL AS {type_.duckdb})'} AS {LEFT.sql(n)}",
        )
    ]
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "done")} AS
    WITH first AS (
        SELECT * FROM {work(shape.name, "planned")}
        QUALIFY row_number() OVER (PARTITION BY {one} ORDER BY wave, step, ordinal) = 1),
    summed AS (
        SELECT {listed([*(KEY.sql(k, "c") for k in shape.key), *(f"{ID.sql(i, 'c')} AS {o}" for i, o in zip(shape.id, old, strict=True))])},
            {listed(f"{v} AS {ID.sql(i)}" for v, i in zip(ids, shape.id, strict=True)) or "NULL AS nothing"},
            bool_or({does(Action.CREATE, of="c")}) AS created, bool_or({does(Action.DELETE, of="c")}) OR (arg_max(c.action, c.wave) = {Action.MOVE.sql} AND NOT arg_max(c.links, c.wave)) AS removed,
            list_distinct(flatten(list(c.fields))) AS fields, {listed([*lefts, "max(c.generation) AS generation"])}
        FROM {work(shape.name, "planned")} c JOIN {work(shape.name, "told")} t USING (ordinal)
        WHERE t.outcome = {literal(Outcome.APPLIED.value)} GROUP BY ALL)
    SELECT row_number() OVER () AS n, {listed(KEY.sql(k, "s") for k in shape.key)}, {listed([*(ID.sql(i, "s") for i in shape.id), "s.created", "s.removed AND NOT s.created AS removed"])},
        s.generation, {_filtered(changed)} AS written, {_filtered(dropped)} AS dropped,
        {literal(unrecorded)} AS unrecorded, {listed(values)}
    FROM summed s JOIN first f ON {same}"""


def _filtered(names: list[str]) -> str:
    return f"list_filter(CAST([{listed(names)}] AS VARCHAR[]), lambda x: x IS NOT NULL)"


def _told(columns: Columns, name: str, recorded: Recorded) -> str:
    planned = columns.sql(name, "c")
    return f"coalesce({columns.sql(name, 't')}, {planned})" if columns(name) in recorded.told else planned


def _left(name: str, recorded: Recorded) -> str:
    """What the last step that wrote a field left in it: what was read back, else what was written. A structure, so that
    NULL that was written is told from nothing written."""
    value = _told(WANTED, name, recorded)
    if {SAVED(name), "deviated"} <= recorded.told:
        deviated = f"coalesce(list_contains(t.deviated, {literal(name)}), false)"
        value = f"CASE WHEN {deviated} THEN {SAVED.sql(name, 't')} ELSE {value} END"
    return f"arg_max({{'v': {value}}}, c.wave) FILTER (list_contains(c.fields, {literal(name)}))"


def _left_or(name: str, before: str) -> str:
    left = LEFT.sql(name, "s")
    return f"CASE WHEN {left} IS NULL THEN {before} ELSE {left}.v END"


def nothing_done(shape: Shape) -> str:
    """The statement that fills `T/done` of a target that the run did not change."""
    columns = [
        "0::BIGINT AS n",
        *(f"CAST(NULL AS {t.duckdb}) AS {KEY.sql(k)}" for k, t in shape.key.items()),
        *(f"CAST(NULL AS {t.duckdb}) AS {ID.sql(i)}" for i, t in shape.id.items()),
        "false AS created", "false AS removed", "0::BIGINT AS generation",
        "CAST([] AS VARCHAR[]) AS written", "CAST([] AS VARCHAR[]) AS dropped", "'' AS unrecorded",
        *(f"CAST(NULL AS {t.duckdb}) AS {p.sql(n)}" for n, t in shape.columns.items() for p in (NOW, LEFT)),
    ]  # fmt: skip
    return f"CREATE OR REPLACE TABLE {work(shape.name, 'done')} AS SELECT {listed(columns)} WHERE false"


# -- what is in the way -----------------------------------------------------------------------------------------------


def obstacles(shape: Shape, others: Mapping[str, Shape], missing: Mapping[str, str]) -> str:
    """The statement that fills `T/obstacle`: the rows of the run that are left as they are, and why. *missing*: by target,
    why a row that was not read may be there all the same; empty: it is gone."""
    here = listed((f"{NOW.sql(i, 'a')} = {ID.sql(i, 'c')}" for i in shape.id), " AND ") or "false"
    taken = listed((f"{ID.sql(i, 'k')} = {ID.sql(i, 'c')}" for i in shape.id), " AND ") or "false"
    ours = _same_row(shape, "b", "c")
    judged = list(_values(shape))
    now = {n: NOW.sql(n, "a") for n in judged}
    moved = {n: f"{now[n]} IS DISTINCT FROM {LEFT.sql(n, 'c')}" for n in judged}
    fields = {f.name for f in shape.fields if not ignored(f)}
    made = listed((moved[n] for n in judged if n in fields), " OR ") or "false"
    written = (
        listed(
            (
                f"(list_contains(c.written, {literal(n)}) AND {moved[n]} AND {now[n]} IS DISTINCT FROM {NOW.sql(n, 'c')})"
                for n in judged
            ),
            " OR ",
        )
        or "false"
    )
    keys = listed(KEY.sql(k) for k in shape.key)
    unnamed = listed((f"{KEY.sql(k, 'c')} IS NULL" for k in shape.key), " OR ")
    gone = missing[shape.name] or "it is gone"
    unless_made = "" if missing[shape.name] or shape.target.lines else "NOT c.created AND "
    if not shape.id:
        gone, unless_made = "its system tells no identifier by which it is found again", ""
    lost = listed((f"WHEN {when} THEN {why}" for when, why in meant.lost(shape, others, missing)), " ")
    theirs = listed(
        (
            f"WHEN {when} THEN 'what others had in its lines went with them'"
            for when in _lines_of_theirs(shape, others)
        ),
        " ",
    )
    more = listed(
        (
            f"WHEN {when} THEN 'it has lines that the run did not make'"
            for when in _lines_since(shape, others)
        ),
        " ",
    )
    joins = listed((*meant.joins(shape, others, "c", NOW), *meant.again_joins(shape, others, "c")), " ")
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "obstacle")} AS
    SELECT DISTINCT ON (n) n, {listed(KEY.sql(k) for k in shape.key)}, reason FROM (
        SELECT c.n, {listed(KEY.sql(k, "c") for k in shape.key)}, CASE
            WHEN {unnamed} THEN 'its key is empty'
            WHEN len(c.dropped) > 0 THEN concat(CASE WHEN c.removed THEN 'it held ' ELSE 'the run wrote ' END, array_to_string(c.dropped, ', '), ', which the target does not have any more, or with another type')
            {_not_ours(shape)}
            WHEN c.removed AND c.unrecorded <> '' THEN concat('the run did not record ', c.unrecorded)
            WHEN c.removed AND (c.alike > 1 OR b.kept) THEN 'another row has its key'
            WHEN NOT c.created AND NOT c.removed AND NOT coalesce(b.kept AND {ours}, false) THEN 'nothing links it'
            WHEN c.removed THEN CASE WHEN a.rowid IS NOT NULL AND NOT coalesce(k.taken, false) THEN 'it is there again' {lost} {theirs} END
            WHEN {unless_made}a.rowid IS NULL THEN {literal(gone)}
            WHEN c.created THEN CASE WHEN {made} THEN 'it was changed since the run' {more} END
            WHEN {written} THEN 'it was changed since the run' {lost} {theirs} END AS reason
        FROM (SELECT *, count(*) OVER (PARTITION BY {keys}) AS alike FROM {work(shape.name, "done")}) c
            LEFT JOIN (SELECT *, true AS kept FROM {work(shape.name, "kept")}) b ON {same_key(shape, "b", "c")}
            LEFT JOIN {table("theirs", shape.name)} a ON {here}
            LEFT JOIN (SELECT *, true AS taken FROM {work(shape.name, "kept")}) k ON {taken} AND NOT ({same_key(shape, "k", "c")})
            {joins})
    WHERE reason IS NOT NULL"""


def _not_ours(shape: Shape) -> str:
    """What the target does not do by now, and fields that it does not write any more."""
    told = []
    for names, why in (
        (
            [f.name for f in shape.fields if f.ownership is Ownership.THEIRS],
            "the target's system is the master of by now",
        ),
        ([f.name for f in shape.fields if ignored(f)], "is not compared by now"),
    ):
        written = f"list_filter(c.written, lambda x: list_contains({names_sql(names)}, x))"
        said = f"concat('the run wrote ', array_to_string({written}, ', '), {literal(f', which {why}')})"
        if names:
            told.append(f"WHEN NOT c.created AND NOT c.removed AND len({written}) > 0 THEN {said}")
    if shape.target.mode is Mode.UPDATE_ONLY:
        told.append("WHEN c.removed THEN 'the target never creates'")
    if shape.target.mode is Mode.CREATE_ONLY:
        told.append(
            "WHEN NOT c.created AND NOT c.removed THEN 'the target never changes a row that is there'"
        )
    return listed(told, " ")


def _values(shape: Shape) -> Iterator[str]:
    """The columns whose values a rollback compares itself: lists are told by their lines."""
    return (n for n in shape.columns if n not in shape.lists)


def _lines_of_theirs(shape: Shape, others: Mapping[str, Shape]) -> Iterator[str]:
    """Whether lines inside a document went with it that nobody knows, or what others had written into lines that went."""
    for name, listing in shape.lists.items():
        keys = tuple(others[name].key)[: others[name].document]
        rows = [
            f"SELECT {listed(KEY.sql(k) for k in others[name].key)} FROM {work(name, part)}"
            for part in ("done", "kept")
        ]
        same = listed((f"{KEY.sql(k, 'l')} = {KEY.sql(k, 'c')}" for k in keys), " AND ")
        known = f"(SELECT count(*) FROM ({listed(rows, ' UNION ')}) l WHERE {same})"
        yield f"c.removed AND len({NOW.sql(listing.name, 'c')}) > {known}"
        item = listing.type.item
        ours = {*(f.name for f in others[name].fields), *others[name].id}
        theirs = [member for member, _ in item.members if member not in ours] if item else []
        if theirs:
            told = listed((f"x.{identifier(member)} IS NOT NULL" for member in theirs), " OR ")
            gone = f"EXISTS (SELECT 1 FROM {work(name, 'done')} l WHERE l.removed AND {same})"
            yield f"(c.removed OR {gone}) AND len(list_filter({NOW.sql(listing.name, 'c')}, lambda x: {told})) > 0"


def _lines_since(shape: Shape, others: Mapping[str, Shape]) -> Iterator[str]:
    """Whether a document that the run made has lines by now that it did not make: of later runs, or of others."""
    for name, lines in others.items():
        spec = lines.target.lines
        if spec is None or spec.parent != shape.name:
            continue
        keys = tuple(lines.key)[: lines.document]
        same = listed((f"{KEY.sql(k, 'l')} = {KEY.sql(k, 'c')}" for k in keys), " AND ")
        made = f"SELECT 1 FROM {work(name, 'done')} d WHERE d.created AND {same_key(lines, 'd', 'l')}"
        yield f"EXISTS (SELECT 1 FROM {work(name, 'kept')} l WHERE {same} AND NOT EXISTS ({made}))"
        if spec.within:
            yield f"len({NOW.sql(spec.within, 'a')}) > (SELECT count(*) FROM {work(name, 'kept')} l WHERE {same})"
        elif shape.id and lines.id:
            own_id, theirs = next(iter(shape.id)), next(iter(lines.id))
            known = (
                f"SELECT 1 FROM {work(name, 'kept')} k WHERE {ID.sql(theirs, 'k')} = {NOW.sql(theirs, 'x')}"
            )
            yield (
                f"EXISTS (SELECT 1 FROM {table('theirs', name)} x "
                f"WHERE {NOW.sql(spec.link, 'x')} = {ID.sql(own_id, 'c')} AND NOT EXISTS ({known}))"
            )


def documents_whole(document: Shape, lines: Shape) -> Iterator[str]:
    """The statements by which a document is taken back with all its lines, or not at all: obstacles go both ways."""
    keys = list(lines.key)[: lines.document]
    all_keys = listed(KEY.sql(k, "x") for k in lines.key)
    whole, parts = work(document.name, "obstacle"), work(lines.name, "obstacle")
    own_keys = listed(KEY.sql(k, "x") for k in keys)

    def of(alias: str) -> str:
        return listed((f"{KEY.sql(k, alias)} = {KEY.sql(k, 'x')}" for k in keys), " AND ")

    same = of("o")
    yield f"""INSERT INTO {whole} BY NAME
        SELECT any_value(d.n) AS n, {own_keys}, concat('a line of it: ', min(x.reason)) AS reason
        FROM {parts} x LEFT JOIN {work(document.name, "done")} d ON {of("d")}
        WHERE NOT EXISTS (SELECT 1 FROM {whole} o WHERE {same}) GROUP BY {own_keys}"""
    yield f"""INSERT INTO {parts} BY NAME
        SELECT x.n, {all_keys}, concat('its document: ', (SELECT min(o.reason) FROM {whole} o WHERE {same})) AS reason
        FROM {work(lines.name, "done")} x WHERE EXISTS (SELECT 1 FROM {whole} o WHERE {same})
            AND NOT EXISTS (SELECT 1 FROM {parts} p WHERE p.n = x.n)"""


# -- what is wanted ---------------------------------------------------------------------------------------------------


def before(shape: Shape, others: Mapping[str, Shape]) -> str:
    """The statement that fills `T/before`, the rows that are wanted: those that are remembered, as they were agreed, those
    of the run as they were before it; without those that it made, with those that it took away."""
    known = [*(f.name for f in shape.fields), *shape.extras]
    kept = [
        f"CASE WHEN {_restored(n)} THEN {NOW.sql(n, 'c')} ELSE {AGREED.sql(n, 'b')} END AS {RESTORED.sql(n)}"
        for n in known
    ]
    keys = {alias: listed(KEY.sql(k, alias) for k in shape.key) for alias in "bcw"}
    named = listed(f"{KEY.sql(k, 'w')} AS {identifier(k)}" for k in shape.key)
    free = f"NOT EXISTS (SELECT 1 FROM {work(shape.name, 'obstacle')} o WHERE o.n = c.n)"
    columns = [named, *_feed_columns(shape, others)]
    joins = listed((*meant.joins(shape, others, "w", RESTORED), *meant.again_joins(shape, others, "w")), " ")
    return f"""CREATE OR REPLACE TABLE {work(shape.name, "before")} AS
    WITH free AS (SELECT * FROM {work(shape.name, "done")} c WHERE {free}),
    wanted AS (
        SELECT {keys["b"]}, coalesce(c.written, []) AS restored, {listed(kept)}
        FROM {work(shape.name, "kept")} b LEFT JOIN free c ON {same_key(shape, "c", "b")} AND {_same_row(shape, "b", "c")}
        WHERE NOT coalesce(c.created, false)
        UNION ALL BY NAME
        SELECT {keys["c"]}, {names_sql(known)} AS restored, {listed(f"{NOW.sql(n, 'c')} AS {RESTORED.sql(n)}" for n in known)}
        FROM free c ANTI JOIN {work(shape.name, "kept")} b ON {same_key(shape, "b", "c")} WHERE NOT c.created)
    SELECT {listed(columns)} FROM wanted w {joins}"""


def _restored(name: str) -> str:
    return f"coalesce(list_contains(c.written, {literal(name)}), false)"


def _feed_columns(shape: Shape, others: Mapping[str, Shape]) -> Iterator[str]:
    """The columns of the feed. A row that the run did not change keeps its references as they are; only lines follow their
    document, where it is made anew."""
    for number, field in enumerate(shape.fields):
        follows = f" OR (m{number}.removed AND NOT m{number}.given)" if shape.target.lines else ""
        value = RESTORED.sql(field.name, "w")
        restored = f"list_contains(w.restored, {literal(field.name)})"
        match field.value:
            case Reference() if field.type.kind is Kind.LIST:
                found = f"({restored}{follows}) AND {value} IS NOT NULL AND m{number}.whole"
                keys = [f"m{number}.keys"]
            case Reference(target=to):
                found = f"({restored}{follows}) AND m{number}.alive"
                keys = [KEY.sql(key, f"m{number}") for key in others[to].key]
            case Result(target=to, by=names) if meant.by_value(field, others):
                found = f"{restored} AND m{number}.alive"
                keys = [KEY.sql(key, f"m{number}") for key in list(others[to].key)[: len(names)]]
            case Result(by=names) as result if meant.derived(shape, result):
                found = f"{restored} AND {value} IS NOT NULL AND x{number}.moved AND x{number}.alive"
                keys = [KEY.sql(name, "w") for name in names]
            case Result(by=names):
                found, keys = "false", ["CAST(NULL AS VARCHAR)"] * len(names)
            case _:
                yield f"{value} AS {identifier(own(field.name))}"
                continue
        for n, key in enumerate(keys):
            yield f"CASE WHEN {found} THEN {key} END AS {identifier(by(field.name, n))}"
        yield f"CASE WHEN NOT coalesce({found}, false) THEN {value} END AS {identifier(own(field.name))}"
    for name in shape.extras:
        yield f"{RESTORED.sql(name, 'w')} AS {identifier(own(name))}"


# -- what is told -----------------------------------------------------------------------------------------------------


def only_the_run(shape: Shape) -> Iterator[str]:
    """The statements that leave in `diff."T"` what concerns the run: its rows, and of documents what is opened for them and
    the lines that come with one that is made anew. Nothing is written into a row that others made in place of one that the
    run took away."""
    diff, run = table("diff", shape.name), work(shape.name, "done")
    kept = "false"
    if shape.lifecycle or shape.lists or shape.target.lines:
        taken = f"EXISTS (SELECT 1 FROM {run} c WHERE c.removed AND {same_key(shape, 'c', 'd')})"
        kept = f"(coalesce({does(*WRITES)}, false) AND NOT {taken})"
    yield f"DELETE FROM {diff} AS d WHERE NOT {kept} AND NOT EXISTS (SELECT 1 FROM {run} c WHERE {_row(shape)})"
    yield f"UPDATE {diff} SET drifted = list_filter(drifted, lambda x: list_contains(known, x)) WHERE len(drifted) > 0"


def _same_row(shape: Shape, left: str, right: str) -> str:
    """Whether two rows of one key are one row of theirs: others may have a row with the same key."""
    other = listed((f"{ID.sql(i, left)} <> {ID.sql(i, right)}" for i in shape.id), " OR ") or "false"
    return f"NOT coalesce({other}, false)"


def _row(shape: Shape) -> str:
    """Whether a row `d` of the diff is the row `c` of the run: that of its key, unless it is another of theirs."""
    return f"{same_key(shape, 'c', 'd')} AND {_same_row(shape, 'd', 'c')}"


def left_alone(shape: Shape) -> Iterator[str]:
    """The statements that list in `diff."T"` the rows of the run that the plan does not take back, as withheld (E0543):
    those with an obstacle, and those of which nothing is planned although they are not as before."""
    diff = table("diff", shape.name)
    here = listed((f"{NOW.sql(i, 'a')} = {ID.sql(i, 'c')}" for i in shape.id), " AND ") or "false"
    there = "a.rowid IS NOT NULL"
    differs = (
        listed(
            (
                f"(list_contains(c.written, {literal(n)}) AND {NOW.sql(n, 'a')} IS DISTINCT FROM {NOW.sql(n, 'c')})"
                for n in _values(shape)
            ),
            " OR ",
        )
        or "false"
    )
    values = [
        part
        for n in shape.columns
        for part in (
            f"{NOW.sql(n, 'c')} AS {WANTED.sql(n)}",
            NOW.sql(n, "a"),
            f"{LEFT.sql(n, 'c')} AS {AGREED.sql(n)}",
            f"{LEFT.sql(n, 'c')} AS {SEEN.sql(n)}",
        )
    ]
    keys = listed(KEY.sql(k, "c") for k in shape.key)
    ids = "".join(f"{ID.sql(i, 'c')}, " for i in shape.id)
    still = f"CASE WHEN c.created THEN {there}{_without_document(shape)} WHEN c.removed THEN NOT {there} ELSE {there} AND ({differs}) END"
    told = "d.kind IS NOT NULL OR d.action IS NOT NULL"
    yield f"""DELETE FROM {diff} AS d WHERE kind IS NULL AND EXISTS (
        SELECT 1 FROM {work(shape.name, "obstacle")} o JOIN {work(shape.name, "done")} c USING (n) WHERE {_row(shape)})"""
    yield f"""INSERT INTO {diff} BY NAME
        SELECT coalesce((SELECT max(ordinal) FROM {diff}), -1) + row_number() OVER (ORDER BY {keys}) AS ordinal, {keys}, {ids}
            greatest(c.generation, 1) AS generation, CASE WHEN {there} THEN 'confirmed' ELSE 'absent' END AS situation,
            CASE WHEN c.created THEN {Action.DELETE.sql} WHEN c.removed THEN {Action.CREATE.sql} ELSE {Action.UPDATE.sql} END AS action, 'state' AS cause,
            0 AS wave, 1 AS step, CASE WHEN c.created THEN [] ELSE c.written END AS fields, [] AS drifted, [] AS conflicted, [] AS settled,
            {names_sql(shape.columns)} AS known, [] AS waiting, false AS links, 'withheld' AS kind, 'E0543' AS code,
            coalesce(o.reason, CASE WHEN c.removed THEN 'it is there again' ELSE 'it was changed since the run' END) AS reason, {listed(values)}
        FROM {work(shape.name, "done")} c
            LEFT JOIN {table("theirs", shape.name)} a ON {here}
            LEFT JOIN {work(shape.name, "obstacle")} o ON o.n = c.n
        WHERE (o.reason IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {diff} d WHERE {_row(shape)} AND d.kind IS NOT NULL))
            OR (o.reason IS NULL AND {still} AND NOT EXISTS (SELECT 1 FROM {diff} d WHERE {same_key(shape, "c", "d")} AND ({told})))"""


def _without_document(shape: Shape) -> str:
    """Of a line: unless its document goes, and the line with it."""
    lines = shape.target.lines
    if lines is None:
        return ""
    keys = tuple(shape.key)[: shape.document]
    same = listed((f"{KEY.sql(k, 'p')} = {KEY.sql(k, 'c')}" for k in keys), " AND ")
    goes = f"SELECT 1 FROM {table('diff', lines.parent)} p WHERE p.kind IS NULL AND {does(*WRITES, of='p')} AND {same}"
    return f" AND NOT EXISTS ({goes})"
