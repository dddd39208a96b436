"""Calls as they are described: `{name}` in a path, header, query or body stands for a value known at the call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from erpoa_cli.sdk.http import Call
from erpoa_cli.sdk.http.body import json_text

RECORD, RECORDS, KEY, VERSION = "record", "records", "key", "version"
_NAME = re.compile(r"\{([^\W\d]\w*)\}")


class Unspeakable(ValueError):
    """A value that cannot stand where a call needs it; quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call that can be made: `POST /suppliers/{id}`. `body` is JSON, `form` a form; at most one of them is given."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, Any] | None = None

    @property
    def names(self) -> set[str]:
        """What stands in braces anywhere in it."""
        parts = (self.path, self.query, self.headers, self.body, self.form)
        return {name for part in parts for name in names(part)}

    def call(
        self, values: Mapping[str, Any], *, repeatable: bool, query: Mapping[str, str] | None = None
    ) -> Call:
        """The call with *values* for what stands in braces, and *query* besides its own. Raises `Unspeakable`."""
        return Call(
            method=self.method,
            path=_NAME.sub(lambda m: _segment(values[m[1]]), self.path).lstrip("/"),
            query={**{k: spelled(filled(v, values)) for k, v in self.query.items()}, **(query or {})},
            headers={k: spelled(filled(v, values)) for k, v in self.headers.items()},
            json=filled(self.body, values),
            form=None if self.form is None else {k: spelled(filled(v, values)) for k, v in self.form.items()},
            repeatable=repeatable,
        )


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """*template* with *values*: a text that is nothing but `{name}` becomes the value itself."""
    match template:
        case str():
            if whole := _NAME.fullmatch(template):
                return values[whole[1]]
            return _NAME.sub(lambda m: spelled(values[m[1]]), template)
        case Mapping():
            return {key: filled(part, values) for key, part in template.items()}
        case list() | tuple():
            return [filled(part, values) for part in template]
        case _:
            return template


def spelled(value: Any) -> str:
    """*value* in a header, a query or the middle of a text; what has parts as JSON."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case _:
            return json_text(value)


def _segment(value: Any) -> str:
    text = spelled(value)
    if text in {"", ".", ".."}:
        raise Unspeakable("an identifier that is empty, `.` or `..` cannot stand in a path")
    return quote(text, safe="")


def names(part: Any) -> set[str]:
    """What stands in braces in a template."""
    match part:
        case str():
            return set(_NAME.findall(part))
        case Mapping():
            return {name for inner in part.values() for name in names(inner)}
        case list() | tuple():
            return {name for inner in part for name in names(inner)}
        case _:
            return set()
