"""Beginning: a runnable project from a template, or the key of a cloned one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean


@dataclass(frozen=True, slots=True)
class Begun:
    """The files that were made, relative to the project. `whole`: a project; else the key alone, of one that was there."""

    files: tuple[str, ...]
    whole: bool


def begin(place: Path, template: str = "demo") -> Begun:
    """Make the project of *template* in *place*, `demo` with the databases of an ERP and an OA; in a project that has no
    key, as after cloning it, only that. Nothing that exists is overwritten. `Failure` E0601 for an unknown template, E0604
    when a file is in the way."""
    from erpoa_cli.project import TEMPLATES, lacks_key, make_key, scaffold

    if template not in TEMPLATES:
        remedy = did_you_mean(template, TEMPLATES) or f"There are {' and '.join(TEMPLATES)}."
        raise Failure(Diagnostic("E0601", f"there is no template {template!r}", remedy=remedy))
    if lacks_key(place):
        return Begun(make_key(place), whole=False)
    files = scaffold(place, template)
    if template == "demo":
        _seed(place)
    return Begun(files, whole=True)


def _seed(place: Path) -> None:
    """Make the template's databases with its own script."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(place / "demo" / "seed.py")], capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()[-1:]
        remedy = "Mend that, remove the directory, and run `erpoa init` again."
        raise Failure(
            Diagnostic("E0619", "the demo's databases could not be made", detail="".join(said), remedy=remedy)
        )
