"""`erpoa doctor`: whether connections, state and files are in order."""

from __future__ import annotations

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer, Table

app = application()


@command(app)
def doctor(options: Options) -> Ending:
    """Check connectors, connections and privileges, the state with its lock and unfinished runs, and private files."""
    from erpoa_cli.usecase import examine, problems

    checks = examine(opened.workspace(options))
    found = problems(checks)
    data = [{"area": c.area, "name": c.name, "told": c.told, "problem": c.problem} for c in checks]
    rows = tuple((c.area, c.name, "✗" if c.problem else "✓", c.problem or c.told) for c in checks)
    answer = Answer(
        data={"healthy": not found, "checks": data},
        tables=(Table(("area", "name", "", "what was found"), rows),),
        diagnostics=found,
    )
    return Ending(answer, Exit.FAILURE if found else Exit.SUCCESS)
