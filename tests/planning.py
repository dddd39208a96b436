"""Plans and applies for tests and reads what a plan says: the one module that knows how a plan is made.

A project is files in a directory or a value (`bound`); its state lies in its directory, as commands keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.plan import Member
from erpoa_cli.core.project import Project
from erpoa_cli.engine.apply import apply as walk_plan
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.check import check
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.plan import PlanOptions, PlanResult, make_plan
from erpoa_cli.engine.resume import give_up as end
from erpoa_cli.engine.resume import resume as walk_on
from erpoa_cli.engine.rollback import changed_targets, rollback
from erpoa_cli.engine.writing.walk import ApplyOptions, RunResult
from erpoa_cli.project import conforms, load
from erpoa_cli.state import Part, PlanFile, load_sealer, open_reader, open_writer

__all__ = [
    "NOW",
    "Bound",
    "PlanResult",
    "RunResult",
    "apply",
    "base",
    "bound",
    "give_up",
    "plan",
    "resume",
    "roll_back",
    "rows",
    "told",
]

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)
AUTHOR = "a@b.example"
MEMBERS = tuple(Member)
Getenv = Callable[[str], str | None]


def bound(project: Project | Path, getenv: Getenv = lambda _: None) -> Bound:
    """The project, or the one whose files are in a directory, checked as every command checks it."""
    return check(load(project, getenv=getenv) if isinstance(project, Path) else project, conforms)


def plan(bound: Bound, *waivers: Waiver, listener: Listener = ignore, **options: Any) -> PlanResult:
    """A plan made of the systems and the state as they are; *options* are those of `erpoa plan`."""
    asked = PlanOptions(**{"as_of": NOW, "author": AUTHOR, "waivers": waivers, **options})
    project = bound.project
    with Connections(project) as connections, open_reader(_root(bound), project.environment) as state:
        return make_plan(bound, connections, state, asked, listener)


def apply(
    bound: Bound,
    plan: PlanResult,
    *,
    verify: bool = True,
    targets: tuple[str, ...] | None = None,
    first: int | None = None,
) -> RunResult:
    """*targets*, *first*: a part of it (see `Part`)."""
    options = ApplyOptions(verify=verify, part=Part(targets, first))
    project = bound.project
    with Connections(project) as connections, open_writer(_root(bound), project.environment) as store:
        return walk_plan(PlanFile.open(plan.path), bound, connections, store, options)


def resume(bound: Bound) -> RunResult:
    """The end of the run that did not finish."""
    project = bound.project
    with Connections(project) as connections, open_writer(_root(bound), project.environment) as store:
        return walk_on(None, bound, connections, store, ApplyOptions())


def give_up(bound: Bound) -> RunResult:
    """End the run that did not finish as it is."""
    with open_writer(_root(bound), bound.project.environment) as store:
        return end(None, store, load_sealer(_root(bound), bound.project.key))


def roll_back(bound: Bound, run: str, *waivers: Waiver) -> PlanResult:
    """A plan that takes *run* back."""
    project = bound.project
    with Connections(project) as connections, open_reader(_root(bound), project.environment) as state:
        targets = changed_targets(run, bound, state)
        asked = PlanOptions(as_of=NOW, author=AUTHOR, targets=targets, waivers=waivers)
        return rollback(run, bound, connections, state, asked)


def base(bound: Bound, target: str) -> list[dict[str, Any]]:
    """What the state remembers of every row of *target*: what was agreed, what was seen, and the link."""
    with open_reader(_root(bound), bound.project.environment) as state:
        layout = state.targets().get(target)
        return state.base(layout).read_all().to_pylist() if layout else []


def rows(result: PlanResult, member: str, target: str) -> list[dict[str, Any]]:
    """What *member* of a plan (`changes`, `held`, …) says of the rows of *target*; nothing when it has none."""
    file = PlanFile.open(result.path)
    return file.table(member, target).to_pylist() if target in file.members(member) else []


def told(result: PlanResult) -> Iterator[tuple[str, str, tuple[Any, ...], dict[str, Any]]]:
    """Everything a plan says of rows: member, target, key and the row itself."""
    file = PlanFile.open(result.path)
    for member in MEMBERS:
        for target in file.members(member):
            names = [f"k_{name}" for name in file.layout(target).key]
            for row in file.table(member, target).to_pylist():
                yield member, target, tuple(row[name] for name in names), row


def _root(bound: Bound) -> Path:
    return Path(bound.project.root)
