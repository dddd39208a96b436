"""`erpoa plugin`: the connectors that are installed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer, Table

app = application("List and describe connectors.")


@command(app, "list")
def list_(_options: Options) -> Ending:
    """List the connectors, where they come from, and those that could not be loaded."""
    from erpoa_cli.usecase import plugins

    rows = tuple(
        (p.name, p.distribution, p.version, "no" if p.problem else "yes", p.problem or _sentence(p.about))
        for p in plugins()
    )
    data = [
        {"name": n, "distribution": d, "version": v, "loaded": loads == "yes", "about": about}
        for n, d, v, loads, about in rows
    ]
    table = Table(("connector", "from", "version", "loads", "about"), rows)
    return Ending(Answer(data={"plugins": data}, tables=(table,)))


def _sentence(text: str) -> str:
    """The first sentence of a docstring."""
    words = " ".join(text.partition("\n\n")[0].split())
    return words.partition(". ")[0].rstrip(".") + "."


@command(app)
def describe(
    _options: Options, name: Annotated[str, typer.Argument(help="A connector's name.", metavar="NAME")]
) -> Ending:
    """Describe a connector: what its `config:` takes, what it can do, the options of sources and targets."""
    from erpoa_cli.usecase import connector

    found = connector(name)
    data: dict[str, Any] = {
        "name": name,
        "about": found.about,
        "abilities": list(found.abilities),
        "queries": found.queries,
        "config": found.config,
        "source_options": found.source_options,
        "target_options": found.target_options,
        "filter": found.filter,
    }
    required = found.config.get("required", ())
    keys = tuple(
        (key, "yes" if key in required else "", str(about.get("type", "")), str(about.get("description", "")))
        for key, about in found.config.get("properties", {}).items()
    )
    lines = (
        _sentence(data["about"]),
        f"can: {', '.join(data['abilities'])}" + (", query" if data["queries"] else ""),
    )
    others = [
        f"{title}: {json.dumps(schema['properties'], ensure_ascii=False)}"
        for title, schema in (
            ("filter", data["filter"]),
            ("source options", data["source_options"]),
            ("target options", data["target_options"]),
        )
        if schema.get("properties")
    ]
    table = Table(("key", "required", "type", "meaning"), keys, title=f"config of {name}")
    return Ending(Answer(data=data, tables=(table,), lines=(*lines, *others)))
