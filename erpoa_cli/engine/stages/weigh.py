"""Guards, freezes and rules over what is planned."""

from __future__ import annotations

from dataclasses import replace

from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.guard import idle_waivers
from erpoa_cli.engine.changes import guard
from erpoa_cli.engine.changes.rules import judge_rules
from erpoa_cli.engine.stages.values import Choice, Compared, Context, Described, Weighed


def weigh(ctx: Context, choice: Choice, described: Described, compared: Compared) -> Weighed:
    """Measure what `diff."T"` of the selected targets does, and ask who may object."""
    project, waivers, staging = described.bound.project, ctx.options.waivers, ctx.staging
    chosen = [described.shapes[n] for n in choice.selected]
    layouts = {n: described.layouts[n] for n in choice.names}
    measures = [
        replace(
            guard.measure(s, layouts[s.name], described.infos[s.name], staging, compared.differ),
            along=compared.along.get(s.name, 0),
        )
        for s in chosen
    ]
    guards = guard.verdicts(project, staging, chosen, measures, waivers)
    guards += guard.drops(project.sources, compared.reads, waivers)
    idle = [
        Diagnostic(
            "E0431",
            f"the waiver {waiver.target}.{waiver.guard}={waiver.count} lets nothing pass",
            severity=Severity.WARNING,
        )
        for waiver in idle_waivers(waivers, guards)
    ]
    rules, problems = judge_rules(
        project.rules, staging, chosen, layouts, measures, list(compared.reads.values())
    )
    return Weighed(measures=tuple(measures), guards=(*guards, *rules), diagnostics=(*idle, *problems))
