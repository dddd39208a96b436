"""The shape of `config:`. What one key must have because of another is judged in `description`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erpoa_cli.sdk.caps import CAPS, settings
from erpoa_http.judge import CLASSES

Schema = Mapping[str, Any]

_CALL = r"^(GET|POST|PUT|PATCH|DELETE) /[^\s?#]*$"
_TEXT: Schema = {"type": "string", "minLength": 1}
_SECRET: Schema = {"type": "string", "minLength": 1, "x-erpoa": {"secret": True}}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def _object(properties: Mapping[str, Schema], *required: str, about: str = "", **more: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    if about:
        schema["description"] = about
    return {**schema, **more}


def _about(schema: Schema, about: str) -> dict[str, Any]:
    return {**schema, "description": about}


def _map(values: Schema, about: str) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values, "description": about}


_AUTH = _object(
    {
        "type": {"enum": ["basic", "bearer", "api_key", "oauth2", "signed", "login"]},
        "user": _about(_TEXT, "basic"),
        "password": _about(_SECRET, "basic"),
        "token": _about(_SECRET, "bearer"),
        "api_key": _about(_SECRET, "api_key"),
        "in": {"enum": ["header", "query"], "description": "api_key: where it goes; default header"},
        "name": _about(_TEXT, "api_key: name of the header or parameter; default X-API-Key"),
        "prefix": {
            "type": "string",
            "description": "api_key, login: what stands before it, as in `Bearer …`",
        },
        "token_url": _about(_TEXT, "oauth2: where tokens are given"),
        "client_id": _about(_TEXT, "oauth2"),
        "client_secret": _about(_SECRET, "oauth2"),
        "client_in": {
            "enum": ["basic", "body"],
            "description": "oauth2: where the client shows itself; default basic",
        },
        "parameters": _map({"type": "string"}, "oauth2: further ones, as scope or audience"),
        "key_id": _about(_TEXT, "signed"),
        "signing_key": _about(_SECRET, "signed"),
        "signed": _about(
            _TEXT, "signed: the text; {method} {path} {query} {timestamp} {nonce} {body_sha256} {key_id}"
        ),
        "headers": _map(_TEXT, "signed: what is sent; as the text, and {signature}"),
        "digest": {"enum": ["sha1", "sha256", "sha512"], "description": "signed; default sha256"},
        "encoding": {"enum": ["hex", "base64"], "description": "signed: of the signature; default hex"},
        "login_url": _about(_TEXT, "login: where to POST"),
        "body": _map(
            {"type": ["string", "number", "boolean"]}, "login: user, password and what else it takes"
        ),
        "token_at": _about(_TEXT, "login: path of the token in the answer"),
        "header": _about(_TEXT, "login: header that takes the token; default Authorization"),
        "cookie": _about(_TEXT, "login: cookie that takes it instead"),
        "lasts": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "login: seconds until the next; default 1200",
        },
    },
    "type",
    about="how erpoa shows who it is; a list where several are sent together",
)
_PAGING = _object(
    {
        "type": {"enum": ["none", "page", "offset", "keyset", "cursor", "link"]},
        "parameter": _about(
            _TEXT, "what takes the place to go on from; default the type's name, of keyset `after`"
        ),
        "in": {
            "enum": ["query", "body"],
            "description": "where parameter and size go; default query. In a body they are dotted paths",
        },
        "size": _map(
            {"type": "integer", "minimum": 1}, "the parameter for rows per page and its value: {limit: 100}"
        ),
        "start": {"type": "integer", "minimum": 0, "description": "page: number of the first; default 1"},
        "next": _about(
            _TEXT, "cursor: its path in the answer; keyset: path in a row, default the identifier"
        ),
        "total": _about(_TEXT, "path of the number of all rows"),
        "more": _about(_TEXT, "path of true where there are further pages"),
    },
    "type",
    about="how lists are cut into pages; default none",
)
_ERROR = {
    "code": _about(_TEXT, "path of the code"),
    "message": _about(_TEXT, "path of the words"),
    "classes": _map(
        {"enum": list(CLASSES)}, "a code, an HTTP status, or a /pattern/ of the message: what it means"
    ),
}
_SUCCESS = _map(
    {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, {"type": "array", "items": _SCALAR}]},
    "what a successful answer has where: {code: 0}; null: nothing stands there",
)
_DEFAULTS: Mapping[str, Schema] = {
    "records": {
        "type": "string",
        "description": "path of the list in the answer of a list; default: the answer is it",
    },
    "record": {
        "type": "string",
        "description": "path of the record in any other answer; default: the answer is it",
    },
    "paging": _PAGING,
    "create_safety": {
        "enum": ["key", "lookup", "none"],
        "description": "what becomes of a create whose answer is lost; default none",
    },
    "version": _about(
        _TEXT, "`etag`, or the path of the version in a record; sent as If-Match or where {version} stands"
    ),
    "settles": {
        "type": "number",
        "minimum": 0,
        "description": "seconds until what was written is shown; default 0",
    },
    "omits_nulls": {
        "type": "boolean",
        "description": "a field that an answer leaves out is null; default false: its record is left out and told",
    },
}
_REQUEST: Mapping[str, Schema] = {
    "call": {"type": "string", "pattern": _CALL, "title": "a method and a path, as POST /suppliers/{id}"},
    "query": _map(_SCALAR, "fixed parameters"),
    "headers": _map(_TEXT, "further headers"),
    "body": {
        "description": "JSON; {record}, {id}, {version}, {key} and fields of the identifier are filled in"
    },
    "form": _map(_SCALAR, "a form instead of JSON"),
}
_BATCH = _object(
    {
        **_REQUEST,
        "size": {"type": "integer", "minimum": 1, "description": "most records of a call"},
        "item": {"description": "what {records} has for each; default {record}, to delete {id}"},
        "results": {"type": "string", "description": "path of the list with a result per record"},
        "index": _about(
            _TEXT,
            "path in a result of the record's place, from 0; default: its key or identifier says which it is",
        ),
        "ordered": {
            "type": "boolean",
            "default": False,
            "description": "the documentation promises results in the order of the records: they need not say which they are",
        },
        "success": _SUCCESS,
        "error": _object(_ERROR, about="as above, in a result"),
        "id": _about(_TEXT, "path in a result of the identifier"),
    },
    "call",
    "size",
    about="one call for many records",
)


def _operation(about: str, *more: str) -> dict[str, Any]:
    extras: Mapping[str, Schema] = {
        "records": _DEFAULTS["records"],
        "record": _DEFAULTS["record"],
        "id": _about(_TEXT, "path of the identifier in the answer; default: in its record"),
        "whole": {
            "type": "boolean",
            "description": "send the whole record, not only what changes; default: with PUT",
        },
        "batch": _BATCH,
    }
    return {
        "type": ["string", "object", "boolean"],
        "pattern": _CALL,
        "title": "a method and a path, as GET /suppliers/{id}; false: not possible",
        "additionalProperties": False,
        "properties": {**_REQUEST, **{name: extras[name] for name in more}},
        "description": about,
    }


_MEMBER: Mapping[str, Schema] = {
    "path": _about(_TEXT, "where it stands in the record, dotted; default its name"),
    "read_only": {"type": "boolean", "description": "never sent"},
    "required": {"type": "boolean", "description": "never null"},
    "format": _about(_TEXT, "of a date or time: a strptime pattern, `unix` or `unix_ms`; default ISO 8601"),
    "as": {
        "enum": ["text", "number"],
        "description": "how numbers and truth values are written; default: by type",
    },
    "description": {"type": "string"},
}
_FIELD: Schema = {
    "type": ["string", "object"],
    "additionalProperties": False,
    "properties": {
        "type": _about(_TEXT, "as in sources"),
        **_MEMBER,
        "items": {"$ref": "#/$defs/fields", "description": "fields of the objects in a list"},
        "fields": {"$ref": "#/$defs/fields", "description": "fields of an object inside"},
    },
}
_STATES: Schema = {"type": ["string", "array"], "items": _TEXT}
_LIFECYCLE = _object(
    {
        "field": _about(_TEXT, "the field that says the state"),
        "states": {
            "type": "array",
            "items": _TEXT,
            "minItems": 1,
            "description": "its values, the first one first",
        },
        "moves": {
            "type": "array",
            "items": _object(
                {"from": _STATES, "to": _TEXT, "calls": {"type": "array", "items": _TEXT, "minItems": 1}},
                "from",
                "to",
                "calls",
            ),
        },
        "undo": _map(_TEXT, "state: the state to bring it to when it must no longer be, `absent` or `task`"),
        "dead": {"type": "array", "items": _TEXT, "description": "states of documents that are over"},
        "editable": {
            "type": "array",
            "items": _TEXT,
            "description": "states whose content can be written; default all",
        },
        "fulfils": _map(
            {"type": "array", "items": _TEXT, "minItems": 1},
            "state to which the system itself takes documents: the wanted states it has gone on from",
        ),
    },
    "field",
    "states",
    about="the states of a document and the calls between them",
)
_NAMES: Schema = {"type": "array", "items": _TEXT, "minItems": 1}
_OBJECT = _object(
    {
        "description": {"type": "string"},
        "collection": {
            "type": "string",
            "pattern": r"^/[^\s?#]*$",
            "title": "a path, as /suppliers",
            "description": "a plain collection: GET and POST here, GET, PATCH and DELETE at /{id}",
        },
        "list": _operation("reads all records", "records"),
        "get": _operation("reads one", "record"),
        "create": _operation("makes one", "record", "id", "batch"),
        "update": _operation("changes one", "whole", "batch"),
        "delete": _operation("removes one", "batch"),
        "calls": _map(_operation("moves one"), "calls of the lifecycle by name"),
        "fields": {"$ref": "#/$defs/fields"},
        "id": {"type": ["string", "array"], "items": _TEXT, "description": "the identifier; default `id`"},
        "key": _about(_NAMES, "what names a record to people, unique together"),
        "enforces_key": {
            "type": "boolean",
            "description": "the system refuses a second record with the same key: it is not looked for before a create",
        },
        "filters": {
            "type": ["array", "object"],
            "items": _TEXT,
            "additionalProperties": _TEXT,
            "description": "fields that a list can be narrowed by, with the parameter where it has another name",
        },
        "since": _map(_TEXT, "field of the last change: the parameter that takes its least value"),
        "lifecycle": _LIFECYCLE,
        **_DEFAULTS,
    },
    "fields",
)

CONFIG: dict[str, Any] = {
    **_object(
        {
            "url": _about(
                _TEXT, "where the API is: https://erp.example/api/v1; plain http only for this machine"
            ),
            "auth": {
                **_AUTH,
                "type": ["object", "array"],
                "items": _AUTH,
            },
            "objects": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": _OBJECT,
                "description": "what there is to read and write, by the name that `object:` says",
            },
            "success": _SUCCESS,
            "error": _object(_ERROR, about="where a refusal says what it is, and what it means"),
            **_DEFAULTS,
            "headers": _map(_TEXT, "sent with every call"),
            "query": _map(_SCALAR, "parameters of every call"),
            "encoding": {
                "enum": ["utf-8", "gb18030"],
                "description": "of what is sent, and of answers that do not say theirs; default utf-8",
            },
            "check": {
                "type": "string",
                "pattern": _CALL,
                "title": "a method and a path, as GET /me",
                "description": "a call without effect that `erpoa doctor` makes; default: the first list",
            },
            "tenant": _about(_TEXT, "part of the identity, where one URL serves several companies"),
            "read_only": {"type": "boolean", "description": "never write to this system"},
            "timeouts": _object(
                {name: {"type": "number", "exclusiveMinimum": 0} for name in ("connect", "read", "total")},
                about="seconds; default 10 until connected, 60 between pieces, 120 for a call",
            ),
            "caps": _object(
                {
                    **settings("bytes", "depth", "values"),
                    "rows": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "rows of a list; default 50000000",
                    },
                    "seconds": {
                        "type": "integer",
                        "minimum": 1,
                        "description": "seconds that a list takes; default 21600",
                    },
                },
                about=CAPS,
            ),
            "retry": _object(
                {
                    "attempts": {"type": "integer", "minimum": 1},
                    "longest": {"type": "number", "exclusiveMinimum": 0},
                },
                about="of calls that surely had no effect: at most 4 attempts, pauses of at most 30 seconds",
            ),
            "breaker": _object(
                {
                    "failures": {"type": "integer", "minimum": 1},
                    "rest": {"type": "number", "exclusiveMinimum": 0},
                },
                about="nothing is sent for `rest` (30) seconds after `failures` (10) calls in a row without answer",
            ),
            "ca_file": {
                **_TEXT,
                "x-erpoa": {"path": True},
                "description": "PEM of the authorities to trust instead of the machine's",
            },
            "cert_file": {**_TEXT, "x-erpoa": {"path": True}, "description": "the client's own certificate"},
            "key_file": {**_TEXT, "x-erpoa": {"path": True}, "description": "the key of cert_file"},
            "key_password": _about(_SECRET, "of key_file"),
            "plaintext": _object(
                {
                    "reason": _TEXT,
                    "until": {
                        "type": "string",
                        "pattern": r"^\d{4}-\d{2}-\d{2}$",
                        "title": "a day, as 2027-01-31",
                    },
                },
                "reason",
                "until",
                about="a dated, reasoned exception: plain http to a server that is not on this machine",
            ),
        },
        "url",
        "objects",
    ),
    "$defs": {"fields": {"type": "object", "minProperties": 1, "additionalProperties": _FIELD}},
}
"""JSON Schema (2020-12) of the connector's config."""

SOURCE_OPTIONS = _object({"query": _map(_SCALAR, "further parameters of the list")})
TARGET_OPTIONS = SOURCE_OPTIONS
FILTER = {
    "type": "object",
    "description": "only records whose field equals the value, or one of the list; null: has none",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}, "minItems": 1},
        ]
    },
}
