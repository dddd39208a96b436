"""Whether what a project needs is in order: connectors, connections, objects, fields, clocks and files."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location, Severity
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.project import Project, Source
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.documents import lifecycle_of
from erpoa_cli.engine.connect import Connections
from erpoa_cli.sdk.connector import ObjectInfo, Readable, ReadRequest, Session
from erpoa_cli.sdk.errors import SystemFailure


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `problem` is empty when it is in order; `hint` says what to do."""

    area: str
    name: str
    told: str
    problem: str = ""
    hint: str = ""


def examine(bound: Bound) -> Iterator[Check]:
    """Everything there is to look at, systems first."""
    project = bound.project
    with Connections(project) as connections:
        for name in project.systems:
            yield from _system(name, connections)
    yield from _files(project)


def _system(name: str, connections: Connections) -> Iterator[Check]:
    plugin, version = connections.plugin(name)
    told = f"{plugin} {version}".strip()
    try:
        session = connections.session(name)
        problems = session.check()
        identity = session.identity()
    except Failure as failure:
        for diagnostic in failure.diagnostics:
            yield Check("system", name, told, diagnostic.summary, diagnostic.remedy)
        return
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is a finding about that system
        yield Check("system", name, told, f"{type(error).__name__}: {error}")
        return
    if not problems:
        yield Check("system", name, f"{told}, {identity}")
    for problem in problems:
        yield Check("system", name, told, problem)


def _files(project: Project) -> Iterator[Check]:
    """Nothing that erpoa keeps may be open to other users of the machine."""
    home = Path(project.root) / ".erpoa"
    if not home.is_dir():
        yield Check("files", ".erpoa", "not there yet: the first apply makes it")
        return
    wide = [
        p
        for p in (home, *home.rglob("*"))
        if not p.is_symlink() and p.stat().st_mode & (stat.S_IRWXO | stat.S_IRWXG)
    ]
    loose = [p for p in wide if p.is_file()] or ([home] if home in wide else [])
    for path in loose[:10]:
        shown = path.relative_to(project.root)
        yield Check("files", str(shown), "private files", "other users can read it", f"chmod go-rwx {shown}")
    if not loose:
        yield Check("files", ".erpoa", "private")


def missing_objects(bound: Bound) -> list[Diagnostic]:
    """Objects and fields that the project names and the systems do not have (`validate --online`)."""
    found: list[Diagnostic] = []
    project = bound.project
    with Connections(project) as connections:
        for system in project.systems:
            try:
                session = connections.session(system)
            except Failure as failure:
                found += failure.diagnostics
                continue
            found += _missing(bound, system, session)
    return found


def _missing(bound: Bound, system: str, session: Session) -> Iterator[Diagnostic]:
    project = bound.project
    known: dict[str, ObjectInfo | None] = {}

    def info(name: str) -> ObjectInfo | None:
        if name not in known:
            known[name] = next(iter(session.objects([name])), None)
        return known[name]

    for source in project.sources.values():
        if source.system == system and source.object:
            names = [field.source for field in source.fields]
            yield from _object(
                f"source {source.name}", system, source.object, info(source.object), names, source.at
            )
        elif source.system == system and isinstance(session, Readable):
            yield from _query(source, session)
    for target in bound.targets.values():
        if target.system == system:
            there = info(target.object)
            lifecycle = lifecycle_of(target, there) if there else None
            told = lifecycle.field if lifecycle and lifecycle.computed else None  # by its predicates
            names = [*(field.name for field in target.fields if field.name != told), *target.returns]
            yield from _object(f"target {target.name}", system, target.object, there, names, target.at)


def _query(source: Source, session: Readable) -> Iterator[Diagnostic]:
    """What the system says of the query and of the fields of *source*: it answers without a row."""
    nothing = f"SELECT * FROM ({source.query}\n) q WHERE 1 = 0"
    try:
        reading = session.read(ReadRequest(object="", query=nothing, fields=source.fields))
        for _ in reading:
            pass
        verdict = reading.verdict
    except SystemFailure as error:
        verdict = Verdict(ReadStatus.FAILED, str(error))
    if verdict.status is ReadStatus.FAILED:
        yield Diagnostic(
            "E0458",
            f"source {source.name}: {source.system} refuses the query",
            detail=verdict.reason,
            remedy="Mend `query:`, the names of its fields or the rights of the user there.",
            at=source.at,
        )


def _object(
    what: str, system: str, name: str, info: ObjectInfo | None, fields: list[str], at: Location
) -> Iterator[Diagnostic]:
    if info is None:
        yield Diagnostic(
            "E0605",
            f"{what}: {system} has no object {name!r}",
            remedy=f"`erpoa discover {system}` lists them.",
            at=at,
        )
        return
    there = [field.name for field in info.fields]
    for field in fields:
        if field not in there:
            yield Diagnostic(
                "E0605", f"{what}: {name} has no field {field!r}", remedy=did_you_mean(field, there), at=at
            )


def diagnostics(checks: Iterable[Check]) -> tuple[Diagnostic, ...]:
    """What is not in order."""
    return tuple(
        Diagnostic("E0610", f"{c.area} {c.name}: {c.problem}", remedy=c.hint, severity=Severity.ERROR)
        for c in checks
        if c.problem
    )
