"""A batch of changes applied to the rows of a file in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from erpoa_cli.connectors.files.layout import Layout, Sheet
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Duplicate, Rejected
from erpoa_cli.sdk.meaning import meaning
from erpoa_cli.sdk.sql import Outcomes


@dataclass(frozen=True, slots=True)
class Changed:
    """The rows of a file after a batch (None when nothing changes), and its outcomes, row by row."""

    sheet: Sheet | None
    outcomes: Outcomes
    ids: Mapping[str, pa.Array] = field(default_factory=dict)

    def answer(self) -> pa.RecordBatch:
        return self.outcomes.record_batch(self.ids)


def changed(layout: Layout, sheet: Sheet, batch: WriteBatch) -> Changed:
    """What *batch* makes of *sheet*."""
    change = _Change(layout, sheet, batch)
    if batch.action is Action.CREATE:
        return change.created()
    if not batch.id:
        raise ContractBroken(
            f"{batch.object}: say which fields identify a row, in the system's config: files: {{{batch.object}: {{id: […]}}}}"
        )
    return change.deleted() if batch.action is Action.DELETE else change.updated()


class _Change:
    def __init__(self, layout: Layout, sheet: Sheet, batch: WriteBatch) -> None:
        self._layout, self._sheet, self._batch = layout, sheet, batch
        self._outcomes = Outcomes(batch.rows)
        names = dict.fromkeys((*batch.id, *batch.columns("set"), *batch.columns("was")))
        absent = [n for n in names if n not in sheet.columns]
        if absent:
            raise ContractBroken(f"{batch.object} has no field {', '.join(map(repr, absent))}")

    def created(self) -> Changed:
        batch, sheet = self._batch, self._sheet
        self._mark_taken()
        cells = self._cells()
        todo = self._outcomes.applied()
        blank = [self._layout.blank] * len(todo)
        columns = {
            name: kept + ([cells[name][at] for at in todo] if name in cells else blank)
            for name, kept in sheet.columns.items()
        }
        ids = {n: batch.rows[f"set.{n}"] for n in batch.id if n in cells}
        after = Sheet(columns, sheet.rows + len(todo), sheet.shape, sheet.rest) if todo else None
        return Changed(after, self._outcomes, ids)

    def updated(self) -> Changed:
        cells = self._cells()
        places = self._places()
        self._mark_given_away(places)
        columns = {
            name: list(values) if name in cells else values for name, values in self._sheet.columns.items()
        }
        todo = self._outcomes.applied()
        for name, values in cells.items():
            for at in todo:
                columns[name][places[at]] = values[at]
        after = Sheet(columns, self._sheet.rows, self._sheet.shape, self._sheet.rest) if todo else None
        return Changed(after, self._outcomes)

    def deleted(self) -> Changed:
        places = self._places()
        gone = {places[at] for at in self._outcomes.applied()}
        after = self._sheet.kept([at for at in range(self._sheet.rows) if at not in gone]) if gone else None
        return Changed(after, self._outcomes)

    def _cells(self) -> dict[str, list[Any]]:
        """The values to write as the file keeps them; rows with one that it would change are rejected."""
        cells: dict[str, list[Any]] = {}
        for name in self._batch.columns("set"):
            type_ = self._batch.types[name]
            column = cells[name] = []
            for at, value in enumerate(self._batch.rows[f"set.{name}"].to_pylist()):
                try:
                    column.append(self._layout.put(self._sheet, name, value, type_))
                except ValueError as error:
                    column.append(None)
                    self._outcomes.unfit(at, name, str(error))
        return cells

    def _keys(self, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        """What *fields* mean in each row of the file, hashable."""
        columns = [
            [_hashable(self._layout.means(kept, self._batch.types[n])) for kept in self._sheet.columns[n]]
            for n in fields
        ]
        return list(zip(*columns, strict=True))

    def _values(self, prefix: str, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        columns = [
            [
                _hashable(_meant(v, self._batch.types[n]))
                for v in self._batch.rows[f"{prefix}.{n}"].to_pylist()
            ]
            for n in fields
        ]
        return list(zip(*columns, strict=True)) if columns else [()] * self._batch.rows.num_rows

    def _mark_taken(self) -> None:
        for fields in self._batch.unless:
            taken = set(self._keys(fields))
            for at, key in enumerate(self._values("set", fields)):
                if None in key:
                    continue
                if key in taken:
                    self._outcomes.taken(at)
                taken.add(key)

    def _mark_given_away(self, places: Mapping[int, int]) -> None:
        """Rows whose new id another row has, which does not give it away in this batch, or gets, are rejected."""
        batch = self._batch
        if not set(batch.id) & set(batch.columns("set")):
            return
        after = list(
            zip(
                *(self._values("set" if n in batch.columns("set") else "id", [n]) for n in batch.id),
                strict=True,
            )
        )
        keys = [tuple(v for part in key for v in part) for key in after]
        while True:
            todo = {at: places[at] for at in self._outcomes.applied()}
            moving = set(todo.values())
            taken = {key for at, key in enumerate(self._keys(batch.id)) if at not in moving}
            refused = []
            for at in todo:
                if keys[at] in taken:
                    refused.append(at)
                taken.add(keys[at])
            for at in refused:
                self._outcomes.reject(at, Duplicate("another row of the file has this id"))
            if not refused:
                return

    def _places(self) -> dict[int, int]:
        """Where each row of the batch is in the file; others are stale, or rejected when found more than once."""
        where: dict[tuple[Any, ...], list[int]] = {}
        for at, key in enumerate(self._keys(self._batch.id)):
            where.setdefault(key, []).append(at)
        was = self._batch.columns("was")
        held = self._keys(was)
        places: dict[int, int] = {}
        pairs = zip(self._values("id", self._batch.id), self._values("was", was), strict=True)
        for at, (key, before) in enumerate(pairs):
            found = where.get(key, [])
            if len(found) > 1:
                self._outcomes.reject(at, Rejected(f"{len(found)} rows of the file have this id"))
            elif not found or (was and held[found[0]] != before):
                self._outcomes.moved(at)
            else:
                places[at] = found[0]
        return places


def _meant(value: Any, type_: Type) -> Any:
    if isinstance(value, list | dict) or type_.kind is Kind.JSON:
        return meaning(canonical(value, type_), type_)
    return value


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, list | dict) else value
