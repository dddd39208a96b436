"""What a project asks of its connectors, and whether they can do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location, Misfit, Severity
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project, Source, System
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.target import Target
from erpoa_cli.engine.connect import Installed, discovered, missing_connector, path_keys, resolved
from erpoa_cli.sdk.connector import Connector, Movable, Readable, Writable

Conforms = Callable[[Any, Mapping[str, Any]], Iterable[Misfit]]
"""How a value departs from a JSON Schema. `project` owns JSON Schema; the command line hands its judge to the
engine."""


def judge_systems(project: Project, conforms: Conforms) -> Iterator[Diagnostic]:
    """Findings about the connectors of systems, their configs, and what sources and targets want of them."""
    there = discovered()
    known: dict[str, type[Connector]] = {}
    for system in project.systems.values():
        connector = there.connectors.get(system.plugin)
        if connector is None:
            yield _missing(system, there)
            continue
        known[system.name] = connector
        misfits = list(judge_system(project, system, connector, conforms))
        yield from misfits or _idle(project, system, connector)
    for source in project.sources.values():
        if found := known.get(source.system):
            yield from _source(source, found, conforms)
    for target in project.targets.values():
        if found := known.get(target.system):
            yield from _target(target, found, conforms)


def judge_system(
    project: Project, system: System, connector: type[Connector], conforms: Conforms
) -> Iterator[Diagnostic]:
    """Findings about the config and the limits of *system*, which *connector* connects to."""
    yield from _config(system, connector, conforms)
    yield from _unpaced(system, connector)
    yield from _open_secrets(system, connector)
    yield from _stray_paths(system, connector, Path(project.root))


def _missing(system: System, there: Installed) -> Diagnostic:
    finding = missing_connector(system, there)
    near = did_you_mean(system.plugin, there.connectors)
    if system.plugin in there.broken or not near:
        return finding
    return Diagnostic(
        finding.code,
        finding.summary,
        finding.detail,
        f"{near} `erpoa plugin list` shows what is installed.",
        system.at,
    )


def _misfits(
    what: str,
    word: str,
    value: Mapping[str, Any],
    schema: Mapping[str, Any],
    conforms: Conforms,
    at: Location,
) -> Iterator[Diagnostic]:
    for misfit in conforms(value, schema):
        yield _misfit(what, word, misfit, at)


def _misfit(what: str, word: str, misfit: Misfit, at: Location) -> Diagnostic:
    place = ".".join(part for part in (word, misfit.dotted) if part)
    return Diagnostic(
        "E0315",
        f"{what}: {place}: {misfit.words}",
        remedy="`erpoa plugin describe` shows what it takes.",
        at=at,
    )


def _config(system: System, connector: type[Connector], conforms: Conforms) -> Iterator[Diagnostic]:
    """What the schema of *connector* says against the config of *system*; when nothing, what *connector* itself says."""
    misfits = list(conforms(system.config, connector.config_schema))
    if not misfits:
        misfits = [Misfit(tuple(path), words) for path, words in connector.problems(system.config)]
    for misfit in misfits:
        path = (*misfit.path, misfit.key) if misfit.key else misfit.path
        yield _misfit(f"system {system.name}", "config", misfit, system.place("config", *path))


def _unpaced(system: System, connector: type[Connector]) -> Iterator[Diagnostic]:
    if system.limits.requests_per_second is not None and not connector.paced:
        yield Diagnostic(
            "W0103",
            "`requests_per_second` has no effect here",
            remedy=f"Leave it out: {connector.name} is bounded by `concurrency` alone.",
            at=system.place("limits", "requests_per_second"),
            severity=Severity.WARNING,
        )


def _idle(project: Project, system: System, connector: type[Connector]) -> Iterator[Diagnostic]:
    users: Iterable[Source | Target] = [*project.sources.values(), *project.targets.values()]
    objects = {user.object for user in users if user.system == system.name and user.object}
    for path, words in connector.idle(system.config, objects) if objects else ():
        yield Diagnostic(
            "W0103",
            f"system {system.name}: config.{'.'.join(map(str, path))} has no effect: {words}",
            remedy="Correct its name, or leave it out.",
            at=system.place("config", *path),
            severity=Severity.WARNING,
        )


def _open_secrets(system: System, connector: type[Connector]) -> Iterator[Diagnostic]:
    for path in _secrets(connector.config_schema, system.config, taken=False):
        yield Diagnostic(
            "E0207",
            f"system {system.name}: a secret has no place in config.{'.'.join(map(str, path))}",
            remedy="Write the value itself, or `{{ env('NAME') }}` where it differs between machines: what is kept secret "
            "here would be printed and compared like any other setting.",
            at=system.place("config", *path),
        )
    for path in _secrets(connector.config_schema, system.config, taken=True):
        name = str(path[-1])
        yield Diagnostic(
            "E0316",
            f"system {system.name}: {name} is written into the project",
            remedy=f"Write {name}: \"{{{{ secret('{system.name}_{name}') }}}}\" and keep the secret where "
            "erpoa.yml says secrets are; change it, for it may have been seen.",
            at=system.place("config", *path),
        )


def _secrets(schema: Any, value: Any, *, taken: bool) -> Iterator[tuple[str | int, ...]]:
    """The paths of values that *schema* marks as secret and that are written out; or, not *taken*, of secrets where it
    wants another plain value. Of what it describes by alternatives nothing is said."""
    match value:
        case Mapping():
            parts: Iterable[tuple[str | int, Any]] = value.items()
            inner = schema.get("properties", {})
        case list() | tuple():
            parts = enumerate(value)
            inner = dict.fromkeys(range(len(value)), schema.get("items", {}))
        case _:
            marked = bool(schema.get("x-erpoa", {}).get("secret"))
            if marked is taken and isinstance(value, Secret) is not taken and (taken or "type" in schema):
                yield ()
            return
    for key, part in parts:
        for path in _secrets(inner.get(key, {}), part, taken=taken):
            yield (key, *path)


def _stray_paths(system: System, connector: type[Connector], root: Path) -> Iterator[Diagnostic]:
    try:
        resolved(system, connector, root)
    except Failure as failure:
        yield from failure.diagnostics


def judged_without_secrets(project: Project, conforms: Conforms) -> bool:
    """Whether connectors take the configs of a sound *project* whatever its secrets say, if they say anything."""
    there = discovered().connectors
    return not any(
        list(conforms(_disguised(system.config), there[system.plugin].config_schema))
        for system in project.systems.values()
    )


def _disguised(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _disguised(part) for key, part in value.items()}
        case list() | tuple():
            return [_disguised(part) for part in value]
        case Secret():
            return "x"
        case _:
            return value


def inner_paths(project: Project) -> Iterator[str]:
    """The paths in configs of a sound *project* that must lead into its directory."""
    there = discovered().connectors
    for system in project.systems.values():
        for name in path_keys(there[system.plugin]):
            path = system.config.get(name)
            if isinstance(path, str) and not Path(path).expanduser().is_absolute():
                yield path


def _source(source: Source, connector: type[Connector], conforms: Conforms) -> Iterator[Diagnostic]:
    what = f"source {source.name}"
    if not _can(connector, Readable):
        yield _unable(what, connector, "cannot be read from", source.at)
    if source.query and not connector.queries:
        yield _unable(what, connector, "takes no query:", source.at, "Name an object: instead.")
    yield from _misfits(what, "filter", source.filter, connector.filter_schema, conforms, source.at)
    yield from _misfits(what, "options", source.options, connector.source_options, conforms, source.at)


def _target(target: Target, connector: type[Connector], conforms: Conforms) -> Iterator[Diagnostic]:
    what = f"target {target.name}"
    if not _can(connector, Writable):
        yield _unable(what, connector, "cannot be written to", target.at)
    calls = target.lifecycle is not None and any(move.calls for move in target.lifecycle.moves)
    if calls and not _can(connector, Movable):
        yield _unable(
            what,
            connector,
            "makes no calls that move documents",
            target.at,
            "Write `set:` instead of `calls:`.",
        )
    yield from _misfits(what, "filter", target.filter, connector.filter_schema, conforms, target.at)
    yield from _misfits(what, "options", target.options, connector.target_options, conforms, target.at)


def _can(connector: type[Connector], ability: type[Any]) -> bool:
    return any(issubclass(found, ability) for found in connector.abilities)


def _unable(what: str, connector: type[Connector], why: str, at: Location, remedy: str = "") -> Diagnostic:
    return Diagnostic(
        "E0314",
        f"{what}: connector {connector.name} {why}",
        remedy=remedy or "Use a system whose connector can (`erpoa plugin list`).",
        at=at,
    )
