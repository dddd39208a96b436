"""An OpenAPI document with its references followed: operations, their parameters and the schemas of bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 12  # references followed into each other: a tree refers to itself
_MOST = 1_000_000  # parts looked at: each may refer to the next one several times
_ENVELOPE = 4  # objects around a list of records

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: str  # query, header, path
    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Described:
    """An operation of the document. `body` and `answer` are schemas with every reference followed; `form`: the body is
    one. `refusal`: the schema of its first answer that is no success."""

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Schema
    form: bool
    answer: Schema
    answer_headers: frozenset[str]
    refusal: Schema

    @property
    def segments(self) -> list[str]:
        return [part for part in self.path.split("/") if part]

    def named(self, place: str) -> dict[str, Parameter]:
        return {p.name: p for p in self.parameters if p.place == place}


class Document:
    """*data*: the parsed document. `ValueError` when it is none."""

    def __init__(self, data: Any) -> None:
        whole = isinstance(data, Mapping) and isinstance(data.get("paths"), Mapping)
        if not whole:
            raise ValueError("this is no OpenAPI document: it has no `paths`")
        self.data = data
        self.old = "swagger" in data  # version 2
        self._followed = 0

    def operations(self) -> Iterator[Described]:
        for path, said in self.data["paths"].items():
            item = self.resolved(said)
            for method in _METHODS:
                if isinstance(item.get(method), Mapping):
                    yield self._operation(method.upper(), path, item)

    def url(self) -> str:
        if self.old:
            scheme = next(iter(self.data.get("schemes", ["https"])), "https")
            host = self.data.get("host", "CHANGE_ME")
            return f"{scheme}://{host}{self.data.get('basePath', '')}".rstrip("/")
        servers = self.data.get("servers") or [{}]
        url = str(servers[0].get("url", ""))
        return url.rstrip("/") if "://" in url else f"https://CHANGE_ME{url.rstrip('/')}"

    def security(self) -> Iterator[Mapping[str, Any]]:
        """The schemes that calls need by default, else all there are."""
        known = (
            self.data.get("securityDefinitions")
            if self.old
            else _at(self.data, "components", "securitySchemes")
        )
        known = known if isinstance(known, Mapping) else {}
        wanted = [name for need in self.data.get("security") or [] for name in need]
        for name in dict.fromkeys(wanted or known):
            if name in known:
                yield self.resolved(known[name])

    def resolved(self, part: Any, depth: int = 0) -> dict[str, Any]:
        """*part*, or what it refers to, with `allOf` merged; empty for anything else."""
        self._followed += 1
        if self._followed > _MOST:
            raise ValueError(f"its references lead to more than {_MOST:,} parts: take out what is not needed")
        if not isinstance(part, Mapping) or depth > _DEEPEST:
            return {}
        if isinstance(part.get("$ref"), str):
            return self.resolved(self._found(part["$ref"]), depth + 1)
        merged = {key: value for key, value in part.items() if key != "allOf"}
        for inner in part.get("allOf") or []:
            more = self.resolved(inner, depth + 1)
            properties = dict(merged.get("properties", {}))
            for name, said in more.get("properties", {}).items():
                properties[name] = {"allOf": [properties[name], said]} if name in properties else said
            required = [*merged.get("required", []), *more.get("required", [])]
            merged = {**more, **merged, "properties": properties, "required": required}
        return merged

    def _found(self, reference: str) -> Any:
        part: Any = self.data
        for name in reference.removeprefix("#/").split("/"):
            key = name.replace("~1", "/").replace("~0", "~")
            part = part.get(key) if isinstance(part, Mapping) else None
        return part

    def _operation(self, method: str, path: str, item: Mapping[str, Any]) -> Described:
        said = item[method.lower()]
        raw = [self.resolved(p) for p in [*item.get("parameters", []), *said.get("parameters", [])]]
        responses = {str(k): self.resolved(v) for k, v in (said.get("responses") or {}).items()}
        good = next((responses[s] for s in sorted(responses) if s.startswith("2")), {})
        bad = next((v for k, v in responses.items() if not k.startswith("2") and self._schema(v)[0]), {})
        body, form = self._body(said, raw)
        return Described(
            method=method,
            path=path,
            parameters=tuple(
                Parameter(p["name"], p["in"], self.resolved(p.get("schema", p)), bool(p.get("required")))
                for p in raw
                if p.get("in") in {"query", "header", "path"} and "name" in p
            ),
            body=body,
            form=form,
            answer=self._schema(good)[0],
            answer_headers=frozenset(str(h).lower() for h in good.get("headers") or ()),
            refusal=self._schema(bad)[0],
        )

    def _body(self, said: Mapping[str, Any], raw: Sequence[Mapping[str, Any]]) -> tuple[Schema, bool]:
        if self.old:
            found = next((p for p in raw if p.get("in") == "body"), {})
            fields = {p["name"]: p for p in raw if p.get("in") == "formData"}
            return (
                (self.resolved(found.get("schema")), False)
                if found
                else ({"properties": fields} if fields else {}, bool(fields))
            )
        return self._schema(self.resolved(said.get("requestBody")))

    def _schema(self, said: Mapping[str, Any]) -> tuple[Schema, bool]:
        if "schema" in said:
            return self.resolved(said["schema"]), False
        content = said.get("content") or {}
        for kind, media in content.items():
            if "json" in kind or kind == "*/*":
                return self.resolved(media.get("schema")), False
        for kind, media in content.items():
            if "form" in kind:
                return self.resolved(media.get("schema")), True
        return {}, False

    # -- what is inside of schemas --

    def properties(self, schema: Schema) -> dict[str, dict[str, Any]]:
        return {name: self.resolved(part) for name, part in (schema.get("properties") or {}).items()}

    def listed(self, schema: Schema, depth: int = 0) -> tuple[tuple[str, ...], Schema] | None:
        """Where *schema* has a list of objects, and their schema; the nearest one to the top."""
        if schema.get("type") == "array":
            inner = self.resolved(schema.get("items"))
            return ((), inner) if inner.get("properties") else None
        if depth >= _ENVELOPE:
            return None
        inner_ones = self.properties(schema)
        for wanted in ("array", "object"):
            for name, part in inner_ones.items():
                if (part.get("type") == "array") == (wanted == "array") and (
                    found := self.listed(part, depth + 1)
                ):
                    return (name, *found[0]), found[1]
        return None

    def around(self, schema: Schema, names: set[str], depth: int = 0) -> tuple[str, ...] | None:
        """Where *schema* has an object with some of the properties *names*."""
        inner = self.properties(schema)
        if len(names & inner.keys()) >= min(2, len(names)):
            return ()
        if depth >= _ENVELOPE:
            return None
        for name, part in inner.items():
            if (found := self.around(part, names, depth + 1)) is not None:
                return (name, *found)
        return None

    def path_of(self, schema: Schema, names: Sequence[str], depth: int = 0) -> tuple[str, ...] | None:
        """Where *schema* has a property called like one of *names*, outside of lists."""
        inner = self.properties(schema)
        folded = {_folded(name): name for name in inner}
        for name in names:
            if name in folded:
                return (folded[name],)
        for name, part in inner.items() if depth < _ENVELOPE else ():
            if part.get("type") != "array" and (found := self.path_of(part, names, depth + 1)):
                return (name, *found)
        return None


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _at(data: Any, *names: str) -> Any:
    for name in names:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data
