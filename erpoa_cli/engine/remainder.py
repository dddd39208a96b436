"""What a plan leaves undone when all that it changes is written."""

from __future__ import annotations

from erpoa_cli.core.conclusion import RunConclusion
from erpoa_cli.core.plan import Member
from erpoa_cli.state import PlanFile

_LEFT = (Member.HELD, Member.WITHHELD, Member.TASKS)


def remainder(plan: PlanFile) -> RunConclusion:
    """What a run amounts to that writes everything of *plan*; the first that holds. A row of a source that has no key, or
    that no target names, is held all the same."""
    if any(about.get("unproven") for about in plan.targets.values()):
        return RunConclusion.UNPROVEN
    if plan.members(Member.CONFLICTS):
        return RunConclusion.CONFLICTS
    held = any(read.held_of_ours for read in plan.reads)
    if held or any(plan.members(member) for member in _LEFT):
        return RunConclusion.PARTIAL
    return RunConclusion.SUCCEEDED
