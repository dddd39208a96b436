"""`erpoa validate`: every file, reference, template, SQL and mapping; offline unless asked otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending, masked
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.log import MASKER, set_up
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer

if TYPE_CHECKING:
    from erpoa_cli.usecase import Judgement

app = application()


@command(app)
def validate(
    options: Options,
    online: Annotated[
        bool, typer.Option("--online", help="Also check connections, objects, fields and queries.")
    ] = False,
) -> Ending:
    """Judge every file, reference, template, SQL and mapping against contracts and connectors.

    Offline: nothing is connected to, nothing is written but a memory in .erpoa/cache. All problems
    are told at once; while nothing changes, an answer without errors is given again."""
    from erpoa_cli import usecase

    set_up(options)
    judged = usecase.validate(
        options.directory,
        opened.environment(options),
        opened.variables(options),
        learn=MASKER.learn,
        masked=masked,
        online=online,
        getenv=opened.getenv,
    )
    return _valid(judged) if judged.valid else _invalid(judged)


def _valid(judged: Judgement) -> Ending:
    told = ", ".join(
        f"{number} {what.removesuffix('s') if number == 1 else what}"
        for what, number in judged.counts.items()
        if number
    )
    return Ending(
        Answer(
            data={"valid": True, "project": judged.project, "counts": judged.counts},
            lines=(
                f"{judged.project} ({judged.environment}) is valid: {told or 'nothing is declared yet'}.",
            ),
            diagnostics=judged.diagnostics,
        )
    )


def _invalid(judged: Judgement) -> Ending:
    data = {"valid": False, "project": judged.project, "counts": judged.counts}
    return Ending(Answer(data=data, diagnostics=judged.diagnostics), Exit.INVALID)
