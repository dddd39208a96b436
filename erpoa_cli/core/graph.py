"""What depends on what: order, circles, waves of targets, and the selection grammar.

Nodes are `kind:name` (source, seed, transform, target, test), edges those of `core.dependency`. A transform depends on what its
source() and ref() calls name, a target on its `from`, and on the targets that `ref`, `result`, `depends_on` and lines name.
actual() is no dependency: it reads what a system holds now. A deferred ref does not order targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

from erpoa_cli.core.dependency import inputs, links, reach
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project
from erpoa_cli.core.relation import NOUNS

NodeId = str


@dataclass(frozen=True, slots=True)
class GraphNode:
    """What selection may ask of a node."""

    id: NodeId
    kind: str
    name: str
    file: str
    systems: tuple[str, ...] = ()
    owner: str = ""
    tags: tuple[str, ...] = ()


class Graph:
    """The nodes of a project and what each depends on. `parents` and `children` are direct, in file order."""

    def __init__(self, project: Project) -> None:
        self.nodes: dict[NodeId, GraphNode] = {node.id: node for node in _nodes(project)}
        self._relation = {n.name: n.id for n in self.nodes.values() if n.kind in NOUNS}
        self.parents: dict[NodeId, tuple[NodeId, ...]] = dict.fromkeys(self.nodes, ())
        self._ordering: dict[NodeId, tuple[NodeId, ...]] = {}
        for transform in project.transforms.values():
            made_of = inputs(project, transform.name)
            self.parents[f"transform:{transform.name}"] = self._known(self._relation.get(n) for n in made_of)
        for test in project.tests.values():
            self.parents[f"test:{test.name}"] = self._known(self._relation.get(n) for n in test.inputs)
        for target in project.targets.values():
            here = f"target:{target.name}"
            fed = self._known([self._relation.get(target.from_)])
            needed = list(links(target, project.targets))
            now = self._known(f"target:{link.target}" for link in needed if not link.deferred)
            later = self._known(f"target:{link.target}" for link in needed)
            self.parents[here] = tuple(dict.fromkeys([*fed, *(i for i in later if i != here)]))
            self._ordering[here] = (*fed, *now)
        for i, parents in self.parents.items():
            self._ordering.setdefault(i, parents)
        self.children: dict[NodeId, tuple[NodeId, ...]] = _reversed(self.parents)

    def _known(self, ids: Iterable[NodeId | None]) -> tuple[NodeId, ...]:
        return tuple(dict.fromkeys(i for i in ids if i is not None and i in self.nodes))

    @cached_property
    def cycles(self) -> tuple[tuple[NodeId, ...], ...]:
        """The circles that make an order impossible, each as the nodes along it; a target that refers to
        itself (a tree) is none. Of circles that share a node one is named."""
        return tuple(_circles({i: self._before(i) for i in self.nodes}))

    def _before(self, node: NodeId) -> tuple[NodeId, ...]:
        itself = self.nodes[node].kind == "target"
        return tuple(i for i in self._ordering[node] if not (itself and i == node))

    def order(self) -> tuple[NodeId, ...]:
        """Every node after all it depends on, otherwise in file order; nodes of a circle come last."""
        done: dict[NodeId, None] = {}
        waiting = list(self.nodes)
        while waiting:
            ready = [i for i in waiting if all(b in done for b in self._before(i))]
            if not ready:
                break
            done.update(dict.fromkeys(ready))
            waiting = [i for i in waiting if i not in done]
        return (*done, *waiting)

    def waves(self) -> tuple[tuple[str, ...], ...]:
        """Names of targets: each wave needs only the waves before it."""
        level: dict[NodeId, int] = {}
        for i in self.order():
            if self.nodes[i].kind == "target":
                before = [level[b] for b in self._before(i) if b in level]
                level[i] = 1 + max(before, default=-1)
        count = max(level.values(), default=-1) + 1
        return tuple(tuple(self.nodes[i].name for i, at in level.items() if at == n) for n in range(count))

    def upstream(self, ids: Iterable[NodeId], steps: int | None = None) -> frozenset[NodeId]:
        """*ids* and what they depend on, as far as *steps* edges (None: all the way)."""
        return reach(ids, self.parents.__getitem__, steps)

    def downstream(self, ids: Iterable[NodeId], steps: int | None = None) -> frozenset[NodeId]:
        """*ids* and what depends on them, as far as *steps* edges (None: all the way)."""
        return reach(ids, self.children.__getitem__, steps)

    def select(
        self,
        expression: str | Iterable[str] = "",
        exclude: str | Iterable[str] = "",
        *,
        given: Mapping[str, Iterable[NodeId]] | None = None,
    ) -> frozenset[NodeId]:
        """The nodes that *expression* names (empty: all) without those that *exclude* names.

        Space is union, comma intersection; `+name`, `name+`, `2+name`, globs; the methods tag: path: system:
        kind: owner: and, by the sets in *given*, state: and result: (keys like `state:modified`).
        Raises `Failure` (INVALID) for what cannot be read and for names that are none.
        """
        every = frozenset(self.nodes)
        chosen = self._union(expression, given or {}) if _words(expression) else every
        return chosen - self._union(exclude, given or {})

    def _union(
        self, expression: str | Iterable[str], given: Mapping[str, Iterable[NodeId]]
    ) -> frozenset[NodeId]:
        found: frozenset[NodeId] = frozenset()
        for word in _words(expression):
            parts = [self._term(term, given) for term in word.split(",")]
            found |= frozenset.intersection(*parts)
        return found

    def _term(self, term: str, given: Mapping[str, Iterable[NodeId]]) -> frozenset[NodeId]:
        read = _TERM.fullmatch(term)
        if read is None or not read["what"]:
            raise _unreadable(
                term, "Write NAME, +NAME, NAME+, 2+NAME, tag:X, path:X, system:X, kind:X or owner:X."
            )
        found = self._plain(read["what"], given)
        with_parents, with_children = frozenset[NodeId](), frozenset[NodeId]()
        if read["up"] is not None:
            with_parents = self.upstream(found, _steps(read["up"]))
        if read["down"] is not None:
            with_children = self.downstream(found, _steps(read["down"]))
        return found | with_parents | with_children

    def _plain(self, what: str, given: Mapping[str, Iterable[NodeId]]) -> frozenset[NodeId]:
        method, colon, value = what.partition(":")
        if not colon:
            return self._named(what, self.nodes.values(), what)
        match method:
            case "tag":
                return self._where(lambda n: any(fnmatchcase(t, value) for t in n.tags))
            case "system":
                return self._where(lambda n: any(fnmatchcase(s, value) for s in n.systems))
            case "owner":
                return self._where(lambda n: fnmatchcase(n.owner, value))
            case "path":
                folder = value.removeprefix("./").rstrip("/")
                return self._where(
                    lambda n: (
                        n.file == folder or n.file.startswith(f"{folder}/") or fnmatchcase(n.file, folder)
                    )
                )
            case "kind" if value in KINDS:
                return self._where(lambda n: n.kind == value)
            case "kind":
                raise _unreadable(what, did_you_mean(value, KINDS))
            case "state" | "result":
                return self._supplied(what, given)
            case _ if method in KINDS:
                return self._named(value, [n for n in self.nodes.values() if n.kind == method], what)
            case _:
                raise _unreadable(what, did_you_mean(f"{method}:", [f"{m}:" for m in METHODS]))

    def _supplied(self, what: str, given: Mapping[str, Iterable[NodeId]]) -> frozenset[NodeId]:
        if what not in given:
            known = sorted(given)
            raise _unreadable(
                what, did_you_mean(what, known) if known else "This command does not know of earlier runs."
            )
        return frozenset(i for i in given[what] if i in self.nodes)

    def _where(self, holds: object) -> frozenset[NodeId]:
        assert callable(holds)
        return frozenset(i for i, node in self.nodes.items() if holds(node))

    def _named(self, pattern: str, nodes: Iterable[GraphNode], what: str) -> frozenset[NodeId]:
        among = list(nodes)
        found = frozenset(n.id for n in among if n.name == pattern) or frozenset(
            n.id for n in among if fnmatchcase(n.name, pattern)
        )
        if not found and not _GLOB.search(pattern):
            raise Failure(
                Diagnostic(
                    "E0151",
                    f"the selection `{what}` names nothing in this project",
                    remedy=did_you_mean(pattern, dict.fromkeys(n.name for n in among)),
                ),
            )
        return found


KINDS = (*NOUNS, "target", "test")
METHODS = ("tag", "path", "system", "kind", "owner", "state", "result", *KINDS)
_TERM = re.compile(r"(?P<up>\d*\+)?(?P<what>.*?)(?P<down>\+\d*)?")
_GLOB = re.compile(r"[*?\[]")


def _steps(plus: str) -> int | None:
    digits = plus.strip("+")
    return int(digits) if digits else None


def _words(expression: str | Iterable[str]) -> list[str]:
    texts = [expression] if isinstance(expression, str) else list(expression)
    return [word for text in texts for word in re.sub(r"\s*,\s*", ",", text).split()]


def _unreadable(what: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0150", f"the selection `{what}` cannot be read", remedy=remedy))


def _nodes(project: Project) -> Iterator[GraphNode]:
    for s in project.sources.values():
        yield GraphNode(f"source:{s.name}", "source", s.name, s.at.file, (s.system,), s.owner, s.tags)
    for seed in project.seeds.values():
        yield GraphNode(f"seed:{seed.name}", "seed", seed.name, seed.file, (), project.owner)
    for t in project.transforms.values():
        yield GraphNode(f"transform:{t.name}", "transform", t.name, t.file, (), t.owner, t.tags)
    for target in project.targets.values():
        name = target.name
        yield GraphNode(
            f"target:{name}", "target", name, target.at.file, (target.system,), target.owner, target.tags
        )
    for test in project.tests.values():
        yield GraphNode(f"test:{test.name}", "test", test.name, test.file)


def _reversed(edges: Mapping[NodeId, tuple[NodeId, ...]]) -> dict[NodeId, tuple[NodeId, ...]]:
    found: dict[NodeId, list[NodeId]] = {i: [] for i in edges}
    for i, others in edges.items():
        for other in others:
            found[other].append(i)
    return {i: tuple(others) for i, others in found.items()}


def _circles(edges: Mapping[NodeId, tuple[NodeId, ...]]) -> Iterator[tuple[NodeId, ...]]:
    """Circles in *edges*, found by depth-first walks, each from what is needed to what needs it and from the node
    that comes first in the files; a node is in one of them at most."""
    done: set[NodeId] = set()
    place = {node: n for n, node in enumerate(edges)}
    for start in edges:
        path: list[NodeId] = []
        ahead: list[Iterator[NodeId]] = []
        if start not in done:
            path, ahead = [start], [iter(edges[start])]
        while ahead:
            following = next(ahead[-1], None)
            if following is None:
                done.add(path.pop())
                ahead.pop()
            elif following in path:
                circle = path[path.index(following) :][::-1]
                first = min(range(len(circle)), key=lambda n: place[circle[n]])
                yield (*circle[first:], *circle[:first])
                done.update(path)
                break
            elif following not in done:
                path.append(following)
                ahead.append(iter(edges[following]))
