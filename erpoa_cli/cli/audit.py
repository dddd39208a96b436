"""`erpoa audit`: the trail of what was done, whether it is whole, and a copy of it to keep elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer

app = application("Check that the audit trail is whole; copy it to where it is kept.")


@command(app)
def verify(options: Options) -> Ending:
    """Check every link of the audit chain.

    A chain shows edits and gaps; a cut tail shows only against a head that was kept elsewhere, so keep it."""
    from erpoa_cli import usecase

    head = usecase.verify_audit(opened.workspace(options))
    if head is None:
        return Ending(Answer(data={"records": 0, "head": None}, lines=("The audit trail is empty.",)))
    lines = (f"The audit trail is whole: {head.number} records. Its head is", head.digest)
    return Ending(Answer(data={"records": head.number, "head": head.digest}, lines=lines))


@command(app)
def export(
    options: Options,
    file: Annotated[
        Path, typer.Argument(help="The file to write; it may not exist yet. `-`: stdout.", metavar="FILE")
    ],
    after: Annotated[
        int, typer.Option("--after", metavar="NUMBER", min=0, help="Only records after this one.")
    ] = 0,
) -> Ending:
    """Write the audit trail to a file of JSON lines, after checking all of it.

    Each record carries the digest of the one before; docs/security.md says how to check a copy without erpoa."""
    from erpoa_cli import usecase

    if str(file) == "-":
        from erpoa_cli.render import clean

        lines = usecase.audit_lines(opened.workspace(options), after)
        trail = [json.loads(line) for line in lines]
        data = {
            "file": "-",
            "records": len(trail),
            "head": trail[-1]["digest"] if trail else None,
            "trail": trail,
        }
        return Ending(Answer(data=data, text=clean.json("".join(lines))))
    records, head = usecase.export_audit(opened.workspace(options), file, after)
    data = {"file": str(file), "records": records, "head": head.digest if head else None}
    words = (
        f"{records} records are in {file}.",
        *(("The head of the trail is", head.digest) if head else ()),
    )
    return Ending(Answer(data=data, lines=words))
