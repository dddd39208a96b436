"""Documents with a lifecycle: what is wanted of their state, what that means where they are, and the steps there.

The state is a column like any other; what differs is how it is written: not by an update but by the moves of the
lifecycle, each call of which is a row of its own in the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from erpoa_cli.core.columns import ID, KEPT, KEY, NOW, VERDICT, WANTED
from erpoa_cli.core.lifecycle import ABSENT, TASK, UNDO, Course, Step, Way
from erpoa_cli.core.reconcile.judge import Verdict
from erpoa_cli.core.reconcile.shape import Shape, listed, names_sql, table, value_sql, work
from erpoa_cli.core.schema import STRING, literal
from erpoa_cli.core.situation import CONTENT, LINES, Action, does

_WAYS = ("way", "opening", "closing", "reopening", "reclosing")
_MOVED = f"({Verdict.WRITTEN} | {Verdict.TASK})"


# -- what is wanted where -----------------------------------------------------------------------------------------


def courses(shape: Shape) -> Iterator[str]:
    """The statement that fills `T/courses`: for every living state and wanted word the goal and the ways there."""
    if shape.lifecycle is None:
        return
    rows = listed(f"({listed(_course(shape, course))})" for course in shape.lifecycle.courses())
    yield (
        f"CREATE OR REPLACE TABLE {work(shape.name, 'courses')} AS "
        f"SELECT * FROM (VALUES {rows}) c(start, word, goal, {listed(_WAYS)})"
    )


def _course(shape: Shape, course: Course) -> Iterator[str]:
    yield from (literal(course.start), value_sql(course.word, STRING), literal(course.goal))
    yield _way(shape, course.way, {})
    for there, back in ((course.opening, course.closing), (course.reopening, course.reclosing)):
        kept: dict[str, Any] = {}  # what the steps so far have set
        yield _way(shape, there, kept)
        yield _way(shape, back, kept)


def _way(shape: Shape, way: Way | None, kept: dict[str, Any]) -> str:
    type_ = f"{_step_type(shape)}[]"
    if way is None:
        return f"CAST(NULL AS {type_})"
    steps = []
    for step in way:
        steps.append(_step(shape, step, kept))
        kept |= step.set
    return f"CAST([{listed(steps)}] AS {type_})"


def _step_type(shape: Shape) -> str:
    values = [f"{image.sql(n)} {t}" for n, t in _sets(shape).items() for image in (VERDICT, KEPT)]
    plain = ["call VARCHAR", "start VARCHAR", "goal VARCHAR", "part BOOLEAN", "first BOOLEAN"]
    return f"STRUCT({listed([*plain, 'names VARCHAR[]', 'kept VARCHAR[]', *values])})"


def _step(shape: Shape, step: Step, kept: Mapping[str, Any]) -> str:
    """A step; `names` are the fields it sets, to `v_F`; `kept` those that an earlier step has set, to `w_F`."""
    plain = {
        "call": literal(step.call),
        "start": literal(step.start),
        "goal": literal(step.to),
        "part": str(step.between).lower(),
        "first": str(step.first).lower(),
        "names": names_sql(n for n in step.set if n in _sets(shape)),
        "kept": names_sql(n for n in kept if n in _sets(shape)),
    }
    values = {
        image(name): value_sql(given.get(name), shape.columns[name])
        for name in _sets(shape)
        for image, given in ((VERDICT, step.set), (KEPT, kept))
    }
    return f"{{{listed(f'{literal(n)}: {v}' for n, v in (plain | values).items())}}}"


def _sets(shape: Shape) -> dict[str, str]:
    """The fields that moves set, less the state itself, with DuckDB's types."""
    lifecycle = shape.lifecycle
    names = lifecycle.sets if lifecycle else ()
    return {n: shape.columns[n].duckdb for n in names if lifecycle and n != lifecycle.field}


def course_columns(shape: Shape) -> str:
    """What `course_join` adds to a row."""
    return f", c.goal, {listed(f'c.{way}' for way in _WAYS)}" if shape.lifecycle else ""


def course_join(shape: Shape) -> str:
    """The join of a row of desired `d` and actual `a` (candidate `n`) with its course; a row that is not there yet starts
    in the state of a new document."""
    if shape.lifecycle is None or shape.state is None:
        return ""
    gone = literal(UNDO) if shape.undoes else "NULL"
    word = f"CASE WHEN n.row_d IS NULL THEN {gone} ELSE d.{WANTED.sql(shape.state.name)} END"
    start = f"CASE WHEN n.row_a IS NULL THEN {literal(shape.lifecycle.first)} ELSE {NOW.sql(shape.state.name, 'a')} END"
    return f" LEFT JOIN {work(shape.name, 'courses')} c ON c.start = {start} AND c.word IS NOT DISTINCT FROM {word}"


def undone(shape: Shape) -> str:
    """A SQL condition, never NULL: the document must no longer be."""
    if shape.state is None:
        return "false"
    return f"coalesce({WANTED.sql(shape.state.name)} = {literal(UNDO)}, false)"


def problems(shape: Shape) -> list[tuple[str, str, str, str]]:
    """Why a document is held for its state: condition, kind, code, reason."""
    if shape.lifecycle is None or shape.state is None:
        return []
    ours, theirs = WANTED.sql(shape.state.name), NOW.sql(shape.state.name)
    states = listed(map(literal, shape.lifecycle.states))
    return [
        (
            f"row_d IS NOT NULL AND {ours} NOT IN ({states}, {literal(UNDO)})",
            "held",
            "E0453",
            f"concat('the state ', {ours}, ' is wanted, which the lifecycle does not declare')",
        ),
        (
            f"row_a IS NOT NULL AND NOT coalesce({theirs} IN ({states}), false)",
            "held",
            "E0454",
            f"concat('it is in the state ', coalesce({theirs}, 'NULL'), ', which the lifecycle does not declare')",
        ),
    ]


# -- what is done about it ----------------------------------------------------------------------------------------


def action(shape: Shape) -> str:
    """Cases of a row's action that only documents have; they come before all others."""
    if shape.state is None:
        return ""
    told = VERDICT.sql(shape.state.name)
    lost = f"{undone(shape)} AND row_a IS NULL"
    return f"""WHEN {lost} AND situation = 'vanished' THEN {Action.FORGET.sql}
        WHEN {lost} AND row_b IS NULL THEN NULL
        WHEN situation IN ('confirmed', 'found') AND own & {Verdict.WRITTEN} <> 0 THEN {Action.UPDATE.sql}
        WHEN situation IN ('confirmed', 'found') AND {told} & {_MOVED} <> 0 THEN {Action.MOVE.sql}"""


def gone(shape: Shape) -> str:
    """The action of a document that is gone from the source."""
    assert shape.state is not None
    told = VERDICT.sql(shape.state.name)
    return (
        f"CASE WHEN {told} & {_MOVED} <> 0 THEN {Action.MOVE.sql} WHEN row_b IS NULL THEN NULL "
        f"WHEN {told} & {Verdict.ACCEPT} <> 0 THEN {Action.ACCEPT.sql} WHEN {told} & {Verdict.SETTLE} <> 0 THEN {Action.CONVERGE.sql} END"
    )


def tasks(shape: Shape) -> list[tuple[str, str, str]]:
    """What only a person can do: condition, code, reason."""
    if shape.state is None:
        return []
    told, here = VERDICT.sql(shape.state.name), NOW.sql(shape.state.name)
    start = f"coalesce({here}, 'nothing')"
    return [
        (
            f"{does(Action.MOVE)} AND {told} & {Verdict.TASK} <> 0 AND goal = {literal(TASK)}",
            "E0450",
            f"concat('it must no longer be, and is ', {start}, ', which only a person can undo')",
        ),
        (
            f"({does(Action.CREATE)} AND way IS NULL) OR ({does(Action.MOVE, Action.UPDATE)} AND {told} & {Verdict.TASK} <> 0)",
            "E0451",
            f"concat('it shall be ', goal, ', and no move leads there from ', {start})",
        ),
        (
            f"{does(Action.UPDATE)} AND {_aside('opening')} IS NULL",
            "E0452",
            f"concat('its content changed, and it is ', {start}, ', in which nothing can be written')",
        ),
    ]


def _aside(way: str) -> str:
    """The way before or after an update: back to where it began unless the state is to change."""
    return f"CASE WHEN moves THEN {way} ELSE re{way} END"


def moves(shape: Shape) -> str:
    """Whether the state of a row is to change, as a column of `summed`."""
    return f", {VERDICT.sql(shape.state.name)} & {Verdict.WRITTEN} <> 0 AS moves" if shape.state else ""


def steps(shape: Shape) -> str:
    """The steps of a row, as columns: those before its content is written and those after, whether it is undone, and
    whether its row is deleted then."""
    if shape.state is None:
        return ""
    none = f"CAST([] AS {_step_type(shape)}[])"
    opening = f"CASE WHEN kind IS NULL AND {does(Action.UPDATE)} THEN {_aside('opening')} ELSE {none} END"
    closing = (
        f"CASE WHEN kind IS NOT NULL THEN {none} WHEN {does(Action.CREATE, Action.MOVE)} THEN way "
        f"WHEN {does(Action.UPDATE)} THEN {_aside('closing')} ELSE {none} END"
    )
    last = f"after[len(after)].call = '' AND after[len(after)].goal = {literal(ABSENT)}"
    return (
        f", {opening} AS before, {closing} AS after, {undone(shape)} AND {does(Action.MOVE)} AS undoing, "
        f"coalesce(undoing AND {last}, false) AS leaves"
    )


def step_columns(shape: Shape) -> str:
    return (
        ", goal, opening, closing, reopening, reclosing, before, after, len(before)::BIGINT AS shift, undoing, leaves"
        if shape.state
        else ""
    )


# -- documents and their lines ------------------------------------------------------------------------------------


def fate(shape: Shape) -> tuple[str, str]:
    """What lines must know of the state of their document *shape* is of: columns over its desired rows, and over its
    diff."""
    if not shape.wish:
        return "", ""
    wished = f", coalesce({WANTED.sql(shape.wish)} = {literal(UNDO)}, false) AS undone, false AS leaves"
    return wished, ", coalesce(undoing, false) AS undone, leaves"


def line_action(shape: Shape) -> str:
    """Cases of a line's action: of a document that must no longer be nothing is written; what went with it is forgotten,
    and what would be in its way when its row is deleted goes first."""
    if not shape.wish:
        return ""
    return f"""WHEN {line_undone(shape)} THEN CASE WHEN row_b IS NULL THEN NULL WHEN row_a IS NULL THEN {Action.FORGET.sql}
            WHEN parent_leaves THEN {Action.DELETE.sql} END"""


def line_undone(shape: Shape) -> str:
    return "coalesce(parent_undone, false)" if shape.wish else "false"


def follow_lines(parent: Shape, lines: Shape) -> Iterator[str]:
    """A document whose lines are written is opened for it and closed again; where that cannot be, it is a task, and its
    lines wait. One of which a line is withheld is not moved on."""
    lifecycle, state = parent.lifecycle, parent.state
    if lifecycle is None or state is None:
        return
    diff, child = table("diff", parent.name), table("diff", lines.name)
    keys = list(lines.key)[: lines.document]
    own = listed(KEY.sql(k) for k in keys)
    same = listed((f"{KEY.sql(k, 'w')} = {KEY.sql(k, 'p')}" for k in keys), " AND ")
    yield f"""UPDATE {diff} AS p SET kind = 'withheld', code = 'E0429', links = false, reason = 'a line of it is withheld'
        FROM (SELECT DISTINCT {own} FROM {child} WHERE kind = 'withheld') w
        WHERE {same} AND p.kind IS NULL AND {does(Action.MOVE, Action.UPDATE, of="p")} AND NOT p.undoing"""
    if not lifecycle.editable:
        return
    written = f"(SELECT DISTINCT {own} FROM {child} WHERE kind IS NULL AND {does(*LINES)}) w"
    moved = f"p.kind IS NULL AND {does(Action.MOVE, of='p')} AND NOT p.undoing"
    yield f"""UPDATE {diff} AS p SET before = opening, after = closing, shift = len(opening) FROM {written}
        WHERE {same} AND {moved} AND opening IS NOT NULL"""
    yield f"UPDATE {diff} AS p SET {_closed_task(state.name)} FROM {written} WHERE {same} AND {moved} AND opening IS NULL"
    yield _reopened(parent, written, same)
    yield f"""UPDATE {child} AS w SET kind = 'withheld', code = 'E0455', links = false, reason = 'its document waits for a person'
        FROM {diff} p WHERE {same} AND p.kind = 'task' AND w.kind IS NULL AND {does(*LINES, of="w")}"""


def _closed_task(state: str) -> str:
    said = f"concat('its lines changed, and it is ', {NOW.sql(state)}, ', in which nothing can be written')"
    return f"kind = 'task', code = 'E0452', links = false, reason = {said}"


def _reopened(shape: Shape, written: str, same: str) -> str:
    """Rows for documents of which nothing but lines is written: the way from where they are, and back."""
    assert shape.state is not None
    state = shape.state.name
    diff, none = table("diff", shape.name), f"CAST([] AS {_step_type(shape)}[])"
    fields = {f.name for f in shape.fields}
    values = [
        *(f"{'d.' + WANTED.sql(n) if n in fields else 'NULL'} AS {WANTED.sql(n)}" for n in shape.columns),
        *(NOW.sql(n, "a") for n in shape.columns),
    ]
    here = NOW.sql(state, "a")
    told = f"concat('its lines changed, and it is ', {here}, ', in which nothing can be written')"
    keys = listed(f"p.{KEY.sql(k)}" for k in shape.key)
    ids = [f"p.{ID.sql(i)}" for i in shape.id]
    linked = listed((f"{KEY.sql(k, 'd')} = {KEY.sql(k, 'p')}" for k in shape.key), " AND ")
    busy = listed((f"{KEY.sql(k, 'o')} = {KEY.sql(k, 'p')}" for k in shape.key), " AND ")
    return f"""INSERT INTO {diff} BY NAME
        SELECT coalesce((SELECT max(ordinal) FROM {diff}), -1) + row_number() OVER (ORDER BY {keys}) AS ordinal,
            {listed([keys, *ids])}, greatest(p.generation, 1) AS generation, 'confirmed' AS situation, {Action.MOVE.sql} AS action,
            'data' AS cause, 0 AS wave, 1 AS step, [] AS fields, [] AS drifted, [] AS conflicted, [] AS settled,
            [{literal(state)}] AS known, [] AS waiting, c.opening IS NOT NULL AS links,
            CASE WHEN c.opening IS NULL THEN 'task' END AS kind, CASE WHEN c.opening IS NULL THEN 'E0452' END AS code,
            CASE WHEN c.opening IS NULL THEN {told} END AS reason, {listed(values)}, c.goal, c.opening, c.closing,
            coalesce(c.opening, {none}) AS before, coalesce(c.closing, {none}) AS after,
            coalesce(len(c.opening), 0) AS shift, false AS undoing, false AS leaves
        FROM {work(shape.name, "link")} p JOIN {written} ON {same}
            JOIN {table("desired", shape.name)} d ON {linked} JOIN {table("theirs", shape.name)} a ON a.rowid = p.row_a
            JOIN {work(shape.name, "courses")} c ON c.start = {here} AND c.word IS NULL
        WHERE coalesce(len(c.opening), 1) > 0 AND NOT EXISTS (SELECT 1 FROM {diff} o
            WHERE {busy} AND (o.kind IS NOT NULL OR {does(Action.CREATE, Action.UPDATE, Action.MOVE, of="o")}))"""


# -- the steps as rows --------------------------------------------------------------------------------------------

_PLANNED = f"kind IS NULL AND {does(Action.CREATE, Action.UPDATE, Action.MOVE)}"


def most_steps(shape: Shape, where: str, *, undoing: bool = False) -> str:
    """The query for the most steps that a row has *where* (`before` or `after`); NULL when there are none."""
    if shape.state is None:
        return "SELECT NULL"
    told = "" if where == "before" else f" AND undoing = {str(undoing).lower()}"
    return (
        f"SELECT CAST(max(len({where})) AS BIGINT) FROM {table('diff', shape.name)} "
        f"WHERE {_PLANNED} AND len({where}) > 0{told}"
    )


def opened(shape: Shape, wave: int) -> Iterator[str]:
    """Rows for the steps before content is written, in waves up to *wave*; content follows after them."""
    yield _rows(shape, "before", f"{wave} - len(before) + n", "n", "true")


def closed(shape: Shape, wave: int, *, undoing: bool) -> Iterator[str]:
    """Rows for the steps after content is written (or of those undone), in waves from *wave* on."""
    yield _rows(shape, "after", f"{wave} + n - 1", "shift + last + n", f"undoing = {str(undoing).lower()}")


def _rows(shape: Shape, where: str, wave: str, step: str, chosen: str) -> str:
    assert shape.lifecycle is not None
    diff, state = table("diff", shape.name), shape.lifecycle.field
    over = names_sql([*sorted(shape.lifecycle.dead), ABSENT])
    deletes = f"s.call = '' AND s.goal = {literal(ABSENT)}"
    values = [
        f"s.goal AS {WANTED.sql(state)}",
        f"CASE WHEN s.first THEN s.start END AS {NOW.sql(state)}",
    ]
    for name in _sets(shape):
        kept, before = KEPT.sql(name, "s"), NOW.sql(name)
        values.append(f"{VERDICT.sql(name, 's')} AS {WANTED.sql(name)}")
        values.append(
            f"CASE WHEN list_contains(s.kept, {literal(name)}) THEN {kept} ELSE {before} END AS {before}"
        )
    same = listed((f"p.{KEY.sql(k)} = o.{KEY.sql(k)}" for k in shape.key), " AND ")
    content = f"SELECT max(p.step) FROM {diff} p WHERE {same} AND p.kind IS NULL AND {does(*CONTENT, of='p')}"
    return f"""INSERT INTO {diff} BY NAME
        SELECT * EXCLUDE (s, n, last, total) REPLACE (
            (SELECT max(ordinal) FROM {diff}) + row_number() OVER (ORDER BY n, ordinal) AS ordinal,
            CASE WHEN {deletes} THEN {Action.DELETE.sql} ELSE {Action.MOVE.sql} END AS action, {wave} AS wave, {step} AS step,
            nullif(s.call, '') AS call, CASE WHEN s.part OR {deletes} THEN [] ELSE list_concat([{literal(state)}], s.names) END AS fields,
            [] AS drifted, [] AS conflicted, [] AS settled, [] AS waiting,
            CASE WHEN undoing THEN {literal(UNDO)} END AS reason,
            NOT (n = total AND NOT s.part AND list_contains({over}, s.goal)) AS links,
            before[1:0] AS before, after[1:0] AS after, 0 AS shift, {listed(values)})
        FROM (SELECT o.*, unnest(o.{where}) AS s, generate_subscripts(o.{where}, 1) AS n, len(o.{where}) AS total,
                coalesce(({content}), 0) AS last
            FROM {diff} o WHERE {_PLANNED} AND len(o.{where}) > 0 AND {chosen})"""


def settle_rows(shape: Shape) -> Iterator[str]:
    """What is left of the rows that the steps came from: content keeps its row, in its place; a row that was only to be
    moved stays for what it tells beside that."""
    if shape.lifecycle is None:
        return
    diff, state = table("diff", shape.name), WANTED.sql(shape.lifecycle.field)
    yield f"UPDATE {diff} SET step = step + shift WHERE kind IS NULL AND shift > 0"
    yield (
        f"UPDATE {diff} SET {state} = {literal(shape.lifecycle.first)} "
        f"WHERE kind IS NULL AND {does(Action.CREATE)} AND {state} IS NOT NULL"
    )
    moved = f"kind IS NULL AND {does(Action.MOVE)} AND len(before) + len(after) > 0"
    yield f"DELETE FROM {diff} WHERE {moved} AND len(drifted) + len(conflicted) + len(settled) = 0"
    yield (
        f"UPDATE {diff} SET fields = [], action = CASE WHEN len(settled) > 0 THEN {Action.CONVERGE.sql} END, wave = 0 "
        f"WHERE {moved}"
    )
