"""The guards of a plan once more, with the rules and the clock of the moment it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.guard import Measure, Waiver
from erpoa_cli.core.plan import GuardVerdict, Member
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.target import Target
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import layout, shape
from erpoa_cli.engine.binding.objects import Looked, look
from erpoa_cli.engine.changes import guard
from erpoa_cli.engine.changes.rules import judge_rules
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import PlanFile, Sealer


def recheck(
    plan: PlanFile, bound: Bound, connections: Connections, sealer: Sealer | None, now: datetime
) -> None:
    """Measure *plan* against today's guards, freezes and rules; what was waived in it stays waived for the same
    count. Failure E0550 (STALE) when an object that it writes is gone or changed, E0541 (BLOCKED) when something blocks, with E0433 for a rule that cannot be evaluated now."""
    names = plan.members(Member.CHANGES)
    looked = look(bound, connections, names)
    _still_there(looked)
    shapes = [shape(looked.bound, looked.bound.targets[name], looked.infos[name]) for name in names]
    _same_columns(plan, looked, shapes)
    measures = [Measure(**plan.targets[name]["measure"]) for name in names]
    waivers = [Waiver(g.target, g.guard, g.measured, g.waived) for g in plan.guards if g.waived]
    with Staging(Path(bound.project.root), as_of=now) as staging:
        for name in names if bound.project.rules else ():
            staging.make("diff", name, plan.table(Member.CHANGES, name, sealer))
        staging.lock()
        verdicts, problems = _judged(plan, bound, staging, shapes, measures, waivers)
    blocking = [verdict for verdict in verdicts if verdict.blocks]
    if blocking:
        told = (_told(verdict, bound.targets) for verdict in blocking)
        raise Failure(*problems, *told)


def _still_there(looked: Looked) -> None:
    """Refuse to write where an object, or what is written of it, is not there as it was when the plan was made."""
    wrong = [d for d in looked.diagnostics if d.severity is Severity.ERROR]
    if wrong:
        raise Failure(*(_moved(d) if d.code in _OBJECT else d for d in wrong))


_OBJECT = frozenset({"E0317", "E0318"})


def _moved(wrong: Diagnostic) -> Diagnostic:
    return replace(wrong, code="E0550", summary=f"{wrong.summary} any more", remedy=AGAIN)


AGAIN = (
    "Nothing was written. When it is there again as it was, apply the same plan; if it is meant to be so, mend the "
    "project and plan again."
)


def _same_columns(plan: PlanFile, looked: Looked, shapes: Sequence[Shape]) -> None:
    """Refuse to write values of one type into columns that have another one by now."""
    wrong = []
    for one in shapes:
        now, then = layout(one), plan.layout(one.name)
        types = {n: f.type for n, f in now.fields.items()} | dict(now.id)
        planned = {n: f.type for n, f in then.fields.items()} | dict(then.id)
        wrong += [
            Diagnostic(
                "E0550",
                f"target {one.name}: {looked.infos[one.name].address}.{name} is {types[name]}, and was {type_} in the plan",
                remedy=AGAIN,
                at=one.target.at,
            )
            for name, type_ in planned.items()
            if name in types and types[name] != type_
        ]
    if wrong:
        raise Failure(*wrong)


def _judged(
    plan: PlanFile,
    bound: Bound,
    staging: Staging,
    shapes: Sequence[Shape],
    measures: Sequence[Measure],
    waivers: Sequence[Waiver],
) -> tuple[list[GuardVerdict], list[Diagnostic]]:
    found = guard.verdicts(bound.project, staging, shapes, measures, waivers)
    layouts = {one.name: plan.layout(one.name) for one in shapes}
    rules, problems = judge_rules(bound.project.rules, staging, shapes, layouts, measures, plan.reads)
    return found + rules, problems


def _told(verdict: GuardVerdict, targets: Mapping[str, Target]) -> Diagnostic:
    said = guard.objection(verdict, targets)
    return replace(
        said,
        code="E0541",
        summary=f"{said.summary} with the rules of today",
        remedy="Plan again and review it; waive the guard there if it is right.",
    )
