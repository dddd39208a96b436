"""`erpoa init`: a runnable project from the template, with its own ERP and OA data; or the key of a cloned one."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
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
    from erpoa_cli.project import TEMPLATES, lacks_key, make_key, scaffold

    if template not in TEMPLATES:
        raise Failure(
            Diagnostic(
                "E0601",
                f"there is no template {template!r}",
                remedy=did_you_mean(template, TEMPLATES) or f"There are {' and '.join(TEMPLATES)}.",
            ),
        )
    place = place if place is not None else options.directory
    if lacks_key(place):
        files = make_key(place)
        lines = (
            f"{place / files[0]} is made; nothing else of this project was touched.",
            "Sensitive values that erpoa keeps are sealed with it: keep a copy, they cannot be read without.",
        )
        return Ending(Answer(data={"directory": str(place), "files": list(files)}, lines=lines))
    files = scaffold(place, template)
    there = "" if place == Path() else f"cd {shlex.quote(str(place))} && "
    if template == "demo":
        _seed(place)
        what, following = "an ERP and an OA as two SQLite databases in data/", "erpoa validate && erpoa plan"
    else:
        what, following = "declare your systems in systems/", "erpoa plugin list && erpoa doctor"
    lines = (f"A project of {len(files)} files is in {place}: {what}.", f"Next: {there}{following}")
    return Ending(Answer(data={"directory": str(place), "files": list(files)}, lines=lines))


def _seed(place: Path) -> None:
    """Make the template's databases with its own script."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(place / "demo" / "seed.py")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure(Diagnostic("E0600", "the demo data could not be made", detail=done.stderr[-500:]))
