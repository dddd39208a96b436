"""What erpoa remembers of the rows that it manages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from erpoa_cli.core.address import Address
from erpoa_cli.core.columns import ID, KEY, Columns
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Layout, Sealer, StateReader


@dataclass(frozen=True, slots=True)
class RememberedTarget:
    """A target of which rows are remembered; `rows` are managed."""

    target: str
    system: str
    object: str
    rows: int


@dataclass(frozen=True, slots=True)
class StateSummary:
    """The state of an environment in numbers of rows. `lineage` is empty and `serial` 0 before the first apply;
    `bookmarks`: source → watermark up to which applied plans have read."""

    environment: str
    lineage: str
    serial: int
    targets: tuple[RememberedTarget, ...]
    rejected: int
    in_doubt: int
    open_tasks: int
    protected: int
    bookmarks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Link:
    """A row of ours (`key`) and their row (`id`), as canonical texts; `generation`: how often a row of that key was made."""

    key: Mapping[str, str | None]
    id: Mapping[str, str | None]
    generation: int


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a target in the order of their keys; `key` and `id` name the columns. Those that are `over` (undone,
    deleted or forgotten) have no id."""

    target: str
    key: tuple[str, ...]
    id: tuple[str, ...]
    live: tuple[Link, ...]
    over: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A document that only a person can bring where it should be; `run`: the one that told it first."""

    address: Address
    code: str
    reason: str
    since: datetime
    run: str


def summarise(work: Workspace) -> StateSummary:
    """How many rows are managed, rejected, in doubt, left to people and protected."""
    key = work.sealer
    with work.reading() as state:
        return StateSummary(
            environment=work.project.environment,
            lineage=state.lineage,
            serial=state.serial,
            targets=tuple(
                RememberedTarget(name, layout.system, layout.object, _managed(state, layout, key))
                for name, layout in state.targets().items()
            ),
            rejected=len(state.rejected()),
            in_doubt=len(state.in_doubt()),
            open_tasks=len(state.tasks()),
            protected=len(state.protected()),
            bookmarks=dict(state.bookmarks()),
        )


def _managed(state: StateReader, layout: Layout, key: Sealer | None) -> int:
    return sum(batch.num_rows for batch in state.base(layout, key))


def links(work: Workspace, target: str) -> Links:
    """Which row of ours is which row of theirs. `Failure` E0605 for a target that the state does not know."""
    with work.reading() as state:
        layout = known_target(state, target)
        rows = [row for batch in state.base(layout, work.sealer) for row in batch.to_pylist()]
        gone = state.generations(layout, work.sealer).to_pylist()
    live = [Link(_texts(row, KEY, layout.key), _texts(row, ID, layout.id), row["generation"]) for row in rows]
    live.sort(key=lambda link: [value or "" for value in link.key.values()])
    over = tuple(Link(_texts(row, KEY, layout.key), {}, row["generation"]) for row in gone)
    return Links(target, tuple(layout.key), tuple(layout.id), tuple(live), over)


def _texts(row: Mapping[str, Any], columns: Columns, types: Mapping[str, Any]) -> dict[str, str | None]:
    """The values of *row* in the columns of *types*, as canonical text."""
    from erpoa_cli.core.canonical import canonical

    return {name: canonical(row[columns(name)], type_) for name, type_ in types.items()}


def tasks(work: Workspace, target: str | None = None) -> list[OpenTask]:
    """What waits for a person, of *target* or of all, as the last applied plans told it. `Failure` E0605 for a target that
    the state does not know."""
    with work.reading() as state:
        if target is not None:
            known_target(state, target)
        found = state.tasks(target)
    return [
        OpenTask(address_of(task.target, task.key), task.code, task.reason, task.since, task.run)
        for task in found
    ]


def address_of(target: str, key: str) -> Address:
    """The address of the row of *target* with this *key* (JSON), as the state has it."""
    return Address.of(target, json.loads(key))


def known_target(state: StateReader, target: str) -> Layout:
    """The layout of a target of which rows are remembered; `Failure` E0605 when none are."""
    targets = state.targets()
    if target not in targets:
        remedy = did_you_mean(target, targets)
        raise Failure(Diagnostic("E0605", f"the state knows no target {target!r}", remedy=remedy))
    return targets[target]
