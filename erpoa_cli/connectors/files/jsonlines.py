"""JSON lines: one object per line, UTF-8. Numbers keep their digits; a dotted field path leads into nested objects."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from erpoa_cli.connectors.files.layout import Layout, Sheet, batches
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import BOOLEAN, INTEGER, STRING, Field, Kind, Type
from erpoa_cli.sdk.caps import DIGITS, measured
from erpoa_cli.sdk.connector import NUMBERS, FieldInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import meaning

_LOOK_AT = 1000  # rows looked at to describe the fields
MISSING = object()  # the key is not there (not the same as null when the line is written again)


class Number(str):
    """A JSON number by its digits."""

    __slots__ = ()


def _short(digits: str) -> Number:
    if len(digits) > DIGITS:
        raise ValueError(f"a number of more than {DIGITS:,} digits")
    return Number(digits)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _decoder(number: Callable[[str], Number]) -> Callable[[str], Any]:
    return json.JSONDecoder(
        object_pairs_hook=_pairs, parse_float=number, parse_int=number, parse_constant=_no_constant
    ).decode


_decode = _decoder(Number)
_decode_long = _decoder(
    _short
)  # of what may have a number of too many digits: asking each number takes its time


def written(value: Any) -> str:
    """*value* as compact JSON, numbers by their digits."""
    match value:
        case Number():
            return str(value)
        case dict():
            return (
                "{"
                + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{written(v)}" for k, v in value.items())
                + "}"
            )
        case list():
            return "[" + ",".join(written(v) for v in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def text_of(value: Any, type_: Type = STRING) -> str | None:
    """A JSON value as text: strings as they are (but where JSON is declared), null and a missing key as None, all
    else as JSON."""
    if value is None or value is MISSING:
        return None
    return str(value) if isinstance(value, str) and type_.kind is not Kind.JSON else written(value)


def lookup(row: dict[str, Any], path: str) -> Any:
    """The value at *path*: the key itself, else the way through nested objects that the dots say."""
    if path in row:
        return row[path]
    value: Any = row
    for part in path.split("."):
        value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


@dataclass(frozen=True, slots=True)
class JsonLines(Layout):
    """JSON lines, whose objects have the *declared* fields; when none are declared, those that occur."""

    declared: tuple[str, ...] = ()
    blank: ClassVar[Any] = MISSING

    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        seen: dict[str, list[Any]] = {}
        seen.update((name, []) for name in self.declared)
        for place, row in enumerate(self._rows(self.head(stream), [])):
            if place == _LOOK_AT:
                break
            for name, value in row.items():
                seen.setdefault(name, []).append(value)
        return [_described(name, values) for name, values in seen.items()]

    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:  # noqa: ARG002 - all is text
        return pa.schema([(f.name, pa.utf8()) for f in fields])

    def read(self, content: bytes, fields: Sequence[Field], faults: list[str]) -> Iterator[pa.RecordBatch]:
        unseen = {f.source for f in fields}
        empty = True

        def texts() -> Iterator[list[str | None]]:
            nonlocal empty, unseen
            for row in self._rows(content, faults):
                empty = False
                if unseen:
                    unseen -= {path for path in unseen if path in row or path.partition(".")[0] in row}
                yield [text_of(lookup(row, f.source), f.type) for f in fields]

        yield from batches(self.schema(fields, content), texts())
        unknown = sorted(path for path in unseen if path.partition(".")[0] not in self.declared)
        if unknown and (self.declared or not empty):
            raise ContractBroken(f"no line has a field {', '.join(map(repr, unknown))}")

    def load(self, content: bytes) -> Sheet:
        faults: list[str] = []
        rows = list(self._rows(content, faults))
        if faults:
            raise ContractBroken(f"the file has malformed lines, so it cannot be written again: {faults[0]}")
        names = dict.fromkeys((*self.declared, *(name for row in rows for name in row)))
        self.hold_table(len(names), len(rows), len(content))
        columns = {name: [row.get(name, MISSING) for row in rows] for name in names}
        return Sheet(columns, len(rows))

    def save(self, sheet: Sheet, stream: BinaryIO) -> None:
        for at in range(sheet.rows):
            row = {name: values[at] for name, values in sheet.columns.items() if values[at] is not MISSING}
            stream.write(written(row).encode() + b"\n")

    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:  # noqa: ARG002 - lines have no types
        if value is None or type_.kind in (Kind.STRING, Kind.BOOLEAN):
            return value
        text = canonical(value, type_)
        match type_.kind:
            case Kind.INTEGER | Kind.DECIMAL:
                return Number(text)
            case Kind.JSON | Kind.LIST | Kind.STRUCT:
                return _decode(text or "")
            case _:
                return text

    def means(self, kept: Any, type_: Type) -> Any:
        return meaning(text_of(kept, type_), type_)

    def _rows(self, content: bytes, faults: list[str]) -> Iterator[dict[str, Any]]:
        lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
        last = len(lines)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            self.caps.hold("record", len(line), "line", number)
            measured(line, self.caps, "line", number)
            try:
                row = (_decode_long if len(line) > DIGITS else _decode)(line.decode())
                if not isinstance(row, dict):
                    raise ValueError("not an object")  # noqa: TRY301, TRY004 - told like the decoder's own findings
            except (ValueError, RecursionError) as error:
                if number == last:
                    raise ContractBroken(f"line {number}: the file ends within a line") from error
                faults.append(f"line {number}: {_words(error)}")
                continue
            self.caps.hold("columns", len(row), "line", number)
            yield row


def _words(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error).partition(" in position")[0]


def _described(name: str, values: Sequence[Any]) -> FieldInfo:
    kinds = {_kind(value) for value in values if value is not None}
    sample = next((text for value in values if (text := text_of(value))), "")
    native = " or ".join(sorted(kinds)) or "nothing"
    type_: Type | None = None
    refused = f"holds {native}: declare the type its values have, e.g. string"
    match sorted(kinds):
        case ["string"]:
            type_ = STRING
        case ["boolean"]:
            type_ = BOOLEAN
        case ["object"] | ["array"] | ["array", "object"]:
            type_ = Type(Kind.JSON)
        case ["number"]:
            if all(value is None or _is_integer(value) for value in values):
                type_ = INTEGER
            else:
                refused = "holds numbers: declare decimal(p,s) with the digits they need"
        case _:
            pass
    takes = NUMBERS if type_ is None and kinds == {"number"} else frozenset()
    return FieldInfo(
        name=name, type=type_, native=native, refused="" if type_ else refused, sample=sample, takes=takes
    )


def _kind(value: Any) -> str:
    match value:
        case Number():
            return "number"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case _:
            return "array"


def _is_integer(digits: str) -> bool:
    return digits.lstrip("-").isdigit() and abs(Decimal(digits)) < 2**63
