"""The calls of the generic twin: `/api/KIND`, its documents, and the moves of their lifecycle."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from erpoa_twin.body import answer, parsed
from erpoa_twin.documents import Caller
from erpoa_twin.faults import Drawn
from erpoa_twin.kinds import KINDS, Kind, Type
from erpoa_twin.store import Document, Query
from erpoa_twin.values import Normalising, Refusal
from erpoa_twin.world import World

LARGEST_PAGE = 200
LARGEST_BATCH = 100
CALL = web.RequestKey("call", int)
DRAWN = web.RequestKey("drawn", Drawn)
_WHOLE = re.compile(r"[0-9]{1,12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class Api:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        one = "/api/{kind}/{id:[0-9]{1,12}}"
        return [
            web.get("/api/{kind}", self.list_, allow_head=False),
            web.post("/api/{kind}", self.create),
            web.post("/api/{kind}/batch", self.batch),
            web.get(one, self.get, allow_head=False),
            web.patch(one, self.change),
            web.delete(one, self.delete),
            web.get(one + "/comments", self.comments, allow_head=False),
            web.post(one + "/comments", self.comment),
            web.post(one + "/{move}", self.move),
        ]

    # -- reading -----------------------------------------------------------------------------------------------

    async def list_(self, request: web.Request) -> web.Response:
        kind, drawn = _kind(request), request[DRAWN]
        query = self._query(kind, dict(request.query), drawn)
        found = self._world.store.listed(query)
        shown = [self._world.seen(d.kind, d.id, d) for d in found]
        content: dict[str, Any] = {
            "items": [document.public() for document in shown if document],
            "total": self._world.store.count(query) - shown.count(None),
        }
        if len(found) == query.limit:
            content["next_cursor"] = base64.urlsafe_b64encode(str(found[-1].id).encode()).decode()
        return answer(content)

    def _query(self, kind: Kind, given: dict[str, str], drawn: Drawn) -> Query:
        by_page, by_cursor = {"page", "page_size"} & given.keys(), "cursor" in given
        if bool(by_page) + by_cursor + ("offset" in given) > 1:
            raise Refusal(400, "PARAMETER_INVALID", "page, offset and cursor exclude each other")
        if by_page and "limit" in given:
            raise Refusal(400, "PARAMETER_INVALID", "page goes with page_size", "limit")
        limit = _whole(given, "page_size" if by_page else "limit", 50, 1, LARGEST_PAGE)
        offset = (_whole(given, "page", 1, 1) - 1) * limit if by_page else _whole(given, "offset", 0, 0)
        if offset and drawn.meets("page_shift"):
            offset += 1 if drawn.share("page_shift by") < 0.5 else -1
        since = given.pop("updated_since", "")
        if since and not _MOMENT.fullmatch(since):
            raise Refusal(
                400, "PARAMETER_INVALID", "a moment as 2026-01-31T00:00:00Z is wanted", "updated_since"
            )
        after = _position(given.pop("cursor", ""))
        return Query(
            kind=kind.name, equals=self._equals(kind, given),
            updated_since=since, after=after, offset=offset, limit=limit,
        )  # fmt: skip

    def _equals(self, kind: Kind, given: Mapping[str, str]) -> dict[str, str | int]:
        equals: dict[str, str | int] = {}
        for name, value in given.items():
            field = kind.named.get(name)
            if name in {"page", "page_size", "limit", "offset"}:
                continue
            if field is None and not (kind.states and name in {"state", "number"}):
                raise Refusal(400, "PARAMETER_UNKNOWN", "there is no such parameter", name)
            if name == "reference" and self._world.settings.create_safety == "none":
                raise Refusal(400, "PARAMETER_UNKNOWN", "references cannot be looked up", name)
            if field and field.type is Type.BOOLEAN:
                if value not in {"true", "false"}:
                    raise Refusal(400, "PARAMETER_INVALID", "true or false is wanted", name)
                equals[name] = int(value == "true")
            else:
                whole = field is not None and field.type is Type.INTEGER
                column = "key" if name == kind.key else name
                equals[column] = _whole({name: value}, name, 0, 0) if whole else value
        return equals

    async def get(self, request: web.Request) -> web.Response:
        kind, number = _kind(request), _id(request)
        document = self._world.seen(kind.name, number, self._world.store.document(kind.name, number))
        if document is None:
            raise Refusal(404, "NOT_FOUND", f"{kind.name} {number} does not exist")
        return _shown(document)

    # -- writing -----------------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        kind, given = _kind(request), parsed(await request.read())
        return await self._once(request, lambda: _created(self._create(kind, given, request)))

    async def batch(self, request: web.Request) -> web.Response:
        kind, given = _kind(request), parsed(await request.read())
        items = given.get("items") if isinstance(given, Mapping) else None
        if not isinstance(items, list) or len(items) > LARGEST_BATCH:
            raise Refusal(400, "BODY_INVALID", f"a list of at most {LARGEST_BATCH} items is wanted", "items")
        return await self._once(
            request,
            lambda: answer({"results": [self._item(kind, n, item, request) for n, item in enumerate(items)]}),
        )

    def _item(self, kind: Kind, index: int, item: object, request: web.Request) -> dict[str, Any]:
        try:
            document = self._create(kind, item, request)
        except Refusal as refusal:
            return {"index": index, "status": "refused", **refusal.body()}
        number = {"number": document.number} if document.number else {}
        return {"index": index, "status": "created", "id": document.id, "version": 1, **number}

    def _create(self, kind: Kind, given: object, request: web.Request) -> Document:
        document = self._world.documents.create(kind, given, self._caller(request))
        self._lag(request, kind, document.id, None)
        return document

    async def _once(self, request: web.Request, make: Callable[[], web.Response]) -> web.Response:
        """The answer of *make*; where keys are honoured, the first answer to the same key again."""
        store, key = self._world.store, request.headers.get("Idempotency-Key", "")
        if not key or self._world.settings.create_safety != "key":
            with store.transaction():
                return make()
        body = await request.read()
        digest = hashlib.sha256(request.path.encode() + b"\0" + body).hexdigest()
        if before := store.remembered(key):
            if before["digest"] != digest:
                raise Refusal(422, "KEY_REUSED", "this idempotency key came with another request")
            headers = {"Idempotent-Replayed": "true"}
            return web.Response(
                text=before["body"], status=before["status"], headers=headers, content_type="application/json"
            )
        with store.transaction():
            response = make()
            store.remember(key, digest, response.status, response.text or "")
        return response

    async def change(self, request: web.Request) -> web.Response:
        kind, number, given = _kind(request), _id(request), parsed(await request.read())
        before = self._world.store.document(kind.name, number)
        document = self._world.documents.change(kind, number, given, _version(request), self._caller(request))
        self._lag(request, kind, number, before)
        return _shown(document)

    async def move(self, request: web.Request) -> web.Response:
        kind, number, name = _kind(request), _id(request), request.match_info["move"]
        if name not in kind.moves:
            raise Refusal(404, "NOT_FOUND", f"{kind.name} have no call {name!r}")
        before = self._world.store.document(kind.name, number)
        document = self._world.documents.move(kind, number, name, _version(request), self._caller(request))
        self._lag(request, kind, number, before)
        return _shown(document)

    async def comments(self, request: web.Request) -> web.Response:
        document = self._world.documents.get(_commented(request), _id(request))
        return answer({"items": self._world.store.comments(document)})

    async def comment(self, request: web.Request) -> web.Response:
        kind, number, given = _commented(request), _id(request), parsed(await request.read())
        caller = self._caller(request)
        return await self._once(
            request, lambda: answer(self._world.documents.comment(kind, number, given, caller), 201)
        )

    async def delete(self, request: web.Request) -> web.Response:
        kind, number = _kind(request), _id(request)
        before = self._world.store.document(kind.name, number)
        self._world.documents.delete(kind, number, _version(request), self._caller(request))
        self._lag(request, kind, number, before)
        return web.Response(status=204)

    def _caller(self, request: web.Request) -> Caller:
        drawn = request[DRAWN]
        if drawn.meets("normalising"):
            return Caller(request[CALL], Normalising(**drawn.options["normalising"]))
        return Caller(request[CALL])

    def _lag(self, request: web.Request, kind: Kind, id: int, before: Document | None) -> None:
        drawn = request[DRAWN]
        if drawn.meets("stale_reads"):
            self._world.lag(kind.name, id, before, drawn.options["stale_reads"])


def _kind(request: web.Request) -> Kind:
    kind = KINDS.get(request.match_info["kind"])
    if kind is None:
        raise Refusal(404, "NOT_FOUND", f"there are {', '.join(KINDS)}")
    return kind


def _commented(request: web.Request) -> Kind:
    kind = _kind(request)
    if not kind.comments:
        raise Refusal(404, "NOT_FOUND", f"{kind.name} have no comments")
    return kind


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _version(request: web.Request) -> int | None:
    given = request.headers.get("If-Match", "*")
    if given == "*":
        return None
    if not (tag := re.fullmatch(r'"([0-9]{1,12})"', given)):
        raise Refusal(400, "PARAMETER_INVALID", 'a version as "3" is wanted', "If-Match")
    return int(tag[1])


def _whole(given: dict[str, str], name: str, default: int, least: int, most: int = 10**9) -> int:
    text = given.get(name, str(default))
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise Refusal(400, "PARAMETER_INVALID", f"a whole number from {least} to {most} is wanted", name)
    return int(text)


def _position(cursor: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(cursor.encode())) if cursor else 0
    except (ValueError, binascii.Error):
        raise Refusal(400, "PARAMETER_INVALID", "this cursor was not given by the server", "cursor") from None


def _created(document: Document) -> web.Response:
    place = {"Location": f"/api/{document.kind}/{document.id}", "ETag": '"1"'}
    return answer(document.public(), 201, place)


def _shown(document: Document) -> web.Response:
    return answer(document.public(), headers={"ETag": f'"{document.version}"'})
