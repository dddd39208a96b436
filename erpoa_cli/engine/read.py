"""Reading sources and targets into the staging area: concurrent, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Read, ReadStatus, Verdict
from erpoa_cli.core.project import Source
from erpoa_cli.core.schema import Field, Type, identifier
from erpoa_cli.core.target import Target
from erpoa_cli.engine import held
from erpoa_cli.engine.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.load import Place, hold_keys, load
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.sdk.connector import ObjectInfo, ReadRequest
from erpoa_cli.state import Sealer, SnapshotInfo, Snapshots


class LastReads(Protocol):
    """What reading asks of the state: the reads of the last applied plan."""

    def reads(self) -> Mapping[str, Read]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One source to read, with everything its thread needs."""

    source: Source
    fields: tuple[Field, ...]
    last: Read | None
    snapshots: Snapshots
    full: bool

    @property
    def place(self) -> Place:
        name = self.source.name
        return Place(schema="source", name=name, listing=name, key=self.source.key)


def read_sources(
    bound: Bound,
    connections: Connections,
    staging: Staging,
    state: LastReads,
    *,
    names: Iterable[str] | None = None,
    offline: bool = False,
    full: bool = False,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> dict[str, Read]:
    """Read the sources *names* (default: all) into `source."NAME"`, what could not be used into `held."NAME"`.

    A source that cannot be read gives a `failed` read and an empty relation; nothing is raised for it. With
    *offline* the last snapshots are used instead of the systems; with *full* incremental sources are read whole."""
    project = bound.project
    snapshots = Snapshots(Path(project.root), project.environment, sealer)
    wanted = None if names is None else frozenset(names)
    last = state.reads()
    tasks = [
        _Task(
            source=source,
            fields=bound.relations[source.name],
            last=last.get(source.name),
            snapshots=snapshots,
            full=full,
        )
        for source in project.sources.values()
        if wanted is None or source.name in wanted
    ]
    if offline:
        return {task.source.name: _from_snapshot(task, staging) for task in tasks}
    with ExitStack() as stack:
        pools = {
            name: stack.enter_context(ThreadPoolExecutor(max(1, project.systems[name].limits.concurrency)))
            for name in {task.source.system for task in tasks}
        }
        futures: dict[str, Future[Read]] = {
            task.source.name: pools[task.source.system].submit(
                _read_source, task, connections, staging, listener
            )
            for task in tasks
        }
    return {name: future.result() for name, future in futures.items()}


def _read_source(task: _Task, connections: Connections, staging: Staging, listener: Listener) -> Read:
    source = task.source
    request = ReadRequest(
        object=source.object,
        query=source.query,
        fields=task.fields,
        filter=source.filter,
        options=source.options,
    )
    verdict = load(request, task.place, source.system, connections, staging, listener)
    if verdict.status is not ReadStatus.FAILED:
        hold_keys(staging, task.place, task.fields)
        verdict = judged(verdict, source, task.last)
        if verdict.status is ReadStatus.COMPLETE:
            _keep(task, staging, verdict)
    return Read(source.name, source.system, verdict, held.count(staging, source.name))


def judged(verdict: Verdict, source: Source, last: Read | None) -> Verdict:
    """*verdict* after the source's own rules of completeness."""
    rows, rule = int(verdict.evidence["rows"]), source.complete
    found = []
    if rows < rule.min_rows:
        found.append(f"{rows} rows; at least {rule.min_rows} are expected")
    before = int(last.verdict.evidence.get("rows", 0)) if last else 0
    if rule.max_drop is not None and rows < before * (1 - rule.max_drop):
        found.append(f"{rows} rows; the last applied plan read {before}, and at most {rule.max_drop:.0%} may go")
    if not found:
        return verdict
    reasons = [verdict.reason] if verdict.reason else []
    return Verdict(ReadStatus.PARTIAL, "; ".join([*reasons, *found]), verdict.evidence)


def _keep(task: _Task, staging: Staging, verdict: Verdict) -> None:
    """Write the snapshot of a source that was read."""
    name = task.source.name
    columns = ", ".join(identifier(f.name) for f in task.fields)
    rows = staging.reader(f"SELECT {columns} FROM {relation('source', name)}")
    task.snapshots.write(
        name, task.fields, rows, verdict=verdict, taken=staging.as_of, full_at=staging.as_of
    )


def _from_snapshot(task: _Task, staging: Staging) -> Read:
    source = task.source
    staging.create("source", source.name, task.fields)
    held.prepare(staging, source.name)
    info = task.snapshots.latest(source.name)
    if info is None:
        return _unread(source, "there is no snapshot of it; read it once with `erpoa extract`")
    if not _fits(info, task.fields):
        return _unread(source, "its fields were declared otherwise when the last snapshot was taken")
    staging.insert("source", source.name, task.snapshots.read(info))
    return Read(source.name, source.system, info.verdict)


def _unread(source: Source, reason: str) -> Read:
    return Read(source.name, source.system, Verdict(ReadStatus.FAILED, reason))


def _fits(info: SnapshotInfo, fields: Sequence[Field]) -> bool:
    return dict(info.fields) == {f.name: str(f.type) for f in fields}


# -- targets ---------------------------------------------------------------------------------------------------


def actual_fields(
    target: Target, info: ObjectInfo, extras: Mapping[str, Type] | None = None
) -> tuple[Field, ...]:
    """The fields of a target's object that a plan reads: its identifier, the target's fields as the types of
    what is wanted, what recognises rows, what is returned, the link of lines, and *extras*."""
    own = {f.name: f.type for f in info.fields}
    link = [target.lines.link] if target.lines else []
    more = (*(target.id or info.id), *target.returns, *(n for match in target.match for n in match), *link)
    found = {n: Field(n, type_) for n in more if (type_ := own.get(n))}
    found |= {n: Field(n, type_) for n, type_ in (extras or {}).items()}
    found |= {f.name: Field(f.name, f.type, sensitivity=f.sensitivity) for f in target.fields if f.type}
    return tuple(found.values())


def read_actual(
    target: Target,
    info: ObjectInfo,
    connections: Connections,
    staging: Staging,
    *,
    extras: Mapping[str, Type] | None = None,
    listener: Listener = ignore,
) -> Read:
    """Read what a target's object holds into `actual."T"`, as the types of what is wanted.

    A row with a value that does not parse stays, with NULL there, and is listed in `held."actual.T"` by its
    identifier. Where the value would have recognised the row, the read is `partial`: absence proves nothing."""
    listing = f"actual.{target.name}"
    place = Place(
        schema="actual", name=target.name, listing=listing, key=target.id or info.id, keep=True
    )
    request = ReadRequest(
        object=target.object,
        fields=actual_fields(target, info, extras),
        filter=target.filter,
        options=target.options,
    )
    verdict = load(request, place, target.system, connections, staging, listener)
    recognising = {n for match in target.match for n in match} | set(place.key)
    unread = staging.sql(f"SELECT DISTINCT field FROM {relation('held', listing)}").column(0).to_pylist()
    if doubtful := sorted(recognising & set(unread)):
        reason = f"rows whose {', '.join(doubtful)} is unreadable cannot be recognised"
        verdict = Verdict(ReadStatus.PARTIAL, reason, verdict.evidence)
    return Read(listing, target.system, verdict, held.count(staging, listing))
