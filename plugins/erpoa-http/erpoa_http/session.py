"""An API as a session: what it offers, reading, writing, moving."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import (
    FieldInfo,
    Movable,
    ObjectInfo,
    Reading,
    ReadRequest,
    WriteBatch,
    failed_reading,
)
from erpoa_cli.sdk.errors import ContractBroken, Denied, SystemFailure
from erpoa_cli.sdk.http import HttpClient
from erpoa_http.description import Api, Object, Operation
from erpoa_http.reading import Reader
from erpoa_http.shape import Member
from erpoa_http.template import Request
from erpoa_http.writing import Writing

_ROWS, _EACH = 100, 25  # rows of a write: at least, and for each call that may be under way


class HttpSession(Movable):
    """*release* is called once, when the session is closed: other sessions may use the same client."""

    def __init__(
        self,
        client: HttpClient,
        api: Api,
        *,
        identity: str,
        check: Request | None,
        read_only: bool,
        release: Callable[[], None],
    ) -> None:
        self._client, self._api = client, api
        self._identity, self._check, self._read_only = identity, check, read_only
        self._release: Callable[[], None] | None = release

    def check(self) -> Sequence[str]:
        try:
            if self._check is not None:
                self._client.send(self._reader_of_any().common(self._check.call({}, repeatable=True)))
            else:
                listed = next((o for o in self._api.objects.values() if o.list), None)
                if listed is not None:
                    next(iter(self._reader(listed.name, {}).pages({})), None)
        except SystemFailure as error:
            return [str(error)]
        return []

    def identity(self) -> str:
        return self._identity

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        wanted = self._api.objects if names is None else [n for n in names if n in self._api.objects]
        return [self._info(self._api.objects[name]) for name in wanted]

    def close(self) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            release()

    # -- reading --

    def read(self, request: ReadRequest) -> Reading:
        try:
            return self._reader(request.object, request.options).read(request)
        except SystemFailure as error:
            return failed_reading(request, error)

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        try:
            return self._reader(request.object, request.options).find(request, by, values)
        except SystemFailure as error:
            return failed_reading(request, error)

    # -- writing --

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        object_ = self._object(batch.object)
        word = {Action.CREATE: "create", Action.UPDATE: "update", Action.DELETE: "delete"}[batch.action]
        yield from self._written(batch, word, getattr(object_, word))

    def move(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        object_ = self._object(batch.object)
        operation = object_.delete if batch.call == "delete" else object_.calls.get(batch.call)
        yield from self._written(batch, batch.call, operation)

    def _written(self, batch: WriteBatch, word: str, operation: Operation | None) -> Iterator[pa.RecordBatch]:
        if self._read_only:
            raise Denied("this system is declared read_only")
        if operation is None:
            raise ContractBroken(
                f"{batch.object} has no call for it: describe `{word}:` in the system's config"
            )
        reader = self._reader(batch.object, batch.options)
        yield from Writing(self._client, reader, operation, batch).outcomes()

    def committed(self, run: str, number: int) -> bool | None:  # noqa: ARG002 - an API keeps no ledger
        return None

    # -- what there is --

    def _object(self, name: str) -> Object:
        if name not in self._api.objects:
            raise ContractBroken(f"there is no object {name!r}")
        return self._api.objects[name]

    def _reader(self, name: str, options: Mapping[str, Any]) -> Reader:
        return Reader(self._client, self._api, self._object(name), options.get("query", {}))

    def _reader_of_any(self) -> Reader:
        return self._reader(next(iter(self._api.objects)), {})

    def _info(self, object_: Object) -> ObjectInfo:
        own = {Action.CREATE: object_.create, Action.UPDATE: object_.update, Action.DELETE: object_.delete}
        operations = {**object_.calls, **{action.value: operation for action, operation in own.items()}}
        per_call = {name: o.batch.size if o.batch else 1 for name, o in operations.items() if o}
        return ObjectInfo(
            address=object_.name,
            fields=tuple(_field(m) for m in object_.members),
            id=object_.id,
            keys=(object_.key,) if object_.key else (),
            enforced=(object_.key,) if object_.enforces_key else (),
            readable=object_.list is not None,
            writable=not self._read_only and bool(per_call),
            create_safety=object_.safety,
            # Of a write, several calls are under way at once; at its end they wait for the last.
            batch_size=max(_ROWS, max([*per_call.values(), _EACH]) * self._client.concurrency),
            rows_per_call=per_call,
            settles=object_.settles,
            lifecycle=object_.lifecycle,
        )


def _field(member: Member) -> FieldInfo:
    return FieldInfo(
        name=member.name,
        type=member.shape.type,
        native=".".join(member.path) + (f" ({member.shape.format})" if member.shape.format else ""),
        nullable=not member.required,
        generated=member.read_only,
        writable=not member.read_only,
    )
