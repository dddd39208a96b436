"""Documents that hold their lines: a document is written whenever a line of it is, and no line without its document.

The statements change `diff."T"` of documents and of their lines in place; `engine.changes.diff` runs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from erpoa_cli.core.columns import KEY, NOW, WANTED
from erpoa_cli.core.reconcile.compose import composed
from erpoa_cli.core.reconcile.shape import Shape, listed, same_key, table, work
from erpoa_cli.core.schema import literal
from erpoa_cli.core.situation import CONTENT, LINES, REMOVALS, Action, does
from erpoa_cli.core.target import Lines, OnLineProblem

_WRITES = f"kind IS NULL AND {does(*LINES)}"
_THERE = f"situation IN ('confirmed', 'found') OR {does(Action.CREATE)}"  # or will be


def _within(lines: Shape) -> Lines:
    assert lines.target.lines is not None
    return lines.target.lines


def _keys(lines: Shape) -> tuple[str, ...]:
    """The key columns of a line that are those of its document."""
    return tuple(lines.key)[: lines.document]


def _same(lines: Shape, left: str, right: str) -> str:
    return listed((f"{KEY.sql(k, left)} = {KEY.sql(k, right)}" for k in _keys(lines)), " AND ")


def hold_unread(document: Shape, lines: Shape) -> str:
    """The statement that holds all lines of documents with a value that could not be read: nobody knows their lines."""
    keys = listed(KEY.sql(k) for k in document.key)
    rows = listed(
        (f"SELECT {keys}, row_a FROM {work(document.name, part)}" for part in ("link", "match")), " UNION "
    )
    return f"""UPDATE {table("diff", lines.name)} AS l SET kind = 'held', code = 'E0413', links = false,
            reason = concat('its document is held: ', d.unread)
        FROM (SELECT r.*, u.unread FROM ({rows}) r JOIN {work(document.name, "unread")} u USING (row_a)) d
        WHERE l.kind IS NULL AND {_same(lines, "d", "l")}"""


def touched(document: Shape, lines: Sequence[Shape]) -> str:
    """The statement that fills `T/touched`: keys of the documents of which a line is written and which the diff
    itself has nothing to say of."""
    keys = listed(KEY.sql(k) for k in document.key)
    written = listed(
        (f"SELECT {keys} FROM {table('diff', each.name)} WHERE {_WRITES}" for each in lines), " UNION "
    )
    return f"""CREATE OR REPLACE TABLE {work(document.name, "touched")} AS
        SELECT * FROM ({written}) t ANTI JOIN {table("diff", document.name)} d ON {same_key(document, "t", "d")}"""


def carry(document: Shape, lines: Shape) -> Iterator[str]:
    """The statements that make every document of which a line is written an update of its list; one with a lifecycle is
    opened for it and closed again, and where that cannot be, it waits for a person."""
    within = literal(_within(lines).within)
    there = f"SELECT 1 FROM {table('diff', lines.name)} l WHERE {_WRITES} AND {_same(lines, 'l', 'd')}"
    ways = closed_task = ""
    if document.state is not None:
        opening = (
            f"CASE WHEN {does(Action.MOVE)} THEN opening WHEN {does(*CONTENT)} THEN before ELSE reopening END"
        )
        ways = f""", before = coalesce({opening}, before), shift = coalesce(len({opening}), 0),
            after = coalesce({opening.replace("opening", "closing").replace("before", "after")}, after)"""
        closed_task = f", kind = CASE WHEN {opening} IS NULL THEN 'task' END, code = CASE WHEN {opening} IS NULL THEN 'E0452' END, "
        closed_task += (
            f"reason = CASE WHEN {opening} IS NULL THEN concat('its lines changed, and it is ', "
            f"{NOW.sql(document.state.name)}, ', in which nothing can be written') END"
        )
    yield f"""UPDATE {table("diff", document.name)} AS d SET
            fields = list_append(fields, {within}),
            action = CASE WHEN {does(*CONTENT)} THEN action ELSE {Action.UPDATE.sql} END,
            cause = CASE WHEN {does(*CONTENT)} THEN cause ELSE 'data' END,
            links = links OR situation = 'confirmed'{ways}{closed_task}
        WHERE kind IS NULL AND ({_THERE}) AND NOT coalesce({does(*REMOVALS, Action.FORGET)}, false)
            AND {"NOT undoing AND " if document.state else ""}EXISTS ({there})"""


def settle(document: Shape, lines: Shape) -> Iterator[str]:
    """Updates that return the number of changed rows: a line that is held holds its document (where it shall), a
    document that is not written lets no line be written, and one without lines to write is not written for them."""
    spec = _within(lines)
    within = literal(spec.within)
    whole, parts = table("diff", document.name), table("diff", lines.name)
    keys = listed(KEY.sql(k) for k in _keys(lines))
    if spec.on_problem is OnLineProblem.HOLD_DOCUMENT:
        yield f"""UPDATE {whole} AS d SET kind = 'held', code = 'E0412', links = false, reason = l.reason
            FROM (SELECT {keys}, concat('a line of it is held: ', min(reason)) AS reason
                FROM {parts} WHERE kind = 'held' AND code <> 'E0413' GROUP BY {keys}) l
            WHERE d.kind IS NULL AND {does(*CONTENT, of="d")} AND {_same(lines, "d", "l")}"""
    carried = f"""SELECT 1 FROM {whole} c WHERE c.kind IS NULL AND {_same(lines, "c", "l")}
            AND ({does(Action.DELETE, of="c")} OR list_contains(c.fields, {within}))"""
    yield f"""UPDATE {parts} AS l SET links = false, kind = CASE WHEN w.kind IN ('withheld', 'task') THEN 'withheld' ELSE 'held' END,
            code = CASE w.kind WHEN 'withheld' THEN w.code WHEN 'task' THEN 'E0455' ELSE 'E0413' END,
            reason = CASE WHEN w.kind IS NULL THEN 'its document is not written' WHEN w.kind = 'task' THEN 'its document waits for a person'
                ELSE concat('its document is ', w.kind, ': ', w.reason) END
        FROM (SELECT l.ordinal, d.kind, d.code, d.reason FROM {parts} l
            LEFT JOIN {whole} d ON d.kind IS NOT NULL AND {_same(lines, "d", "l")}
            WHERE l.kind IS NULL AND {does(*LINES, of="l")} AND NOT EXISTS ({carried})) w
        WHERE l.ordinal = w.ordinal"""
    left = f"SELECT 1 FROM {parts} l WHERE {_WRITES} AND {_same(lines, 'l', 'd')}"
    rest = f"list_filter(fields, lambda x: x <> {within})"
    idle = f"{does(Action.UPDATE)} AND len({rest}) = 0"
    state = f"CASE WHEN situation = 'found' THEN {Action.ADOPT.sql} WHEN len(settled) > 0 THEN {Action.CONVERGE.sql} END"
    yield f"""UPDATE {whole} AS d SET fields = {rest}, action = CASE WHEN {idle} THEN {state} ELSE action END,
            cause = CASE WHEN {idle} THEN 'state' ELSE cause END
        WHERE kind IS NULL AND list_contains(fields, {within}) AND NOT EXISTS ({left})"""


def compose(document: Shape, lines: Shape) -> str:
    """The statement that fills in the list that every document shall hold, as far as its values are known."""
    spec = _within(lines)
    whole = table("diff", document.name)
    wanted = composed(
        f"(SELECT * FROM {whole} WHERE kind IS NULL AND list_contains(fields, {literal(spec.within)}))",
        f"(SELECT * FROM {table('diff', lines.name)} WHERE {_WRITES})",
        within=spec.within,
        type_=document.columns[spec.within],
        key=_keys(lines),
        id_=[i for i in lines.id if i != spec.link],
        written=[f.name for f in lines.fields if f.name != spec.link],
    )
    return f"""UPDATE {whole} AS d SET {WANTED.sql(spec.within)} = w.lines FROM ({wanted}) w
        WHERE d.ordinal = w.ordinal"""


def with_document(document: Shape, lines: Shape) -> str:
    """The statement that gives lines the wave of their document: one call writes both."""
    return f"""UPDATE {table("diff", lines.name)} AS l SET wave = d.wave FROM {table("diff", document.name)} d
        WHERE l.kind IS NULL AND d.kind IS NULL
            AND ({does(Action.DELETE, of="d")} OR list_contains(d.fields, {literal(_within(lines).within)})) AND {_same(lines, "d", "l")}"""


def together(document: Shape, lines: Shape) -> Iterator[str]:
    """The statements that keep lines of a plan with their documents, where something else ordered both."""
    yield from settle(document, lines)
    yield with_document(document, lines)
