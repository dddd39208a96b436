"""`erpoa extract`: read sources into snapshots."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, Select
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.plan import Read, ReadStatus
from erpoa_cli.core.report import Answer, Table

app = application()


@command(app)
def extract(
    options: Options,
    select: Select = None,
    exclude: Exclude = None,
    full: Annotated[bool, typer.Option("--full", help="Read incremental sources completely.")] = False,
) -> Ending:
    """Read sources now and keep their snapshots, which `plan --offline` and `explain` use."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    with listener(options) as listen:
        reads = usecase.extract(work, select=select or (), exclude=exclude or (), full=full, listener=listen)
    return _ending(list(reads.values()))


def _ending(reads: list[Read]) -> Ending:
    from erpoa_cli.render.json import read_member

    failed = [read for read in reads if read.verdict.status is ReadStatus.FAILED]
    rows: list[tuple[Any, ...]] = [
        (
            r.relation,
            r.system,
            r.verdict.status.value,
            r.verdict.evidence.get("rows"),
            r.held,
            r.verdict.reason,
        )
        for r in reads
    ]
    table = Table(("source", "system", "verdict", "rows", "held", "reason"), tuple(rows))
    problems = tuple(
        Diagnostic("E0436", f"{r.relation} could not be read", detail=r.verdict.reason) for r in failed
    )
    answer = Answer(data={"reads": [read_member(r) for r in reads]}, tables=(table,), diagnostics=problems)
    return Ending(answer, Exit.FAILURE if failed else Exit.SUCCESS)
