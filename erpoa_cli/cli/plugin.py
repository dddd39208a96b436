"""`erpoa plugin`: the connectors that are installed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.report import Answer, Table

app = application("List and describe connectors.")


@command(app, "list")
def list_(_options: Options) -> Ending:
    """List the connectors, where they come from, and those that could not be loaded."""
    from erpoa_cli.engine.connect import discovered

    there = discovered()
    rows = []
    for name, (distribution, version) in there.versions.items():
        connector = there.connectors.get(name)
        about = _sentence(connector.__doc__) if connector else there.broken.get(name, "")
        rows.append((name, distribution, version, "yes" if connector else "no", about))
    data = [
        {"name": n, "distribution": d, "version": v, "loaded": loads == "yes", "about": about}
        for n, d, v, loads, about in rows
    ]
    table = Table(("connector", "from", "version", "loads", "about"), tuple(rows))
    return Ending(Answer(data={"plugins": data}, tables=(table,)))


def _sentence(text: str | None) -> str:
    """The first sentence of a docstring."""
    words = " ".join((text or "").partition("\n\n")[0].split())
    return words.partition(". ")[0].rstrip(".") + "."


@command(app)
def describe(
    _options: Options, name: Annotated[str, typer.Argument(help="A connector's name.", metavar="NAME")]
) -> Ending:
    """Describe a connector: what its `config:` takes, what it can do, the options of sources and targets."""
    from erpoa_cli.engine.connect import installed

    there = installed()
    if name not in there:
        raise Failure(Diagnostic("E0605", f"no connector {name!r}", remedy=did_you_mean(name, there)))
    connector = there[name]
    data: dict[str, Any] = {
        "name": name,
        "about": connector.__doc__ or "",
        "abilities": [ability.__name__.lower() for ability in connector.abilities],
        "queries": connector.queries,
        "config": dict(connector.config_schema),
        "source_options": dict(connector.source_options),
        "target_options": dict(connector.target_options),
        "filter": dict(connector.filter_schema),
    }
    required = connector.config_schema.get("required", ())
    keys = tuple(
        (key, "yes" if key in required else "", str(about.get("type", "")), str(about.get("description", "")))
        for key, about in connector.config_schema.get("properties", {}).items()
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
