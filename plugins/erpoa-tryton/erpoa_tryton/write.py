"""Writing one batch, or pressing a button of its rows: one call for all of them, cut in halves down to the rows that
the server refuses.

A call of Tryton is one transaction: when a row is refused, nothing of the call is done. All but creates first read
their rows, compare them exactly, and then send the `_timestamp` they had, which Tryton compares as it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Field, Kind
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.sdk.connector import OUTCOMES, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    InDoubt,
    Rejected,
    Stale,
    SystemFailure,
    Transient,
)
from erpoa_cli.sdk.meaning import meaning
from erpoa_tryton.errors import without_values
from erpoa_tryton.relation import STAMP, Id, Relation, Row
from erpoa_tryton.rpc import Client
from erpoa_tryton.values import native_of, text_of

_MOVED = "the row is not what it was"

Find = Callable[[ReadRequest, Sequence[str], pa.Table], Reading]


class Writing:
    """The rows of one batch and what becomes of each."""

    def __init__(self, client: Client, relation: Relation, batch: WriteBatch, find: Find) -> None:
        self._client, self._relation, self._batch, self._find = client, relation, batch, find
        self._rows: list[dict[str, Any]] = batch.rows.to_pylist()
        self._told: dict[int, tuple[str, str | None, str | None]] = {}
        self._ids: dict[int, Id] = {}
        self._values: dict[int, Row] = {}
        self._stamps: dict[int, str] = {}

    def all(self) -> pa.RecordBatch:
        """The answer in the shape of `OUTCOMES`, with the identifiers."""
        batch, names = self._batch, self._relation.info.id
        for name in batch.columns("set"):
            info = self._relation.info.field(name)
            if info is None or not info.writable:
                raise ContractBroken(f"{batch.object} has no field {name!r} that can be written")
        if batch.action is Action.CREATE:
            self._look_before()
        elif batch.id != names:
            raise ContractBroken(f"rows of {batch.object} are written by {names}, not by {batch.id}")
        else:
            self._compare()
        self._bind()
        self._place([at for at in range(len(self._rows)) if at not in self._told])
        told = [self._told[at] for at in range(len(self._rows))]
        columns = [batch.rows["ordinal"], *(pa.array([t[n] for t in told], pa.utf8()) for n in range(3))]
        ids = [self._ids.get(at, (None,) * len(names)) for at in range(len(self._rows))]
        columns += [pa.array([id_[n] for id_ in ids], pa.int64()) for n in range(len(names))]
        return pa.RecordBatch.from_arrays(columns, names=[*OUTCOMES.names, *(f"id.{n}" for n in names)])

    # -- before anything is sent --

    def _look_before(self) -> None:
        for names in self._batch.unless:
            fields = tuple(Field(name, self._batch.types[name]) for name in names)
            table = pa.table({name: self._batch.rows[f"set.{name}"] for name in names})
            reading = self._find(ReadRequest(object=self._batch.object, fields=fields), names, table)
            there = {
                tuple(meaning(row[f.name], f.type) for f in fields)
                for found in reading
                for row in found.to_pylist()
            }
            if reading.verdict.reason:
                raise Transient(reading.verdict.reason)
            for at, row in enumerate(self._rows):
                if tuple(row[f"set.{name}"] for name in names) in there:
                    self._told[at] = (Outcome.STALE.value, "stale", "a row with these values exists")

    def _compare(self) -> None:
        was, names = self._batch.columns("was"), self._relation.info.id
        wanted = [tuple(row[f"id.{n}"] for n in names) for row in self._rows]
        domain = [[names[0], "in", list(dict.fromkeys(id_[0] for id_ in wanted))]]
        pages = self._relation.rows(self._client, domain, {*was, STAMP})
        there = {tuple(row[n] for n in names): row for page in pages for row in page}
        for at, (id_, row) in enumerate(zip(wanted, self._rows, strict=True)):
            actual = there.get(id_)
            if actual is None or any(not self._equal(actual[name], row[f"was.{name}"], name) for name in was):
                self._told[at] = (Outcome.STALE.value, "stale", _MOVED)
            else:
                self._ids[at], self._stamps[at] = id_, actual[STAMP]

    def _equal(self, actual: Any, before: Any, name: str) -> bool:
        type_ = self._batch.types[name]
        if type_.kind is Kind.JSON:
            before = meaning(before, type_)
        return bool(
            meaning(text_of(actual, self._relation.definitions[name]["type"], type_), type_) == before
        )

    def _bind(self) -> None:
        for at, row in enumerate(self._rows):
            try:
                self._values[at] = {
                    name: native_of(row[f"set.{name}"], self._relation.definitions[name])
                    for name in self._batch.columns("set")
                }
            except ValueError as error:
                self._told.setdefault(at, (Outcome.REJECTED.value, Rejected.word, str(error)))

    # -- sending --

    def _place(self, part: Sequence[int]) -> None:
        """Writes *part* in one call; when it is refused, each half."""
        if not part:
            return
        try:
            self._send(part)
        except (Rejected, Stale, ContractBroken) as failure:  # a fault undoes its transaction too
            if len(part) > 1:
                half = len(part) // 2
                self._place(part[:half])
                self._place(part[half:])
                return
            outcome = Outcome.STALE if isinstance(failure, Stale) else Outcome.REJECTED
            self._tell(part, outcome, failure)
        except InDoubt as failure:
            self._tell(part, Outcome.IN_DOUBT, failure)
        except (Transient, Denied) as failure:
            if len(part) == len(self._rows):
                raise
            # Other rows are written: of these it is sure that they are not.
            self._tell(part, Outcome.REJECTED if isinstance(failure, Denied) else Outcome.IN_DOUBT, failure)
        else:
            for at in part:
                self._told[at] = (Outcome.APPLIED.value, None, None)

    def _tell(self, part: Sequence[int], outcome: Outcome, failure: SystemFailure) -> None:
        for at in part:
            self._told[at] = (outcome.value, failure.word, without_values(failure, self._relation.labels))

    def _send(self, part: Sequence[int]) -> None:
        relation, action = self._relation, self._batch.action
        if action is Action.CREATE:
            ids = relation.create(self._client, [self._values[at] for at in part])
            if len(ids) != len(part):
                raise InDoubt("Tryton did not give one id per row")
            self._ids.update(zip(part, ids, strict=True))
            return
        own, stamps = [self._ids[at] for at in part], [self._stamps[at] for at in part]
        if action is Action.UPDATE:
            relation.update(self._client, own, [self._values[at] for at in part], stamps)
        else:
            relation.call(self._client, self._batch.call or "delete", own, stamps)
