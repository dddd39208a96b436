"""Edits of rows of the state by hand: what they would do, and doing it.

edit = Rekey(row, renamed)
proposal = propose(work, edit)      # nothing is changed; whoever has to agree can be asked
carry_out(work, edit)

Several are edits of one kind, made all or none. `at`: where each stands, in a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.usecase.remembering import address_of, known_target
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Layout, StateReader, StateWriter


@dataclass(frozen=True, slots=True)
class Forget:
    """The row stays in its system, and the next plan meets it as for the first time. A `row` without a key: every row of
    its target."""

    row: Address
    at: Location | None = None


@dataclass(frozen=True, slots=True)
class Protect:
    """The row must not be deleted; it need not be managed yet."""

    row: Address
    reason: str = ""
    at: Location | None = None


@dataclass(frozen=True, slots=True)
class Unprotect:
    """A protected row may be deleted again."""

    row: Address
    at: Location | None = None


@dataclass(frozen=True, slots=True)
class Rekey:
    """The row has another key from now on, so that a renamed code is not a delete and a create. `Failure` E0606 when `new`
    is of another target, or spelled by other columns."""

    row: Address
    new: Address
    at: Location | None = None

    def __post_init__(self) -> None:
        columns, others = ({name for name, _ in row.key} for row in (self.row, self.new))
        if self.new.target != self.row.target or others != columns:
            said = f"{self.new} is no other name of {self.row}: a row of another target, or by other columns"
            raise Failure(Diagnostic("E0606", said, at=self.at))


@dataclass(frozen=True, slots=True)
class Adopt:
    """The row is their row with this own `id` (field → text as people write it), where recognition cannot tell."""

    row: Address
    id: Mapping[str, str]
    at: Location | None = None


Edit = Forget | Protect | Unprotect | Rekey | Adopt


@dataclass(frozen=True, slots=True)
class Proposal:
    """What edits would do: they concern so many managed `rows`."""

    edits: tuple[Edit, ...]
    rows: int


def propose(work: Workspace, *edits: Edit) -> Proposal:
    """What *edits* would do. `Failure` with all that is wrong: E0605 for an unknown target, or a row that is not managed and
    would have to be, E0606 for an address that cannot be one of its rows, or that occurs twice, E0618 where a link is in the
    way, E0601 for an id that does not fit."""
    with work.reading() as state:
        return Proposal(
            edits, sum(_judged(state, work, target, of_it) for target, of_it in _targets(state, edits))
        )


def carry_out(work: Workspace, *edits: Edit) -> int:
    """Make *edits*, under the lock, all or none of a target; how many rows were edited. `Failure` as `propose`."""
    from erpoa_cli.engine.apply import refuse_unfinished

    with work.writing() as store:
        if any(isinstance(edit, Forget | Rekey | Adopt) for edit in edits):
            refuse_unfinished(store)  # resuming it would take the edit back
        found = _targets(store, edits)
        for target, of_it in found:
            _judged(store, work, target, of_it)
        return sum(_made(store, work, target, of_it) for target, of_it in found)


def _targets(state: StateReader, edits: Sequence[Edit]) -> list[tuple[str, list[Edit]]]:
    """*edits* by their targets, every address by the columns of its key in their order."""
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        columns = known_target(state, edit.row.target).key
        ordered = replace(edit, row=edit.row.ordered(columns))
        if isinstance(ordered, Rekey):
            ordered = replace(ordered, new=ordered.new.ordered(columns))
        found.setdefault(edit.row.target, []).append(ordered)
    return list(found.items())


def _judged(state: StateReader, work: Workspace, target: str, edits: Sequence[Edit]) -> int:
    """How many managed rows of *target* its *edits* concern; `Failure` with all that is wrong with them."""
    layout = known_target(state, target)
    wrong = [d for edit in edits for d in _misspelt(layout, edit)]
    for key, twice in _grouped(edits).items():
        wrong += [
            _no_row(f"{edit.row} stands there twice", "Leave one out.", edit.at) for edit in twice[1:] if key
        ]
    if wrong:
        raise Failure(*wrong)
    if whole := [edit for edit in edits if not edit.row.key]:
        rows = state.managed(target, work.sealer)
        wrong += [_absent(edit) for edit in whole if not rows]
    else:
        managed = state.known(target, [key for edit in edits for key in _keys(edit)], work.sealer)
        rows = sum(_key(edit.row) in managed for edit in edits)
        needed = [edit for edit in edits if isinstance(edit, Forget | Rekey)]
        wrong += [_absent(edit) for edit in needed if _key(edit.row) not in managed]
        wrong += _taken(managed, [edit for edit in edits if isinstance(edit, Rekey)])
        wrong += _adopted(state, work, layout, [edit for edit in edits if isinstance(edit, Adopt)])
        wrong += _doubtful(
            state, target, [edit for edit in edits if not isinstance(edit, Protect | Unprotect)]
        )
        wrong += _unprotected(state, target, [edit for edit in edits if isinstance(edit, Unprotect)])
    if wrong:
        raise Failure(*wrong)
    return rows


def _grouped(edits: Sequence[Edit]) -> dict[str, list[Edit]]:
    found: dict[str, list[Edit]] = {}
    for edit in edits:
        found.setdefault(_key(edit.row) if edit.row.key else "", []).append(edit)
    return found


def _keys(edit: Edit) -> list[str]:
    return [_key(edit.row), _key(edit.new)] if isinstance(edit, Rekey) else [_key(edit.row)]


def _made(store: StateWriter, work: Workspace, target: str, edits: Sequence[Edit]) -> int:
    """Make *edits* of one target; how many rows were edited."""
    match edits[0]:
        case Forget():
            keys = [_key(edit.row) for edit in edits if edit.row.key]
            return store.forget(target, keys if len(keys) == len(edits) else None, work.sealer)
        case Protect():
            store.protect(target, {_key(e.row): e.reason for e in edits if isinstance(e, Protect)})
            return len(edits)
        case Unprotect():
            return sum(store.unprotect(target, _key(edit.row)) for edit in edits)
        case Rekey():
            ordered = _in_order([edit for edit in edits if isinstance(edit, Rekey)])
            return store.rekey(target, {_key(e.row): _key(e.new) for e in ordered}, work.sealer)
        case Adopt():
            layout = known_target(store, target)
            adopted = [edit for edit in edits if isinstance(edit, Adopt)]
            ids = {_key(e.row): dict(zip(layout.id, _id(layout, e), strict=True)) for e in adopted}
            store.adopt(layout, ids, work.sealer)
            return len(edits)


def _in_order(edits: Sequence[Rekey]) -> list[Rekey]:
    """Those first whose new key is free; what is left leads round in a circle."""
    waiting = {_key(edit.row): edit for edit in edits}
    wanted = {_key(edit.new): _key(edit.row) for edit in edits}
    ordered: list[Rekey] = []
    for key in [key for key, edit in waiting.items() if _key(edit.new) not in waiting]:
        free: str | None = key
        while free in waiting:
            ordered.append(waiting.pop(free))
            free = wanted.get(free)
    return [*ordered, *waiting.values()]


def _taken(managed: Collection[str], edits: Sequence[Rekey]) -> Iterator[Diagnostic]:
    """What is wrong with new keys: that another row has them and does not give them up before."""
    given_up = {_key(edit.row) for edit in edits}
    gets: dict[str, Rekey] = {}
    done: set[str] = set()
    for edit in _in_order(edits):
        row, new = edit.row, edit.new
        if other := gets.get(_key(new)):
            yield _linked(
                f"{new} is the new key of {other.row} and of {row}", "One row has one key.", edit.at
            )
        elif _key(new) == _key(row):
            pass
        elif _key(new) in managed and not (_key(new) in given_up and _key(new) in done):
            yield _linked(
                f"{new} is linked to a row of its own",
                f"Give that one a key that is free first: `erpoa state rekey {new} {row.target}/…`. If the two rows exchanged "
                f"their keys, {row} gets the key {new} then, and that one {row}.",
                edit.at,
            )
        gets[_key(new)] = edit
        done.add(_key(row))


def _adopted(
    state: StateReader, work: Workspace, layout: Layout, edits: Sequence[Adopt]
) -> Iterator[Diagnostic]:
    """What is wrong with ids: that their rows are linked to others."""
    ids = [_id(layout, edit) for edit in edits]
    owners = {given: _key(edit.row) for given, edit in zip(ids, edits, strict=True)}  # who asks for it last
    owners |= state.linked(layout.target, owners.keys(), work.sealer)
    for given, edit in zip(ids, edits, strict=True):
        row, other = edit.row, owners[given]
        if other != _key(row):
            address = address_of(row.target, other)
            told = ", ".join(f"{name} {value}" for name, value in edit.id.items())
            yield _linked(
                f"their row with {told} is linked to {address} already",
                f"Is that link wrong, `erpoa state forget {address}` gives it up; did the row get another key, "
                f"`erpoa state rekey {address} {row}` says so.",
                edit.at,
            )


def _doubtful(state: StateReader, target: str, edits: Sequence[Edit]) -> Iterator[Diagnostic]:
    doubts = {doubt.key for doubt in state.unsettled(target)} if edits else ()
    for edit in edits:
        if _key(edit.row) in doubts:
            yield Diagnostic(
                "E0612",
                f"the last operation on {edit.row} is in doubt",
                remedy="Settle that first: `erpoa resolve` with its address says what became of it, and which row it made.",
                at=edit.at,
            )


def _unprotected(state: StateReader, target: str, edits: Sequence[Unprotect]) -> Iterator[Diagnostic]:
    protected = {one.key for one in state.protected(target)} if edits else ()
    return (_absent(edit) for edit in edits if _key(edit.row) not in protected)


def _id(layout: Layout, edit: Adopt) -> tuple[str, ...]:
    """The id that *edit* spells, as canonical texts in the order of the layout; ValueError when it spells none."""
    from erpoa_cli.state.texts import one_text

    return tuple(one_text(edit.id[name], type_) for name, type_ in layout.id.items())


def _misspelt(layout: Layout, edit: Edit) -> Iterator[Diagnostic]:
    """What is wrong with the spelling of *edit*: an address by other columns than those of its target's key, or of what none of
    them can be, an id that is none."""
    from erpoa_cli.state.texts import one_text

    target, remedy = edit.row.target, f"`erpoa state links {edit.row.target}` lists them."
    for row in [edit.row, edit.new] if isinstance(edit, Rekey) else [edit.row]:
        if row.key and {name for name, _ in row.key} != set(layout.key):
            said = f"{row} does not name a row: the key of {target} is {', '.join(layout.key)}"
            yield _no_row(said, remedy, edit.at)
            continue
        for name, text in row.key:
            try:
                spelt = one_text(text, layout.key[name])
            except ValueError:
                said = f"{row} does not name a row: {text!r} is no {layout.key[name]}, which {name} of {target} is"
                yield _no_row(said, remedy, edit.at)
                break
            if spelt != text:
                said = f"{row} does not name a row: {name} is written {spelt}, not {text}"
                yield _no_row(said, remedy, edit.at)
    if isinstance(edit, Adopt):
        yield from _no_ids(layout, edit)


def _no_ids(layout: Layout, edit: Adopt) -> Iterator[Diagnostic]:
    from erpoa_cli.state.texts import one_text

    target, values = edit.row.target, edit.id
    if set(values) != set(layout.id):
        said = f"a row of {target} is told by {', '.join(layout.id) or 'no id'}, not by {', '.join(values)}"
        yield Diagnostic("E0601", said, at=edit.at)
        return
    for name, type_ in layout.id.items():
        try:
            one_text(values[name], type_)
        except ValueError:
            yield Diagnostic(
                "E0601",
                f"--id {name}: {values[name]!r} is no {type_}, which {name} of {target} is",
                remedy=f"`erpoa state links {target}` shows how ids look.",
                at=edit.at,
            )


def _key(row: Address) -> str:
    key: Mapping[str, str] = dict(row.key)
    return key_text(key)


def _no_row(words: str, remedy: str, at: Location | None) -> Diagnostic:
    return Diagnostic("E0606", words, remedy=remedy, at=at)


def _linked(words: str, remedy: str, at: Location | None) -> Diagnostic:
    return Diagnostic("E0618", words, remedy=remedy, at=at)


def _absent(edit: Edit) -> Diagnostic:
    name = str(edit.row).rstrip("/")  # a whole target has no key
    words, remedy = f"the state has no row {name}", f"`erpoa state links {edit.row.target}` lists them."
    return Diagnostic("E0605", words, remedy=remedy, at=edit.at)
