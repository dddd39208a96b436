"""The connectors that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean


@dataclass(frozen=True, slots=True)
class Plugin:
    """A connector and the `distribution` that it comes from. `about` is its docstring; `problem`: why it does not load,
    empty when it does."""

    name: str
    distribution: str
    version: str
    about: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Connector:
    """What a connector can do and takes; the schemas are JSON Schemas."""

    name: str
    about: str
    abilities: tuple[str, ...]
    queries: bool
    config: Mapping[str, Any]
    source_options: Mapping[str, Any]
    target_options: Mapping[str, Any]
    filter: Mapping[str, Any]


def plugins() -> list[Plugin]:
    """Every connector, those that do not load too."""
    from erpoa_cli.engine.connect import discovered

    there = discovered()
    found = []
    for name, (distribution, version) in there.versions.items():
        connector = there.connectors.get(name)  # loads it, or tells why not
        about = (connector.__doc__ or "") if connector else ""
        problem = "" if connector else there.broken.get(name, "")
        found.append(Plugin(name, distribution, version, about, problem))
    return found


def connector(name: str) -> Connector:
    """The connector *name*; `Failure` E0605 when none of that name loads."""
    from erpoa_cli.engine.connect import installed

    there = installed()
    if name not in there:
        raise Failure(Diagnostic("E0605", f"no connector {name!r}", remedy=did_you_mean(name, there)))
    found = there[name]
    return Connector(
        name=name,
        about=found.__doc__ or "",
        abilities=tuple(ability.__name__.lower() for ability in found.abilities),
        queries=found.queries,
        config=dict(found.config_schema),
        source_options=dict(found.source_options),
        target_options=dict(found.target_options),
        filter=dict(found.filter_schema),
    )
