"""`erpoa schema print`: the JSON Schemas of project files and of answers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.report import Answer, Table

app = application("Print published schemas.")
_PACKAGE = files("erpoa_cli")  # not the packages themselves: naming a schema loads neither
_ANSWERS = _PACKAGE / "render" / "schemas"
_FILES = _PACKAGE / "project" / "schemas"


def kinds() -> dict[str, str]:
    """Every kind of schema and what it describes."""
    found = {}
    for home, what in ((_FILES, "project file"), (_ANSWERS, "answer")):
        names = sorted(p.name for p in home.iterdir() if p.name.endswith(".json"))
        found.update({name.removesuffix(".json"): what for name in names})
    return found


@command(app, "print")
def print_(
    _options: Options,
    kind: Annotated[
        str | None, typer.Argument(help="Which one; without it, the list.", metavar="[KIND]")
    ] = None,
) -> Ending:
    """Print the JSON Schema of a project file or of a command's JSON answer."""
    known = kinds()
    if kind is None:
        rows = tuple(known.items())
        data = {"kinds": [{"kind": name, "describes": what} for name, what in rows]}
        return Ending(Answer(data=data, tables=(Table(("kind", "describes"), rows),)))
    if kind not in known:
        raise Failure(Diagnostic("E0609", f"no schema {kind!r}", remedy=did_you_mean(kind, known)))
    home = _ANSWERS if known[kind] == "answer" else _FILES
    text = (home / f"{kind}.json").read_text(encoding="utf-8")
    return Ending(Answer(data={"kind": kind, "schema": json.loads(text)}, text=text))
