"""What kind of failure ends a command: a closed vocabulary that every door maps to its own (an exit code, a status,
retry or stop)."""

from __future__ import annotations

from enum import StrEnum


class FailureKind(StrEnum):
    """Ordered: of several failures the one that stands first is the one to act on first."""

    FAILED = "failed"  # the program, a connector or a declaration is wrong in a way that no check foresaw
    DAMAGED = "damaged"  # what erpoa keeps is missing, damaged or altered
    DENIED = "denied"  # a system, the state's server or the file system refuses us
    UNAVAILABLE = "unavailable"  # a system or the state's server does not answer, or is busy
    INTERRUPTED = "interrupted"  # by the keyboard or a signal
    INVALID = "invalid"  # the project, an argument, a plan file or what is kept does not fit what was asked
    LOCKED = "locked"  # another run holds the lock, or took it
    STALE = "stale"  # what a plan rests on moved on: plan again
    BLOCKED = "blocked"  # a guard, a rule or a policy forbids it
    IN_DOUBT = "in_doubt"  # a run did not finish: resume it first

    @property
    def may_be_retried(self) -> bool:
        """Whether the same command may succeed later without anybody having changed anything."""
        return self in {FailureKind.UNAVAILABLE, FailureKind.LOCKED}
