"""What the database made of the rows of a batch: judged while the transaction can still take them back.

A row that a trigger left as it was, put elsewhere or made unreadable is taken back and rejected. All else that differs from
what was written is what their system made of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.meaning import Unparsed, meaning
from erpoa_cli.sdk.sql.outcomes import Outcomes

Held = Mapping[str, Any]
"""What a row holds of the fields that were written, as their declared types mean it (`sdk.meaning`)."""


def meant(text: str | None, type_: Type) -> Any:
    """`meaning`, of what is nested with its items as their types mean them."""
    value = meaning(text, type_)
    return _nested(value, type_) if type_.kind in (Kind.LIST, Kind.STRUCT) else value


def _nested(value: Any, type_: Type) -> Any:
    if value is None or isinstance(value, Unparsed):
        return value
    if type_.kind is Kind.LIST and isinstance(value, list) and type_.item:
        return [_nested(one, type_.item) for one in value]
    if type_.kind is Kind.STRUCT and isinstance(value, dict):
        return {name: _nested(value.get(name), member) for name, member in type_.members}
    return meaning(value, type_) if isinstance(value, str) else value


class SecondLook:
    """At the applied rows of *batch*: `judge` says what to take back, and tells *outcomes* of the rest."""

    def __init__(self, batch: WriteBatch, outcomes: Outcomes) -> None:
        self._batch = batch
        self._outcomes = outcomes
        self._set = batch.columns("set")
        self._was = frozenset(batch.columns("was"))

    def judge(self, differing: Mapping[int, Sequence[Held]]) -> dict[int, Callable[[int], None]]:
        """*differing*: by position what is there under the identifiers of rows that do not hold exactly what was written (no
        row, or of deleted ones the row that is still there). The positions to take back, each with what is to be said of
        it; when there are none, the others are told as read."""
        lost: dict[int, Callable[[int], None]] = {}
        made: dict[int, dict[str, Any]] = {}
        applied = set(self._outcomes.applied())
        for at in sorted(applied & differing.keys()):
            rows = differing[at]
            if self._batch.action is Action.DELETE:
                lost[at] = self._outcomes.ignored
            elif len(rows) != 1:
                lost[at] = self._outcomes.elsewhere
            else:
                held = rows[0]
                other = {n: v for n, v in held.items() if not self._same(at, "set", n, v)}
                unreadable = [n for n, v in other.items() if not self._fits(n, v)]
                if unreadable:
                    lost[at] = partial(self._outcomes.unreadable, field=unreadable[0])
                elif self._kept(at, held):
                    lost[at] = self._outcomes.ignored
                elif other:
                    made[at] = other
        if not lost:
            self._outcomes.read(made)
        return lost

    def _kept(self, at: int, held: Mapping[str, Any]) -> bool:
        """Whether the row, which was to be changed, holds what it held before."""
        if not self._set or not self._was.issuperset(self._set):
            return False
        asked = any(not self._same(at, "set", n, self._value(at, "was", n)) for n in self._set)
        return asked and all(self._same(at, "was", n, held[n]) for n in self._set)

    def _value(self, at: int, prefix: str, name: str) -> Any:
        return self._batch.rows[f"{prefix}.{name}"][at].as_py()

    def _same(self, at: int, prefix: str, name: str, value: Any) -> bool:
        known = self._value(at, prefix, name)
        if self._batch.types[name].kind is Kind.JSON and known is not None and isinstance(value, str):
            return bool(_json(known) == _json(value))
        return bool(known == value)

    def _fits(self, name: str, value: Any) -> bool:
        if isinstance(value, Unparsed):
            return False
        try:
            pa.array([value], arrow_type(self._batch.types[name]))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return False
        return True


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return Unparsed(text)
