"""Situations and actions of rows: the statements that fill `diff."T"`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from erpoa_cli.core.columns import AGREED, ECHO, ID, KEY, NOW, PENDING, PLANNED, SEEN, VERDICT, WANTED
from erpoa_cli.core.lifecycle import UNDO
from erpoa_cli.core.reconcile import documents, judge
from erpoa_cli.core.reconcile.compare import equal
from erpoa_cli.core.reconcile.judge import Verdict
from erpoa_cli.core.reconcile.near import Evidence, near, proof, twin
from erpoa_cli.core.reconcile.recognise import elsewhere, estranged
from erpoa_cli.core.reconcile.shape import (
    Shape,
    listed,
    names_sql,
    same_key,
    table,
    value_sql,
    work,
)
from erpoa_cli.core.schema import grouped, literal
from erpoa_cli.core.sight import unseen_sql
from erpoa_cli.core.situation import EDITS, LINES, REMOVALS, Action, does
from erpoa_cli.core.target import BoundField, Mode, OnSourceGone, OnVanished


def candidates(shape: Shape, evidence: Evidence) -> Iterator[str]:
    """The statements that fill `T/near`, the rows to judge, from `desired`, `actual` and what `recognise` found."""
    yield from documents.courses(shape)
    yield twin(shape)
    yield proof(shape, evidence)
    yield near(shape, evidence)
    if not evidence.first:
        yield elsewhere(shape)


def touched_candidates(shape: Shape, evidence: Evidence, first: int) -> str:
    """The statement that fills `T/near` anew, with the documents that only their lines touch; counted from *first*."""
    return near(shape, evidence, first)


def candidate_count(shape: Shape) -> str:
    """The query for the number of rows to judge; their ordinals count from 0."""
    return f"SELECT count(*) FROM {work(shape.name, 'near')}"


def foreign_count(shape: Shape) -> str:
    """The query for the number of rows of theirs that are none of ours."""
    return f"""SELECT count(*) FROM {table("theirs", shape.name)} a
        ANTI JOIN {work(shape.name, "link")} l ON l.row_a = a.rowid
        ANTI JOIN {work(shape.name, "match")} m ON m.row_a = a.rowid"""


def candidate_base(shape: Shape) -> str:
    """The query for the numbers of the base rows that candidates have, in order."""
    return f"SELECT row_b FROM {work(shape.name, 'near')} WHERE row_b IS NOT NULL ORDER BY row_b"


def judged(shape: Shape, evidence: Evidence, first: int, stop: int, *, every: bool = False) -> str:
    """The statement that puts the noteworthy rows among the candidates *first* to *stop* (excluded) into
    `diff."T"`, which it makes with *first* 0 (with *every*, all of them): each with its situation, what is wrong with it, the verdicts of its
    fields and its action. The base rows of the candidates are in `base."T/rows"`. Wide rows are stored once on the way and never sorted: what the joins by row number emit is thin
    batches, and everything after them costs per batch."""
    keys = [KEY.sql(k) for k in shape.key]
    ids = [ID.sql(i) for i in shape.id]
    values = [image.sql(n) for n in shape.columns for image in PLANNED]
    pending = [PENDING.sql(f.name) for f in shape.pending]
    generation = (
        f"CASE WHEN {does(Action.CREATE)} THEN generation + 1 ELSE greatest(generation, 1) END AS generation"
    )
    diff = table("diff", shape.name)
    return f"""
    {f"INSERT INTO {diff} BY NAME" if first else f"CREATE OR REPLACE TABLE {diff} AS"}
    WITH met AS MATERIALIZED ({_met(shape, evidence, f"ordinal >= {first} AND ordinal < {stop}")}),
    told AS (SELECT * EXCLUDE (problem, problem_code, unread), {_held(shape, evidence)} FROM met),
    judged AS (SELECT *, {_verdicts(shape)} FROM told),
    summed AS (SELECT *, {_sums(shape)} FROM judged),
    acting AS (SELECT * REPLACE (
            CASE WHEN situation = 'not_observed' AND {does(Action.ACCEPT, Action.CONVERGE)} THEN NULL ELSE action END AS action)
        FROM (SELECT *, {_action(shape)} AS action FROM summed)),
    aside AS (SELECT * REPLACE ({_withheld(shape, evidence)}) FROM acting),
    whole AS (SELECT * EXCLUDE (waiting, elsewhere){documents.steps(shape)},
            CASE WHEN {does(Action.CREATE)} THEN {_created(shape)}
                WHEN {does(*EDITS)} THEN {_among(shape, Verdict.WRITTEN, shape.content)}
                {_moved(shape)}ELSE [] END AS fields,
            CASE WHEN situation = 'not_observed' THEN [] ELSE {_among(shape, Verdict.DRIFT)} END AS drifted,
            {_among(shape, Verdict.CONFLICT)} AS conflicted,
            CASE WHEN situation IN ('confirmed', 'found', 'source_gone') THEN {_among(shape, Verdict.SETTLED)}
                ELSE [] END AS settled,
            coalesce(waiting, []) AS waiting
        FROM aside
        WHERE {"true" if every else "false"} OR action IS NOT NULL OR kind IS NOT NULL OR situation = 'vanished'
            OR signs & {Verdict.CONFLICT} <> 0 OR (signs & {Verdict.DRIFT} <> 0 AND situation <> 'not_observed'))
    SELECT ordinal, {listed(keys + ids)},
        {generation}, situation, action, {_cause(evidence)} AS cause, 0::BIGINT AS wave, 1::BIGINT AS step,
        CAST(NULL AS VARCHAR) AS call, fields, drifted, conflicted, settled, known, waiting,
        coalesce(kind IS NULL AND NOT {does(Action.DELETE, Action.FORGET)} AND situation <> 'foreign'
            AND NOT (situation = 'found' AND signs & {Verdict.REPORTED} <> 0), false) AS links,
        kind, code, reason, {listed(values + pending)}{documents.step_columns(shape)}
    FROM whole"""


def _met(shape: Shape, evidence: Evidence, wanted: str) -> str:
    """The candidates for which *wanted* holds, with all their values and their situation."""
    ids = [f"coalesce({NOW.sql(i, 'a')}, {ID.sql(i, 'b')}) AS {ID.sql(i)}" for i in shape.id]
    moved = (
        listed(
            (f"{NOW.sql(i, 'a')} IS DISTINCT FROM {ID.sql(i, 'b')}" for i in shape.id),
            " OR ",
        )
        or "false"
    )
    return f"""
    SELECT n.*, {listed([f"{i}," for i in ids], " ")}
        n.matched AND b.row_number IS NOT NULL AND ({moved}) AS moved,
        coalesce(b.generation, CASE WHEN n.row_d IS NOT NULL THEN g.generation END, 0) AS generation, b.known, d.problem, d.problem_code, d.waiting,
        {"u.unread" if evidence.unread else "CAST(NULL AS VARCHAR)"} AS unread,
        {"CAST(NULL AS VARCHAR)" if evidence.first else "e.elsewhere"} AS elsewhere,
        {listed([*_values(shape), *_echoes(shape)])},
        {_situation(shape, evidence)} AS situation, coalesce(proof.unproven, proof.unplaced) AS doubt{_parent_columns(shape)}{documents.course_columns(shape)}
    FROM (SELECT * FROM {work(shape.name, "near")} WHERE {wanted}) n CROSS JOIN {work(shape.name, "proof")} proof
        LEFT JOIN {_rows(shape, table("desired", shape.name), "rowid", "row_d", wanted)} d ON d.row_number = n.row_d
        LEFT JOIN {_rows(shape, table("theirs", shape.name), "rowid", "row_a", wanted)} a ON a.row_number = n.row_a
        LEFT JOIN {_rows(shape, table("base", f"{shape.name}/rows"), "row_b", "row_b", wanted)} b
            ON b.row_number = n.row_b
        LEFT JOIN {work(shape.name, "gone")} g ON {same_key(shape, "g", "n")}{_parent_join(shape)}{documents.course_join(shape)}
        {f"LEFT JOIN {work(shape.name, 'unread')} u ON u.row_a = n.row_a" if evidence.unread else ""}
        {"" if evidence.first else f"LEFT JOIN {work(shape.name, 'elsewhere')} e ON e.ordinal = n.ordinal"}
        {f"LEFT JOIN {work(shape.name, 'opposite')} o ON {same_key(shape, 'o', 'n')}" if shape.opposite else ""}"""


def _echoes(shape: Shape) -> Iterator[str]:
    """Of every shared field: whether the opposite target brought there what is here, and saw it become what is wanted."""
    for name in shape.opposite.fields if shape.opposite else ():
        field = shape.field(name)
        brought = equal(field, AGREED.sql(name, "o"), NOW.sql(name, "a"))
        became = equal(field, SEEN.sql(name, "o"), WANTED.sql(name, "d"))
        yield f"(o.known AND d.row_number IS NOT NULL AND {brought} AND {became}) IS TRUE AS {ECHO.sql(name)}"


def opposite(shape: Shape) -> str:
    """The query for `T/opposite`, of the base rows of the opposite target (`incoming`): what it agreed on and saw of the shared
    fields of candidates, as this target names them."""
    assert shape.opposite is not None
    keys = [
        f"TRY_CAST({KEY.sql(theirs)} AS {shape.key[ours].duckdb}) AS {KEY.sql(ours)}"
        for ours, theirs in shape.opposite.key.items()
    ]
    values = [
        f"TRY_CAST({image.sql(theirs)} AS {shape.field(ours).type.duckdb}) AS {image.sql(ours)}"
        for ours, theirs in shape.opposite.fields.items()
        for image in (AGREED, SEEN)
    ]
    known = names_sql(shape.opposite.fields.values())
    return f"""SELECT o.* FROM (SELECT {listed(keys + values)}, list_has_all(known, {known}) AS known FROM incoming) o
        SEMI JOIN {work(shape.name, "near")} n ON {same_key(shape, "o", "n")}"""


def _rows(shape: Shape, relation: str, number: str, pointer: str, wanted: str) -> str:
    """The rows of a relation to whose *number* the *pointer* of candidates for which *wanted* holds points. A
    semi-join: a left join would build its hash table over every column of the whole relation."""
    numbers = f"SELECT {pointer} FROM {work(shape.name, 'near')} WHERE {wanted}"
    return f"(SELECT {number} AS row_number, * FROM {relation} WHERE {number} IN ({numbers}))"


def _parent_columns(shape: Shape) -> str:
    """Of the document that a line belongs to: whether it stays, and what becomes of it."""
    if shape.target.lines is None:
        return ""
    undone = ", parent.undone AS parent_undone, parent.leaves AS parent_leaves" if shape.wish else ""
    return f", parent.here AS parent_here, parent.action AS parent_action, parent.kind AS parent_kind{undone}"


def _parent_join(shape: Shape) -> str:
    lines = shape.target.lines
    if lines is None:
        return ""
    keys = tuple(shape.key)[: shape.document]
    text = listed(KEY.sql(k) for k in keys)
    on = listed((f"{KEY.sql(k, 'parent')} = {KEY.sql(k, 'n')}" for k in keys), " AND ")
    wanted, planned = documents.fate(shape)
    undone = ", bool_or(undone) AS undone, bool_or(leaves) AS leaves" if shape.wish else ""
    return f""" LEFT JOIN (
        SELECT {text}, bool_or(here) AS here, any_value(action) AS action, any_value(kind) AS kind{undone}
        FROM (SELECT {text}, true AS here, NULL AS action, NULL AS kind{wanted} FROM {table("desired", lines.parent)}
            UNION ALL BY NAME
            SELECT {text}, false AS here, action, kind{planned} FROM {table("diff", lines.parent)})
        GROUP BY {text}) parent ON {on}"""


def _values(shape: Shape) -> Iterator[str]:
    fields = {f.name: f for f in shape.fields}
    for name in shape.columns:
        yield _desired_value(shape, fields.get(name), name)
        yield NOW.sql(name, "a")
        yield f"b.{AGREED.sql(name)}"
        yield f"b.{SEEN.sql(name)}"
    for field in shape.pending:
        yield f"d.{PENDING.sql(field.name)}"


def _desired_value(shape: Shape, field: BoundField | None, name: str) -> str:
    """What is wanted of a field: of a row that is gone from the source, what `deactivate` says, or that it is undone."""
    type_ = shape.columns[name]
    here = f"d.{WANTED.sql(name)}" if field else f"CAST(NULL AS {type_.duckdb})"
    if field is None and name in shape.target.restore:
        here = value_sql(shape.target.restore[name], type_)
    undoes = shape.undoes and field == shape.state
    if name not in shape.deactivate and not undoes:
        return f"{here} AS {WANTED.sql(name)}"
    off = value_sql(UNDO if undoes else shape.deactivate[name], type_)
    return f"CASE WHEN d.row_number IS NULL THEN {off} ELSE {here} END AS {WANTED.sql(name)}"


def _situation(shape: Shape, evidence: Evidence) -> str:
    unseen = "true" if evidence.actual else "false"
    unproven = "proof.unproven IS NOT NULL"
    if shape.target.lines is not None:  # what leaves no doubt about a document leaves none about its lines
        gone = (
            f"NOT parent.here AND parent.kind IS NULL AND {does(Action.DELETE, Action.FORGET, of='parent')}"
        )
        unproven = f"{unproven} AND NOT coalesce({gone}, false)"
    return f"""CASE
        WHEN n.row_d IS NOT NULL AND (n.again OR n.hits > 1 OR n.claims > 1) THEN 'ambiguous'
        WHEN n.row_d IS NOT NULL AND n.row_a IS NOT NULL AND n.linked THEN 'confirmed'
        WHEN n.row_d IS NOT NULL AND n.row_a IS NOT NULL THEN 'found'
        WHEN n.row_d IS NOT NULL AND {unseen} THEN 'not_observed'
        WHEN n.row_d IS NOT NULL AND n.row_b IS NOT NULL THEN 'vanished'
        WHEN n.row_d IS NOT NULL THEN 'absent'
        WHEN ({unproven}) OR (n.row_a IS NULL AND {unseen}) THEN 'not_observed'
        WHEN n.row_b IS NULL AND proof.unplaced IS NOT NULL THEN 'not_observed'
        WHEN n.row_b IS NULL THEN 'foreign'
        WHEN n.row_a IS NULL THEN 'both_gone' ELSE 'source_gone' END"""


def _verdicts(shape: Shape) -> str:
    """`v_<field>`, the verdict per field; rows that cannot be judged have none."""
    fields = [
        f"""CASE WHEN kind IS NOT NULL OR row_a IS NULL{_left_alone(shape, f)} THEN {Verdict.SAME}
            WHEN row_d IS NULL THEN {_gone_verdict(shape, f)}
            WHEN situation = 'confirmed' THEN {judge.confirmed(shape, f)}
            WHEN situation = 'found' THEN {judge.found(shape, f)} ELSE {Verdict.SAME} END AS {VERDICT.sql(f.name)}"""
        for f in shape.fields
    ]
    extras = [
        f"""CASE WHEN kind IS NOT NULL OR row_a IS NULL THEN {Verdict.SAME} WHEN row_d IS NULL THEN {_gone_verdict(shape, f)}
            WHEN situation = 'confirmed' THEN {judge.restored(shape, f)} ELSE {Verdict.SAME} END AS {VERDICT.sql(f.name)}"""
        for f in judge.extra_fields(shape)
    ]
    return listed(fields + extras)


def _sums(shape: Shape) -> str:
    """`signs`: the verdicts that any field has; `unison`: the verdict that every compared field has; of documents also
    `own`: the verdicts of their content, and whether their state `moves`."""
    some = grouped([VERDICT.sql(name) for name in shape.columns], " | ")
    every = grouped([VERDICT.sql(f.name) for f in shape.compared], " & ") or "0"
    content = grouped([VERDICT.sql(name) for name in shape.content], " | ")
    own = f", {content} AS own{documents.moves(shape)}" if shape.state else ""
    return f"{some} AS signs, {every} AS unison{own}"


def _left_alone(shape: Shape, field: BoundField) -> str:
    """The content of a document that must no longer be is not looked at, nor are its lines."""
    if shape.wish:
        return f" OR {documents.line_undone(shape)}"
    return f" OR {documents.undone(shape)}" if shape.state and field != shape.state else ""


def _moved(shape: Shape) -> str:
    return f"WHEN {does(Action.MOVE)} THEN {names_sql([shape.state.name])} " if shape.state else ""


def _gone_verdict(shape: Shape, field: BoundField) -> str:
    if field == shape.state and shape.undoes:
        return judge.state(shape, field)
    return judge.deactivated(shape, field) if field.name in shape.deactivate else str(Verdict.SAME)


def _held(shape: Shape, evidence: Evidence) -> str:
    """`kind`, `code` and `reason` of rows that are held for what their data are."""
    update_only = "true" if shape.target.mode is Mode.UPDATE_ONLY else "false"
    recreates = "true" if shape.target.on_vanished is OnVanished.RECREATE else "false"
    unnameable = listed((f"{KEY.sql(k)} IS NULL" for k in shape.key), " OR ")
    cases = [
        (
            "unnamed AND row_d IS NOT NULL",
            "held",
            "E0401",
            "concat('a key column is empty (', copies, CASE copies WHEN 1 THEN ' row)' ELSE ' rows)' END)",
        ),
        ("copies > 1", "held", "E0402", "concat(copies, ' rows have this key')"),
        ("problem IS NOT NULL", "held", "", "problem"),
        *documents.problems(shape),
        (
            "situation = 'ambiguous' AND again",
            "held",
            "E0408",
            "'the linked identifier is that of several rows'",
        ),
        ("situation = 'ambiguous' AND hits > 1", "held", "E0403", "concat(hits, ' of their rows match')"),
        (
            "situation = 'ambiguous'",
            "held",
            "E0404",
            "concat(claims, ' of our rows match the same row of theirs')",
        ),
        *_out_of_sight(shape),
        ("elsewhere IS NOT NULL AND row_d IS NOT NULL", "held", "E0416", "elsewhere"),
        ("unread IS NOT NULL", "held", "E0410", "unread"),
        (
            f"{update_only} AND NOT {documents.undone(shape)} AND (situation = 'absent' OR (situation = 'vanished' AND {recreates}))",
            "held",
            "E0407",
            "'the row does not exist there, and this target never creates'",
        ),
        (
            f"situation = 'not_observed' AND row_d IS NOT NULL AND NOT ({documents.undone(shape)} AND row_b IS NULL)",
            "withheld",
            "E0421",
            literal(evidence.actual),
        ),
        (
            f"situation = 'foreign' AND ({unnameable})",
            "withheld",
            "E0426",
            "'their row has no key by which it can be named'",
        ),
    ]

    def chosen(position: int) -> str:
        answers = []
        for condition, *rest in cases:
            answer = rest[position]
            if position == 1:
                answer = literal(answer) if answer else "problem_code"
            answers.append(f"WHEN {condition} THEN {literal(answer) if position == 0 else answer}")
        return f"CASE {listed(answers, ' ')} END"

    return f"{chosen(0)} AS kind, {chosen(1)} AS code, {chosen(2)} AS reason"


def _out_of_sight(shape: Shape) -> Iterator[tuple[str, str, str, str]]:
    """Rows that `filter` would not show any more once they are written as they are wanted."""
    for field in shape.fields:
        if hides := unseen_sql(shape.target, field.name, field.type, WANTED.sql(field.name)):
            said = f"the target does not see rows whose {field.name} is "
            reason = f"concat({literal(said)}, coalesce(CAST({WANTED.sql(field.name)} AS VARCHAR), 'empty'))"
            yield f"row_d IS NOT NULL AND {hides}", "held", "E0443", reason


def _among(shape: Shape, verdicts: Verdict, names: Iterable[str] | None = None) -> str:
    """The names of the fields (of *names*, else of all) whose verdict is one of *verdicts*, as a VARCHAR[].

    Making a list per row is what costs: most rows have no such field, and rows found equal have every one."""
    told = list(shape.columns if names is None else names)
    parts = (f"CASE WHEN {VERDICT.sql(name)} & {verdicts} <> 0 THEN {literal(name)} END" for name in told)
    return f"""CASE WHEN signs & {verdicts} = 0 THEN []
            WHEN situation = 'found' AND unison & {verdicts} <> 0 THEN {names_sql(f.name for f in shape.compared if f.name in told)}
            ELSE list_filter(CAST([{listed(parts)}] AS VARCHAR[]), lambda x: x IS NOT NULL) END"""


def _created(shape: Shape) -> str:
    """The fields a create writes: all but those whose value waits for several rows of this plan."""
    every = names_sql(f.name for f in shape.fields)
    if not shape.pending:
        return every
    return f"CASE WHEN coalesce(len(waiting), 0) = 0 THEN {every} ELSE list_filter({every}, lambda x: NOT list_contains(waiting, x)) END"


def _action(shape: Shape) -> str:
    vanished = {
        OnVanished.REPORT: "CAST(NULL AS VARCHAR)",
        OnVanished.RECREATE: Action.CREATE.sql,
        OnVanished.FORGET: Action.FORGET.sql,
    }[shape.target.on_vanished]
    if shape.target.lines is not None:  # of a document that is made anew the lines are too
        vanished = (
            f"CASE WHEN parent_action = {Action.CREATE.sql} THEN {Action.CREATE.sql} ELSE {vanished} END"
        )
    written, accepted, settled, reported = (
        f"signs & {v} <> 0" for v in (Verdict.WRITTEN, Verdict.ACCEPT, Verdict.SETTLED, Verdict.REPORTED)
    )
    inactive = f"CASE WHEN {written} THEN {Action.DEACTIVATE.sql} WHEN row_b IS NULL THEN NULL WHEN {accepted} THEN {Action.ACCEPT.sql} WHEN {settled} THEN {Action.CONVERGE.sql} END"
    gone = {
        OnSourceGone.KEEP: "CAST(NULL AS VARCHAR)",
        OnSourceGone.DELETE: Action.DELETE.sql,
        OnSourceGone.TASK: Action.DELETE.sql,
        OnSourceGone.DEACTIVATE: inactive,
        OnSourceGone.UNDO: documents.gone(shape) if shape.state else "CAST(NULL AS VARCHAR)",
    }[shape.target.on_source_gone]
    return f"""CASE WHEN kind = 'held' THEN NULL
        {documents.action(shape)}
        {documents.line_action(shape)}
        WHEN situation = 'absent' THEN {Action.CREATE.sql}
        WHEN situation = 'vanished' THEN {vanished}
        WHEN situation = 'both_gone' THEN {Action.FORGET.sql}
        WHEN situation = 'not_observed' AND row_d IS NOT NULL AND row_b IS NULL THEN {Action.CREATE.sql}
        WHEN row_d IS NULL AND row_a IS NOT NULL THEN {_follow(shape, gone)}
        WHEN situation IN ('confirmed', 'found') AND {written} THEN {Action.UPDATE.sql}
        WHEN situation = 'found' AND {reported} THEN NULL
        WHEN situation = 'found' THEN {Action.ADOPT.sql}
        WHEN situation = 'confirmed' AND (moved OR row_b IS NULL) THEN {Action.ADOPT.sql}
        WHEN situation = 'confirmed' AND {accepted} THEN {Action.ACCEPT.sql}
        WHEN situation = 'confirmed' AND {settled} THEN {Action.CONVERGE.sql} END"""


def _follow(shape: Shape, gone: str) -> str:
    """A line is removed for being missing only while its document stays; else it goes with the document."""
    if shape.target.lines is None:
        return gone
    return f"CASE WHEN parent_here THEN {gone} WHEN parent_action = {Action.DELETE.sql} THEN {Action.DELETE.sql} END"


def _withheld(shape: Shape, evidence: Evidence) -> str:
    """Removals that the reads do not prove are withheld, and lines with their document; what only a person can do to a
    document is a task."""
    removal = f"{does(*REMOVALS)} OR ({does(Action.MOVE)} AND row_d IS NULL)"
    unproven = f"kind IS NULL AND situation = 'not_observed' AND ({removal})"
    reason = f"coalesce(doubt, {literal(evidence.actual)})"
    if shape.target.lines is not None:
        unproven = f"({unproven}) OR (kind IS NULL AND {does(Action.DELETE)} AND parent_kind = 'withheld')"
        reason = f"coalesce(doubt, {literal(evidence.actual)}, 'its document is withheld')"
    found = [(unproven, "withheld", "E0420", reason)]
    removes = f"({removal} OR ({does(Action.MOVE)} AND {documents.undone(shape)}))"
    stranger = f"kind IS NULL AND {removes} AND {estranged(shape)}"
    if shape.target.embedded:  # whatever a document holds goes with it
        stranger += f" AND parent_here{' AND NOT parent_leaves' if shape.wish else ''}"
    found.append((stranger, "withheld", "E0415", "'nothing by which their row was recognised is left in it'"))
    found.append((f"kind IS NULL AND {removes} AND elsewhere IS NOT NULL", "withheld", "E0416", "elsewhere"))
    if shape.wish:
        waits = f"kind IS NULL AND parent_kind = 'task' AND {does(*LINES)}"
        found.append((waits, "withheld", "E0455", "'its document waits for a person'"))
    if shape.target.on_source_gone is OnSourceGone.TASK:
        alone = (
            f"kind IS NULL AND {does(Action.DELETE)} AND parent_here AND NOT {documents.line_undone(shape)}"
        )
        found.append(
            (alone, "task", "E0456", "'the source has this line no more; it is for a person to remove it'")
        )
    found += [(f"kind IS NULL AND ({c})", "task", code, why) for c, code, why in documents.tasks(shape)]

    def chosen(name: str, answers: Iterable[str]) -> str:
        cases = (f"WHEN {c} THEN {answer}" for (c, *_), answer in zip(found, answers, strict=True))
        return f"CASE {listed(cases, ' ')} ELSE {name} END AS {name}"

    return listed(
        [
            chosen("kind", (literal(kind) for _, kind, _, _ in found)),
            chosen("code", (literal(code) for _, _, code, _ in found)),
            chosen("reason", (why for _, _, _, why in found)),
        ]
    )


def _cause(evidence: Evidence) -> str:
    ours = literal("project" if evidence.edited else "data")
    return f"""CASE WHEN {does(Action.ACCEPT)} OR situation = 'vanished' THEN 'drift'
        WHEN {does(Action.ADOPT, Action.CONVERGE, Action.FORGET)} THEN 'state'
        WHEN {does(Action.UPDATE, Action.MOVE)} AND signs & {Verdict.WRITTEN} = {Verdict.REVERT} THEN 'drift'
        WHEN action IS NULL AND len(drifted) > 0 THEN 'drift'
        ELSE {ours} END"""
