"""Reading sources and targets into the staging area: concurrent, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Read, ReadStatus, Verdict
from erpoa_cli.core.project import Source
from erpoa_cli.core.schema import Field, identifier
from erpoa_cli.core.target import Target, embedded
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import extras
from erpoa_cli.engine.binding.lines import list_field, within
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.load import Place, hold_keys, load
from erpoa_cli.engine.relations.snapshot import Memory
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.sdk.connector import ObjectInfo, ReadRequest
from erpoa_cli.state import Sealer, Snapshots


class LastReads(Protocol):
    """What reading asks of the state: the reads of the last applied plan, and the snapshots they left."""

    def reads(self) -> Mapping[str, Read]: ...

    def fetch_snapshots(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One source to read, with everything its thread needs."""

    source: Source
    fields: tuple[Field, ...]
    last: Read | None
    memory: Memory
    full: bool
    waived: int | None

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
    waived: Mapping[str, int] | None = None,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> dict[str, Read]:
    """Read the sources *names* (default: all) into `source."NAME"`, what could not be used into `held."NAME"`.

    A source that cannot be read gives a `failed` read and an empty relation; nothing is raised for it. With
    *offline* the last snapshots are used instead of the systems; with *full* incremental sources are read whole.
    *waived*: source → how many rows fewer than before pass its `max_drop`, exactly."""
    project = bound.project
    marks = state.fetch_snapshots()
    snapshots = Snapshots(Path(project.root), project.environment, sealer, marks)
    wanted = None if names is None else frozenset(names)
    last = state.reads()
    tasks = [
        _Task(
            source=source,
            fields=bound.relations[source.name],
            last=last.get(source.name),
            memory=Memory(source, bound.relations[source.name], snapshots),
            full=full,
            waived=(waived or {}).get(source.name),
        )
        for source in project.sources.values()
        if wanted is None or source.name in wanted
    ]
    if offline:
        return {task.source.name: _recall(task, staging) for task in tasks}
    pools = {
        name: ThreadPoolExecutor(max(1, project.systems[name].limits.concurrency))
        for name in {task.source.system for task in tasks}
    }
    with _left_behind(*pools.values()):
        futures: dict[str, Future[Read]] = {
            task.source.name: pools[task.source.system].submit(
                _read_source, task, connections, staging, listener
            )
            for task in tasks
        }
        wait(futures.values())
    return {name: future.result() for name, future in futures.items()}


@contextmanager
def _left_behind(*pools: ThreadPoolExecutor) -> Iterator[None]:
    """Whoever interrupts the block does not wait for what *pools* do: a system may take minutes not to answer."""
    ended = False
    try:
        yield
        ended = True
    finally:
        for pool in pools:
            pool.shutdown(wait=ended, cancel_futures=True)


def _read_source(task: _Task, connections: Connections, staging: Staging, listener: Listener) -> Read:
    source, memory = task.source, task.memory
    since = "" if task.full else memory.since(staging)
    request = ReadRequest(
        object=source.object,
        query=source.query,
        fields=task.fields,
        filter=source.filter,
        options=source.options,
        cursor=source.incremental.cursor if source.incremental and since else "",
        since=since,
    )
    verdict = load(request, task.place, source.system, connections, staging, listener)
    if verdict.status is ReadStatus.FAILED:
        return Read(source.name, source.system, verdict)
    hold_keys(staging, task.place, task.fields)
    if since:
        memory.merge(staging)
    evidence = {**verdict.evidence, **memory.evidence(staging, since)}
    verdict = judged(replace(verdict, evidence=evidence), source, task.last, since, waived=task.waived)
    if since or verdict.status is ReadStatus.COMPLETE:
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


def known_rows(last: Read | None) -> int:
    """How many rows a source had when it was last read completely; 0 when nobody knows."""
    evidence = last.verdict.evidence if last else {}
    return int(evidence.get("known", evidence.get("rows", 0)))


def _recall(task: _Task, staging: Staging) -> Read:
    """The last snapshot of a source instead of a read."""
    staging.create("source", task.source.name, task.fields)
    held.prepare(staging, task.source.name)
    return Read(task.source.name, task.source.system, task.memory.recall(staging))


# -- targets ---------------------------------------------------------------------------------------------------


def actual_fields(target: Target, info: ObjectInfo, more: Iterable[Field] = ()) -> tuple[Field, ...]:
    """The fields of a target's object that a plan reads: its identifier, the target's fields as the types of
    what is wanted, what recognises rows, what is returned, the link of lines, and *more*."""
    own = {f.name: f.type for f in info.fields}
    link = [target.lines.link] if target.lines else []
    states = target.lifecycle.columns if target.lifecycle else ()
    computed = target.lifecycle.field if target.lifecycle and target.lifecycle.computed else ""
    needed = (
        *(target.id or info.id), *target.returns, *(n for match in target.match for n in match), *link, *states
    )  # fmt: skip
    found = {n: Field(n, type_) for n in needed if (type_ := own.get(n))}
    found |= {f.name: f for f in more}
    found |= {
        f.name: Field(f.name, f.type, sensitivity=f.sensitivity, zone=f.zone) for f in target.fields if f.type
    }
    found.pop(computed, None)  # their states are told from the other fields once all is read
    return tuple(found.values())


def read_actuals(
    bound: Bound,
    infos: Mapping[str, ObjectInfo],
    names: Iterable[str],
    connections: Connections,
    staging: Staging,
    listener: Listener = ignore,
) -> dict[str, Read]:
    """Read what the targets *names* of *bound* (typed) hold, each into `actual."T"`; lines that live inside their
    documents are read with them, once."""
    reads: dict[str, Read] = {}
    wanted = list(names)
    documents = [within(bound.targets[n]).parent for n in wanted if bound.targets[n].embedded]
    reader = ThreadPoolExecutor(1)
    with _left_behind(reader):
        for name in dict.fromkeys([*documents, *wanted]):
            target, info = bound.targets[name], infos[name]
            if target.embedded:
                document = bound.targets[within(target).parent]
                whole = reads[f"actual.{document.name}"]
                done = _read_lines(target, (document.id or infos[document.name].id)[0], whole, staging)
            else:
                inside = [lines for lines in embedded(bound.targets, name) if lines.name in wanted]
                more = [
                    *(Field(n, t) for n, t in extras(target, info).items()),
                    *(list_field(lines, info) for lines in inside),
                ]
                done = reader.submit(
                    read_actual, target, info, connections, staging, more=more, listener=listener
                ).result()
            reads[done.relation] = done
    return reads


def _read_lines(target: Target, id_: str, document: Read, staging: Staging) -> Read:
    """Unnest the lines of *target* from their documents, which were read as *document* and whose identifier is *id_*."""
    lines = within(target)
    members = dict.fromkeys(
        [*target.id, *(f.name for f in target.fields), *(n for m in target.match for n in m)]
    )
    taken = [f"e.line.{identifier(n)}" for n in members if n != lines.link]
    place = relation("actual", lines.parent)
    staging.execute(
        f"CREATE OR REPLACE TABLE {relation('actual', target.name)} AS "
        f"SELECT p.{identifier(id_)} AS {identifier(lines.link)}, {', '.join(taken)} "
        f"FROM {place} p, LATERAL (SELECT unnest(p.{identifier(lines.within)}) AS line) e WHERE e.line IS NOT NULL"
    )
    held.prepare(staging, f"actual.{target.name}")
    rows = staging.scalar(f"SELECT count(*) FROM {relation('actual', target.name)}")
    verdict = replace(document.verdict, evidence={**document.verdict.evidence, "rows": rows})
    return Read(f"actual.{target.name}", target.system, verdict)


def read_actual(
    target: Target,
    info: ObjectInfo,
    connections: Connections,
    staging: Staging,
    *,
    more: Iterable[Field] = (),
    listener: Listener = ignore,
) -> Read:
    """Read what a target's object holds into `actual."T"`, as the types of what is wanted, and the fields *more*.

    A row with a value that does not parse stays, with NULL there, and is listed in `held."actual.T"` by its
    identifier. Where the value would have recognised the row, the read is `partial`: absence proves nothing."""
    listing = f"actual.{target.name}"
    place = Place(schema="actual", name=target.name, listing=listing, key=target.id or info.id, keep=True)
    request = ReadRequest(
        object=target.object,
        fields=actual_fields(target, info, more),
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
