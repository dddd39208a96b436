"""What the diff finds about a row, and what a plan does about it: the two vocabularies."""

from __future__ import annotations

from enum import StrEnum


class Situation(StrEnum):
    """How desired, actual and base stand to each other (the table in `docs/engine.md`)."""

    ABSENT = "absent"
    FOUND = "found"
    AMBIGUOUS = "ambiguous"
    CONFIRMED = "confirmed"
    VANISHED = "vanished"
    SOURCE_GONE = "source_gone"
    BOTH_GONE = "both_gone"
    FOREIGN = "foreign"
    NOT_OBSERVED = "not_observed"


class Action(StrEnum):
    """What apply does to a row. The first five write; the others only change the state."""

    CREATE = "create"
    UPDATE = "update"
    MOVE = "move"
    DEACTIVATE = "deactivate"
    DELETE = "delete"
    ADOPT = "adopt"
    CONVERGE = "converge"
    ACCEPT = "accept"
    FORGET = "forget"

    @property
    def writes(self) -> bool:
        return self in WRITES


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.MOVE, Action.DEACTIVATE, Action.DELETE})


class Cause(StrEnum):
    DATA = "data"  # a source row changed
    PROJECT = "project"  # a file changed
    DRIFT = "drift"  # they changed it
    STATE = "state"  # what we remember changed (a retry, a forgotten row)


class Outcome(StrEnum):
    """What became of one change."""

    APPLIED = "applied"
    REJECTED = "rejected"  # their system refused it
    STALE = "stale"  # the row moved since the plan
    BLOCKED = "blocked"  # something it depends on was not applied
    IN_DOUBT = "in_doubt"  # the outcome is unknown and must be looked up
    WAITING = "waiting"  # a value it needs is not known yet: next plan
