"""An opened project: what every use case works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Failure

if TYPE_CHECKING:
    from erpoa_cli.core.graph import Graph, NodeId
    from erpoa_cli.core.operator import Operator
    from erpoa_cli.core.project import Project
    from erpoa_cli.engine.binding.bound import Bound
    from erpoa_cli.state import Sealer, StateReader, StateRecords, StateWriter


@dataclass(frozen=True)
class Workspace:
    """A project in one of its environments. *variables*: those that were given from outside; *command*: what is recorded
    of whoever changes the state."""

    project: Project
    variables: Mapping[str, str] = field(default_factory=dict)
    command: str = "python"

    @property
    def root(self) -> Path:
        return Path(self.project.root)

    @cached_property
    def bound(self) -> Bound:
        """The project bound to its connectors and to DuckDB: what reads or writes needs it. `Failure` with all findings."""
        from erpoa_cli.engine.check import check
        from erpoa_cli.project import remembering

        with remembering(self.root) as conforms:
            return check(self.project, conforms)

    @cached_property
    def sealer(self) -> Sealer | None:
        """What opens sealed values; None when the project has no key."""
        from erpoa_cli.state import load_sealer

        return load_sealer(self.root, self.project.key)

    @property
    def operator(self) -> Operator:
        """Who acts here: what locks, runs and edits of the state record, and what plans are signed by."""
        from erpoa_cli.state import current_operator

        return current_operator()

    @contextmanager
    def reading(self) -> Iterator[StateReader]:
        """The state, for reading."""
        from erpoa_cli.state import open_reader

        project = self.project
        state = open_reader(self.root, project.environment, project.state, project.name)
        try:
            yield state
        finally:
            state.close()

    @contextmanager
    def records(self) -> Iterator[StateRecords]:
        """The state without its rows and plans, for reading: runs, lock, audit trail."""
        from erpoa_cli.state import open_records

        project = self.project
        state = open_records(self.root, project.environment, project.state, project.name)
        try:
            yield state
        finally:
            state.close()

    @contextmanager
    def writing(self) -> Iterator[StateWriter]:
        """The state, locked for writing; `Failure` E0520 (LOCKED) while another holds the lock."""
        from erpoa_cli.state import open_writer

        project = self.project
        state = open_writer(
            self.root,
            project.environment,
            project.state,
            project.name,
            command=self.command,
            operator=self.operator,
        )
        try:
            yield state
        finally:
            state.close()

    # -- what a selection names --

    def nodes(self, graph: Graph, select: Sequence[str], exclude: Sequence[str]) -> frozenset[NodeId]:
        """The nodes that a selection names; the state is asked where it speaks of earlier runs."""
        words = [*select, *exclude]
        given = self.remembered() if any("state:" in word or "result:" in word for word in words) else {}
        return graph.select(select, exclude, given=given)

    def remembered(self) -> dict[str, frozenset[NodeId]]:
        """What the last applied plan and its runs know of nodes, by the words of the selection. Orphaned nodes are not
        in this project any more."""
        from erpoa_cli.core.definition import changed, definitions

        with self.reading() as state:
            before = state.definitions()
            rejected = frozenset(f"target:{row.target}" for row in state.rejected())
            doubts = frozenset(f"target:{row.target}" for row in state.in_doubt())
        other = changed(self.project, before)
        return {
            "state:new": other - before.keys(),
            "state:modified": other & before.keys(),
            "state:orphaned": frozenset(before) - definitions(self.project).keys(),
            "result:rejected": rejected,
            "result:in_doubt": doubts,
        }

    def targets(self, select: Sequence[str], exclude: Sequence[str]) -> frozenset[str] | None:
        """The targets that a selection names; None when nothing narrows it. `Failure` E0605 when it names none."""
        if not select and not exclude:
            return None
        names = self._named("target:", select, exclude)
        if not names:
            remedy = "`erpoa ls -s …` shows what it selects."
            raise Failure(Diagnostic("E0605", "the selection names no target", remedy=remedy))
        return names

    def sources(self, select: Sequence[str], exclude: Sequence[str]) -> frozenset[str]:
        """The sources that a selection names; all when nothing narrows it."""
        return self._named("source:", select, exclude)

    def _named(self, kind: str, select: Sequence[str], exclude: Sequence[str]) -> frozenset[str]:
        from erpoa_cli.core.graph import Graph

        chosen = self.nodes(Graph(self.project), expressions(select), expressions(exclude))
        return frozenset(name.removeprefix(kind) for name in chosen if name.startswith(kind))


def expressions(given: Sequence[str]) -> tuple[str, ...]:
    """The expressions of a selection; a text alone is one."""
    return (given,) if isinstance(given, str) else tuple(given)


def open_workspace(
    directory: Path | str = ".",
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    command: str = "python",
    getenv: Callable[[str], str | None] = os.getenv,
) -> Workspace:
    """The project in *directory*, or the nearest above where this process stands, every file judged. *environment*: of
    the project; None: its first. *getenv*: instead of this process's environment. `Failure` with all findings when one is an error."""
    from erpoa_cli.project import find_root, load

    given = dict(variables or {})
    root = find_root(Path(directory))
    return Workspace(load(root, environment, given, getenv=getenv), given, command)
