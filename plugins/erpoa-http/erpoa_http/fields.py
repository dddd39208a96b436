"""The fields of an object, as its description names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from erpoa_cli.core.schema import STRING, Kind, Type, parse_type
from erpoa_http.problem import Problems
from erpoa_http.shape import UNIX, UNIX_MS, Member, Shape

_TIMES = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


def members(said: Mapping[str, Any], problems: Problems) -> tuple[Member, ...]:
    """The fields that *said* declares: name → type, or what more there is to say."""
    return tuple(_member(name, value, problems.at(name)) for name, value in said.items())


def _member(name: str, said: Any, problems: Problems) -> Member:
    said = {"type": said} if isinstance(said, str) else said
    return Member(
        name=name,
        path=_path(name, said.get("path", "")),
        shape=_shape(said, problems),
        read_only=said.get("read_only", False),
        required=said.get("required", False),
        description=said.get("description", ""),
    )


def _path(name: str, path: str) -> tuple[str, ...]:
    return tuple(path.split(".")) if path else (name,)


def _shape(said: Mapping[str, Any], problems: Problems) -> Shape:
    given = [key for key in ("type", "items", "fields") if key in said]
    if len(given) != 1:
        problems.add(
            "write one of `type:`, `items:` (fields of the objects in a list) and `fields:` (of an object)"
        )
        return Shape(STRING)
    if "type" not in said:
        inner = members(said[given[0]], problems.at(given[0]))
        struct = Shape(Type(Kind.STRUCT, members=tuple((m.name, m.shape.type) for m in inner)), members=inner)
        return struct if given == ["fields"] else Shape(Type(Kind.LIST, item=struct.type), item=struct)
    try:
        type_ = parse_type(said["type"])
    except ValueError as error:
        problems.add(str(error))
        return Shape(STRING)
    format_ = said.get("format", "")
    if format_ and type_.kind not in _TIMES:
        problems.at("format").add(f"is for dates and times, not for {type_}")
    elif format_ and format_ not in {UNIX, UNIX_MS} and "%" not in format_:
        problems.at("format").add('is a strptime pattern as "%Y-%m-%d", `unix` or `unix_ms`')
    return _whole(type_, format_, as_text=said.get("as") == "text", as_number=said.get("as") == "number")


def _whole(type_: Type, format_: str = "", *, as_text: bool = False, as_number: bool = False) -> Shape:
    """The shape of *type_* whose parts are called as the API calls them."""
    return Shape(
        type_,
        format=format_,
        as_text=as_text,
        as_number=as_number,
        members=tuple(Member(name, (name,), _whole(part)) for name, part in type_.members),
        item=_whole(type_.item, as_text=as_text, as_number=as_number) if type_.item else None,
    )
