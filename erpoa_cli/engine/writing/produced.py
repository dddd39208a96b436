"""What a run's own writes gave: ids and numbers that rows of later waves wait for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import GIVEN, ID, KEY, PENDING, WANTED
from erpoa_cli.core.schema import Type
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch

RowKey = tuple[str, ...]
OWN_ID = ""  # the field of a pending reference that means the row's own id


class Produced:
    """Remembers outcomes of the targets that other rows of the plan refer to, and fills those rows in."""

    def __init__(
        self, wanted: Iterable[str], keys: Mapping[str, Mapping[str, Type]], parents: Mapping[str, str]
    ) -> None:
        """*wanted*: targets whose outcomes other rows need; *keys*: key columns and types per target;
        *parents*: the document's target per target of lines."""
        self._wanted = frozenset(wanted)
        self._parents = parents
        self._keys = keys
        self._values: dict[tuple[str, RowKey, str], Any] = {}
        self._ids: dict[tuple[str, RowKey], dict[str, Any]] = {}
        self._failed: set[tuple[str, RowKey]] = set()
        self._broken: dict[tuple[str, RowKey], set[RowKey]] = {}
        """The lines that failed, by their target and document."""

    def remember(self, batch: Batch, outcomes: pa.Table) -> None:
        """Take in the outcome of *batch* (the columns of a journal entry, one row per row of the batch)."""
        if batch.target not in self._wanted:
            return
        answers = {row["ordinal"]: row for row in outcomes.to_pylist()}
        length = len(
            self._keys.get(self._parents.get(batch.target, ""), ())
        )  # of the key of a line's document
        for ordinal, key in zip(batch.ordinals, self._row_keys(batch), strict=True):
            answer = answers[ordinal]
            document = (batch.target, key[:length])
            if answer["outcome"] != Outcome.APPLIED:
                self._failed.add((batch.target, key))
                if length:
                    self._broken.setdefault(document, set()).add(key)
                continue
            self._failed.discard((batch.target, key))  # where it had failed, it was tried again
            self._broken.get(document, set()).discard(key)
            returned = {name: answer[column] for name, column in GIVEN.fields(answer).items()}
            self._values.update({(batch.target, key, name): value for name, value in returned.items()})
            own = {name: answer[column] for name, column in ID.fields(answer).items()}
            if None not in own.values():
                self._ids[batch.target, key] = own

    def _row_keys(self, batch: Batch) -> list[RowKey]:
        columns = [
            [canonical(value, type_) or "" for value in batch.rows[KEY(name)].to_pylist()]
            for name, type_ in self._keys[batch.target].items()
        ]
        return list(zip(*columns, strict=True))

    def fill(self, batch: Batch) -> tuple[Batch, dict[int, tuple[Outcome, str]]]:
        """*batch* with its pending values filled in, less the rows that cannot be written; those by ordinal,
        with the reason."""
        problems: dict[int, tuple[Outcome, str]] = {}
        if batch.step > 1 or batch.action is Action.MOVE:
            self._check_earlier(batch, problems)
        rows = self._with_ids(batch, problems) if batch.step > 1 else batch.rows
        self._check_documents(batch, problems)
        for field in batch.fields:
            pending = PENDING(field)
            if pending not in rows.schema.names or rows[pending].null_count == rows.num_rows:
                continue
            values = rows[WANTED(field)].to_pylist()
            for i, text in enumerate(rows[pending].to_pylist()):
                if text is not None:
                    values[i], problem = self._value(text)
                    if problem:
                        problems.setdefault(rows["ordinal"][i].as_py(), problem)
            position = rows.schema.get_field_index(WANTED(field))
            column = _array(values, rows.schema.field(position).type)
            rows = rows.set_column(position, WANTED(field), column)
        if problems:
            rows = rows.filter(pc.invert(pc.is_in(rows["ordinal"], pa.array(list(problems), pa.int64()))))
        return replace(batch, rows=rows), problems

    def _check_earlier(self, batch: Batch, problems: dict[int, tuple[Outcome, str]]) -> None:
        """A row of which an earlier step was not applied is not as planned; a document with a line that was not written is
        not moved on."""
        moves = batch.action in (Action.MOVE, Action.DELETE)
        lines = [child for child, parent in self._parents.items() if parent == batch.target and moves]
        for ordinal, key in zip(batch.ordinals, self._row_keys(batch), strict=True):
            if (batch.target, key) in self._failed:
                problems[ordinal] = (Outcome.BLOCKED, "an earlier step of it was not applied")
            elif any(self._broken.get((child, key)) for child in lines):
                problems[ordinal] = (Outcome.BLOCKED, "a line of it was not written")

    def _check_documents(self, batch: Batch, problems: dict[int, tuple[Outcome, str]]) -> None:
        """Lines are not written when the write of their document failed."""
        parent = self._parents.get(batch.target)
        if parent is None or not any(target == parent for target, _ in self._failed):
            return
        length = len(self._keys[parent])
        for ordinal, key in zip(batch.ordinals, self._row_keys(batch), strict=True):
            if (parent, key[:length]) in self._failed:
                problems[ordinal] = (Outcome.BLOCKED, f"its document in {parent} was not written")

    def _with_ids(self, batch: Batch, problems: dict[int, tuple[Outcome, str]]) -> pa.Table:
        """The rows of a second step with the ids that the first gave them: as new rows, or by changing them."""
        rows = batch.rows
        own = [self._ids.get((batch.target, key)) for key in self._row_keys(batch)]
        fields = {column: field for field, column in ID.fields(rows.schema.names).items()}
        for position, name in enumerate(rows.schema.names):
            if field := fields.get(name):
                given = rows[name].to_pylist()
                values = [(i or {}).get(field, v) for v, i in zip(given, own, strict=True)]
                for ordinal, value in zip(batch.ordinals, values, strict=True):
                    if value is None:
                        problems.setdefault(ordinal, (Outcome.BLOCKED, "the row itself was not written"))
                rows = rows.set_column(position, name, pa.array(values, rows.schema.field(position).type))
        return rows

    def _value(self, text: str) -> tuple[Any, tuple[Outcome, str] | None]:
        target, key_json, field, *shown = json.loads(text)
        key = tuple(json.loads(key_json).values())
        if (target, key) in self._failed:
            return None, (Outcome.BLOCKED, f"waits for {target} {key_json}, which was not written")
        if field == OWN_ID:
            value = next(iter(self._ids.get((target, key), {}).values()), None)
        else:
            value = self._values.get((target, key, field))
        if value is None:
            what = "id" if field == OWN_ID else field
            return None, (Outcome.WAITING, f"{what} of {target} {key_json} is not known yet")
        for pattern in shown:
            plain = str(value).lower() if isinstance(value, bool) else str(value)
            value = pattern.replace("{value}", plain)
        return value, None


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    """*values* as *type_*, also where what was given has the type of another column: 7.00 for the number 7."""
    try:
        return pa.array(values, type_)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array(values).cast(type_)


def wanted_targets(tables: Mapping[str, pa.Table]) -> set[str]:
    """The targets that pending references of a plan name, and those written in more than one step."""
    found: set[str] = set()
    for target, table in tables.items():
        if pc.max(table["step"]).as_py() not in (None, 1):
            found.add(target)
        for name in table.schema.names:
            if PENDING.has(name):
                texts = pc.unique(pc.drop_null(table[name])).to_pylist()
                found.update(json.loads(text)[0] for text in texts)
    return found
