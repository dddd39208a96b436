"""The guards of a plan once more, with the rules and the clock of the moment it is applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.guard import Measure, Waiver
from erpoa_cli.core.plan import GuardVerdict, Member
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.target import Target
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import shape
from erpoa_cli.engine.binding.objects import look
from erpoa_cli.engine.changes import guard
from erpoa_cli.engine.changes.rules import judge_rules
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import PlanFile, Sealer


def recheck(
    plan: PlanFile, bound: Bound, connections: Connections, sealer: Sealer | None, now: datetime
) -> None:
    """Measure *plan* against today's guards, freezes and rules; what was waived in it stays waived for the same
    count. Failure E0541 (BLOCKED) when something blocks, with E0433 for a rule that cannot be evaluated now."""
    names = plan.members(Member.CHANGES)
    looked = look(bound, connections, names)
    shapes = [shape(looked.bound, looked.bound.targets[name], looked.infos[name]) for name in names]
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
