"""Operations whose outcome is unknown, and what a person found out about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.situation import Action
from erpoa_cli.usecase.remembering import address_of
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Doubt, StateReader


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A row whose last operation has an unknown outcome. `unsettled`: only a person can settle it; else `resume` looks."""

    address: Address
    action: Action
    run: str
    since: datetime
    reason: str
    unsettled: bool


def doubts(work: Workspace) -> list[InDoubt]:
    """Every row that is withheld from plans because nobody knows what became of its last operation."""
    with work.reading() as state:
        unsettled = {(doubt.target, doubt.key) for doubt in state.unsettled()}
        found = state.in_doubt()
    return [
        InDoubt(
            address_of(doubt.target, doubt.key),
            doubt.action,
            doubt.run,
            doubt.since,
            doubt.reason,
            (doubt.target, doubt.key) in unsettled,
        )
        for doubt in found
    ]


def resolve(work: Workspace, row: Address, *, applied: bool, reason: str, id: Mapping[str, str]) -> None:
    """Record what became of the operation on *row*: it is remembered like any other, or planned again. *id* (field → text):
    of the row of theirs that a create made. `Failure` E0612 where *row* is not in doubt or the *id* does not fit."""
    with work.writing() as store:
        doubt = _unsettled(store, row)
        layout = store.plan(doubt.run).layout(doubt.target)
        _judge_id(id, tuple(layout.id) if applied and doubt.action is Action.CREATE else ())
        try:
            store.resolve(doubt, applied=applied, id=id, reason=reason, sealer=work.sealer)
        except ValueError as error:
            raise _refused(f"--id does not fit: {error}") from None


def _judge_id(id: Mapping[str, str], needed: Sequence[str]) -> None:
    """`Failure` where *id* does not name the row that was created by the columns *needed*, or there is none to name."""
    if set(id) == set(needed):
        return
    if needed:
        wanted = " ".join(f"--id {name}=VALUE" for name in needed)
        raise _refused(
            f"the row that was created must be named: {wanted}",
            "Its own id is what their system shows for it.",
        )
    raise _refused("no --id belongs to this", "Leave it out.")


def _unsettled(state: StateReader, row: Address) -> Doubt:
    key: Mapping[str, str] = dict(row.key)
    for doubt in state.unsettled(row.target):
        if doubt.key == key_text(key):
            return doubt
    if any(doubt.key == key_text(key) for doubt in state.in_doubt(row.target)):
        raise _refused(f"the run of {row} is not finished", "`erpoa resume` looks it up first.")
    raise _refused(f"{row} is not in doubt", "`erpoa resolve` without an address lists what is.")


def _refused(words: str, remedy: str = "") -> Failure:
    return Failure(Diagnostic("E0612", words, remedy=remedy))
