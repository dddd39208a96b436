"""Reading one object: its whole list, and the records that have certain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Field, Type
from erpoa_cli.sdk.connector import BatchReading, Reading, ReadRequest, failed_reading
from erpoa_cli.sdk.errors import ContractBroken, SystemFailure
from erpoa_cli.sdk.http import Answer, Call, HttpClient, Pages, Send
from erpoa_cli.sdk.meaning import meaning
from erpoa_http.description import ETAG, Api, Object
from erpoa_http.judge import Missing, found
from erpoa_http.rows import Column, Rows
from erpoa_http.shape import Member, Unfit, native, put, since, typed
from erpoa_http.template import Unspeakable, spelled

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A record as the API gives it, and its version where it has one."""

    record: Mapping[str, Any]
    version: str | None = None


class Reader:
    """Reads *object_*; *query*: further parameters of its list."""

    def __init__(self, client: HttpClient, api: Api, object_: Object, query: Mapping[str, Any]) -> None:
        self._client, self._api, self.object = client, api, object_
        self._query = {name: spelled(value) for name, value in query.items()}
        self._fixed = {name: spelled(value) for name, value in api.query.items()}
        self._headers = {name: spelled(value) for name, value in api.headers.items()}

    def member(self, name: str) -> Member:
        member = self.object.member(name)
        if member is None:
            raise ContractBroken(
                f"{self.object.name} has no field {name!r}: declare it in the system's config"
            )
        return member

    def common(self, call: Call) -> Call:
        """*call* with what every call of this API has."""
        if not self._headers and not self._fixed:
            return call
        return replace(call, query={**self._fixed, **call.query}, headers={**self._headers, **call.headers})

    # -- lists --

    def read(self, request: ReadRequest) -> Reading:
        """All records that fit the request's filter and are not older than its `since`."""
        try:
            rows = self._rows(request.fields)
            tests = [*self._filters(request), *self._since(request)]
            pages = self.pages(self._narrowing(request))
        except SystemFailure as error:
            return failed_reading(request, error)
        pages.faults = rows.faults
        evidence: dict[str, Any] = {}

        def chosen() -> Iterator[Sequence[Any]]:
            for page in pages:
                yield [r for r in page if all(test(r) for test in tests)] if tests else page
            evidence["pages"] = pages.pages
            evidence["at_once"] = pages.pages == 1
            if pages.total is not None:
                evidence["total"] = pages.total

        return BatchReading(rows.schema, rows.batches(chosen()), evidence, rows.faults)

    def _rows(self, fields: Sequence[Field]) -> Rows:
        columns = [Column(f, self.member(f.source)) for f in fields]
        return Rows(columns, [self.member(n) for n in self.object.id], self.object.omits_nulls)

    def pages(self, query: Mapping[str, str]) -> Pages:
        """The list in pages, narrowed by *query*. `ContractBroken` when there is none."""
        listing = self.object.list
        if listing is None:
            raise ContractBroken(f"{self.object.name} cannot be listed: its description has no `list:`")
        call = listing.request.call({}, repeatable=True)
        call = self.common(replace(call, query={**self._query, **call.query, **query}))
        if listing.paging.in_body:
            body = dict(call.json) if isinstance(call.json, Mapping) else {}
            for path, size in listing.size.items():
                put(body, path.split("."), size)
            return Pages(self._client, replace(call, json=body), listing.paging)
        sizes = {name: str(size) for name, size in listing.size.items()}
        return Pages(self._client, replace(call, query={**call.query, **sizes}), listing.paging)

    def _narrowing(self, request: ReadRequest) -> dict[str, str]:
        """Parameters that let the API leave out what is not asked for."""
        query = {}
        for name, wanted in request.filter.items():
            if name in self.object.filters and wanted is not None and not isinstance(wanted, list | tuple):
                query[self.object.filters[name]] = spelled(wanted)
        if request.since:
            cursor = next(f for f in request.fields if f.name == request.cursor)
            if cursor.source in self.object.since:
                moment = meaning(request.since, cursor.type)
                query[self.object.since[cursor.source]] = spelled(
                    since(moment, self.member(cursor.source).shape)
                )
        return query

    def _filters(self, request: ReadRequest) -> Iterator[Callable[[Any], bool]]:
        for name, wanted in request.filter.items():
            member = self.member(name)
            values = wanted if isinstance(wanted, list | tuple) else [wanted]
            meant = [v if v is None else meaning(spelled(v), member.shape.type) for v in values]
            yield _is_one_of(member, meant)

    def _since(self, request: ReadRequest) -> Iterator[Callable[[Any], bool]]:
        if not request.since:
            return
        cursor = next(f for f in request.fields if f.name == request.cursor)
        member, least = self.member(cursor.source), meaning(request.since, cursor.type)

        def late(record: Any) -> bool:
            moment = _value(record, member, cursor.type)
            return moment is None or moment is _UNREADABLE or bool(moment >= least)

        yield late

    # -- records with certain values --

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        try:
            rows = self._rows(request.fields)
            fields = {f.name: f for f in request.fields}
            known = [(self.member(fields[n].source), fields[n].type) for n in by]
            wanted = list(dict.fromkeys(zip(*(values[n].to_pylist() for n in by), strict=True)))
            look = self.lookup(known, wanted)
        except SystemFailure as error:
            return failed_reading(request, error)

        def pages() -> Iterator[Sequence[Any]]:
            for _, made in self._client.each(wanted, lambda value, send: look(send, value)):
                if isinstance(made, SystemFailure):
                    raise made
                yield [one.record for one in made]

        return BatchReading(rows.schema, rows.batches(pages()), None, rows.faults)

    def lookup(
        self, by: Sequence[tuple[Member, Type]], wanted: Sequence[Values]
    ) -> Callable[[Send, Values], Any]:
        """What finds the records whose members *by* equal a value (one of *wanted*, typed as said): one call each where
        the API has one, else one reading of the whole list, now."""
        names = tuple(member.name for member, _ in by)
        if self.object.get is not None and names == self.object.id:
            return lambda send, value: self._got(send, by, value)
        filters = {m.name: self.object.filters[m.name] for m, _ in by if m.name in self.object.filters}
        if filters:
            return lambda send, value: self._listed(send, by, value, filters)
        there: dict[Values, list[Found]] = {}
        sought = set(wanted)
        for page in self.pages({}) if sought else ():
            for record in page:
                if (key := _values(record, by)) in sought:
                    there.setdefault(key, []).append(Found(record, self._version(record, None)))
        return lambda _send, value: _ready(there.get(value, []))

    async def _got(self, send: Send, by: Sequence[tuple[Member, Type]], value: Values) -> list[Found]:
        get = self.object.get
        assert get is not None
        assert get.request is not None
        if None in value:
            return []
        try:
            call = self.common(get.request.call(self.identifier(value), repeatable=True))
            answer = await send(call)
        except (Missing, Unspeakable):
            return []
        record = found(answer.data, get.record)
        if record is None or record == []:
            return []
        if isinstance(record, list) and len(record) == 1:
            record = record[0]
        if not isinstance(record, Mapping):
            raise ContractBroken(f"the answer has no record at {'.'.join(get.record) or 'its top'}")
        if _values(record, by) != value:
            raise ContractBroken("the answer has another record than was asked for")
        return [Found(record, self._version(record, answer))]

    async def _listed(
        self, send: Send, by: Sequence[tuple[Member, Type]], value: Values, filters: Mapping[str, str]
    ) -> list[Found]:
        if None in value:
            return []
        query = {
            filters[member.name]: spelled(native(part, member.shape))
            for (member, _), part in zip(by, value, strict=True)
            if member.name in filters
        }
        return [
            Found(record, self._version(record, None))
            async for page in self.pages(query).through(send)
            for record in page
            if _values(record, by) == value
        ]

    def identifier(self, value: Values) -> dict[str, Any]:
        """What stands for the identifier *value* in a call."""
        named = {
            name: native(part, self.member(name).shape)
            for name, part in zip(self.object.id, value, strict=True)
        }
        return {**named, "id": next(iter(named.values()))} if len(named) == 1 else named

    def _version(self, record: Mapping[str, Any], answer: Answer | None) -> str | None:
        version = self.object.version
        if not version:
            return None
        if version == ETAG:
            return answer.headers.get("etag") if answer else None
        told = found(record, tuple(version.split(".")))
        return None if told is None else spelled(told)


class _Unreadable:
    """A value that is not what it is declared to be: equal to nothing."""


_UNREADABLE = _Unreadable()


def _value(record: Any, member: Member, wanted: Type) -> Any:
    try:
        return typed(member.of(record), member.shape, wanted)
    except Unfit:
        return _UNREADABLE


def _values(record: Any, by: Sequence[tuple[Member, Type]]) -> Values:
    return tuple(_value(record, member, type_) for member, type_ in by)


def _is_one_of(member: Member, meant: Sequence[Any]) -> Callable[[Any], bool]:
    return lambda record: _value(record, member, member.shape.type) in meant


async def _ready(there: list[Found]) -> list[Found]:
    return there
