"""The desks of a run: for every target it writes, its declaration, its object and an open session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import Type
from erpoa_cli.core.target import Target, embedded
from erpoa_cli.engine.binding.columns import siblings
from erpoa_cli.engine.binding.documents import documented
from erpoa_cli.engine.binding.lines import within
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.load import typed
from erpoa_cli.engine.staging import Staging
from erpoa_cli.engine.writing.write import Desk
from erpoa_cli.sdk.connector import ObjectInfo, Session, Writable
from erpoa_cli.state import Layout, PlanFile, StateReader


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
    names = plan.members("changes")
    missing = [name for name in names if name not in targets]
    if missing:
        raise Failure(
            *(
                Diagnostic("E0531", f"target {n} is no longer in the project", remedy="Plan again.")
                for n in missing
            ),
            exit=Exit.STALE,
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
            found.update(zip(*(batch[f"id_{field}"].to_pylist() for field in layout.id), strict=True))
    return found


def _described(session: Session, target: Target) -> ObjectInfo:
    found = session.objects([target.object])
    if not found:
        raise Failure(
            Diagnostic(
                "E0540",
                f"{target.system} has no object {target.object} any more",
                remedy="Nothing was written to it. Check the system, then plan again.",
                at=target.at,
            )
        )
    return found[0]


def _types(info: ObjectInfo, fields: Sequence[str]) -> dict[str, Type]:
    described = {field.name: field.type for field in info.fields}
    return {name: type_ for name in fields if (type_ := described.get(name)) is not None}
