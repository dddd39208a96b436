"""What the state a document is in says about a call that moves it.

Only the last call of a move reaches a declared state; what lies between is the system's own affair, so less can be
told there. A lifecycle whose moves have one call each leaves nothing in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from erpoa_cli.core.lifecycle import ABSENT, Lifecycle

State = str | None
"""A declared state, another word where it is none of them, None where the document is gone."""


class Now(Enum):
    READY = "ready"  # it can be called (again): surely it was not
    DONE = "done"  # it is where the call leads
    DOUBTFUL = "doubtful"  # nobody can tell whether it was called
    ELSEWHERE = "elsewhere"  # somebody moved it


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a move from `start` (empty: an earlier call of the same move was made) to the state `to`, which only the
    `last` call of a move reaches."""

    lifecycle: Lifecycle
    start: str
    to: str
    last: bool

    def reached(self, now: State) -> bool:
        """Whether the document is where the call leads, or has gone on from there."""
        if now is None or self.to == ABSENT:
            return now is None and self.to == ABSENT
        return self.lifecycle.reached(now, self.to)

    def underway(self, now: State) -> bool:
        """Whether the document can still get there from where it is: by the moves, or from a state that is the system's
        own."""
        if now is None or now in self.lifecycle.dead:
            return False
        return now not in self.lifecycle.states or self.lifecycle.path(now, self.to) is not None


def before(called: Called, now: State) -> Now:
    """Of a call that was not made yet."""
    if called.start:
        return Now.READY if now == called.start else Now.ELSEWHERE
    if called.reached(now):
        return Now.DONE
    return Now.READY if called.underway(now) else Now.ELSEWHERE


def after(called: Called, now: State, *, repeatable: bool) -> Now:
    """Of a call that was sent and not answered. *repeatable*: the system sees that a call is the same as before."""
    if called.reached(now):
        return Now.DONE
    again = Now.READY if repeatable else Now.DOUBTFUL
    if called.start and now == called.start:
        return Now.READY if called.last else again
    if not called.underway(now):
        return Now.ELSEWHERE
    if called.last:
        return Now.ELSEWHERE if called.start else Now.READY
    return Now.DONE if called.start else again
