"""The states of a document, as its description names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from erpoa_cli.core.lifecycle import ABSENT, TASK, Lifecycle, Move
from erpoa_cli.core.near import did_you_mean
from erpoa_http.problem import Problems


def lifecycle(
    said: Mapping[str, Any], fields: Sequence[str], calls: Mapping[str, Any], problems: Problems
) -> Lifecycle:
    """What *said* declares of an object with these *fields* and *calls*."""
    states = said["states"]
    _known(said["field"], fields, problems.at("field"), "field")
    moves = []
    for n, move in enumerate(said.get("moves", [])):
        at = problems.at("moves", n)
        start = move["from"] if isinstance(move["from"], list) else [move["from"]]
        for state in start:
            _known(state, states, at.at("from"), "state")
        _known(move["to"], [*states, ABSENT], at.at("to"), "state")
        for call in move["calls"]:
            _known(call, [*calls, "delete"], at.at("calls"), "call")
        moves.append(Move(tuple(start), move["to"], tuple(move["calls"])))
    for key in ("dead", "editable"):
        for state in said.get(key, []):
            _known(state, states, problems.at(key), "state")
    for state, to in said.get("undo", {}).items():
        _known(state, states, problems.at("undo"), "state")
        _known(to, [*states, ABSENT, TASK], problems.at("undo", state), "state")
    for state, wishes in said.get("fulfils", {}).items():
        for name in (state, *wishes):
            _known(name, states, problems.at("fulfils", state), "state")
    return Lifecycle(
        field=said["field"],
        states=dict.fromkeys(states, ""),
        moves=tuple(moves),
        undo=said.get("undo", {}),
        dead=frozenset(said.get("dead", [])),
        editable=frozenset(said.get("editable", [])),
        fulfils={state: tuple(wishes) for state, wishes in said.get("fulfils", {}).items()},
    )


def _known(name: str, known: Sequence[str], problems: Problems, what: str) -> None:
    if name not in known:
        problems.add(f"there is no {what} {name!r}. {did_you_mean(name, known)}".strip())
