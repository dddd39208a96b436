"""The states a business document goes through, and the calls that move it from one to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as default

ABSENT = "absent"  # where a document is deleted to
TASK = "task"  # an undo that only a person can do


@dataclass(frozen=True, slots=True)
class Move:
    """One way from any of the states `start` to the state `to`: the calls, in their order."""

    start: tuple[str, ...]
    to: str
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One call on the way of a document. Only the last call of a move reaches `to`; before it, what is `between`
    the two states is the system's own affair."""

    call: str
    start: str
    to: str
    between: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """What a document of an object can be and become.

    `field`: the field that says the state; with `states` as predicates it is not read but computed, the first
    predicate (SQL over the object's fields) that holds gives the state. `states` maps each state to its predicate,
    empty where the state is the value of `field` itself. `undo`: state → the state to bring it to when it must no
    longer be, `absent` or `task`. `dead`: states of documents that are over; they match nothing. `editable`: states
    in which content can be written; empty: in all."""

    field: str
    states: Mapping[str, str]
    moves: tuple[Move, ...] = ()
    undo: Mapping[str, str] = default(default_factory=dict)
    dead: frozenset[str] = frozenset()
    editable: frozenset[str] = frozenset()

    @property
    def computed(self) -> bool:
        return any(self.states.values())

    @property
    def first(self) -> str:
        """The state of a document just made: the one that nothing but a creation leads to, else the last declared
        (predicates) or the first (values)."""
        names = list(self.states)
        return names[-1] if self.computed else names[0]

    def path(self, start: str, to: str) -> tuple[Step, ...] | None:
        """The shortest way from *start* to *to*, of equally short ones that of the moves declared first; () when there
        is nothing to do, None when there is no way. Breadth first (Moore 1959)."""
        came: dict[str, tuple[str, Move] | None] = {start: None}
        queue = deque([start])
        while queue and to not in came:
            state = queue.popleft()
            for move in self.moves:
                if state in move.start and move.to not in came:
                    came[move.to] = (state, move)
                    queue.append(move.to)
        if to not in came:
            return None
        way: list[Step] = []
        while (before := came[to]) is not None:
            state, move = before
            last = len(move.calls) - 1
            steps = [Step(call, state, move.to, between=n < last) for n, call in enumerate(move.calls)]
            way[:0] = steps
            to = state
        return tuple(way)
