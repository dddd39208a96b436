"""What a plan and a run amount to: closed vocabularies that every door maps to its own."""

from __future__ import annotations

from enum import StrEnum


class PlanConclusion(StrEnum):
    UNCHANGED = "unchanged"  # nothing differs
    CHANGES = "changes"  # something would be done, drifted, is in conflict, is held or withheld, or waits for a person
    BLOCKED = "blocked"  # a guard, a rule, a removal that is not proven, or an error while planning


class RunConclusion(StrEnum):
    """The first that holds."""

    IN_DOUBT = "in_doubt"  # the outcome of an operation is unknown: resume
    FAILED = "failed"  # a system or the program failed: resume
    INTERRUPTED = "interrupted"  # stopped before its end: resume
    UNPROVEN = "unproven"  # a removal was wanted and is not proven; the rest was done
    CONFLICTS = "conflicts"  # conflicts are left
    PARTIAL = "partial"  # rows were held, withheld, rejected, stale or blocked, or wait
    SUCCEEDED = "succeeded"
