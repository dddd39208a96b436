"""`erpoa extract`: read sources into snapshots."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, Select
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.diagnostic import Diagnostic, Exit
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
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.relations.read import read_sources
    from erpoa_cli.engine.staging import Staging

    bound = opened.bound(options)
    project = bound.project
    names = opened.sources(project, select, exclude)
    with (
        Connections(project) as connections,
        Staging(Path(project.root), as_of=datetime.now(UTC), sensitive=bound.sensitive) as staging,
        opened.reading(project) as state,
        listener(options) as listen,
    ):
        key = opened.sealer(project)
        reads = read_sources(
            bound, connections, staging, state, names=names, full=full, sealer=key, listener=listen
        )
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
