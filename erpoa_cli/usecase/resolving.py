"""Operations whose outcome is unknown, and what a person found out about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
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


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a person found out about the row in doubt `row`: whether its operation was `applied`, the `reason` how one knows, and
    the `id` (field → text) of the row of theirs that a create made. `at`: where it stands, in a file."""

    row: Address
    applied: bool
    reason: str
    id: Mapping[str, str] = field(default_factory=dict)
    at: Location | None = None


def resolve(work: Workspace, row: Address, *, applied: bool, reason: str, id: Mapping[str, str]) -> None:
    """Record what became of the operation on *row*: it is remembered like any other, or planned again. *id* (field → text):
    of the row of theirs that a create made. `Failure` E0612 where *row* is not in doubt or the *id* does not fit."""
    settle(work, [Settlement(row, applied, reason, id)])


def settle(work: Workspace, settlements: Sequence[Settlement]) -> int:
    """Record *settlements*, all of them or none where one does not fit (`Failure` with all that is wrong); how many."""
    with work.writing() as store:
        doubts = {(doubt.target, doubt.key): doubt for doubt in store.unsettled()}
        waiting = {(doubt.target, doubt.key) for doubt in store.in_doubt()} - doubts.keys()
        layouts = store.targets()
        settlements = [
            replace(each, row=each.row.ordered(layouts[each.row.target].key))
            if each.row.target in layouts
            else each
            for each in settlements
        ]
        wrong = [d for s in settlements for d in _wrong(store, doubts, waiting, s)]
        wrong = wrong or [*_linked_twice(work, store, doubts, settlements)]
        rows = [_place(settlement.row) for settlement in settlements]
        often = Counter(rows)
        for settlement, place in zip(settlements, rows, strict=True):
            if often[place] > 1:
                wrong.append(
                    _refused(f"{settlement.row} stands there twice", "Leave one out.", settlement.at)
                )
        if wrong:
            raise Failure(*wrong)
        for each, place in zip(settlements, rows, strict=True):
            store.resolve(
                doubts[place], applied=each.applied, id=each.id, reason=each.reason, sealer=work.sealer
            )
    return len(settlements)


def _linked_twice(
    work: Workspace,
    state: StateReader,
    doubts: Mapping[tuple[str, str], Doubt],
    settlements: Sequence[Settlement],
) -> Iterator[Diagnostic]:
    """Ids of rows that are linked to others, or that two are said to have made."""
    from erpoa_cli.state.texts import one_text

    made: dict[tuple[str, tuple[str, ...]], list[Settlement]] = {}
    for each in settlements:
        if each.id:
            types = state.plan(doubts[_place(each.row)].run).layout(each.row.target).id
            given = tuple(one_text(each.id[name], type_) for name, type_ in types.items())
            made.setdefault((each.row.target, given), []).append(each)
    for target in dict.fromkeys(target for target, _ in made):
        linked = state.linked(target, {given for name, given in made if name == target}, work.sealer)
        for (name, given), said in made.items():
            if name == target and (given in linked or len(said) > 1):
                other = address_of(target, linked[given]) if given in linked else said[0].row
                for each in said if given in linked else said[1:]:
                    words = (
                        f"the row {', '.join(given)} that {each.row} is said to have made is that of {other}"
                    )
                    yield _refused(words, "Look again which row it made.", each.at)


def _place(row: Address) -> tuple[str, str]:
    key: Mapping[str, str] = dict(row.key)
    return row.target, key_text(key)


def _wrong(
    state: StateReader,
    doubts: Mapping[tuple[str, str], Doubt],
    waiting: Collection[tuple[str, str]],
    settlement: Settlement,
) -> Iterator[Diagnostic]:
    """Why *settlement* cannot be recorded."""
    from erpoa_cli.state.texts import one_text

    row, at = settlement.row, settlement.at
    if not settlement.reason:
        yield _refused(f"how you know what became of {row} must be said", "Give a --reason.", at)
    if _place(row) in waiting:
        yield _refused(f"the run of {row} is not finished", "`erpoa resume` looks it up first.", at)
        return
    doubt = doubts.get(_place(row))
    if doubt is None:
        yield _refused(f"{row} is not in doubt", "`erpoa resolve` without an address lists what is.", at)
        return
    types = state.plan(doubt.run).layout(doubt.target).id
    needed = types if settlement.applied and doubt.action is Action.CREATE else {}
    if set(settlement.id) != set(needed):
        wanted = " ".join(f"--id {name}=VALUE" for name in needed)
        if needed:
            yield _refused(
                f"the row that was created for {row} must be named: {wanted}",
                "Its own id is what their system shows for it.",
                at,
            )
        else:
            yield _refused(f"no --id belongs to {row}", "Leave it out.", at)
        return
    for name, type_ in needed.items():
        try:
            one_text(settlement.id[name], type_)
        except ValueError as error:
            yield _refused(f"--id does not fit: {error}", "", at)


def _refused(words: str, remedy: str, at: Location | None) -> Diagnostic:
    return Diagnostic("E0612", words, remedy=remedy, at=at)
