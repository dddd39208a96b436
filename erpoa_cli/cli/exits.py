"""Exit codes: what the command line makes of a kind of failure, and of what a plan or a run amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from erpoa_cli.core.failure_kind import FailureKind


class Exit(IntEnum):
    """Exit codes of the program; see `docs/cli.md`."""

    SUCCESS = 0
    FAILURE = 1
    CHANGES = 2
    INVALID = 3
    BLOCKED = 4
    PARTIAL = 5
    STALE = 6
    LOCKED = 7
    IN_DOUBT = 8
    CONFLICTS = 9
    INTERRUPTED = 130  # by Ctrl-C
    TERMINATED = 143  # by SIGTERM


OF_FAILURE: Mapping[FailureKind, Exit] = {
    FailureKind.FAILED: Exit.FAILURE,
    FailureKind.DAMAGED: Exit.FAILURE,
    FailureKind.DENIED: Exit.FAILURE,
    FailureKind.UNAVAILABLE: Exit.FAILURE,
    FailureKind.INTERRUPTED: Exit.INTERRUPTED,
    FailureKind.INVALID: Exit.INVALID,
    FailureKind.LOCKED: Exit.LOCKED,
    FailureKind.STALE: Exit.STALE,
    FailureKind.BLOCKED: Exit.BLOCKED,
    FailureKind.IN_DOUBT: Exit.IN_DOUBT,
}
OF_PLAN: Mapping[PlanConclusion, Exit] = {  # CHANGES are a success without --detailed-exitcode
    PlanConclusion.UNCHANGED: Exit.SUCCESS,
    PlanConclusion.CHANGES: Exit.CHANGES,
    PlanConclusion.BLOCKED: Exit.BLOCKED,
}
OF_RUN: Mapping[RunConclusion, Exit] = {
    RunConclusion.IN_DOUBT: Exit.IN_DOUBT,
    RunConclusion.FAILED: Exit.FAILURE,
    RunConclusion.INTERRUPTED: Exit.INTERRUPTED,
    RunConclusion.UNPROVEN: Exit.BLOCKED,
    RunConclusion.CONFLICTS: Exit.CONFLICTS,
    RunConclusion.PARTIAL: Exit.PARTIAL,
    RunConclusion.SUCCEEDED: Exit.SUCCESS,
}
