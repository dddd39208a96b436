"""Writing one batch: a call per record, or one for many; and what became of each.

A record that is changed, moved or removed is read first, compared with what it must still be, and written with its
version where the API takes one. Nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import OUTCOMES, WriteBatch
from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Fatal,
    InDoubt,
    Rejected,
    Stale,
    SystemFailure,
    Transient,
)
from erpoa_cli.sdk.http import Answer, HttpClient, Send
from erpoa_cli.sdk.meaning import meaning
from erpoa_http.description import Object, Operation
from erpoa_http.judge import Forbidden, Missing, found
from erpoa_http.reading import Found, Reader, Values
from erpoa_http.rows import lacks
from erpoa_http.shape import ABSENT, Member, Unfit, native, typed
from erpoa_http.template import KEY, RECORD, VERSION, Unspeakable, filled, names
from erpoa_http.words import without

Look = Callable[[Send, Values], Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """A record about to be written: what stands for the names in its call."""

    row: Row
    values: Mapping[str, Any]


class Writing:
    """The rows of *batch*, written by *operation*."""

    def __init__(self, client: HttpClient, reader: Reader, operation: Operation, batch: WriteBatch) -> None:
        self._client, self._reader, self._operation, self._batch = client, reader, operation, batch
        self._object: Object = reader.object
        self._rows: list[dict[str, Any]] = batch.rows.to_pylist()
        self._create = batch.action is Action.CREATE
        self._set = [(f"set.{n}", self._writable(n)) for n in batch.columns("set")]
        self._was = [(f"was.{n}", reader.member(n), batch.types[n]) for n in batch.columns("was")]
        if not self._create and batch.id != self._object.id:
            raise ContractBroken(f"{batch.object} is written by {', '.join(self._object.id)}")
        self._unless = self._looks() if self._create else []
        self._there = None if self._create else self._look("id", batch.id)

    def outcomes(self) -> Iterator[pa.RecordBatch]:
        made = self._in_batches() if self._operation.batch else self._singly()
        told = [made[n] for n in range(len(self._rows))]
        failures = [t for t in told if isinstance(t, SystemFailure)]
        if len(failures) == len(told) and all(_of_all(f) for f in failures):
            raise failures[0]  # nothing was written, and nothing will be
        yield self._answer(told)

    # -- each by itself --

    def _singly(self) -> dict[int, Any]:
        request = self._operation.request
        assert request is not None

        async def write(row: Row, send: Send) -> Mapping[str, Any]:
            ready = await self._ready(row, send)
            call = self._reader.common(request.call(ready.values, repeatable=False))
            return self._identified(await send(call))

        return dict(self._client.each(self._rows, _guarded(write)))

    async def _ready(self, row: Row, send: Send) -> Ready:
        """The record that *row* makes, when all is as it must be; else the failure that says what is not."""
        if self._create:
            for columns, look in self._unless:
                if await look(send, tuple(row[c] for c in columns)):
                    raise Stale("a record with these values exists")
            return Ready(row, {KEY: row["key"], RECORD: self._record({}, row)})
        assert self._there is not None
        identifier = tuple(row[f"id.{name}"] for name in self._object.id)
        there = await self._there(send, identifier)
        if len(there) != 1:
            raise Stale("several records have its identifier" if there else "the record is gone")
        self._compare(there[0], row)
        named = self._reader.identifier(identifier)
        values = {**named, KEY: row["key"], VERSION: there[0].version}
        if self._batch.action is Action.UPDATE:
            values[RECORD] = self._record(self._before(there[0], named), row)
        return Ready(row, values)

    def _before(self, there: Found, named: Mapping[str, Any]) -> dict[str, Any]:
        """What an update sends besides what it changes: all of the record, or its identifier where nothing else says
        which it is."""
        if self._operation.whole:
            return _without(there.record, self._object.members)
        batch, request = self._operation.batch, self._operation.request
        spoken = names(batch.item) if batch else request.names if request else set()
        record: dict[str, Any] = {}
        if not spoken & {"id", *self._object.id}:
            for name in self._object.id:
                self._reader.member(name).put(record, named[name])
        return record

    def _compare(self, there: Found, row: Row) -> None:
        for column, member, type_ in self._was:
            value = member.of(there.record)
            if value is ABSENT and not self._object.omits_nulls:
                raise ContractBroken(f"the record {lacks(member)}")
            try:
                now = typed(value, member.shape, type_)
            except Unfit:
                raise Stale(f"its {member.name} is no {type_} any more") from None
            if not _equal(now, row[column], type_):
                raise Stale("the record is not what it was")

    def _record(self, record: dict[str, Any], row: Row) -> dict[str, Any]:
        for column, member in self._set:
            try:
                member.put(record, native(row[column], member.shape))
            except Unfit as unfit:
                raise Rejected(f"{member.name} {unfit}") from None
        return record

    # -- many at once --

    def _in_batches(self) -> dict[int, Any]:
        batch = self._operation.batch
        assert batch is not None
        made: dict[int, Any] = {}
        ready: list[tuple[int, Ready]] = []
        for n, outcome in self._client.each(self._rows, _guarded(self._ready)):
            if isinstance(outcome, Ready):
                ready.append((n, outcome))
            else:
                made[n] = outcome
        ready.sort(key=lambda pair: pair[0])
        parts = [ready[at : at + batch.size] for at in range(0, len(ready), batch.size)]
        for n, told in self._client.each(parts, self._send_part):
            made.update({at: told for at, _ in parts[n]} if isinstance(told, SystemFailure) else told)
        return made

    async def _send_part(self, part: Sequence[tuple[int, Ready]], send: Send) -> dict[int, Any]:
        """One call for *part*; when it is refused without a word of which record, each half."""
        batch = self._operation.batch
        assert batch is not None
        items = [filled(batch.item, one.values) for _, one in part]
        try:
            answer = await send(self._reader.common(batch.request.call({"records": items}, repeatable=False)))
        except Rejected as refused:
            if len(part) == 1:
                return {part[0][0]: refused}
            half = len(part) // 2
            return {**await self._send_part(part[:half], send), **await self._send_part(part[half:], send)}
        except SystemFailure as failure:
            return {at: failure for at, _ in part}
        return self._sorted(part, found(answer.data, batch.results))

    def _sorted(self, part: Sequence[tuple[int, Ready]], results: Any) -> dict[int, Any]:
        batch = self._operation.batch
        assert batch is not None
        lost = InDoubt("the answer does not say what became of this record")
        made: dict[int, Any] = {at: lost for at, _ in part}
        if not isinstance(results, list):
            return made
        places = self._places(part)
        for n, result in enumerate(results):
            place = found(result, batch.index) if batch.index else self._named(result, places)
            if place is None and batch.ordered and len(results) == len(part):
                place = n
            if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(part):
                continue
            at = part[place][0]
            if made[at] is not lost:
                made[at] = InDoubt("the answer has two results for this record")
                continue
            made[at] = batch.rule.item(result) or self._picked(result, batch.id)
        return made

    def _telling(self) -> tuple[str, list[tuple[Member, Type]]]:
        """The members that tell records of a batch apart, and what their columns begin with: the key of new ones, else
        the identifier."""
        prefix, names_ = ("set", self._object.key) if self._create else ("id", self._object.id)
        members = [self._reader.member(name) for name in names_]
        return prefix, [(m, self._batch.types.get(m.name, m.shape.type)) for m in members]

    def _places(self, part: Sequence[tuple[int, Ready]]) -> dict[tuple[str, ...], int | None]:
        """Key or identifier → place in *part*; None for one that several records have."""
        prefix, members = self._telling()
        places: dict[tuple[str, ...], int | None] = {}
        for place, (_, one) in enumerate(part):
            values = [one.row.get(f"{prefix}.{member.name}") for member, _ in members]
            if members and None not in values:
                texts = tuple(
                    str(canonical(value, type_)) for value, (_, type_) in zip(values, members, strict=True)
                )
                places[texts] = None if texts in places else place
        return places

    def _named(self, result: Any, places: Mapping[tuple[str, ...], int | None]) -> int | None:
        """The place that *result* names by the key or identifier it has; None when it has none, or another's."""
        texts = []
        for member, type_ in self._telling()[1]:
            try:
                value = typed(member.of(result), member.shape, type_) if isinstance(result, Mapping) else None
            except Unfit:
                value = None
            if value is None:
                return None
            texts.append(str(canonical(value, type_)))
        return places.get(tuple(texts)) if texts else None

    # -- what was made --

    def _identified(self, answer: Answer) -> Mapping[str, Any]:
        if not self._create:
            return {}
        operation = self._operation
        return self._picked(
            found(answer.data, operation.record) if not operation.id else answer.data, operation.id
        )

    def _picked(self, said: Any, path: Sequence[str]) -> Mapping[str, Any]:
        """The identifier of a created record, out of its record or from *path*. Raises `InDoubt` when there is none: then
        nobody knows what was created."""
        if not self._create or not self._object.id:
            return {}
        picked = {}
        for name in self._object.id:
            member = self._reader.member(name)
            value = found(said, tuple(path)) if path else member.of(said)
            try:
                picked[name] = typed(value, member.shape, self._batch.types.get(name, member.shape.type))
            except Unfit:
                picked[name] = None
            if picked[name] is None:
                raise InDoubt(f"the answer does not say the {name} of what was created")
        return picked

    def _answer(self, told: Sequence[Any]) -> pa.RecordBatch:
        spoken = [_spoken(one) for one in told]
        columns = [
            self._batch.rows["ordinal"],
            pa.array([s[0] for s in spoken], pa.utf8()),
            pa.array([s[1] for s in spoken], pa.utf8()),
            pa.array(
                [without(s[2], self._sent(row)) for s, row in zip(spoken, self._rows, strict=True)], pa.utf8()
            ),
        ]
        titles = list(OUTCOMES.names)
        if self._create:
            for name in self._object.id:
                type_ = self._batch.types.get(name, self._reader.member(name).shape.type)
                columns.append(
                    pa.array([o.get(name) if isinstance(o, dict) else None for o in told], arrow_type(type_))
                )
                titles.append(f"id.{name}")
        return pa.RecordBatch.from_arrays(columns, names=titles)

    def _sent(self, row: Row) -> list[Any]:
        """The values of *row* that no message may repeat: all but what names it."""
        shown = {*self._object.key, *self._object.id}
        return [row[column] for column, member in self._set if member.name not in shown]

    # -- what is needed --

    def _writable(self, name: str) -> Member:
        member = self._reader.member(name)
        if member.read_only:
            raise ContractBroken(f"{self._object.name}: field {name} is read only")
        return member

    def _looks(self) -> list[tuple[list[str], Look]]:
        return [
            ([f"set.{n}" for n in fields], self._look("set", fields))
            for fields in self._batch.unless
            if not (self._object.enforces_key and set(self._object.key) == set(fields))
        ]

    def _look(self, prefix: str, fields: Sequence[str]) -> Look:
        by = [(self._reader.member(n), self._batch.types[n]) for n in fields]
        return self._reader.lookup(by, [tuple(row[f"{prefix}.{n}"] for n in fields) for row in self._rows])


def _guarded(work: Callable[[Row, Send], Any]) -> Callable[[Row, Send], Any]:
    """*work*, whose `Unspeakable` is a refusal of its row."""

    async def guarded(row: Row, send: Send) -> Any:
        try:
            return await work(row, send)
        except Unspeakable as error:
            raise Rejected(str(error)) from None

    return guarded


def _of_all(failure: SystemFailure) -> bool:
    """Whether *failure* is of the system, not of a row."""
    return isinstance(failure, Denied | Fatal) and not isinstance(failure, Forbidden)


def _spoken(told: Any) -> tuple[str, str | None, str | None]:
    """Outcome, class and words of what became of a row."""
    match told:
        case Stale() | Missing():
            return Outcome.STALE.value, Stale.word, str(told)
        case InDoubt():
            return Outcome.IN_DOUBT.value, told.word, str(told)
        case Transient() | Denied() if not isinstance(told, Forbidden):
            return Outcome.IN_DOUBT.value, Transient.word, str(told)  # it surely did not happen
        case SystemFailure():
            return Outcome.REJECTED.value, told.word, str(told)
        case _:
            return Outcome.APPLIED.value, None, None


def _equal(now: Any, before: Any, type_: Type) -> bool:
    if type_.kind is Kind.JSON:
        return bool(meaning(now, type_) == meaning(before, type_))
    return bool(now == before)


def _without(record: Mapping[str, Any], members: Sequence[Member]) -> dict[str, Any]:
    """A copy of *record* without what is read only."""
    return _pruned(record, {m.path for m in members if m.read_only}, ())


def _pruned(part: Mapping[str, Any], leave: set[tuple[str, ...]], at: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: _pruned(value, leave, (*at, name)) if isinstance(value, Mapping) else value
        for name, value in part.items()
        if (*at, name) not in leave
    }
