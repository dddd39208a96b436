"""`show --reveal`: sensitive values, for a terminal or a private file only, and never without a record of it."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from erpoa_cli.cli.ending import file_of
from erpoa_cli.cli.options import Options
from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import Sensitivity

if TYPE_CHECKING:
    from erpoa_cli.state import PlanFile
    from erpoa_cli.usecase import Workspace


@dataclass(frozen=True, slots=True)
class Reveal:
    """What is asked to be told of a plan: the `fields`, as (target, field), and why. No fields: nothing."""

    plan: str
    fields: frozenset[tuple[str, str]]
    reason: str

    def record(self, work: Workspace, run: str, addresses: Sequence[Address]) -> None:
        """Tell the audit trail who saw what; before anything is shown, and nothing is when it cannot be told."""
        if not self.fields:
            return
        from erpoa_cli.usecase import author

        detail = {
            "fields": sorted(f"{target}.{name}" for target, name in self.fields),
            "rows": [str(address) for address in addresses] or "all that the plan lists",
            "author": author(),
            "reason": self.reason,
        }
        with work.writing() as state:
            state.record_audit("reveal", plan=self.plan, run=run, detail=detail)


NOTHING = Reveal("", frozenset(), "")


def revealing(options: Options, work: Workspace, plan: PlanFile, names: Sequence[str], reason: str) -> Reveal:
    """The fields of *plan* that *names* spell (`FIELD` or `TARGET.FIELD`), after checking that they may be shown.

    Failure (exit INVALID) for a name that is no sensitive field, a class that is never shown, a missing reason and
    an output that others could read, or without the project's key."""
    from erpoa_cli.core.plan import ASIDE, Member
    from erpoa_cli.state import require_again

    if not reason.strip():
        raise _refused("showing sensitive values needs a reason", 'Add --reason "why"; it is recorded.')
    _private(options)
    known = {
        (target, name): field.sensitivity
        for target in sorted({t for member in (Member.CHANGES, *ASIDE) for t in plan.members(member)})
        for name, field in plan.layout(target).fields.items()
        if field.sealed
    }
    if known:
        require_again(work.sealer)
    found: set[tuple[str, str]] = set()
    for text in names:
        fields = {(t, n) for t, n in known if text in {n, f"{t}.{n}"}}
        if not fields:
            near = did_you_mean(text, [name for t, n in known for name in (n, f"{t}.{n}")])
            raise _refused(
                f"the plan has no sensitive field {text!r}", near or "Every other value is shown anyway."
            )
        found |= fields
    secret = sorted(f"{t}.{n}" for t, n in found if known[t, n] is Sensitivity.SECRET)
    if secret:
        raise _refused(f"{', '.join(secret)}: class `secret`", "Values of this class are never shown.")
    return Reveal(plan.header.id, frozenset(found), reason.strip())


def _private(options: Options) -> None:
    """Refuse an output that is neither a terminal nor a file of the user alone: a pipe often ends in a log."""
    path = file_of(options)
    if path is None:
        if not sys.stdout.isatty():
            raise _refused(
                "sensitive values are shown on a terminal only", "Or write them to a private file: -o FILE."
            )
        return
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # it will be made, mode 0600
    if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refused(f"others can read {path}", f"chmod 600 {path}, or name a file that does not exist.")


def _refused(summary: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0620", summary, remedy=remedy), exit=Exit.INVALID)
