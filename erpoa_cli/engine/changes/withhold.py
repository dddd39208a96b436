"""Rows that the diff wants and the plan keeps back: protected, refused before, in doubt, not selected, not to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.columns import NOW, WANTED
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, table, work
from erpoa_cli.core.schema import Kind, literal
from erpoa_cli.core.situation import EDITS, REMOVALS, WRITES, Action, does
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import Layout, Sealer, StateReader, desired_digests

_REMOVAL = does(*REMOVALS)


def remembered(
    shape: Shape,
    layout: Layout,
    staging: Staging,
    state: StateReader,
    sealer: Sealer | None,
    *,
    retry: bool,
) -> None:
    """Withhold what the state says must wait: removals of protected rows, rows in doubt, and (without *retry*)
    rows their system refused and that are still the same.

    Of a row whose run is over, the look of this plan tells what became of it: only what cannot be repeated waits for a person.
    What was created may be there where nobody recognises it, and a call may be under way."""
    name = shape.name
    protected = {p.key: f"protected by {p.who}: {p.reason}" for p in state.protected(name)}
    _withhold(shape, staging, protected, "E0422", f"{_REMOVAL} OR undoing" if shape.state else _REMOVAL)
    over = {doubt.key for doubt in state.unsettled(name)}
    doubts = {d.key: f"in doubt since {d.since:%Y-%m-%d %H:%M} UTC: {d.reason}" for d in state.in_doubt(name)}
    _withhold(shape, staging, {k: v for k, v in doubts.items() if k not in over}, "E0424", "true")
    waits = does(Action.CREATE, Action.MOVE)
    _withhold(shape, staging, {k: v for k, v in doubts.items() if k in over}, "E0424", waits)
    if not retry:
        _withhold(shape, staging, _refused(shape, layout, staging, state, sealer), "E0423", "true")


def _refused(
    shape: Shape, layout: Layout, staging: Staging, state: StateReader, sealer: Sealer | None
) -> Mapping[str, str]:
    rejected = {r.key: r for r in state.rejected(shape.name)}
    if not rejected:
        return {}
    wanted = pa.table({"key": pa.array(list(rejected), pa.utf8())})
    staging.make("diff", f"{shape.name}/refused", wanted, "SELECT * FROM incoming")
    rows = staging.sql(
        f"SELECT *{_goal(shape)}, {key_text_sql(shape, '')} AS key_text FROM {table('diff', shape.name)} "
        f"WHERE {key_text_sql(shape, '')} IN (SELECT key FROM {work(shape.name, 'refused')})"
    )
    digests = desired_digests(layout, rows.drop_columns(["key_text"]), sealer)
    same: dict[str, str] = {}
    for key, digest in zip(rows["key_text"].to_pylist(), digests, strict=True):
        known = rejected[key]
        if known.digest == digest:
            same[key] = f"refused {known.attempts} times since {known.first_seen:%Y-%m-%d}: {known.reason}"
    while room := _with_room(shape, staging, list(same)):
        for key in room:
            del same[key]
    return same


def _with_room(shape: Shape, staging: Staging, refused: Sequence[str]) -> Sequence[str]:
    """Those of the *refused* rows that want what another row, which is none of them, gives up in this plan: what was refused
    because of a neighbour may pass now."""
    if not refused:
        return ()
    staging.make("diff", f"{shape.name}/refused", pa.table({"key": pa.array(refused, pa.utf8())}))
    diff, key = table("diff", shape.name), key_text_sql(shape, "")
    among = f"IN (SELECT key FROM {work(shape.name, 'refused')})"
    wants = []
    for name, type_ in shape.columns.items():
        if type_.kind is not Kind.LIST:
            wanted, now, written = WANTED.sql(name), NOW.sql(name), f"list_contains(fields, {literal(name)})"
            given = f"{does(Action.DELETE)} OR ({written} AND {wanted} IS DISTINCT FROM {now})"
            giving = f"SELECT {now} FROM {diff} WHERE kind IS NULL AND ({given}) AND NOT {key} {among} AND {now} IS NOT NULL"
            wants.append(f"{written} AND {wanted} IN ({giving})")
    query = f"SELECT DISTINCT {key} AS key FROM {diff} WHERE kind IS NULL AND {key} {among} AND ({' OR '.join(wants)})"
    found: list[str] = staging.sql(query)["key"].to_pylist()
    return found


def _goal(shape: Shape) -> str:
    """What is remembered of a refused document is the state that it was to reach."""
    if shape.state is None:
        return ""
    wish = WANTED.sql(shape.state.name)
    return f" REPLACE (CASE WHEN {wish} IS NOT NULL THEN coalesce(goal, {wish}) END AS {wish})"


def _withhold(shape: Shape, staging: Staging, rows: Mapping[str, str], code: str, where: str) -> None:
    if not rows:
        return
    found = pa.table(
        {"key": pa.array(list(rows), pa.utf8()), "reason": pa.array(list(rows.values()), pa.utf8())}
    )
    staging.make("diff", f"{shape.name}/refused", found, "SELECT * FROM incoming")
    diff = table("diff", shape.name)
    staging.execute(
        f"UPDATE {diff} SET kind = 'withheld', code = {literal(code)}, reason = r.reason, links = false "
        f"FROM {work(shape.name, 'refused')} r WHERE r.key = {key_text_sql(shape, '')} "
        f"AND kind IS NULL AND action IS NOT NULL AND ({where})"
    )


def taking_along(shape: Shape, staging: Staging, rows: Mapping[str, str]) -> None:
    """Withhold deletes and updates of *rows* (key → what hangs on them): their system would take rows of others along, or
    change them."""
    _withhold(shape, staging, rows, "E0438", does(Action.DELETE))
    _withhold(shape, staging, rows, "E0448", does(*EDITS))


def told_along(shape: Shape, staging: Staging, rows: Mapping[str, str]) -> None:
    """Keep with deletes and updates of *rows* (key → `Reach.text`) what they do beyond the row, which the target allows."""
    if rows:
        found = pa.table(
            {"key": pa.array(list(rows), pa.utf8()), "reason": pa.array(list(rows.values()), pa.utf8())}
        )
        staging.make("diff", f"{shape.name}/along", found, "SELECT * FROM incoming")
        staging.execute(
            f"UPDATE {table('diff', shape.name)} SET reason = r.reason FROM {work(shape.name, 'along')} r "
            f"WHERE r.key = {key_text_sql(shape, '')} AND kind IS NULL AND {does(Action.DELETE, *EDITS)}"
        )


def unwritable(shape: Shape, staging: Staging, why: str) -> None:
    """Hold all that would be written: nothing can be, as the object of the target is now."""
    _all(shape, staging, "E0324", why, does(*WRITES), kind="held")


def not_gone(shape: Shape, staging: Staging, rows: Mapping[str, str]) -> None:
    """Withhold removals of *rows* (key → reason): a second look did not find them gone."""
    _withhold(shape, staging, rows, "E0445", f"{_REMOVAL} OR undoing" if shape.state else _REMOVAL)


def unselected(shape: Shape, staging: Staging, outside: Sequence[str]) -> None:
    """Withhold deletes of rows that targets *outside* the selection may refer to."""
    if outside:
        reason = f"{', '.join(outside)} may refer to it and is not selected"
        _all(
            shape,
            staging,
            "E0427",
            reason,
            does(Action.DELETE) + (" OR undoing" if shape.state else ""),
        )


def sibling_creates(shape: Shape, staging: Staging, earlier: Sequence[Shape]) -> None:
    """Withhold creates of rows that a target of the same object, planned before, creates in this plan."""
    for other in earlier:
        if other.name in shape.siblings:
            diff = table("diff", other.name)
            created = (
                f"SELECT {key_text_sql(other, '')} FROM {diff} WHERE kind IS NULL AND {does(Action.CREATE)}"
            )
            where = f"{does(Action.CREATE)} AND {key_text_sql(shape, '')} IN ({created})"
            _all(shape, staging, "E0428", f"{other.name} creates it in this plan", where)


def _all(shape: Shape, staging: Staging, code: str, reason: str, where: str, kind: str = "withheld") -> None:
    staging.execute(
        f"UPDATE {table('diff', shape.name)} SET kind = {literal(kind)}, code = {literal(code)}, links = false, "
        f"reason = {literal(reason)} WHERE kind IS NULL AND ({where})"
    )


def only_adopt(shape: Shape, staging: Staging) -> None:
    """First contact: what would be written is left out; rows to adopt and what is only told stay."""
    staging.execute(
        f"DELETE FROM {table('diff', shape.name)} WHERE kind IS NULL AND action IS NOT NULL AND NOT {does(Action.ADOPT)}"
    )


def only_drift(shape: Shape, staging: Staging) -> None:
    """What others changed, and nothing that we want."""
    diff = table("diff", shape.name)
    told = "len(drifted) > 0 OR len(conflicted) > 0 OR situation = 'vanished'"
    staging.execute(f"DELETE FROM {diff} WHERE NOT coalesce({told}, false) OR kind IS NOT NULL")
    staging.execute(f"UPDATE {diff} SET action = NULL, fields = [], settled = [], links = false")


def context_only(shape: Shape, staging: Staging) -> None:
    """A target outside the selection is compared for those that refer to it, and not planned."""
    staging.execute(f"DELETE FROM {table('diff', shape.name)}")
