"""`erpoa audit`: the trail of what was done, and whether it is whole."""

from __future__ import annotations

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer

app = application("Check that the audit trail is whole.")


@command(app)
def verify(options: Options) -> Ending:
    """Check every link of the audit chain.

    A chain shows edits and gaps; a cut tail shows only against a head that was kept elsewhere, so keep it."""
    project = opened.project(options)
    with opened.reading(project) as state:
        head = state.verify_audit()
    if head is None:
        return Ending(Answer(data={"records": 0, "head": None}, lines=("The audit trail is empty.",)))
    words = f"The audit trail is whole: {head.number} records, head {head.digest}."
    return Ending(Answer(data={"records": head.number, "head": head.digest}, lines=(words,)))
