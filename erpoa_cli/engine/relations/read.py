"""Reading sources into the staging area, each with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Read, ReadStatus, Verdict
from erpoa_cli.core.project import Source
from erpoa_cli.core.relation import SOURCE
from erpoa_cli.core.schema import Field
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.identity import another, may_be_planned
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.load import Place, hold_keys, load, unread
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.relations.snapshot import Memory
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.state import Known, Sealer, Snapshots


class LastReads(Protocol):
    """What reading asks of the state: the reads of the last applied plan, and the snapshots they left."""

    def reads(self) -> Mapping[str, Read]: ...

    def systems(self) -> Mapping[str, Known]: ...

    def fetch_snapshots(self) -> Mapping[str, str]: ...

    def seals(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One source to read, with everything its thread needs."""

    source: Source
    fields: tuple[Field, ...]
    last: Read | None
    known: Known | None  # which system it was whose rows are remembered
    memory: Memory
    full: bool
    keep: bool
    waived: int | None

    @property
    def place(self) -> Place:
        name = self.source.name
        return Place(schema=SOURCE.schema, name=name, listing=name, key=self.source.key)


def read_sources(
    bound: Bound, connections: Connections, staging: Staging, state: LastReads, **options: Any
) -> dict[str, Read]:
    """What `begin_sources` begins, to its end."""
    with Readers(bound.project, connections) as readers:
        return begin_sources(bound, connections, staging, state, readers, **options)()


def begin_sources(
    bound: Bound,
    connections: Connections,
    staging: Staging,
    state: LastReads,
    readers: Readers,
    *,
    names: Iterable[str] | None = None,
    offline: bool = False,
    full: bool = False,
    keep: bool = True,
    waived: Mapping[str, int] | None = None,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> Callable[[], dict[str, Read]]:
    """Begin to read the sources *names* (default: all) into `source."NAME"`, what cannot be used into `held."NAME"`;
    what is given back waits for them.

    A source that cannot be read gives a `failed` read and an empty relation; nothing is raised for it. With
    *offline* the last snapshots are used instead of the systems; with *full* incremental sources are read whole. What is
    read is kept as the snapshot for later reads, unless *keep* is false.
    *waived*: source → how many rows fewer than before pass its `max_drop`, exactly."""
    project = bound.project
    marks = state.fetch_snapshots()
    sealed = sealer is None and bound.sensitive and state.seals()
    snapshots = Snapshots(Path(project.root), project.environment, sealer, marks, sealed=sealed)
    wanted = None if names is None else frozenset(names)
    last, known = state.reads(), state.systems()
    tasks = [
        _Task(
            source=source,
            fields=bound.relations[source.name],
            last=last.get(source.name),
            known=known.get(source.system),
            memory=Memory(source, bound.relations[source.name], snapshots),
            full=full,
            keep=keep,
            waived=(waived or {}).get(source.name),
        )
        for source in project.sources.values()
        if wanted is None or source.name in wanted
    ]
    if offline:
        recalled = {task.source.name: _recall(task, staging) for task in tasks}
        return lambda: recalled
    coming = {
        task.source.name: readers.begin(
            task.source.system, _read_source, task, connections, staging, listener
        )
        for task in tasks
    }
    return lambda: {name: read.result() for name, read in coming.items()}


def _read_source(task: _Task, connections: Connections, staging: Staging, listener: Listener) -> Read:
    source = task.source
    request = ReadRequest(
        object=source.object,
        query=source.query,
        fields=task.fields,
        filter=source.filter,
        options=source.options,
    )
    try:
        identity = connections.identity(source.system)
    except Failure as failure:  # nothing is read of a system that does not tell which one it is
        return Read(
            source.name,
            source.system,
            unread(request, task.place, source.system, connections, staging, failure),
        )
    if task.known is not None and not may_be_planned(identity, task.known):
        raise Failure(another(connections.system(source.system), identity, task.known))
    memory = replace(task.memory, identity=identity)
    whole = request
    if since := "" if task.full else memory.since(staging):
        request = replace(
            request, cursor=source.incremental.cursor if source.incremental else "", since=since
        )
    verdict = load(request, task.place, source.system, connections, staging, listener)
    if since and verdict.status is not ReadStatus.FAILED and memory.went_back(staging):
        since = ""
        verdict = load(whole, task.place, source.system, connections, staging, listener)
    if verdict.status is ReadStatus.FAILED:
        return Read(source.name, source.system, verdict)
    hold_keys(staging, task.place, task.fields)
    if since:
        memory.merge(staging)
    evidence = {**verdict.evidence, **memory.evidence(staging, since)}
    verdict = judged(replace(verdict, evidence=evidence), source, task.last, since, waived=task.waived)
    if task.keep and (since or verdict.status is ReadStatus.COMPLETE):
        verdict = memory.keep(staging, verdict, since)
    return Read(source.name, source.system, verdict, int(evidence["held"]))


def judged(
    verdict: Verdict, source: Source, last: Read | None, since: str = "", *, waived: int | None = None
) -> Verdict:
    """*verdict* after the source's own rules of completeness; a read *since* some mark proves no absence.

    A drop is measured against `known`, the rows of the last complete read: a read that lost rows does not become
    the measure of the next one because its plan was applied. *waived*: exactly this drop is right."""
    rows, rule = int(verdict.evidence["rows"]), source.complete
    found = [verdict.reason] if verdict.reason else []
    if since:
        found.append(f"incremental, since {since}")
    if rows < rule.min_rows:
        found.append(f"{rows} rows; at least {rule.min_rows} are expected ({rule.at})")
    before = known_rows(last)
    evidence = dict(verdict.evidence)
    if rule.max_drop is not None and rows < before * (1 - rule.max_drop):
        evidence["dropped"] = before - rows
        if waived != before - rows:
            found.append(
                f"{rows} rows; the last complete read had {before}, and at most {rule.max_drop:.0%} may go ({rule.at}); "
                f"if they are right: --waive {source.name}.max_drop={before - rows} --reason …"
            )
    status = ReadStatus.PARTIAL if found else verdict.status
    evidence["known"] = rows if status is ReadStatus.COMPLETE else max(rows, before)
    return Verdict(status, "; ".join(found), evidence)


def in_the_future(source: Source, read: Read) -> Iterator[Diagnostic]:
    """W0357 where rows have a cursor that no clock has reached."""
    evidence = read.verdict.evidence
    if source.incremental is None or not evidence.get("beyond"):
        return
    cursor, shown = source.incremental.cursor, evidence["latest"]
    sealed = any(f.name == cursor and f.sensitivity.sealed for f in source.fields)
    yield Diagnostic(
        "W0357",
        f"source {source.name}: {evidence['beyond']} rows have a `{cursor}` in the future"
        f"{'' if sealed else f', up to {shown}'}",
        detail="They are read each time. The mark from which the source is read on goes no further than the clock, so they hide "
        "nothing.",
        remedy=f"Correct `{cursor}` of these rows in {source.system}. A local time needs its `zone`.",
        at=source.at,
        severity=Severity.WARNING,
    )


def known_rows(last: Read | None) -> int:
    """How many rows a source had when it was last read completely; 0 when nobody knows."""
    evidence = last.verdict.evidence if last else {}
    return int(evidence.get("known", evidence.get("rows", 0)))


def _recall(task: _Task, staging: Staging) -> Read:
    """The last snapshot of a source instead of a read."""
    staging.create(SOURCE.schema, task.source.name, task.fields)
    held.prepare(staging, task.source.name)
    return Read(task.source.name, task.source.system, task.memory.recall(staging))
