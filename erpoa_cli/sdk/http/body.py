"""Bodies to bytes and back: exact numbers, and caps against answers made to exhaust the machine."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlencode

from erpoa_cli.sdk.http.message import Call

_LARGEST_EXPONENT = 400  # a longer number is no amount; written out it would fill the memory
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class BadBody(ValueError):
    """A body that cannot be read, in words that quote nothing of it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The largest answer that is read: `size` in bytes after decompression, `depth` in nested lists and objects."""

    size: int = 64 * 1024 * 1024
    depth: int = 64


def encoded(call: Call) -> tuple[bytes | None, str | None]:
    """The body of *call* and its content type; (None, None) without a body."""
    if call.content is not None:
        return call.content, None
    if call.form is not None:
        return urlencode(call.form).encode(), "application/x-www-form-urlencoded"
    if call.json is not None:
        return json_text(call.json).encode(), "application/json"
    return None, None


def json_text(value: Any) -> str:
    """*value* as JSON; a `Decimal` as the same number, digit for digit. `ValueError` for NaN and infinity."""
    match value:
        case Decimal():
            if not value.is_finite():
                raise ValueError("JSON has no number for NaN and infinity")
            return str(value)
        case Mapping():
            return (
                "{"
                + ",".join(
                    f"{json.dumps(str(k), ensure_ascii=False)}:{json_text(v)}" for k, v in value.items()
                )
                + "}"
            )
        case list() | tuple():
            return "[" + ",".join(map(json_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)


def decoded(raw: bytes, headers: Mapping[str, str], caps: Caps) -> Any:
    """The content of *raw* as `Answer.data` has it. `BadBody` for what is damaged or beyond *caps*."""
    match headers.get("content-encoding", "identity").strip().lower():
        case "" | "identity":
            content = raw
        case "gzip" | "x-gzip":
            content = _unzipped(raw, caps.size)
        case _:
            raise BadBody("the answer is compressed in a way that was not asked for")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not content:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        return _json(content, caps.depth)
    return content


def _unzipped(raw: bytes, size: int) -> bytes:
    """All members of a gzip body, inflated no further than one byte beyond *size*."""
    whole = bytearray()
    while raw:
        member = zlib.decompressobj(31)
        try:
            whole += member.decompress(raw, size + 1 - len(whole))
        except zlib.error:
            raise BadBody("the compressed answer is damaged") from None
        if len(whole) > size:
            raise BadBody(f"the answer is larger than {size} bytes")
        if not member.eof:
            raise BadBody("the compressed answer is cut short")
        raw = member.unused_data
    return bytes(whole)


def _json(content: bytes, depth: int) -> Any:
    _measure(content, depth)
    try:
        return json.loads(content, parse_float=_decimal, parse_constant=_no_number)
    except BadBody:
        raise
    except (ValueError, RecursionError):  # the words of the parser may quote the data
        raise BadBody("the answer is not valid JSON") from None


def _measure(content: bytes, depth: int) -> None:
    # Most answers have fewer brackets than may be nested: counting them is fast.
    if content.count(b"[") + content.count(b"{") <= depth:
        return
    level = 0
    for token in _TOKENS.finditer(content):
        match token.group()[0]:
            case 0x5B | 0x7B:
                level += 1
                if level > depth:
                    raise BadBody(f"the answer is nested deeper than {depth}")
            case 0x5D | 0x7D:
                level -= 1
            case _:  # a text: brackets in it count for nothing
                pass


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise BadBody("the answer has a number with an absurd exponent")
    return number


def _no_number(_: str) -> NoReturn:
    raise BadBody("the answer has NaN or Infinity, which JSON does not know")
