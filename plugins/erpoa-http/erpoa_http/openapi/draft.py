"""The draft itself: objects out of paths, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from erpoa_http.openapi import guess
from erpoa_http.openapi.document import Described, Document, Schema
from erpoa_http.openapi.fields import fields
from erpoa_http.openapi.written import Note, written

_LIMIT = 100  # rows per page where the document gives no maximum


def drafted(data: Any, system: str) -> str:
    """The YAML text of a `config:` for the API that the OpenAPI document *data* describes; `# …?` marks guesses.
    *system* begins the names of its secrets. `ValueError` when the document is none, or has nothing to list."""
    document = Document(data)
    operations = list(document.operations())
    lists = {o.path: o for o in operations if _lists(document, o)}
    objects: dict[str, Any] = {}
    common: dict[str, Any] = {}
    for listing in lists.values():
        name = _free(_name(listing), objects)
        objects[name] = _Object(document, listing, operations).drafted(common)
    if not objects:
        raise ValueError("no call of the document answers with a list of objects: nothing can be drafted")
    config: dict[str, Any] = {"url": _url(document)}
    if auth := _auth(document, system):
        config["auth"] = auth
    config |= _success(document, operations) | common
    return written({**config, "objects": objects})


def _url(document: Document) -> Any:
    url = document.url()
    return Note(url, "the document names no server") if "CHANGE_ME" in url else url


def _lists(document: Document, operation: Described) -> bool:
    braced = [s for s in operation.segments if "{" in s]
    reads = operation.method == "GET" or (
        operation.method == "POST" and guess.verb(operation.segments[-1]) == "list"
    )
    return bool(operation.segments) and reads and not braced and document.listed(operation.answer) is not None


def _name(operation: Described) -> str:
    parts = operation.segments
    return parts[-2] if len(parts) > 1 and guess.verb(parts[-1]) == "list" else parts[-1]


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    while name in taken:
        name, number = f"{name.rstrip('0123456789')}{number}", number + 1
    return name


def _auth(document: Document, system: str) -> dict[str, Any]:
    def secret(word: str) -> str:
        return f"{{{{ secret('{system}_{word}') }}}}"

    for scheme in document.security():
        kind = scheme.get("type")
        if kind == "apiKey" and scheme.get("in") in {"header", "query"}:
            place = {"in": "query"} if scheme["in"] == "query" else {}
            return {"type": "api_key", **place, "name": scheme["name"], "api_key": secret("api_key")}
        if kind == "basic" or (kind == "http" and scheme.get("scheme", "").lower() == "basic"):
            return {"type": "basic", "user": Note("CHANGE_ME", "who logs in"), "password": secret("password")}
        if kind == "http":
            return {"type": "bearer", "token": secret("token")}
        flow = (
            scheme
            if scheme.get("flow") == "application"
            else (scheme.get("flows") or {}).get("clientCredentials")
        )
        if kind == "oauth2" and flow:
            url = str(flow.get("tokenUrl", ""))
            base = document.url().split("/", 3)
            whole = url if "://" in url else "/".join(base[:3]) + "/" + url.lstrip("/")
            return {
                "type": "oauth2",
                "token_url": whole,
                "client_id": Note("CHANGE_ME", "the client's name"),
                "client_secret": secret("client_secret"),
            }
    return {}


def _success(document: Document, operations: Sequence[Described]) -> dict[str, Any]:
    """The success rule of answers that are wrapped, and where refusals say what they are."""
    found: dict[str, Any] = {}
    for operation in operations:
        inner = document.properties(operation.answer)
        code = guess.called(list(inner), guess.CODE)
        wrapped = any(
            part.get("type") in {"object", "array"} or "properties" in part for part in inner.values()
        )
        if code and wrapped and guess.called(list(inner), guess.MESSAGE) and "success" not in found:
            said = inner[code]
            good = next((said[k] for k in ("const", "example", "default") if k in said), 0)
            found["success"] = Note({code: good}, "what says that a call succeeded?")
            found["error"] = {"code": code, "message": guess.called(list(inner), guess.MESSAGE)}
        if operation.refusal and "error" not in found:
            path = {
                key: ".".join(at)
                for key, words in (("code", guess.CODE), ("message", guess.MESSAGE))
                if (at := document.path_of(operation.refusal, words))
            }
            if path:
                found["error"] = path
    return found


class _Object:
    """One object, from the operation that lists it."""

    def __init__(self, document: Document, listing: Described, operations: Sequence[Described]) -> None:
        self._document, self._listing = document, listing
        found = document.listed(listing.answer)
        assert found is not None
        self._records, self._record = found
        parts = listing.segments
        spoken = guess.verb(parts[-1]) == "list"
        self._base = "/" + "/".join(parts[:-1] if spoken else parts)
        self._near = [o for o in operations if o.path.startswith(self._base + "/") or o.path == self._base]
        self._types = document.properties(self._record)
        self._calls = {word: self._call(word) for word in ("get", "create", "update", "delete")}

    def drafted(self, common: dict[str, Any]) -> dict[str, Any]:
        said = self._operations()
        filters = [n for n in self._listing.named("query") if n in self._types]
        for key, value in (
            ("records", ".".join(self._records)),
            ("record", ".".join(self._wrapper())),
            ("paging", self._paging()),
            ("version", self._version()),
            ("create_safety", self._safety(filters)),
        ):
            if value and common.setdefault(key, value) != value:
                said[key] = value
        id_ = self._id()
        if id_ and id_ != "id":
            said["id"] = id_
        key = guess.called([n for n in self._sent() if n in filters or n == id_], guess.KEYS)
        if key:
            said["key"] = Note([key], "what names a record to people?")
        if filters:
            said["filters"] = filters
        since = guess.called(list(self._listing.named("query")), guess.SINCE)
        changed = guess.called(list(self._types), guess.CHANGED)
        if since and changed:
            said["since"] = {changed: since}
        create, update = (c.body if c else None for c in (self._calls["create"], self._calls["update"]))
        said["fields"] = fields(self._document, self._record, create, update, id_)
        return said

    def _sent(self) -> list[str]:
        """The fields that a create takes; all, when the document does not say."""
        create = self._calls["create"]
        around = self._document.around(create.body, set(self._types)) if create else None
        if create is None or around is None:
            return list(self._types)
        inner: Schema = create.body
        for name in around:
            inner = self._document.properties(inner)[name]
        return [n for n in self._document.properties(inner) if n in self._types]

    def _safety(self, filters: Sequence[str]) -> Any:
        create = self._calls["create"]
        if create is None:
            return ""
        if guess.called(list(create.named("header")), ("idempotencykey",)):
            return "key"
        if guess.called([n for n in self._sent() if n in filters], guess.KEYS):
            return "lookup"
        return Note(
            "none", "`lookup`, when a field of yours that is unique is among the filters: name it in `key:`"
        )

    # -- calls --

    def _call(self, word: str) -> Described | None:
        methods = {"get": ["GET"], "create": ["POST"], "update": ["PATCH", "PUT"], "delete": ["DELETE"]}[word]
        path_is_collection = word == "create"
        for method in methods:
            for operation in self._near:
                rest = operation.path.removeprefix(self._base).strip("/")
                fits = not rest if path_is_collection else rest.startswith("{") and "/" not in rest
                if operation.method == method and fits:
                    return operation
        spoken = [o for o in self._near if o.segments and guess.verb(o.segments[-1]) == word]
        return next((o for o in spoken if len(o.segments) == len(self._base.split("/"))), None)

    def _operations(self) -> dict[str, Any]:
        plain = {
            "list": f"GET {self._base}",
            "get": f"GET {self._base}/{{id}}",
            "create": f"POST {self._base}",
            "update": f"PATCH {self._base}/{{id}}",
            "delete": f"DELETE {self._base}/{{id}}",
        }
        there = {"list": self._spoken("list", self._listing)}
        there |= {word: self._spoken(word, call) for word, call in self._calls.items() if call}
        if sum(there.get(word) == call for word, call in plain.items()) >= 3:
            rest = {
                word: there.get(word, False) for word, call in plain.items() if there.get(word, False) != call
            }
            said: dict[str, Any] = {"collection": self._base, **rest}
        else:
            said = there
        calls = {o.segments[-1]: f"{o.method} {self._path(o)}" for o in self._near if self._moves(o)}
        return {**said, "calls": calls} if calls else said

    def _moves(self, operation: Described) -> bool:
        rest = operation.path.removeprefix(self._base).strip("/").split("/")
        return (
            operation.method in {"POST", "PUT"}
            and len(rest) == 2
            and rest[0].startswith("{")
            and not rest[1].startswith("{")
            and not self._document.properties(operation.body)
        )

    def _path(self, operation: Described) -> str:
        """The path, its one parameter called as the identifier."""
        return "/" + "/".join("{id}" if s.startswith("{") else s for s in operation.segments)

    def _spoken(self, word: str, operation: Described) -> Any:
        call = f"{operation.method} {self._path(operation)}"
        id_ = self._id()
        more: dict[str, Any] = {}
        needed = {p.name for p in operation.parameters if p.place == "query" and p.required}
        if word != "list" and "{" not in operation.path and id_ in operation.named("query"):
            more["query"] = {id_: f"{{{id_}}}"}
        elif word == "list" and (
            unknown := needed - {self._parameter(w) for w in (guess.PAGE, guess.OFFSET, guess.SIZE)}
        ):
            more["query"] = Note(dict.fromkeys(sorted(unknown), "CHANGE_ME"), "needed by every call")
        body = self._document.properties(operation.body)
        if word == "delete" and id_ in body:
            more["form" if operation.form else "body"] = {id_: f"{{{id_}}}"}
        elif word in {"create", "update"} and body:
            around = self._document.around(operation.body, set(self._types))
            if around:
                wrapped: Any = "{record}"
                for name in reversed(around):
                    wrapped = {name: wrapped}
                more["body"] = wrapped
        return {"call": call, **more} if more else call

    def _parameter(self, words: Sequence[str]) -> str:
        return guess.called(list(self._listing.named("query")), words)

    # -- what answers look like --

    def _wrapper(self) -> tuple[str, ...]:
        answers = [c.answer for c in (self._calls["get"], self._calls["create"]) if c and c.answer]
        for answer in answers:
            around = self._document.around(answer, set(self._types))
            if around is not None:
                return around
        return ()

    def _id(self) -> str:
        for word in ("get", "update", "delete"):
            call = self._calls[word]
            if call is None:
                continue
            for parameter in call.parameters:
                if parameter.place in {"path", "query"} and parameter.name in self._types:
                    return parameter.name
            if word == "delete":
                for name in self._document.properties(call.body):
                    if name in self._types:
                        return name
        return "id" if "id" in self._types else guess.called(list(self._types), ("id", *guess.KEYS))

    def _version(self) -> str:
        changing = [c for c in (self._calls["update"], self._calls["delete"]) if c]
        conditional = any(guess.called(list(c.named("header")), ("ifmatch",)) for c in changing)
        get = self._calls["get"]
        return "etag" if conditional or (get and "etag" in get.answer_headers) else ""

    def _paging(self) -> dict[str, Any]:
        in_query = self._listing.named("query")
        size = self._parameter(guess.SIZE)
        sized: dict[str, Any] = {}
        if size:
            most = in_query[size].schema.get("maximum")
            sized = {"size": {size: int(most) if most else _LIMIT}}
        answer, path_of = self._listing.answer, self._document.path_of
        total, next_, more = (path_of(answer, words) for words in (guess.TOTAL, guess.NEXT, guess.MORE))
        ends = {k: ".".join(v) for k, v in (("total", total), ("more", more)) if v}
        cursor, offset, page = (self._parameter(w) for w in (guess.CURSOR, guess.OFFSET, guess.PAGE))
        if cursor and next_:
            return {"type": "cursor", "parameter": cursor, "next": ".".join(next_), **sized, **ends}
        if offset:
            return {"type": "offset", "parameter": offset, **sized, **ends}
        if page:
            least = in_query[page].schema.get("minimum", in_query[page].schema.get("default", 1))
            start = {"start": 0} if least == 0 else {}
            return {"type": "page", "parameter": page, **start, **sized, **ends}
        if "link" in self._listing.answer_headers:
            return {"type": "link", **sized, **ends}
        return {}


__all__ = ["Schema", "drafted"]
