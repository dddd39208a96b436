"""Showing sensitive values: which ones a plan has, and the record of who saw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from erpoa_cli.core.address import Address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import Sensitivity
from erpoa_cli.usecase.authorship import author
from erpoa_cli.usecase.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SealedFields:
    """The `fields`, as (target, field), whose values the `plan` has sealed; `run`: the one that applied it, empty where a
    file was asked for."""

    plan: str
    run: str
    fields: Mapping[tuple[str, str], Sensitivity]


@dataclass(frozen=True, slots=True)
class Reveal:
    """What is to be shown of a plan: the `fields`, as (target, field), and why."""

    plan: str
    run: str
    fields: frozenset[tuple[str, str]]
    reason: str


def sealed_fields(work: Workspace, file: Path, run: str = "") -> SealedFields:
    """The sealed fields of the plan *file*, or of the plan that *run* applied."""
    from erpoa_cli.core.plan import ASIDE, Member
    from erpoa_cli.state import PlanFile

    if run:
        with work.reading() as state:
            plan = state.plan(run)
    else:
        plan = PlanFile.open(file)
    targets = sorted({target for member in (Member.CHANGES, *ASIDE) for target in plan.members(member)})
    fields = {
        (target, name): field.sensitivity
        for target in targets
        for name, field in plan.layout(target).fields.items()
        if field.sealed
    }
    return SealedFields(plan.header.id, run, fields)


def reveal(work: Workspace, sealed: SealedFields, names: Sequence[str], reason: str) -> Reveal:
    """The fields that *names* spell (`FIELD` or `TARGET.FIELD`), after checking that they may be shown. `Failure` E0620
    for a name that is no sensitive field and a class that is never shown, E0513 without the project's key."""
    from erpoa_cli.state import require_again

    known = sealed.fields
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
    return Reveal(sealed.plan, sealed.run, frozenset(found), reason)


def record_reveal(work: Workspace, shown: Reveal, addresses: Sequence[Address]) -> None:
    """Tell the audit trail who is about to see what; nothing may be shown when it cannot be told. *addresses*: the rows;
    none: all that the plan lists."""
    detail = {
        "fields": sorted(f"{target}.{name}" for target, name in shown.fields),
        "rows": [str(address) for address in addresses] or "all that the plan lists",
        "author": author(work.operator),
        "reason": shown.reason,
    }
    with work.writing() as state:
        state.record_audit("reveal", plan=shown.plan, run=shown.run, detail=detail)


def _refused(summary: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0620", summary, remedy=remedy))
