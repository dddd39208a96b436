"""From what is asked to relations that can be read: describe, read, lock, tell states, build, in this order only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Read
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.objects import Looked, look
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.actual import begin_actuals
from erpoa_cli.engine.relations.read import LastReads, begin_sources, in_the_future
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.relations.states import leave_dead_out
from erpoa_cli.engine.relations.transform import Built, build_models
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_cli.state import Sealer


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is read: sources by name, and the rows that targets hold. *offline*: sources come from their last snapshots;
    *full*: incremental ones are read whole; *again*: all are, and nothing is remembered of it; *waived*: source → how many rows fewer than before pass its `max_drop`."""

    sources: frozenset[str] = frozenset()
    actuals: tuple[str, ...] = ()
    offline: bool = False
    full: bool = False
    again: bool = False
    waived: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Relations that are read and built. `bound`: with the types that only the systems know; `diagnostics`: what
    describing the targets found, and building."""

    bound: Bound
    reads: Mapping[str, Read]
    built: Built
    diagnostics: tuple[Diagnostic, ...]


def stage(
    bound: Bound,
    connections: Connections,
    staging: Staging,
    state: LastReads,
    relations: Iterable[str],
    *,
    actuals: Iterable[str] = (),
    offline: bool = False,
    again: bool = False,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> Staged:
    """Read and build *relations* and all that is needed for them, and read the rows that the targets *actuals* hold, as a
    plan would. With *offline* no source is asked; targets are, where a model or the caller asks for their rows. *again*: it
    is a second look, all is read whole and nothing remembered of it.

    `Failure` (INVALID) where such a target cannot be described."""
    names = frozenset(relations)
    held = bound.with_documents(actuals) | bound.actuals(names)
    looked = described(bound, connections, held)
    bound = looked.bound
    needs = Needs(
        sources=bound.needed(names) & bound.project.sources.keys(),
        actuals=tuple(sorted(held)),
        offline=offline,
        again=again,
    )
    with Readers(bound.project, connections) as readers:
        reads = begin(
            bound, looked.infos, needs, connections, staging, state, readers, sealer=sealer, listener=listener
        )()
    staging.lock()
    reads = tell_states(bound, looked.infos, staging, reads)
    built = build_models(bound, staging, names, reads, listener=listener)
    return Staged(
        bound=bound,
        reads=reads,
        built=built,
        diagnostics=(*looked.diagnostics, *told(bound, reads), *built.diagnostics),
    )


def told(bound: Bound, reads: Mapping[str, Read]) -> list[Diagnostic]:
    """What has to be said of reads that gave rows."""
    sources = bound.project.sources
    return [d for name, done in reads.items() if name in sources for d in in_the_future(sources[name], done)]


def described(bound: Bound, connections: Connections, targets: Iterable[str]) -> Looked:
    """The objects of *targets*; `Failure` with all that was found where one does not fit (INVALID) or cannot be asked
    (UNAVAILABLE)."""
    looked = look(bound, connections, targets)
    if any(d.severity is Severity.ERROR for d in looked.diagnostics):
        raise Failure(*looked.diagnostics)
    return looked


def begin(
    bound: Bound,
    infos: Mapping[str, ObjectInfo],
    needs: Needs,
    connections: Connections,
    staging: Staging,
    state: LastReads,
    readers: Readers,
    *,
    sealer: Sealer | None = None,
    listener: Listener = ignore,
) -> Callable[[], dict[str, Read]]:
    """Begin to read what is needed, into `source."NAME"` and `actual."T"`; what is given back waits for it."""
    sources = begin_sources(
        bound,
        connections,
        staging,
        state,
        readers,
        names=needs.sources,
        offline=needs.offline,
        full=needs.full or needs.again,
        keep=not needs.again,
        waived=needs.waived,
        sealer=sealer,
        listener=listener,
    )
    actuals = begin_actuals(bound, infos, needs.actuals, connections, staging, readers, listener)
    readers.all_begun()
    return lambda: sources() | actuals()


def tell_states(
    bound: Bound, infos: Mapping[str, ObjectInfo], staging: Staging, reads: Mapping[str, Read]
) -> dict[str, Read]:
    """Add the state of every document that was read. Those that are over are left out, with their lines: nothing matches
    them; their number is in the evidence (`dead`) of the reads that are given back."""
    told = dict(reads)
    for relation, done in reads.items():
        if relation.startswith("actual."):
            name = relation.removeprefix("actual.")
            target = bound.targets[name]
            if over := leave_dead_out(staging, target, target.id or infos[name].id):
                told[relation] = with_evidence(done, "dead", over)
    return told


def with_evidence(done: Read, name: str, count: int) -> Read:
    return replace(done, verdict=replace(done.verdict, evidence={**done.verdict.evidence, name: count}))
