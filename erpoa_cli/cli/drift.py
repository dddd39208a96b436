"""`erpoa drift`: what others changed in the targets, without looking at what is wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.plan import REPORTED
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
    from erpoa_cli import usecase

    work = opened.workspace(options)
    with TemporaryDirectory() as place, listener(options) as listen:  # nobody applies it
        out = Path(place) / "drift.erpoaplan"
        result = usecase.drift(work, select=select or (), exclude=exclude or (), out=out, listener=listen)
        ending = planning.ending(work, result, detailed=detailed_exitcode, full=full, limit=limit)
    report = ending.report
    if not isinstance(report, PlanReport):
        return ending
    ending = replace(ending, report=replace(report, file=""))
    if ending.exit not in {Exit.SUCCESS, Exit.CHANGES}:
        return ending
    drifted = any(t.aside.get(kind) for t in report.targets for kind in REPORTED)
    return replace(ending, exit=Exit.CHANGES if drifted and detailed_exitcode else Exit.SUCCESS)
