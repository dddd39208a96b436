"""`erpoa retry`: a normal plan that includes the rows that were rejected before."""

from __future__ import annotations

from erpoa_cli.cli import opened
from erpoa_cli.cli import plan as planning
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.progress import listener

app = application()


@command(app)
def retry(
    options: Options,
    select: planning.Select = None,
    exclude: planning.Exclude = None,
    detailed_exitcode: planning.Detailed = False,
    full: planning.Full = False,
    limit: planning.Limit = planning.LIMIT,
) -> Ending:
    """Plan as usual, rows included that a system refused and that have not changed since.

    Writes a plan file and nothing else; apply it with `erpoa apply FILE`."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    with listener(options) as listen:
        result = usecase.plan(
            work,
            select=select or (),
            exclude=exclude or (),
            retry=True,
            out=options.output,
            listener=listen,
        )
    return planning.ending(work, result, detailed=detailed_exitcode, full=full, limit=limit)
