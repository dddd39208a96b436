"""A draft as YAML: short mappings in one line, guesses marked at the end of theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PLAIN = re.compile(r"[^\W\d][\w./ -]*|/[\w./-]*|(GET|POST|PUT|PATCH|DELETE) /[\w./-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Note:
    """A value somebody must look at, and why."""

    value: Any
    why: str


def written(data: Mapping[str, Any]) -> str:
    return "\n".join(_lines(data, "")) + "\n"


def _lines(data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in data.items():
        line = f"{indent}{_scalar(key)}:"
        whole = f"{line} {_flow(value)}"
        nested = isinstance(value, Mapping) and (len(whole) > _WIDTH or _deep(value))
        if nested:
            yield line
            yield from _lines(value, indent + "  ")
        else:
            notes = list(dict.fromkeys(_notes(value)))
            yield whole + (f"    # {' '.join(notes)}" if notes else "")


def _deep(value: Mapping[str, Any]) -> bool:
    """Whether one line would hide how it is made: mappings in mappings in it."""
    inner = [v for v in value.values() if isinstance(v, Mapping)]
    return any(isinstance(v, Mapping) for part in inner for v in part.values()) or len(inner) > 1


def _flow(value: Any) -> str:
    match value:
        case Note():
            return _flow(value.value)
        case Mapping():
            return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case _:
            return _scalar(value)


def _notes(value: Any) -> Iterator[str]:
    match value:
        case Note():
            yield value.why
            yield from _notes(value.value)
        case Mapping():
            for part in value.values():
                yield from _notes(part)
        case _:
            return


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and value == value.strip()
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)
