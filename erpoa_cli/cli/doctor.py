"""`erpoa doctor`: whether connections, state and files are in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Exit, Failure
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.engine.doctor import Check
    from erpoa_cli.usecase import Workspace

app = application()


@command(app)
def doctor(options: Options) -> Ending:
    """Check connectors, connections and privileges, the state with its lock and unfinished runs, and private files."""
    from erpoa_cli.engine.doctor import diagnostics, examine

    work = opened.workspace(options)
    checks = [*examine(work.bound), *_state(work)]
    found = diagnostics(checks)
    data = [{"area": c.area, "name": c.name, "told": c.told, "problem": c.problem} for c in checks]
    rows = tuple((c.area, c.name, "✗" if c.problem else "✓", c.problem or c.told) for c in checks)
    answer = Answer(
        data={"healthy": not found, "checks": data},
        tables=(Table(("area", "name", "", "what was found"), rows),),
        diagnostics=found,
    )
    return Ending(answer, Exit.FAILURE if found else Exit.SUCCESS)


def _state(work: Workspace) -> Iterator[Check]:
    """Whether the store can be reached, what its role may, and whether a run waits to be finished."""
    from erpoa_cli.engine.doctor import Check
    from erpoa_cli.state import condition

    name = work.project.environment
    try:
        found = condition(work.root, work.project.state)
        yield Check("state", "store", found.told)
        for problem in found.problems:
            yield Check("state", "store", found.told, problem, "See docs/state.md.")
        with work.reading() as state:
            yield Check("state", name, f"serial {state.serial}, {state.lock_holder() or 'not locked'}")
            for run in state.unfinished():
                yield Check(
                    "state", run.id, run.status.value, "the run did not finish", "Run `erpoa resume`."
                )
    except Failure as failure:
        for diagnostic in failure.diagnostics:
            yield Check("state", name, "", diagnostic.summary, diagnostic.remedy)
