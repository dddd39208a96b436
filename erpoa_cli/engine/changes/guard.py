"""Measures a plan in the staging area and asks the guards for their verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from erpoa_cli.core.columns import KEY
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.graph import Graph
from erpoa_cli.core.guard import Measure, Waiver, frozen, judge, text
from erpoa_cli.core.plan import GuardVerdict, Member, Read, share
from erpoa_cli.core.project import Project, Source
from erpoa_cli.core.reconcile.shape import Shape, ignored, listed, names_sql, table
from erpoa_cli.core.schema import identifier, literal
from erpoa_cli.core.situation import CONTENT, Action, does
from erpoa_cli.core.target import Limit, Ownership, Target
from erpoa_cli.engine.batching import CREATED, READ, calls, calls_of, placed, with_before
from erpoa_cli.engine.changes.diff import Differ
from erpoa_cli.engine.changes.freeze import MEMBERS, counts
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import Layout
from erpoa_cli.state.columns import match_keys

_LOOK = {
    "max_delete": "See whether the rows are really gone from the source",
    "max_undo": "See why so many documents must no longer be",
    "max_change": "See what changed so many rows: every change tells its cause",
    "max_create": "See whether the rows are really new, or `match:` does not recognise theirs",
    "min_rows": "See whether the source was read whole, and what holds rows",
    "referential": "Let what refers to the rows go first, or point elsewhere",
    "forbidden_field": "See `master:` of the fields in the contract or the target",
    "max_calls": "See which target has so many batches",
    "freeze": "Plan again when the freeze is over",
}


def measure(shape: Shape, layout: Layout, info: ObjectInfo, staging: Staging, differ: Differ) -> Measure:
    """What the plan does to one target."""
    name, diff = shape.name, table("diff", shape.name)
    actions = counts(staging, layout)
    moved = _moved(shape, staging)
    total = {
        "creates": actions.get(Action.CREATE, 0),
        "updates": actions.get(Action.UPDATE, 0) + moved.alone,
        "removals": actions.get(Action.DELETE, 0) + actions.get(Action.DEACTIVATE, 0) - moved.deleted,
    }
    theirs = names_sql(f.name for f in shape.fields if f.ownership is Ownership.THEIRS or ignored(f))
    written = f"kind IS NULL AND {does(Action.UPDATE)}"
    return Measure(
        target=name,
        base=_count(staging, table("base", name)),
        actual=_count(staging, table("actual", name)),
        desired=_count(staging, table("desired", name)),
        referenced=differ.referenced(name) if total["removals"] else 0,
        forbidden=int(
            staging.scalar(f"SELECT count(*) FROM {diff} WHERE {written} AND list_has_any(fields, {theirs})")
        ),
        undos=moved.undone,
        calls=0 if shape.target.embedded else _calls(shape, layout, info, staging),
        **total,
    )


def _calls(shape: Shape, layout: Layout, info: ObjectInfo, staging: Staging) -> int:
    """Calls in which apply writes what is planned, if none of it is refused or repeated."""
    changes = f"FROM {table('diff', shape.name)} WHERE {MEMBERS[Member.CHANGES]}"
    last = staging.scalar(f"SELECT max(step) {changes}")
    if last is None:
        return 0
    if last == 1:  # what is written together is told by the columns of a row alone
        together = f"wave, action, coalesce(call, '') AS call, fields, situation IN ({listed(map(literal, CREATED))}) AS created"
        groups = staging.sql(f"SELECT {together}, count(*) AS rows {changes} GROUP BY ALL").to_pylist()
        return sum(calls_of(g["action"], g["call"], g["rows"], shape.target, info) for g in groups)
    columns = [*READ, *(KEY(name) for name in layout.key)]
    keys: list[pa.Array] = []

    def coming() -> Iterator[pa.RecordBatch]:
        for rows in staging.reader(f"SELECT {listed(map(identifier, columns))} {changes}"):
            keys.append(match_keys(rows, layout.key))
            yield rows

    return calls(with_before(placed(coming()), pa.concat_arrays(keys)), shape.target, info)


@dataclass(frozen=True, slots=True)
class _Moved:
    """`alone`: documents that are moved and neither made nor changed beside that; `undone`: those that must no longer
    be; `deleted`: those of them that are."""

    alone: int = 0
    undone: int = 0
    deleted: int = 0


def _moved(shape: Shape, staging: Staging) -> _Moved:
    if shape.state is None:
        return _Moved()
    keys = listed(KEY.sql(k) for k in shape.key)
    (row,) = staging.sql(
        "SELECT count(*) FILTER (moves AND NOT undone AND NOT beside) AS alone, count(*) FILTER (undone) AS undone, "
        "count(*) FILTER (undone AND deletes) AS deleted FROM (SELECT bool_or(undoing) AS undone, "
        f"bool_or({does(*CONTENT)}) AS beside, bool_or({does(Action.MOVE)}) AS moves, bool_or({does(Action.DELETE)}) AS deletes "
        f"FROM {table('diff', shape.name)} WHERE kind IS NULL AND wave > 0 GROUP BY {keys})"
    ).to_pylist()
    return _Moved(**row)


def _count(staging: Staging, relation: str) -> int:
    return int(staging.scalar(f"SELECT count(*) FROM {relation}"))


def verdicts(
    project: Project,
    staging: Staging,
    shapes: Sequence[Shape],
    measures: Sequence[Measure],
    waivers: Sequence[Waiver],
) -> list[GuardVerdict]:
    """All guards and freezes over what was measured."""
    own = {shape.name: shape.target.guards for shape in shapes}
    changing = {m.target: m.changes for m in measures}
    found = judge(measures, own, project.guards, waivers)
    return found + frozen(project.freezes, staging.as_of, changing, lambda text: chosen(project, text))


def objection(verdict: GuardVerdict, targets: Mapping[str, Target]) -> Diagnostic:
    """What a blocking *verdict* says to a person: what was counted, the limit and where it is written, what to do."""
    where = f"{verdict.target}: " if verdict.target else ""
    own = targets.get(verdict.target)
    return Diagnostic(
        "E0432" if verdict.guard.startswith("rule:") else "E0430",
        f"{where}{verdict.guard} blocks the plan",
        detail=verdict.message,
        remedy=f"{_LOOK.get(verdict.guard, 'Look at the rows it names')}; {_way_out(verdict)}",
        at=verdict.at or (own.at if own else None),
    )


def _way_out(verdict: GuardVerdict) -> str:
    """What lets the plan pass as it is: a waiver only for the guards of a target."""
    match verdict.guard:
        case "freeze":
            return "who may, changes it in policies/."
        case guard if verdict.target:
            return f"if it is right, waive exactly this count: --waive {verdict.target}.{guard}={verdict.measured} --reason …"
        case _:
            return "narrow the plan with -s; who may, changes the rule or limit in policies/."


def drops(
    sources: Mapping[str, Source], reads: Mapping[str, Read], waivers: Sequence[Waiver]
) -> list[GuardVerdict]:
    """A verdict per source that lost more rows than its `max_drop`. It does not block: what it lets nobody do is
    remove rows, unless exactly this drop was waived."""
    waived = {(w.target, w.count): w.reason for w in waivers if w.guard == "max_drop"}
    found = []
    for name, read in reads.items():
        evidence = read.verdict.evidence
        if name in sources and (dropped := evidence.get("dropped")):
            before = int(evidence["rows"]) + dropped
            rule = sources[name].complete
            limit = text(Limit(share=rule.max_drop))
            gone = f"{dropped} rows of {before} are not there any more ({share(dropped, before):.1%})"
            said = f"{gone}; allowed: {limit} ({rule.at})"
            reason = waived.get((name, dropped), "")
            found.append(GuardVerdict("max_drop", name, dropped, before, limit, False, reason, said, rule.at))
    return found


def chosen(project: Project, selection: str) -> list[str]:
    """The targets that a freeze's *selection* names, in the grammar of `-s`; every target where it is empty. The
    lines of a document are frozen with it."""
    if not selection:
        return list(project.targets)
    ids = Graph(project).select(selection)
    return [
        name
        for name, target in project.targets.items()
        if f"target:{name}" in ids or (target.lines and f"target:{target.lines.parent}" in ids)
    ]
