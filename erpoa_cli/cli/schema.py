"""`erpoa schema print`: the JSON Schemas of project files and of answers."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer, Table

app = application("Print published schemas.")


@command(app, "print")
def print_(
    _options: Options,
    kind: Annotated[
        str | None, typer.Argument(help="Which one; without it, the list.", metavar="[KIND]")
    ] = None,
) -> Ending:
    """Print the JSON Schema of a project file or of a command's JSON answer."""
    from erpoa_cli import usecase

    if kind is None:
        rows = tuple(usecase.schema_kinds().items())
        data = {"kinds": [{"kind": name, "describes": what} for name, what in rows]}
        return Ending(Answer(data=data, tables=(Table(("kind", "describes"), rows),)))
    text = usecase.schema_text(kind)
    return Ending(Answer(data={"kind": kind, "schema": json.loads(text)}, text=text))
