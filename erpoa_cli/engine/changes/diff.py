"""Runs the diff of all targets of a plan over what is staged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from erpoa_cli.core.dependency import references
from erpoa_cli.core.precedence import circles, depths
from erpoa_cli.core.reconcile import desired as build
from erpoa_cli.core.reconcile import documents, embedded, order, waits
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.recognise import identities, recognise
from erpoa_cli.core.reconcile.rows import (
    candidate_count,
    candidates,
    foreign_count,
    judged,
    touched_candidates,
)
from erpoa_cli.core.reconcile.shape import Shape, table, work
from erpoa_cli.core.target import OnLineProblem, Reference, Result
from erpoa_cli.engine.staging import ROOM

Execute = Callable[[str], object]
Scalar = Callable[[str], object]
_CIRCLE = pa.schema(
    [("ordinal", pa.int64()), ("first", pa.int64()), ("what", pa.utf8()), ("code", pa.utf8())]
)
_DEPTH = pa.schema([("ordinal", pa.int64()), ("depth", pa.int64())])
CHUNK = 1 << 18  # candidates judged at once: wide rows stand uncompressed only so many at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One target to compare: its columns, what feeds it, what its reads prove."""

    shape: Shape
    feed: build.Feed
    evidence: Evidence

    @property
    def name(self) -> str:
        return self.shape.name


class Differ:
    """Compares targets in the order given: a target stands after those its references point to, except
    deferred ones. Needs `actual."T"`, `base."T"` (as `remembered`), `diff."T/gone"` (keys that died, with their
    generation) and the relations they are fed from; leaves `desired."T"` and `diff."T"`.

    *recall* fills `base."T/rows"` with the base rows that `candidate_base` tells; *compact* compresses relations that
    take more than so many bytes."""

    def __init__(
        self,
        tasks: Sequence[Task],
        execute: Execute,
        scalar: Scalar,
        *,
        rows: Callable[[str], pa.Table],
        make: Callable[[str, str, pa.Table], object],
        recall: Callable[[Shape], None],
        compact: Callable[[int], object],
    ) -> None:
        self._tasks = {task.name: task for task in tasks}
        self._execute = execute
        self._scalar = scalar
        self._rows = rows
        self._make = make
        self._recall = recall
        self._compact = compact
        self._behind: dict[
            str, Mapping[int, int]
        ] = {}  # target → ordinal → rows before it, one behind the other

    def run(self) -> None:
        """All steps at once, with nothing done between them."""
        self.compare()
        self.arrange()

    def compare(self) -> None:
        """Fill `desired."T"` and `diff."T"`; what the diff wants is not yet ordered."""
        self.recognise()
        self.propagate()
        judged_rows = {}
        for name, task in self._tasks.items():
            self._all(candidates(task.shape, task.evidence))
            self._recall(task.shape)
            count = judged_rows[name] = self._count(candidate_count(task.shape))
            for first in range(0, max(count, 1), CHUNK):
                if count > CHUNK:  # wide rows take more than all relations together
                    self._compact(0)
                self._execute(judged(task.shape, task.evidence, first, first + CHUNK))
        for name, task in self._tasks.items():
            if lines := self._lines(name):
                self._touch(task, lines, judged_rows[name])

    def _lines(self, document: str) -> list[Shape]:
        """The targets whose lines live inside the rows of *document*."""
        return [self._tasks[name].shape for name in self._tasks[document].shape.lists]

    def _touch(self, task: Task, lines: Sequence[Shape], count: int) -> None:
        """Documents of which a line is written are written: those of which nothing else is, too."""
        shape, first = task.shape, max(count, 1)
        for each in lines if task.evidence.unread else ():
            self._execute(embedded.hold_unread(shape, each))
        self._execute(embedded.touched(shape, lines))
        self._execute(touched_candidates(shape, task.evidence, first))
        if more := self._count(candidate_count(shape)):
            self._recall(shape)
            self._execute(judged(shape, task.evidence, first, first + more, every=True))
        for each in lines:
            self._all(embedded.carry(shape, each))

    def compose(self) -> None:
        """Bring documents in step with what is left of their lines: the list that each shall hold."""
        for name, task in self._tasks.items():
            for lines in self._lines(name):
                self._all(embedded.settle(task.shape, lines))
                self._execute(embedded.compose(task.shape, lines))

    def recognise(self) -> None:
        """Desired rows with their references resolved, and which row of theirs each one is."""
        others = {
            name: build.Other(shape=task.shape, complete=not task.evidence.actual)
            for name, task in self._tasks.items()
        }
        pointed = self._pointed()
        for name, task in self._tasks.items():
            self._execute(build.desired(task.shape, task.feed, others, late=not task.shape.late))
            self._release(name)
            self._compact(ROOM)
            self._all(recognise(task.shape))
            if name in pointed:
                self._execute(identities(task.shape, actual_complete=not task.evidence.actual))
        for task in self._tasks.values():
            if task.shape.late:
                self._execute(build.desired(task.shape, task.feed, others, late=True))

    def _release(self, name: str) -> None:
        """Give up the relation that feeds the target *name*, whose rows stand in `desired."T"`, unless another needs it."""
        tasks = list(self._tasks.values())
        done = [task.name for task in tasks].index(name) + 1
        fed = [task.feed for n, task in enumerate(tasks) if n >= done or task.shape.late]
        feed = self._tasks[name].feed
        if (feed.schema, feed.name) not in {(other.schema, other.name) for other in fed}:
            self._execute(f"DROP TABLE IF EXISTS {table(feed.schema, feed.name)}")

    def propagate(self) -> None:
        """What is wrong with a line holds its document, and the other way round."""
        lines = [t for t in self._tasks.values() if t.shape.target.lines is not None]
        for task in reversed(lines):
            spec = task.shape.target.lines
            assert spec is not None
            parent = self._tasks[spec.parent].shape
            document = spec.on_problem is OnLineProblem.HOLD_DOCUMENT
            self._all(order.hold_lines(task.shape, parent, document=document))

    def arrange(self) -> None:
        """Hold what waits for rows that are not written, split off second steps, number the waves."""
        self.settle()
        shapes = [task.shape for task in self._tasks.values()]
        for shape in shapes:
            if (lines := shape.target.lines) and not lines.within:
                self._all(documents.follow_lines(self._tasks[lines.parent].shape, shape))
        for shape in shapes:
            self._all(order.second_steps(shape))
        wave = 1 + max((self._number(documents.most_steps(s, "before")) for s in shapes), default=0)
        opened = wave - 1
        apart = [shape for shape in shapes if not shape.target.embedded]
        moved: set[str] = set()
        for shape in apart:
            for name in (
                self._shown(shape) - moved
            ):  # numbers are given on the way: what shows them comes after it
                wave = self._move(self._tasks[name].shape, wave, opened)
                moved.add(name)
            if self._scalar(order.any_written(shape)):
                self._execute(order.number_writes(shape, wave))
                wave += 1 + self._put_behind(shape)
        later = [self._scalar(order.number_second_steps(shape, wave)) for shape in apart]
        wave += any(later)
        for shape in apart:
            if shape.name not in moved:
                wave = self._move(shape, wave, opened)
        wave = self._release_references(apart, wave)
        for shape in reversed(apart):
            self._execute(order.removal_depths(shape))
            highest = self._scalar(order.highest(shape))
            if isinstance(highest, int):
                self._execute(order.number_removals(shape, wave))
                wave += highest + 1
            wave = self._undo(shape, wave)
        for shape in apart:
            for each in self._lines(shape.name):
                self._execute(embedded.with_document(shape, each))
        self.compose()

    def _release_references(self, apart: Sequence[Shape], wave: int) -> int:
        """Rows that empty references which would be in the way of deletes; the wave after."""
        given = False
        for n, shape in enumerate(apart):
            statements = list(order.released(shape, {other.name: other for other in apart[n:]}, wave))
            self._all(statements)
            given = given or bool(statements and self._scalar(order.any_released(shape, wave)))
        return wave + given

    def _shown(self, shape: Shape) -> frozenset[str]:
        """Targets of documents of which *shape* shows a result, and whose content is written at once: one that is written
        in second steps is moved after those."""
        shown = {field.value.target for field in shape.fields if isinstance(field.value, Result)}
        others = (self._tasks[name].shape for name in shown)
        return frozenset(one.name for one in others if one.lifecycle and not one.late)

    def _move(self, shape: Shape, wave: int, opened: int) -> int:
        """Rows for the steps of documents: those before *opened* is over, and those from *wave* on; the wave after."""
        if self._number(documents.most_steps(shape, "before")):
            self._all(documents.opened(shape, opened))
        most = self._number(documents.most_steps(shape, "after"))
        if most:
            self._all(documents.closed(shape, wave, undoing=False))
        return wave + most

    def _undo(self, shape: Shape, wave: int) -> int:
        """Rows for the steps of documents that are undone, the last things done; the wave after."""
        most = self._number(documents.most_steps(shape, "after", undoing=True))
        if most:
            self._all(documents.closed(shape, wave, undoing=True))
        self._all(documents.settle_rows(shape))
        return wave + most

    def _number(self, query: str) -> int:
        found = self._scalar(query)
        return found if isinstance(found, int) else 0

    def settle(self) -> None:
        """Repeat until nothing changes: what is held here may be awaited there."""
        shapes = [task.shape for task in self._tasks.values()]
        changed = True
        while changed:
            changed = False
            for shape in shapes:
                self._execute(order.creating(shape))
            for shape in shapes:
                for statement in (*order.settle_pending(shape), *self._waits(shape)):
                    changed = bool(self._scalar(statement)) or changed
                for lines in self._lines(shape.name):
                    for statement in embedded.settle(shape, lines):
                        changed = bool(self._scalar(statement)) or changed
        for shape in shapes:
            self._execute(order.waiting_rows(shape))

    def _waits(self, shape: Shape) -> Iterator[str]:
        """Learn which rows are written behind which; the statement that holds those that wait for each other in a circle."""
        query = waits.waits(shape)
        found = self._rows(query).to_pylist() if query else []
        self._behind[shape.name] = _depths(found)
        if held := list(_circles(found)):
            self._make("diff", f"{shape.name}/circle", pa.Table.from_pylist(held, _CIRCLE))
            yield waits.hold_circles(shape)

    def _put_behind(self, shape: Shape) -> int:
        """Give rows that wait for others of *shape* later waves; how many are added."""
        depth = self._behind[shape.name]
        if depth:
            columns = [list(depth), list(depth.values())]
            self._make("diff", f"{shape.name}/depth", pa.table(columns, _DEPTH))
            self._execute(order.number_waiting(shape))
        return max(depth.values(), default=0)

    def foreign(self, name: str) -> int:
        return self._count(foreign_count(self._tasks[name].shape))

    def _count(self, query: str) -> int:
        count = self._scalar(query)
        assert isinstance(count, int)
        return count

    def referenced(self, name: str) -> int:
        """How many rows that this plan deletes from *name* are still referred to by rows that stay."""
        total = 0
        for task in self._tasks.values():
            for field in task.shape.fields:
                if isinstance(field.value, Reference) and field.value.target == name:
                    count = self._scalar(order.referenced(task.shape, self._tasks[name].shape, field))
                    assert isinstance(count, int)
                    total += count
        return total

    def clean(self) -> None:
        """Drop what was only needed on the way."""
        parts = [
            "again",
            "unread",
            "link",
            "match",
            "ids",
            "twin",
            "proof",
            "near",
            "creating",
            "circle",
            "depth",
            "height",
            "split",
            "freed",
            "gone",
            "courses",
            "dead",
            "touched",
            "opposite",
        ]
        for name in self._tasks:
            for part in parts:
                self._execute(f"DROP TABLE IF EXISTS {work(name, part)}")

    def _pointed(self) -> frozenset[str]:
        return frozenset(
            link.target for task in self._tasks.values() for link in references(task.shape.target)
        )

    def _all(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self._execute(statement)


def _circles(found: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Of what `waits` found, one edge per row of a circle and per row that waits for a value of such a row, with the code that
    says which of it. Trees are looked at one by one: a row may be above another in one and below it in the next."""
    names = dict.fromkeys(e["what"] for e in found if e["tree"])
    trees = [[e for e in found if e["tree"] and e["what"] == name] for name in names]
    held: dict[int, Mapping[str, Any]] = {}
    for edges in (*trees, [e for e in found if not e["soft"]]):
        rows = circles((e["ordinal"], e["first"]) for e in edges)
        within = [e for e in edges if e["ordinal"] in rows and e["first"] in rows]
        code = "E0411" if all(e["tree"] for e in within) else "E0439"
        for edge in within:
            held.setdefault(edge["ordinal"], {**edge, "code": code})
    followers: dict[int, list[Mapping[str, Any]]] = {}
    for edge in found:
        if not edge["tree"]:
            followers.setdefault(edge["first"], []).append(edge)
    reached = list(held)
    for row in reached:
        for edge in followers.get(row, ()):
            if edge["ordinal"] not in held:
                held[edge["ordinal"]] = {**edge, "code": "E0440"}
                reached.append(edge["ordinal"])
    for edge in held.values():
        yield {name: edge[name] for name in _CIRCLE.names}


def _depths(found: Sequence[Mapping[str, Any]]) -> Mapping[int, int]:
    """Of what `waits` found, how many rows are written before each. Where what systems may not mind leads round, only the
    rest counts."""
    every = depths((e["ordinal"], e["first"]) for e in found)
    if len(every) == len({n for e in found for n in (e["ordinal"], e["first"])}):
        return every
    return depths((e["ordinal"], e["first"]) for e in found if not e["soft"])
