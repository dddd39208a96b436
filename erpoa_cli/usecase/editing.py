"""Edits of single rows of the state by hand: what one would do, and doing it.

edit = Rekey(row, renamed)
proposal = propose(work, edit)      # nothing is changed; whoever has to agree can be asked
carry_out(work, edit)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.usecase.remembering import address_of, known_target
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Layout, StateReader, StateWriter


@dataclass(frozen=True, slots=True)
class Forget:
    """The row stays in its system, and the next plan meets it as for the first time. A `row` without a key: every row of
    its target."""

    row: Address


@dataclass(frozen=True, slots=True)
class Protect:
    """The row must not be deleted; it need not be managed yet."""

    row: Address
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unprotect:
    """A protected row may be deleted again."""

    row: Address


@dataclass(frozen=True, slots=True)
class Rekey:
    """The row has another key from now on, so that a renamed code is not a delete and a create. `Failure` E0606 when `new`
    is of another target, or spelled by other columns."""

    row: Address
    new: Address

    def __post_init__(self) -> None:
        columns, others = ({name for name, _ in row.key} for row in (self.row, self.new))
        if self.new.target != self.row.target or others != columns:
            raise _no_row(
                f"{self.new} is no other name of {self.row}: a row of another target, or by other columns"
            )


@dataclass(frozen=True, slots=True)
class Adopt:
    """The row is their row with this own `id` (field → text as people write it), where recognition cannot tell."""

    row: Address
    id: Mapping[str, str]


Edit = Forget | Protect | Unprotect | Rekey | Adopt


@dataclass(frozen=True, slots=True)
class Proposal:
    """What an edit would do: it concerns so many managed `rows`."""

    edit: Edit
    rows: int


def propose(work: Workspace, edit: Edit) -> Proposal:
    """What *edit* would do. `Failure` E0605 for an unknown target, E0606 for an address that cannot be one of its rows, E0618
    where a link is in the way, E0601 for an id that does not fit."""
    row = edit.row
    with work.reading() as state:
        _judge_address(known_target(state, row.target), row)
        _refuse_linked(state, work, edit)
        rows = state.managed(row.target, _key(row) if row.key else None, work.sealer)
    return Proposal(edit, rows)


def refuse_absent(proposal: Proposal) -> None:
    """`Failure` E0605 where the row of an edit is not managed, and would have to be."""
    if not proposal.rows and not isinstance(proposal.edit, Adopt):
        raise _absent(proposal.edit.row)


def carry_out(work: Workspace, edit: Edit) -> None:
    """Make *edit*, under the lock. `Failure` as `propose`, and E0605 where there was nothing to edit."""
    with work.writing() as store:
        _refuse_linked(store, work, edit)
        changed = _made(store, work, edit)
    if not changed:
        raise _absent(edit.row)


def _made(store: StateWriter, work: Workspace, edit: Edit) -> bool:
    """Whether *edit* found its row."""
    target, key = edit.row.target, _key(edit.row)
    match edit:
        case Forget():
            return store.forget(target, key if edit.row.key else None, work.sealer) > 0
        case Protect():
            store.protect(target, key, edit.reason)
            return True
        case Unprotect():
            return store.unprotect(target, key)
        case Rekey():
            return store.rekey(target, key, _key(edit.new), work.sealer)
        case Adopt():
            layout = known_target(store, target)
            store.adopt(layout, key, _id(layout, edit), work.sealer)
            return True


def _refuse_linked(state: StateReader, work: Workspace, edit: Edit) -> None:
    """`Failure` E0618 where *edit* would give a row of ours or of theirs a second link."""
    match edit:
        case Rekey():
            _refuse_taken(state, work, edit)
        case Adopt():
            _refuse_adopted(state, work, edit)
        case _:
            pass


def _refuse_taken(state: StateReader, work: Workspace, edit: Rekey) -> None:
    row, new = edit.row, edit.new
    _judge_address(known_target(state, row.target), new)
    if _key(new) != _key(row) and state.managed(row.target, _key(new), work.sealer):
        raise _linked(
            f"{new} is linked to a row of its own",
            f"Give that one a key that is free first: `erpoa state rekey {new} {row.target}/…`. If the two rows exchanged "
            f"their keys, {row} gets the key {new} then, and that one {row}.",
        )


def _refuse_adopted(state: StateReader, work: Workspace, edit: Adopt) -> None:
    row = edit.row
    others = state.linked(row.target, _id(known_target(state, row.target), edit), work.sealer)
    if other := next((key for key in others if json.loads(key) != dict(row.key)), None):
        address = address_of(row.target, other)
        told = ", ".join(f"{name} {value}" for name, value in edit.id.items())
        raise _linked(
            f"their row with {told} is linked to {address} already",
            f"Is that link wrong, `erpoa state forget {address}` gives it up; did the row get another key, "
            f"`erpoa state rekey {address} {row}` says so.",
        )


def _id(layout: Layout, edit: Adopt) -> dict[str, str]:
    """The id that *edit* spells, as canonical text; `Failure` E0601 when it spells none."""
    from erpoa_cli.state.texts import one_text

    target, values = edit.row.target, edit.id
    if set(values) != set(layout.id):
        raise _no_id(
            f"a row of {target} is told by {', '.join(layout.id) or 'no id'}, not by {', '.join(values)}"
        )
    found = {}
    for name, type_ in layout.id.items():
        try:
            found[name] = one_text(values[name], type_)
        except ValueError:
            raise _no_id(
                f"--id {name}: {values[name]!r} is no {type_}, which {name} of {target} is",
                f"`erpoa state links {target}` shows how ids look.",
            ) from None
    return found


def _judge_address(layout: Layout, row: Address) -> None:
    """`Failure` E0606 where *row* is named by other columns than those of its target's key, or by what none of them can be."""
    from erpoa_cli.state.texts import one_text

    remedy = f"`erpoa state links {row.target}` lists them."
    if row.key and {name for name, _ in row.key} != set(layout.key):
        raise _no_row(
            f"{row} does not name a row: the key of {row.target} is {', '.join(layout.key)}", remedy
        )
    for name, text in row.key:
        try:
            spelt = one_text(text, layout.key[name])
        except ValueError:
            raise _no_row(
                f"{row} does not name a row: {text!r} is no {layout.key[name]}, which {name} of {row.target} is",
                remedy,
            ) from None
        if spelt != text:
            raise _no_row(f"{row} does not name a row: {name} is written {spelt}, not {text}", remedy)


def _key(row: Address) -> str:
    key: Mapping[str, str] = dict(row.key)
    return key_text(key)


def _no_row(words: str, remedy: str = "") -> Failure:
    return Failure(Diagnostic("E0606", words, remedy=remedy))


def _no_id(words: str, remedy: str = "") -> Failure:
    return Failure(Diagnostic("E0601", words, remedy=remedy))


def _linked(words: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0618", words, remedy=remedy))


def _absent(row: Address) -> Failure:
    name = str(row).rstrip("/")  # a whole target has no key
    words, remedy = f"the state has no row {name}", f"`erpoa state links {row.target}` lists them."
    return Failure(Diagnostic("E0605", words, remedy=remedy))
