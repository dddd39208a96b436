"""What depends on what, edge by edge: the one place that knows. `core.graph` makes nodes of it to select from.

A relation depends on what it is selected from, and on what its tests look into. A target depends on the relation that feeds
it, and on the targets whose rows its own rows need.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TypeVar

from erpoa_cli.core.project import Project, Source
from erpoa_cli.core.relation import declared, names
from erpoa_cli.core.target import Reference, Result, Target, embedded

Node = TypeVar("Node", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Link:
    """A target whose rows must exist first; `deferred`: only before a second step."""

    target: str
    deferred: bool = False


def inputs(project: Project, relation: str) -> tuple[str, ...]:
    """The relations that *relation* is selected from."""
    model = project.transforms.get(relation)
    return model.inputs if model else ()


def prerequisites(project: Project, relation: str) -> tuple[str, ...]:
    """The relations that *relation* is selected from or tested against."""
    tested = declared(project, relation)
    tests = () if isinstance(tested, Source) else tested.tests
    return (*inputs(project, relation), *(test.to[0] for test in tests if test.to))


def build_order(project: Project) -> tuple[str, ...]:
    """Every relation after its prerequisites, otherwise as declared; CycleError when there is no such order."""
    before = {name: prerequisites(project, name) for name in names(project)}
    return tuple(TopologicalSorter(before).static_order())


def references(target: Target) -> Iterator[Link]:
    """The targets that fields of *target* take identifiers or results of, itself perhaps."""
    for field in target.fields:
        match field.value:
            case Reference(target=name, defer=defer):
                yield Link(name, defer)
            case Result(target=name):
                yield Link(name)
            case _:
                pass


def points(target: Target) -> Iterator[Link]:
    """The targets that *target* itself names."""
    yield from (Link(name) for name in target.depends_on)
    yield from references(target)
    if target.lines:
        yield Link(target.lines.parent)


def links(target: Target, targets: Mapping[str, Target]) -> Iterator[Link]:
    """The targets whose rows those of *target*, one of *targets*, need: a document is written with the lines inside it, so
    also what these need."""
    yield from points(target)
    for lines in embedded(targets, target.name):
        yield from (link for link in links(lines, targets) if link.target != target.name)


def closure(targets: Mapping[str, Target], chosen: Iterable[str]) -> tuple[str, ...]:
    """*chosen* and every target that they need or hold lines of, in an order in which each stands after those it needs;
    deferred references and trees do not count for the order."""

    def needed(name: str) -> Iterator[str]:
        yield from (link.target for link in points(targets[name]))
        yield from (lines.name for lines in embedded(targets, name))

    found = reach(chosen, needed)
    order: list[str] = []
    open_: set[str] = set()

    def visit(name: str) -> None:
        if name in order or name in open_:
            return
        open_.add(name)
        for link in links(targets[name], targets):
            if not link.deferred:
                visit(link.target)
        order.append(name)

    for name in targets:
        if name in found:
            visit(name)
    return tuple(order)


def referring(targets: Mapping[str, Target], name: str) -> frozenset[str]:
    """The targets that name *name*, other than itself."""
    return frozenset(
        other
        for other, target in targets.items()
        if other != name and any(link.target == name for link in points(target))
    )


def reach(
    nodes: Iterable[Node], following: Callable[[Node], Iterable[Node]], steps: int | None = None
) -> frozenset[Node]:
    """*nodes* and what follows upon them, as far as *steps* edges (None: all the way)."""
    found = set(nodes)
    edge = set(found)
    while edge and steps != 0:
        edge = {other for node in edge for other in following(node)} - found
        found |= edge
        steps = None if steps is None else steps - 1
    return frozenset(found)
