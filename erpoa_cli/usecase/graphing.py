"""The nodes of a project, and what depends on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from erpoa_cli.core.graph import Graph, GraphNode
from erpoa_cli.usecase.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Listing:
    """Nodes, each after what it is made of; `orphaned`: those (KIND:NAME) that were applied, are no longer in the project,
    and were asked for."""

    nodes: tuple[GraphNode, ...]
    orphaned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Nodes, each after what it is made of; the `edges` between them lead from the id of what is used. `waves`: the order
    in which all targets of the project are written."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str], ...]
    waves: tuple[tuple[str, ...], ...]


def nodes(work: Workspace, *, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Listing:
    """The nodes of the project that a selection names; all when nothing narrows it."""
    graph = Graph(work.project)
    chosen = work.nodes(graph, select, exclude)
    orphaned = sorted(work.remembered()["state:orphaned"]) if "state:orphaned" in select else ()
    return Listing(tuple(graph.nodes[i] for i in graph.order() if i in chosen), tuple(orphaned))


def lineage(work: Workspace, *, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Lineage:
    """What the nodes that a selection names are made of, and wait for, among themselves."""
    graph = Graph(work.project)
    chosen = work.nodes(graph, select, exclude)
    order = [i for i in graph.order() if i in chosen]
    edges = tuple((parent, i) for i in order for parent in graph.parents[i] if parent in chosen)
    return Lineage(tuple(graph.nodes[i] for i in order), edges, graph.waves())
