"""`erpoa init`: a runnable project from the template, with its own ERP and OA data; or the key of a cloned one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer

app = application()


@command(app)
def init(
    options: Options,
    place: Annotated[Path | None, typer.Argument(help="Where; default: here.", metavar="[DIR]")] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template", metavar="NAME", help="demo: an ERP and an OA to try it on; empty: only the frame."
        ),
    ] = "demo",
) -> Ending:
    """Make a runnable project; offline, with an embedded ERP and OA. Nothing that exists is overwritten.

    In a project that has no .erpoa/key, as after cloning it, only that key is made."""
    from erpoa_cli.usecase import begin

    place = place if place is not None else options.directory
    begun = begin(place, template)
    data = {"directory": str(place), "files": list(begun.files)}
    if not begun.whole:
        lines = (
            f"{place / begun.files[0]} is made; nothing else of this project was touched.",
            "Sensitive values that erpoa keeps are sealed with it: keep a copy, they cannot be read without.",
        )
        return Ending(Answer(data=data, lines=lines))
    there = "" if place == Path() else f"cd {shlex.quote(str(place))} && "
    if template == "demo":
        what, following = "an ERP and an OA as two SQLite databases in data/", "erpoa validate && erpoa plan"
    else:
        what, following = "declare your systems in systems/", "erpoa plugin list && erpoa doctor"
    lines = (f"A project of {len(begun.files)} files is in {place}: {what}.", f"Next: {there}{following}")
    return Ending(Answer(data=data, lines=lines))
