"""Types and fields of relations, and their spelling in project files and in DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Kind(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    JSON = "json"
    BYTES = "bytes"
    LIST = "list"
    STRUCT = "struct"


_DUCKDB = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
    Kind.JSON: "JSON",
    Kind.BYTES: "BLOB",
}
_BARE = {kind.value: kind for kind in _DUCKDB}
_TOKEN = re.compile(r"\s*([^\W\d]\w*|\d+|[(),<>:])")


@dataclass(frozen=True, slots=True)
class Type:
    """A field type. Times have microseconds; `decimal` has precision 1 to 38; `timestamp` is local time."""

    kind: Kind
    precision: int = 0
    scale: int = 0
    item: Type | None = None
    members: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        match self.kind:
            case Kind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case Kind.LIST:
                return f"list<{self.item}>"
            case Kind.STRUCT:
                return f"struct<{', '.join(f'{name}: {type_}' for name, type_ in self.members)}>"
            case _:
                return self.kind.value

    @property
    def duckdb(self) -> str:
        """The DuckDB type that holds every value of this type exactly."""
        match self.kind:
            case Kind.DECIMAL:
                return f"DECIMAL({self.precision},{self.scale})"
            case Kind.LIST:
                assert self.item is not None
                return f"{self.item.duckdb}[]"
            case Kind.STRUCT:
                inner = ", ".join(f"{identifier(name)} {type_.duckdb}" for name, type_ in self.members)
                return f"STRUCT({inner})"
            case _:
                return _DUCKDB[self.kind]


STRING = Type(Kind.STRING)
INTEGER = Type(Kind.INTEGER)
BOOLEAN = Type(Kind.BOOLEAN)
DATE = Type(Kind.DATE)
TIMESTAMP = Type(Kind.TIMESTAMP)
TIMESTAMPTZ = Type(Kind.TIMESTAMPTZ)


def decimal(precision: int, scale: int) -> Type:
    return Type(Kind.DECIMAL, precision, scale)


def identifier(name: str) -> str:
    """*name* as a quoted SQL identifier (SQL:2016 delimited identifier): the one quoting function."""
    if "\0" in name:
        raise ValueError("an SQL identifier cannot hold NUL")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """*text* as an SQL string literal."""
    if "\0" in text:
        raise ValueError("an SQL literal cannot hold NUL")
    return "'" + text.replace("'", "''") + "'"


def grouped(parts: Sequence[str], operator: str) -> str:
    """*parts* joined by an operator that may be grouped in any way. Many are grouped in halves: databases nest what stands in a row,
    and take no expression that is nested more than a thousand times."""
    if len(parts) <= _GROUP:
        return operator.join(parts)
    half = len(parts) // 2
    return f"({grouped(parts[:half], operator)}){operator}({grouped(parts[half:], operator)})"


_GROUP = 200


def parse_type(text: str) -> Type:
    """The type that *text* spells, e.g. `decimal(18,2)`, `list<struct<no: integer, qty: decimal(9,3)>>`.

    Raises ValueError with what is wrong; `decimal` needs precision 1..38 and 0 ≤ scale ≤ precision.
    """
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s+", "", text):
        raise ValueError(f"cannot read type {text!r}")
    stream = iter([*tokens, ""])
    found, rest = _parse(next(stream), stream, text)
    if rest:
        raise ValueError(f"unexpected {rest!r} in type {text!r}")
    return found


def _parse(word: str, stream: Iterator[str], text: str) -> tuple[Type, str]:
    if word in _BARE:
        return Type(_BARE[word]), next(stream)
    if word == "decimal":
        parts = [next(stream) for _ in range(5)]
        if parts[0] != "(" or parts[2] != "," or parts[4] != ")" or not (parts[1] + parts[3]).isdigit():
            raise ValueError(f"write decimal(precision,scale), not {text!r}")
        precision, scale = int(parts[1]), int(parts[3])
        if not (1 <= precision <= 38 and scale <= precision):
            raise ValueError(f"decimal holds 1 to 38 digits, scale at most precision: {text!r}")
        return decimal(precision, scale), next(stream)
    if word == "list":
        if next(stream) != "<":
            raise ValueError(f"write list<type>, not {text!r}")
        item, rest = _parse(next(stream), stream, text)
        if rest != ">":
            raise ValueError(f"write list<type>, not {text!r}")
        return Type(Kind.LIST, item=item), next(stream)
    if word == "struct":
        if next(stream) != "<":
            raise ValueError(f"write struct<name: type, …>, not {text!r}")
        members: list[tuple[str, Type]] = []
        rest = ","
        while rest == ",":
            name = next(stream)
            if next(stream) != ":":
                raise ValueError(f"write struct<name: type, …>, not {text!r}")
            member, rest = _parse(next(stream), stream, text)
            members.append((name, member))
        if rest != ">":
            raise ValueError(f"write struct<name: type, …>, not {text!r}")
        return Type(Kind.STRUCT, members=tuple(members)), next(stream)
    raise ValueError(f"unknown type {word or text!r}; types: {', '.join(k.value for k in Kind)}")


class Sensitivity(StrEnum):
    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"
    SECRET = "secret"

    @property
    def sealed(self) -> bool:
        """Masked in every rendering and sealed at rest."""
        return self in (Sensitivity.SENSITIVE, Sensitivity.SECRET)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a relation. `path` is its name in the system (default: `name`); `format` a strptime
    pattern; `nulls` the texts that mean NULL. `whole`: JSON with members that `type` does not name is no value of it, for
    it is written again. `zone`: the system keeps local times of this IANA zone, which are read
    as the instants (timestamptz) that they are."""

    name: str
    type: Type
    path: str = ""
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    format: str = ""
    nulls: tuple[str, ...] = ()
    zone: str = ""
    description: str = ""
    whole: bool = False

    @property
    def source(self) -> str:
        return self.path or self.name

    @property
    def kept(self) -> Field:
        """The field as its system keeps it, which knows no zone."""
        return replace(self, type=Type(Kind.TIMESTAMP), zone="") if self.zone else self
