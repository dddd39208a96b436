"""`erpoa drift`: what others changed in the targets, without looking at what is wanted."""

from __future__ import annotations

from dataclasses import replace

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Exit
from erpoa_cli.core.report import PlanReport

app = application()


@command(app)
def drift(
    options: Options,
    select: planning.Select = None,
    exclude: planning.Exclude = None,
    detailed_exitcode: planning.Detailed = False,
    full: planning.Full = False,
    limit: planning.Limit = planning.LIMIT,
) -> Ending:
    """Compare the targets with what was last applied; exit 2 with --detailed-exitcode when something drifted."""
    bound = opened.bound(options)
    asked = planning.asked(options, bound, select=select, exclude=exclude, drift_only=True)
    result = planning.make(options, bound, asked)
    ending = planning.ending(bound, result, detailed=detailed_exitcode, full=full, limit=limit)
    if ending.exit not in {Exit.SUCCESS, Exit.CHANGES}:
        return ending
    report = ending.report
    targets = report.targets if isinstance(report, PlanReport) else ()
    drifted = any(t.aside.get(kind) for t in targets for kind in ("drift", "conflict"))
    return replace(ending, exit=Exit.CHANGES if drifted and detailed_exitcode else Exit.SUCCESS)
