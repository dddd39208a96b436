"""`erpoa init`: a runnable project from the template, with its own ERP and OA data; or the key of a cloned one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer

app = application()


@command(app)
def init(
    options: Options,
    place: Annotated[Path | None, typer.Argument(help="Where; default: here.", metavar="[DIR]")] = None,
) -> Ending:
    """Make a runnable project; offline, with an embedded ERP and OA. Nothing that exists is overwritten.

    In a project that has no .erpoa/key, as after cloning it, only that key is made."""
    from erpoa_cli.project import lacks_key, make_key, scaffold

    place = place if place is not None else options.directory
    if lacks_key(place):
        files = make_key(place)
        lines = (
            f"{place / files[0]} is made; nothing else of this project was touched.",
            "Sensitive values that erpoa keeps are sealed with it: keep a copy, they cannot be read without.",
        )
        return Ending(Answer(data={"directory": str(place), "files": list(files)}, lines=lines))
    files = scaffold(place)
    _seed(place)
    lines = (
        f"A project of {len(files)} files is in {place}: an ERP and an OA as two SQLite databases in data/.",
        f"Next: {'' if place == Path() else f'cd {place} && '}erpoa validate && erpoa plan",
    )
    return Ending(Answer(data={"directory": str(place), "files": list(files)}, lines=lines))


def _seed(place: Path) -> None:
    """Make the template's databases with its own script."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(place / "demo" / "seed.py")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure(Diagnostic("E0600", "the demo data could not be made", detail=done.stderr[-500:]))
