"""What the diff finds about a row, and what a plan does about it: the two vocabularies."""

from __future__ import annotations

from enum import StrEnum

from erpoa_cli.core.schema import literal


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

    @property
    def sql(self) -> str:
        """The action as the column `action` of a diff has it."""
        return literal(self.value)


WRITES = (Action.CREATE, Action.UPDATE, Action.MOVE, Action.DEACTIVATE, Action.DELETE)
MEMORY = (Action.ADOPT, Action.CONVERGE, Action.ACCEPT, Action.FORGET)  # only the state follows
REMOVALS = (Action.DEACTIVATE, Action.DELETE)
CONTENT = (
    Action.CREATE,
    Action.UPDATE,
)  # write what the source wants; deferred values follow in a second step
EDITS = (Action.UPDATE, Action.DEACTIVATE)  # write some fields of a row that is there
LINES = (Action.CREATE, Action.UPDATE, Action.DELETE)  # what is done to lines


def does(*actions: Action, of: str = "") -> str:
    """SQL: whether the action of a row (of the alias *of*) is one of *actions*; NULL where a row has none."""
    column = f"{of}.action" if of else "action"
    match actions:
        case (one,):
            return f"{column} = {one.sql}"
        case _:
            return f"{column} IN ({', '.join(action.sql for action in actions)})"


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
