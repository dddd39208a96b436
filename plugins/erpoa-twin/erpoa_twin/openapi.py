"""The OpenAPI document of the twin, made from the kinds that it serves."""

from __future__ import annotations

from typing import Any

from erpoa_twin.kinds import DIGITS, KINDS, Field, Kind, Type
from erpoa_twin.settings import Settings
from erpoa_twin.values import LONGEST

Json = dict[str, Any]


def document(settings: Settings) -> Json:
    """OpenAPI 3.0.3 of every call below /api and of the one that gives tokens."""
    paths: Json = {"/oauth/token": {"post": _token()}}
    for kind in KINDS.values():
        paths |= _paths(kind, settings)
    schemas = {name: schema for kind in KINDS.values() for name, schema in _schemas(kind).items()}
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "erpoa-twin generic",
            "version": "1",
            "description": "An ERP and an OA to test against.",
        },
        "servers": [{"url": "/"}],
        "security": [{"client": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"client": {"type": "oauth2", "flows": flow}},
            "schemas": {**schemas, "Error": _ERROR},
        },
    }


_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {n: {"type": "string"} for n in ("code", "message", "field")},
        }
    },
}
_ID: Json = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_VERSION: Json = {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "example": '"3"'}
_KEY: Json = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}


def _token() -> Json:
    fields = {n: {"type": "string"} for n in ("grant_type", "client_id", "client_secret")}
    form = {"type": "object", "required": ["grant_type"], "properties": fields}
    given = {
        "type": "object",
        "required": ["access_token", "token_type", "expires_in"],
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"type": "string"},
            "expires_in": {"type": "integer"},
        },
    }
    return {
        "operationId": "token",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {"200": _json("A token", given), "401": {"description": "An unknown client"}},
    }


def _paths(kind: Kind, settings: Settings) -> Json:
    name, one = kind.name, f"/api/{kind.name}/{{id}}"
    shown, wanted = _ref(kind, ""), _ref(kind, "Create")
    key = [_KEY] if settings.create_safety == "key" else []
    items = {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": wanted, "maxItems": 100}},
    }
    paths = {
        f"/api/{name}": {
            "get": {
                "operationId": f"list_{name}",
                "parameters": _query(kind, settings),
                "responses": _answers("200", _page(shown)),
            },
            "post": _writing(f"create_{name}", key, wanted, _answers("201", shown)),
        },
        f"/api/{name}/batch": {
            "post": _writing(f"create_many_{name}", key, items, _answers("200", _RESULTS))
        },
        one: {
            "get": {"operationId": f"get_{name}", "parameters": [_ID], "responses": _answers("200", shown)},
            "patch": _writing(
                f"change_{name}", [_ID, _VERSION], _ref(kind, "Change"), _answers("200", shown)
            ),
            "delete": {
                "operationId": f"delete_{name}",
                "parameters": [_ID, _VERSION],
                "responses": _answers("204", None),
            },
        },
    }
    for call in kind.moves:
        operation = {
            "operationId": f"{call}_{name}",
            "parameters": [_ID, _VERSION],
            "responses": _answers("200", shown),
        }
        paths[f"{one}/{call}"] = {"post": operation}
    if kind.comments:
        page = {
            "type": "object",
            "required": ["items"],
            "properties": {"items": {"type": "array", "items": _COMMENT}},
        }
        text = {
            "type": "object",
            "required": ["text"],
            "properties": {"text": _COMMENT["properties"]["text"]},
        }
        paths[f"{one}/comments"] = {
            "get": {
                "operationId": f"comments_{name}",
                "parameters": [_ID],
                "responses": _answers("200", page),
            },
            "post": _writing(f"comment_{name}", [_ID, *key], text, _answers("201", _COMMENT)),
        }
    return paths


_COMMENT: Json = {
    "type": "object",
    "required": ["id", "created_at", "text"],
    "properties": {
        "id": {"type": "integer"},
        "created_at": {"type": "string", "format": "date-time"},
        "text": {"type": "string", "minLength": 1, "maxLength": LONGEST},
    },
}
_RESULTS: Json = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "status"],
                "properties": {
                    "index": {"type": "integer"},
                    "status": {"type": "string", "enum": ["created", "refused"]},
                    "id": {"type": "integer"},
                    "version": {"type": "integer"},
                    "number": {"type": "string"},
                    "error": _ERROR["properties"]["error"],
                },
                "additionalProperties": False,
            },
        }
    },
}


def _page(shown: Json) -> Json:
    return {
        "type": "object",
        "required": ["items", "total"],
        "properties": {
            "items": {"type": "array", "items": shown},
            "total": {"type": "integer"},
            "next_cursor": {"type": "string"},
        },
        "additionalProperties": False,
    }


def _query(kind: Kind, settings: Settings) -> list[Json]:
    whole = {"type": "integer", "minimum": 0}
    size = {"type": "integer", "minimum": 1, "maximum": 200}
    told = {"limit": size, "offset": whole, "page": {"type": "integer", "minimum": 1}, "page_size": size}
    told |= {"cursor": {"type": "string"}, "updated_since": {"type": "string", "format": "date-time"}}
    told |= {f.name: _scalar(f) for f in kind.fields}
    if kind.states:
        told |= {"state": {"type": "string", "enum": list(kind.states)}, "number": {"type": "string"}}
    if settings.create_safety == "none":
        told.pop("reference", None)
    return [{"name": name, "in": "query", "schema": schema} for name, schema in told.items()]


def _writing(operation: str, parameters: list[Json], body: Json, responses: Json) -> Json:
    content = {"required": True, "content": {"application/json": {"schema": body}}}
    return {
        "operationId": operation,
        "parameters": parameters,
        "requestBody": content,
        "responses": responses,
    }


def _answers(status: str, schema: Json | None) -> Json:
    good = _json("Done", schema) if schema else {"description": "Done"}
    return {status: good, "default": _json("Refused", {"$ref": "#/components/schemas/Error"})}


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(kind: Kind, what: str) -> Json:
    return {"$ref": f"#/components/schemas/{kind.name}{what}"}


def _schemas(kind: Kind) -> dict[str, Json]:
    """As shown, as created, as changed."""
    head: Json = {"id": {"type": "integer"}, "version": {"type": "integer"}}
    if kind.states:
        head |= {"number": {"type": "string"}, "state": {"type": "string", "enum": list(kind.states)}}
    head |= {n: {"type": "string", "format": "date-time"} for n in ("created_at", "updated_at")}
    shown = {**head, **{f.name: _shown(f) for f in kind.fields}}
    written = {f.name: _shown(f) for f in kind.fields if not f.computed}
    required = [f.name for f in kind.fields if f.required]
    if kind.lines:
        shown["lines"] = _array(
            _object({f.name: _shown(f) for f in kind.lines}, [f.name for f in kind.lines])
        )
        line = {f.name: _shown(f) for f in kind.lines if not f.computed}
        written["lines"] = _array(_object(line, [f.name for f in kind.lines if f.required]))
        required.append("lines")
    return {
        kind.name: _object(
            {n: {**s, "readOnly": True} if n in head else s for n, s in shown.items()}, list(shown)
        ),
        f"{kind.name}Create": _object(written, required),
        f"{kind.name}Change": _object(written, []),
    }


def _object(properties: Json, required: list[str]) -> Json:
    told = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**told, "required": required} if required else told


def _array(items: Json) -> Json:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": 500}


def _shown(field: Field) -> Json:
    schema = _scalar(field)
    if field.required and field.type is Type.TEXT:
        schema["minLength"] = 1
    if not field.required and not field.computed and field.type is not Type.BOOLEAN:
        schema["nullable"] = True
    return {**schema, "readOnly": True} if field.computed else schema


def _scalar(field: Field) -> Json:
    match field.type:
        case Type.BOOLEAN:
            return {"type": "boolean"}
        case Type.INTEGER:
            return {"type": "integer"}
        case Type.DATE:
            return {"type": "string", "format": "date"}
        case Type.DECIMAL:
            return {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
        case Type.CURRENCY:
            return {"type": "string", "enum": list(DIGITS)}
        case Type.TEXT:
            return {"type": "string", "maxLength": LONGEST}
        case Type.REFERENCE:
            return {"type": "string", "description": f"the code of one of {field.to}"}
