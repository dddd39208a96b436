"""The states a business document goes through, and the calls that move it from one to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from itertools import product
from typing import Any

from erpoa_cli.core.schema import identifier, literal

ABSENT = "absent"  # where a document is deleted to
TASK = "task"  # an undo that only a person can do
UNDO = "undo"  # the wanted state of a document that must no longer be


@dataclass(frozen=True, slots=True)
class Move:
    """One way from any of the states `start` to the state `to`: the calls, in their order, or an update that sets
    fields. With neither, which only leads to `absent`, the document is deleted like any other row."""

    start: tuple[str, ...]
    to: str
    calls: tuple[str, ...] = ()
    set: Mapping[str, Any] = default(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One call on the way of a document; `call` is empty where it is an update (`set`) or a delete. Only the last
    call of a move reaches `to`; before it, what is `between` the two states is the system's own affair. `first`: the
    document is in the state `start` when it is called."""

    call: str
    start: str
    to: str
    between: bool = False
    first: bool = True
    set: Mapping[str, Any] = default(default_factory=dict)


Way = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """What is done to a document in the state `start` of which `word` is wanted (a state, `undo`, None: leave it).

    `goal`: the state it is to reach, `absent` or `task`. `way`: the steps there; None: there is none. To write content
    on the way, `opening` comes before it and `closing` after it, ending in `goal`; `reopening` and `reclosing` end
    where it began. None: there is no such way."""

    start: str
    word: str | None
    goal: str
    way: Way | None
    opening: Way | None
    closing: Way | None
    reopening: Way | None
    reclosing: Way | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What a document of an object can be and become.

    `field`: the field that says the state; with `states` as predicates it is not read but computed, the first
    predicate (SQL over the object's fields) that holds gives the state. `states` maps each state to its predicate,
    empty where the state is the value of `field` itself. `undo`: state → the state to bring it to when it must no
    longer be, `absent` or `task`. `dead`: states of documents that are over; they match nothing. `editable`: states
    in which content can be written; empty: in all. `fulfils`: state → wanted states that a document there has gone
    through: the system takes it on by itself, so it is no longer in them. `columns`: the fields that the predicates
    read, once bound."""

    field: str
    states: Mapping[str, str]
    moves: tuple[Move, ...] = ()
    undo: Mapping[str, str] = default(default_factory=dict)
    dead: frozenset[str] = frozenset()
    editable: frozenset[str] = frozenset()
    fulfils: Mapping[str, tuple[str, ...]] = default(default_factory=dict)
    columns: tuple[str, ...] = ()

    @property
    def computed(self) -> bool:
        return any(self.states.values())

    @property
    def first(self) -> str:
        """The state of a document just made: the one that nothing but a creation leads to, else the last declared
        (predicates) or the first (values)."""
        names = list(self.states)
        return names[-1] if self.computed else names[0]

    @property
    def sets(self) -> tuple[str, ...]:
        """The fields that moves set."""
        return tuple(dict.fromkeys(name for move in self.moves for name in move.set))

    @property
    def updates(self) -> bool:
        """Whether documents are moved by updates and deletes of their rows, as in a database."""
        return any(not move.calls for move in self.moves)

    @property
    def sql(self) -> str:
        """The state of a document as SQL over the object's fields; NULL where no predicate holds."""
        if not self.computed:
            return identifier(self.field)
        cases = (f"WHEN ({predicate}\n) THEN {literal(state)}" for state, predicate in self.states.items())
        return f"CASE {' '.join(cases)} END"

    def reached(self, now: str, wanted: str) -> bool:
        """Whether a document in the state *now* is where it is *wanted*, or has gone on from there by itself."""
        return now == wanted or wanted in self.fulfils.get(now, ())

    def goes_on(self, state: str) -> bool:
        """Whether the system takes documents on from *state* by itself."""
        return any(state in earlier for earlier in self.fulfils.values())

    def path(self, start: str, to: str) -> Way | None:
        """The shortest way from *start* to *to*, of equally short ones that of the moves declared first; () when there
        is nothing to do, None when there is no way. Breadth first (Moore 1959). What is dead is not passed through."""
        came: dict[str, tuple[str, Move] | None] = {start: None}
        queue = deque([start])
        while queue and to not in came:
            state = queue.popleft()
            for move in self.moves if state == start or state not in self.dead else ():
                if state in move.start and move.to not in came:
                    came[move.to] = (state, move)
                    queue.append(move.to)
        if to not in came:
            return None
        way: list[Step] = []
        while (before := came[to]) is not None:
            state, move = before
            way[:0] = _steps(state, move)
            to = state
        return tuple(way)

    def goal(self, start: str, word: str | None) -> str:
        """What *word* means for a document in the state *start*: a state, `absent` or `task`. `undo` is followed until
        nothing more is to be undone, or only a person can go on."""
        if word is None:
            return start
        if word != UNDO:
            return start if self.reached(start, word) else word
        here, passed = start, {start}
        while here not in self.dead and here != ABSENT:
            there = self.undo.get(here, TASK)
            if there == TASK:
                return TASK if here == start else here
            if there in passed:
                break
            passed.add(there)
            here = there
        return here

    def course(self, start: str, word: str | None) -> Course:
        """What is done to a document in the state *start* of which *word* is wanted."""
        goal = self.goal(start, word)
        opening, closing = self._round(start, goal)
        reopening, reclosing = self._round(start, start)
        way = None if goal == TASK else self.path(start, goal)
        return Course(start, word, goal, way, opening, closing, reopening, reclosing)

    def courses(self) -> Iterator[Course]:
        """The course of every living state and word."""
        living = [state for state in self.states if state not in self.dead]
        for start, word in product(living, [*self.states, UNDO, None]):
            yield self.course(start, word)

    def _round(self, start: str, goal: str) -> tuple[Way | None, Way | None]:
        """The shortest way from *start* to a state in which content can be written, and on to *goal*."""
        found: tuple[Way, Way] | None = None
        for state in self.states:
            if self.editable and state not in self.editable:
                continue
            there, back = self.path(start, state), self.path(state, goal)
            if there is None or back is None:
                continue
            if found is None or (len(there) + len(back), len(there)) < (sum(map(len, found)), len(found[0])):
                found = (there, back)
        return found or (None, None)


def _steps(start: str, move: Move) -> Iterator[Step]:
    if not move.calls:
        yield Step("", start, move.to, set=move.set)
    last = len(move.calls) - 1
    for n, call in enumerate(move.calls):
        yield Step(call, start, move.to, between=n < last, first=n == 0)
