"""`lifecycle:` of a target → Lifecycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.lifecycle import ABSENT, TASK, UNDO, Lifecycle, Move
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.target import Constant, TargetField
from erpoa_cli.project.node import Node
from erpoa_cli.project.scope import Entry, Scope

_WORDS = (ABSENT, TASK, UNDO)


def build_lifecycle(entry: Entry, fields: Sequence[TargetField], scope: Scope) -> Lifecycle:
    """The lifecycle that the target *entry* with *fields* declares, as far as it is sound; the rest is noted."""
    node = entry.node.child("lifecycle")
    states = _states(node.child("states"), scope)
    made = Lifecycle(
        field=node.text("field", "state"),
        states=states,
        moves=tuple(_moves(node.child("moves"), states, fields, scope)),
        undo={name: str(child.data) for name, child in node.child("undo").items()},
        dead=frozenset(node.child("dead").texts()),
        editable=frozenset(node.child("editable").texts()),
        fulfils={name: child.texts() for name, child in node.child("fulfils").items()},
    )
    for key in ("dead", "editable"):
        for child in node.child(key):
            _need(str(child.data), child.at, states, (), scope)
    for name, wishes in node.child("fulfils").items():
        _need(name, node.child("fulfils").key_at(name), states, (), scope)
        for child in wishes:
            _need(str(child.data), child.at, states, (), scope)
    for name, child in node.child("undo").items():
        _need(name, node.child("undo").key_at(name), states, (), scope)
        _need(str(child.data), child.at, states, (ABSENT, TASK), scope)
        _reach(made, name, str(child.data), child.at, scope)
    _wanted(entry, made, fields, scope)
    gone = entry.node.child("on_source_gone")
    if gone.data == "delete":
        scope.notes.error(
            "E0112",
            gone.at,
            "documents with a lifecycle are not simply deleted",
            "Write `on_source_gone: undo`; `undo:` of the lifecycle says what that means in each state.",
        )
    return made


def _states(node: Node, scope: Scope) -> dict[str, str]:
    """State → predicate; the problems of predicates are noted."""
    if isinstance(node.data, list):
        found = {str(child.data): (child, "") for child in node}
    else:
        found = {name: (child, str(child.data)) for name, child in node.items()}
    for name, (child, predicate) in found.items():
        if name in _WORDS:
            scope.notes.error(
                "E0112",
                child.at,
                f"no state can be called `{name}`",
                f"`{name}` is a word of its own; rename it.",
            )
        if predicate:
            _judge(name, predicate, child.at, scope)
    return {name: predicate for name, (_, predicate) in found.items()}


def _judge(name: str, predicate: str, at: Location, scope: Scope) -> None:
    key = f"predicate {sha256(predicate.encode()).hexdigest()}"
    if scope.cache.get(key):
        return
    from erpoa_cli.project.sql import judge_predicate  # noqa: PLC0415 - sqlglot costs 0.3 s

    problems = judge_predicate(predicate)
    for found in problems:
        scope.notes.error(found.code, at, f"the state `{name}`: {found.summary}", found.remedy)
    if not problems:
        scope.cache.put(key, True)


def _moves(
    node: Node, states: Mapping[str, str], fields: Sequence[TargetField], scope: Scope
) -> Iterator[Move]:
    for move in node:
        calls, values, to = "calls" in move, "set" in move, move.text("to")
        for child in move.child("from"):
            _need(str(child.data), child.at, states, (), scope)
        _need(to, move.child("to").at, states, (ABSENT,), scope)
        if calls and values:
            scope.notes.error(
                "E0138", move.at, "a move has calls or sets fields, not both", "Keep one of them."
            )
        elif not (calls or values or to == ABSENT):
            remedy = "Write `calls: [submit]`, or `set: {status: C}` for a database."
            scope.notes.error("E0138", move.at, f"nothing says how a document becomes {to}", remedy)
        managed = [f.name for f in fields if f.name in (move.child("set").data or {})]
        for name in managed if len(states) and any(states.values()) else []:
            _managed(name, move.child("set").key_at(name), scope)
        yield Move(
            move.child("from").texts(), to, move.child("calls").texts(), dict(move.child("set").data or {})
        )


def _managed(name: str, at: Location, scope: Scope) -> None:
    scope.notes.error(
        "E0138", at, f"`{name}` is a field of the target too", "Let either the move or the target write it."
    )


def _wanted(entry: Entry, made: Lifecycle, fields: Sequence[TargetField], scope: Scope) -> None:
    """The field that says which state is wanted, and the state it says where that is always the same."""
    field = next((f for f in fields if f.name == made.field), None)
    if field is None:
        scope.notes.error(
            "E0125",
            entry.node.key_at("lifecycle"),
            f"the target `{entry.name}` has no field `{made.field}`",
            f"Add `{made.field}:` to `fields:`: it says which state is wanted; or name another with `field:`.",
        )
    elif isinstance(field.value, Constant):
        word = None if field.value.value is None else str(field.value.value)
        if word is not None and word != UNDO:
            _need(word, field.at, made.states, (UNDO,), scope)
            _reach(made, made.first, word, field.at, scope)


def _reach(made: Lifecycle, start: str, to: str, at: Location, scope: Scope) -> None:
    if to in made.states and start in made.states and made.path(start, to) is None:
        remedy = f"Add a move from {start} to {to}."
        scope.notes.error("E0139", at, f"no move leads from {start} to {to}", remedy)


def _need(state: str, at: Location, states: Mapping[str, str], words: Sequence[str], scope: Scope) -> None:
    if state not in states and state not in words:
        known = [*states, *words]
        scope.notes.error("E0137", at, f"there is no state `{state}`", did_you_mean(state, known))
