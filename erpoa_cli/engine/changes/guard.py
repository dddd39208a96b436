"""Measures a plan in the staging area and asks the guards for their verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from erpoa_cli.core.graph import Graph
from erpoa_cli.core.guard import Measure, Waiver, frozen, judge, text
from erpoa_cli.core.plan import GuardVerdict, Read, share
from erpoa_cli.core.project import Project, Source
from erpoa_cli.core.reconcile.shape import Shape, ignored, names_sql, table
from erpoa_cli.core.target import Limit, Ownership
from erpoa_cli.engine.changes.diff import Differ
from erpoa_cli.engine.changes.freeze import counts
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import Layout

_BULK = 50_000  # rows of a batch where nothing else is said


def measure(shape: Shape, layout: Layout, info: ObjectInfo, staging: Staging, differ: Differ) -> Measure:
    """What the plan does to one target."""
    name, diff = shape.name, table("diff", shape.name)
    actions = counts(staging, layout)
    total = {
        "creates": actions.get("create", 0),
        "updates": actions.get("update", 0) + actions.get("move", 0),
        "removals": actions.get("delete", 0) + actions.get("deactivate", 0),
    }
    size = info.batch_size or shape.target.batch or _BULK
    theirs = names_sql(f.name for f in shape.fields if f.ownership is Ownership.THEIRS or ignored(f))
    written = "kind IS NULL AND action = 'update'"
    return Measure(
        target=name,
        base=_count(staging, table("base", name)),
        actual=_count(staging, table("actual", name)),
        desired=_count(staging, table("desired", name)),
        referenced=differ.referenced(name) if total["removals"] else 0,
        forbidden=int(
            staging.scalar(f"SELECT count(*) FROM {diff} WHERE {written} AND list_has_any(fields, {theirs})")
        ),
        calls=sum(-(-n // size) for n in total.values()),
        **total,
    )


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
    changing = {m.target: m.creates + m.updates + m.removals for m in measures}
    found = judge(measures, own, project.guards, waivers)
    return found + frozen(project.freezes, staging.as_of, changing, lambda text: chosen(project, text))


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
            said = f"{dropped} rows of {before} are not there any more ({share(dropped, before):.1%})"
            limit = text(Limit(share=sources[name].complete.max_drop))
            reason = waived.get((name, dropped), "")
            found.append(GuardVerdict("max_drop", name, dropped, before, limit, False, reason, said))
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
