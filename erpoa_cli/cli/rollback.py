"""`erpoa rollback`: a plan that takes back what a run applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener

app = application()


@command(app)
def rollback(
    options: Options,
    run: Annotated[str, typer.Argument(help="A run of `erpoa runs ls`.", metavar="RUN")],
    waive: planning.Waive = None,
    reason: planning.Reason = None,
    detailed_exitcode: planning.Detailed = False,
    full: planning.Full = False,
    limit: planning.Limit = planning.LIMIT,
) -> Ending:
    """Plan the opposite of a run, from the values it recorded before writing.

    Writes a plan file and nothing else; review it and apply it with `erpoa apply FILE`. Rows that somebody
    changed since the run are withheld and listed."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.rollback import changed_targets
    from erpoa_cli.engine.rollback import rollback as make_rollback

    bound = opened.bound(options)
    asked = planning.asked(options, bound, waivers=planning.waivers(waive, reason))
    project = bound.project
    with Connections(project) as connections, opened.reading(project) as state, listener(options) as listen:
        wanted = replace(asked, targets=changed_targets(run, bound, state), selection=(f"rollback {run}",))
        result = make_rollback(run, bound, connections, state, wanted, listen)
    return planning.ending(bound, result, detailed=detailed_exitcode, full=full, limit=limit)
