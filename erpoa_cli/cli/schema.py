"""`erpoa schema print`: the JSON Schemas of project files and of answers."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Annotated

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.suggest import near
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.report import Answer, Table

app = application("Print published schemas.")
_ANSWERS = files("erpoa_cli.render") / "schemas"
_FILES = files("erpoa_cli.project") / "schemas"


def kinds() -> dict[str, str]:
    """Every kind of schema and what it describes."""
    found = {
        path.name.removesuffix(".json"): "project file"
        for path in _FILES.iterdir()
        if path.name.endswith(".json")
    }
    return dict(
        sorted(
            {
                **found,
                **{
                    p.name.removesuffix(".json"): "answer"
                    for p in _ANSWERS.iterdir()
                    if p.name.endswith(".json")
                },
            }.items()
        )
    )


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
        return Ending(Answer(data={"kinds": list(known)}, tables=(Table(("kind", "describes"), rows),)))
    if kind not in known:
        close = near(kind, known)
        remedy = f"Did you mean {close}?" if close else "`erpoa schema print` lists the kinds."
        raise Failure(Diagnostic("E0609", f"no schema {kind!r}", remedy=remedy), exit=Exit.INVALID)
    home = _ANSWERS if known[kind] == "answer" else _FILES
    text = (home / f"{kind}.json").read_text(encoding="utf-8")
    return Ending(Answer(data={"kind": kind, "schema": json.loads(text)}, text=text))
