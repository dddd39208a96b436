"""The desks of a run: for every target it writes, its declaration, its object and an open session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import pyarrow as pa

from erpoa_cli.core.columns import ID
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import Field, Type, literal
from erpoa_cli.core.target import Ownership, Target, embedded
from erpoa_cli.engine.binding.columns import siblings
from erpoa_cli.engine.binding.documents import documented
from erpoa_cli.engine.binding.lines import within
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.load import typed
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import (
    CreateSafety,
    ObjectInfo,
    Reading,
    Session,
    Writable,
)
from erpoa_cli.sdk.errors import SystemFailure
from erpoa_cli.state import Layout, PlanFile, StateReader


@dataclass(frozen=True)
class Desk:
    """Everything needed to write rows of one target: its declaration, its object and an open session."""

    target: Target
    info: ObjectInfo
    session: Writable
    id_types: Mapping[str, Type]
    types: Mapping[str, Type]  # of every field that is written or compared
    returns: Mapping[str, Type]
    plugin: str
    ledger: bool
    lineage: str  # of the state
    key_types: Mapping[str, Type]
    linked: Callable[[], set[tuple[object, ...]]]  # identifiers of their rows that belong to a key of ours
    typed: Callable[[Reading, Sequence[Field]], pa.Table]  # a reading with every value in its declared type
    compare: Callable[[str, Mapping[str, pa.Table]], pa.Table]  # SQL over tables
    lists: Mapping[str, bool] = field(
        default_factory=dict
    )  # of lines, and whether their system numbers lines

    @cached_property
    def zones(self) -> Mapping[str, str]:
        """Field → the zone whose local times the system keeps in it."""
        return {f.name: f.zone for f in self.target.fields if f.zone}

    def field(self, name: str, type_: Type) -> Field:
        """The field *name* as it is read back."""
        return Field(name, type_, zone=self.zones.get(name, ""))

    def local(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """*values* of the field *name* as the system keeps them: instants become local times of its zone."""
        if name not in self.zones:
            return values
        rows = pa.table({"n": pa.array(range(len(values)), pa.int64()), "v": values})
        sql = f"SELECT CAST(timezone({literal(self.zones[name])}, v) AS TIMESTAMP) AS v FROM r ORDER BY n"
        return self.compare(sql, {"r": rows})["v"]

    @property
    def transactional(self) -> bool:
        """Whether a batch is written as a whole or not at all."""
        return self.info.create_safety is CreateSafety.TRANSACTION

    @property
    def computed(self) -> str:
        """The field of a document's state where it is told from others, and neither read nor written; else empty."""
        lifecycle = self.target.lifecycle
        return lifecycle.field if lifecycle and lifecycle.computed else ""

    @property
    def guarded(self) -> tuple[str, ...]:
        """Fields whose values before must still hold when a row is written; of documents that are moved by updates, also
        what says their state."""
        kept = [f.name for f in self.target.fields if f.ownership is not Ownership.THEIRS]
        return tuple(n for n in dict.fromkeys([*kept, *self.telling]) if n != self.computed)

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """What must still be there when a document is moved by an update: the fields that say its state."""
        lifecycle = self.target.lifecycle
        if lifecycle is None or not lifecycle.updates:
            return ()
        own = () if lifecycle.computed else (lifecycle.field,)
        return tuple(n for n in dict.fromkeys([*own, *lifecycle.columns, *lifecycle.sets]) if n in self.types)


@contextmanager
def desks(
    plan: PlanFile,
    targets: Mapping[str, Target],
    project: Project,
    connections: Connections,
    staging: Staging,
    state: StateReader,
) -> Iterator[Mapping[str, Desk]]:
    """A desk for every target that *plan* changes; one session per system, held for the whole block.

    Failure E0531 when the project has no such target any more."""
    names = plan.members(Member.CHANGES)
    missing = [name for name in names if name not in targets]
    if missing:
        raise Failure(
            *(
                Diagnostic("E0531", f"target {n} is no longer in the project", remedy="Plan again.")
                for n in missing
            ),
        )
    with ExitStack() as stack:
        sessions: dict[str, Session] = {}
        made: dict[str, Desk] = {}
        for name in names:
            target = targets[name]
            if target.system not in sessions:
                sessions[target.system] = stack.enter_context(connections.lease(target.system))
            session = sessions[target.system]
            if not isinstance(session, Writable):
                raise TypeError(f"{target.system} was checked to be writable")
            layout = plan.layout(name)
            info = _described(session, targets[within(target).parent] if target.embedded else target)
            target = documented(target, info).target
            made[name] = Desk(
                target=target,
                info=info,
                session=session,
                id_types=layout.id,
                types={field: known.type for field, known in layout.fields.items()},
                returns=_types(info, target.returns),
                plugin=project.systems[target.system].plugin,
                ledger=project.systems[target.system].ledger == "table",
                lineage=state.lineage,
                key_types=layout.key,
                linked=partial(_linked, state, targets, layout),
                typed=partial(typed, staging),
                compare=staging.compare,
                lists={within(t).within: bool(t.id) for t in embedded(targets, name)},
            )
        yield made


def _linked(state: StateReader, targets: Mapping[str, Target], layout: Layout) -> set[tuple[object, ...]]:
    """The identifiers of rows that belong to a key of this target, or of another one of the same object."""
    found: set[tuple[object, ...]] = set()
    for name in (layout.target, *siblings(targets, targets[layout.target])):
        for batch in state.base(replace(layout, target=name, fields={})):
            found.update(zip(*(batch[ID(field)].to_pylist() for field in layout.id), strict=True))
    return found


def _described(session: Session, target: Target) -> ObjectInfo:
    try:
        found = session.objects([target.object])
    except SystemFailure as error:
        raise Failure(_not_there(target, f"cannot describe {target.object}: {error}")) from None
    if not found:
        raise Failure(_not_there(target, f"has no object {target.object} any more"))
    return found[0]


def _not_there(target: Target, what: str) -> Diagnostic:
    return Diagnostic(
        "E0540",
        f"{target.system} {what}",
        remedy="Nothing more was written. Mend it, then run `erpoa resume`.",
        at=target.at,
    )


def _types(info: ObjectInfo, fields: Sequence[str]) -> dict[str, Type]:
    described = {field.name: field.type for field in info.fields}
    return {name: type_ for name in fields if (type_ := described.get(name)) is not None}
