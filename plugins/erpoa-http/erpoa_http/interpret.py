"""From `config:` (sound by its JSON Schema) to an `Api`: defaults filled in, and every mistake found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.connector import CreateSafety
from erpoa_cli.sdk.errors import SystemFailure
from erpoa_cli.sdk.http import Paging, Scheme
from erpoa_http.description import ETAG, Api, Batch, Listing, Object, Operation
from erpoa_http.fields import members
from erpoa_http.judge import CLASSES, Path, Rule
from erpoa_http.lifecycle import lifecycle
from erpoa_http.problem import Problems
from erpoa_http.template import KEY, RECORD, RECORDS, VERSION, Request, names

_COLLECTION = {
    "list": "GET {}",
    "get": "GET {}/{{id}}",
    "create": "POST {}",
    "update": "PATCH {}/{{id}}",
    "delete": "DELETE {}/{{id}}",
}
_INHERITED = ("records", "record", "paging", "create_safety", "version", "settles", "omits_nulls")
_PARAMETER = {Scheme.PAGE: "page", Scheme.OFFSET: "offset", Scheme.KEYSET: "after", Scheme.CURSOR: "cursor"}


def interpreted(config: Mapping[str, Any], problems: Problems) -> Api:
    """The API that *config* describes; of no use when *problems* has any afterwards."""
    rule = _rule(config, problems)
    for key in ("headers", "query"):
        for name, value in config.get(key, {}).items():
            if isinstance(value, Secret):
                problems.at(key, name).add(
                    f"a secret goes into auth: {{type: api_key, in: {key.removesuffix('s')}, name: {name}}}"
                )
    objects = {
        name: _Builder(name, config, said, problems.at("objects", name)).object()
        for name, said in config["objects"].items()
    }
    return Api(objects=objects, rule=rule, query=config.get("query", {}), headers=config.get("headers", {}))


def _rule(said: Mapping[str, Any], problems: Problems, above: Rule | None = None) -> Rule:
    success = tuple(
        (_path(path), tuple(wanted) if isinstance(wanted, list) else (wanted,))
        for path, wanted in said.get("success", {}).items()
    )
    error = said.get("error", {})
    classes: dict[str, type[SystemFailure]] = dict(above.classes) if above else {}
    patterns = list(above.patterns) if above else []
    for word, class_ in error.get("classes", {}).items():
        if len(word) > 1 and word[0] == word[-1] == "/":
            try:
                patterns.append((re.compile(word[1:-1]), CLASSES[class_]))
            except re.error as wrong:
                problems.at("error", "classes", word).add(f"is no regular expression: {wrong}")
        else:
            classes[word] = CLASSES[class_]
    return Rule(
        success=success,
        code=_path(error.get("code", "")),
        message=_path(error.get("message", "")),
        classes=classes,
        patterns=tuple(patterns),
    )


def _path(text: str) -> Path:
    return tuple(text.split(".")) if text else ()


class _Builder:
    """One object, from what is said of it (*own*) and of all (*config*)."""

    def __init__(
        self, name: str, config: Mapping[str, Any], own: Mapping[str, Any], problems: Problems
    ) -> None:
        self._name, self._config, self._own, self._problems = name, config, own, problems
        self._said = {**{k: config[k] for k in _INHERITED if k in config}, **own}

    def object(self) -> Object:
        own, said = self._own, self._said
        self._members = members(own["fields"], self._problems.at("fields"))
        known = [m.name for m in self._members]
        given = own.get("id", "id" if "id" in known else [])
        self._id = tuple([given] if isinstance(given, str) else given)
        self._safety = CreateSafety(said.get("create_safety", "none"))
        filters = own.get("filters", {})
        self._known("id", self._id)
        self._known("key", own.get("key", []))
        self._known("filters", filters)
        self._known("since", own.get("since", {}))
        operations = {word: self._operation(word) for word in ("get", "create", "update", "delete")}
        calls = {
            name: self._read(("calls", name), value, {*self._id, "id", VERSION, KEY})
            for name, value in own.get("calls", {}).items()
        }
        made = Object(
            name=self._name,
            members=self._members,
            id=self._id,
            key=tuple(own.get("key", [])),
            enforces_key=own.get("enforces_key", False),
            list=self._listing(),
            **operations,
            calls={name: operation for name, operation in calls.items() if operation},
            filters=dict(filters) if isinstance(filters, Mapping) else {n: n for n in filters},
            since=own.get("since", {}),
            version=said.get("version", ""),
            safety=self._safety,
            settles=float(said.get("settles", 0)),
            omits_nulls=said.get("omits_nulls", False),
            lifecycle=lifecycle(own["lifecycle"], known, calls, self._problems.at("lifecycle"))
            if "lifecycle" in own
            else None,
        )
        self._judge(made)
        return made

    def _known(self, key: str, named: Sequence[str] | Mapping[str, Any]) -> None:
        known = [m.name for m in self._members]
        for name in named:
            if name not in known:
                self._problems.at(key).add(f"there is no field {name!r}. {did_you_mean(name, known)}".strip())

    def _judge(self, made: Object) -> None:
        if made.list is None and made.get is None and made.create is None:
            self._problems.add(
                "nothing can be done with it: write `collection: /path`, or `list: GET /path` and other calls"
            )
        if made.enforces_key and not made.key:
            self._problems.at("enforces_key").add("say which `key:` it is")
        changing = [w for w, o in (("update", made.update), ("delete", made.delete)) if o] + [*made.calls]
        if changing and not made.id:
            self._problems.add(
                f"{', '.join(changing)}: say which field is the `id:`, and declare it among `fields:`"
            )
        if changing and made.list is None and made.get is None:
            self._problems.add(
                f"{', '.join(changing)}: a record is read before it is changed; add `get:` or `list:`"
            )
        for word, operation in (("create", made.create), ("update", made.update), ("delete", made.delete)):
            batch = operation.batch if operation else None
            told = batch and (batch.index or batch.ordered or (made.key if word == "create" else made.id))
            if batch and not told and made.list is None and made.get is None:
                self._problems.at(word, "batch").add(
                    "nothing says which result belongs to which record, and records cannot be looked up: add `index:`, the "
                    "object's `key:`, a `list:`, or `ordered: true` where the API's documentation promises it"
                )
        batch = made.create.batch if made.create else None
        if batch and made.safety is CreateSafety.KEY and KEY not in names(batch.item):
            self._problems.at("create_safety").add(
                'a call of the batch makes many records: each needs its own key (`item: {…: "{key}"}`), or write `lookup`'
            )

    # -- calls --

    def _listing(self) -> Listing | None:
        request = self._request(("list",), self._value("list"), set())
        paging = self._said.get("paging", {"type": "none"})
        at = self._problems.at("paging") if "paging" in self._own else self._problems.root.at("paging")
        scheme = Scheme(paging["type"])
        for key, schemes in (
            ("next", {Scheme.CURSOR, Scheme.KEYSET}),
            ("start", {Scheme.PAGE}),
            ("parameter", set(_PARAMETER)),
        ):
            if key in paging and scheme not in schemes:
                at.at(key).add(f"says nothing where the type is {scheme}")
        if scheme is Scheme.CURSOR and "next" not in paging:
            at.add("say with `next:` where an answer has the cursor of the next page")
        next_ = _path(paging.get("next", ""))
        if scheme is Scheme.KEYSET and not next_:
            next_ = next((m.path for m in self._members if m.name in self._id), ())
        if request is None:
            return None
        said = self._value("list")
        rows = said.get("records") if isinstance(said, Mapping) else None
        caps = self._config.get("caps", {})
        limits = {"most_rows": caps.get("rows"), "seconds": caps.get("seconds")}
        return Listing(
            request=request,
            size=paging.get("size", {}),
            paging=Paging(
                scheme=scheme,
                parameter=paging.get("parameter", _PARAMETER.get(scheme, "")),
                in_body=paging.get("in") == "body",
                rows=_path(self._said.get("records", "") if rows is None else rows),
                start=paging.get("start", 1),
                next=next_,
                total=_path(paging.get("total", "")),
                more=_path(paging.get("more", "")),
                **{k: v for k, v in limits.items() if v is not None},
            ),
        )

    def _value(self, word: str) -> Any:
        """What is said of the call *word*; the default where the object is a plain collection."""
        if word in self._own:
            return self._own[word]
        return _COLLECTION[word].format(self._own["collection"]) if "collection" in self._own else None

    def _operation(self, word: str) -> Operation | None:
        keyed = {"id", *self._id}
        known = {
            "get": keyed,
            "create": {RECORD, KEY},
            "update": {*keyed, RECORD, VERSION, KEY},
            "delete": {*keyed, VERSION, KEY},
        }[word]
        return self._read((word,), self._value(word), known)

    def _read(self, place: tuple[str, ...], said: Any, known: set[str]) -> Operation | None:
        said = {"call": said} if isinstance(said, str) else said
        at = self._problems.at(*place)
        if said is True:
            at.add("say which call it is: `POST /path`")
        if not isinstance(said, Mapping):
            return None
        request = self._request(place, said, known)
        batch = self._batch((*place, "batch"), said["batch"], known) if "batch" in said else None
        if request is None and batch is None:
            at.add("`call` is missing")
            return None
        word = place[0]
        if request:
            request = _completed(request, word, self._safety, self._said.get("version", ""))
        return Operation(
            request=request,
            record=_path(said.get("record", self._said.get("record", ""))),
            id=_path(said.get("id", "")),
            whole=said.get("whole", bool(request and request.method == "PUT")),
            batch=batch,
        )

    def _batch(self, place: tuple[str, ...], said: Mapping[str, Any], known: set[str]) -> Batch | None:
        at = self._problems.at(*place)
        request = self._request(place, said, {RECORDS})
        if request is None:
            return None
        if RECORDS not in request.names:
            if request.body is not None or request.form is not None:
                at.add('nothing says where the records go: write "{records}" into its body')
            request = replace(request, body=f"{{{RECORDS}}}")
        item = said.get("item", "{id}" if place[0] == "delete" else f"{{{RECORD}}}")
        self._filled(at.at("item"), names(item), known)
        return Batch(
            request=request,
            size=said["size"],
            item=item,
            results=_path(said.get("results", "")),
            index=_path(said.get("index", "")),
            ordered=said.get("ordered", False),
            rule=_rule(said, at, _rule(self._config, Problems())),
            id=_path(said.get("id", "")),
        )

    def _request(self, place: tuple[str, ...], said: Any, known: set[str]) -> Request | None:
        said = {"call": said} if isinstance(said, str) else said
        if not isinstance(said, Mapping) or "call" not in said:
            return None
        method, _, path = said["call"].partition(" ")
        request = Request(
            method=method,
            path=path,
            query=said.get("query", {}),
            headers=said.get("headers", {}),
            body=said.get("body"),
            form=said.get("form"),
        )
        at = self._problems.at(*place)
        if request.body is not None and request.form is not None:
            at.add("has a body and a form; keep one of the two")
        self._filled(at, request.names, known)
        return request

    def _filled(self, at: Problems, found: set[str], known: set[str]) -> None:
        for name in sorted(found - known):
            hint = did_you_mean(name, sorted(known)) or "Nothing can be filled in here."
            at.add(f"nobody knows what {{{name}}} is. {hint}")
        if "id" in found and len(self._id) > 1:
            at.add(f"{{id}} could be any of {', '.join(self._id)}: name the field")


def _completed(request: Request, word: str, safety: CreateSafety, version: str) -> Request:
    """*request* with the defaults of what it does not say: where the record, the key and the version go."""
    said = request.names
    headers = dict(request.headers)
    if word == "create" and safety is CreateSafety.KEY and KEY not in said:
        headers["Idempotency-Key"] = f"{{{KEY}}}"
    if word in {"update", "delete", "calls"} and version == ETAG and VERSION not in said:
        headers["If-Match"] = f"{{{VERSION}}}"
    body = request.body
    if word in {"create", "update"} and RECORD not in said and body is None and request.form is None:
        body = f"{{{RECORD}}}"
    return replace(request, headers=headers, body=body)
