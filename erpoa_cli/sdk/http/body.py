"""Bodies to bytes and back: exact numbers, and caps against answers made to exhaust the machine."""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import urlencode

from erpoa_cli.sdk.caps import DIGITS, Caps, measured
from erpoa_cli.sdk.http.message import Call

_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)")
_LARGER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso-8859-1": "cp1252",
}  # what servers send under these names
ANSWER = "the answer"
_ABSURD = f"the answer has a number of more than {DIGITS:,} digits"
_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class BadBody(ValueError):
    """A body that cannot be read, in words that quote nothing of it."""


def encoded(call: Call, encoding: str = "utf-8") -> tuple[bytes | None, str | None]:
    """The body of *call* and its content type; (None, None) without a body. `ValueError` for a text that *encoding*
    cannot hold."""
    if call.content is not None:
        return call.content, None
    if call.form is not None:
        return urlencode(call.form, encoding=encoding).encode(), "application/x-www-form-urlencoded"
    if call.json is not None:
        kind = "application/json" if encoding == "utf-8" else f"application/json; charset={encoding}"
        return json_text(call.json).encode(encoding), kind
    return None, None


def json_text(value: Any) -> str:
    """*value* as JSON; a `Decimal` as the same number, digit for digit. `ValueError` for NaN and infinity."""
    try:
        return _PLAIN.encode(value)
    except TypeError:  # only numbers with a point need the slow way
        return _exact(value)


def _exact(value: Any) -> str:
    match value:
        case Decimal():
            if not value.is_finite():
                raise ValueError("JSON has no number for NaN and infinity")
            return str(value)
        case Mapping():
            return (
                "{"
                + ",".join(f"{json.dumps(str(k), ensure_ascii=False)}:{_exact(v)}" for k, v in value.items())
                + "}"
            )
        case list() | tuple():
            return "[" + ",".join(map(_exact, value)) + "]"
        case _:
            return _PLAIN.encode(value)


def decoded(raw: bytes, headers: Mapping[str, str], caps: Caps, charset: str = "utf-8") -> Any:
    """The content of *raw* as `Answer.data` has it; *charset*: of a text whose server does not say it. `BadBody` for what
    is damaged, `Beyond` for what is beyond *caps*."""
    match headers.get("content-encoding", "identity").strip().lower():
        case "" | "identity":
            content = raw
        case "gzip" | "x-gzip":
            content = _unzipped(raw, caps)
        case _:
            raise BadBody("the answer is compressed in a way that was not asked for")
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if not content:
        return None
    # Many servers call their JSON a text, or nothing at all; a page of HTML begins otherwise.
    looks = (not kind or kind.startswith("text/")) and content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {
        b"{",
        b"[",
    }
    if kind == "application/json" or kind.endswith("+json") or looks:
        named = _CHARSET.search(parameters)
        return _json(_utf8(content, named[1] if named else charset), caps)
    return content


def _utf8(content: bytes, encoding: str) -> bytes:
    name = _LARGER.get(encoding, encoding)
    if name in {"utf-8", "utf8"}:
        return content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode(name).encode()
    except LookupError:
        raise BadBody("the answer is in an encoding that nobody knows") from None
    except UnicodeError:
        raise BadBody(f"the answer is not {name}") from None


def _unzipped(raw: bytes, caps: Caps) -> bytes:
    """All members of a gzip body, inflated no further than one byte beyond *caps*."""
    whole = bytearray()
    while raw:
        member = zlib.decompressobj(31)
        try:
            whole += member.decompress(raw, caps.bytes + 1 - len(whole))
        except zlib.error:
            raise BadBody("the compressed answer is damaged") from None
        caps.hold("bytes", len(whole), ANSWER)
        if not member.eof:
            raise BadBody("the compressed answer is cut short")
        raw = member.unused_data
    return bytes(whole)


def _json(content: bytes, caps: Caps) -> Any:
    measured(content, caps, ANSWER)
    try:
        return _DECODER.decode(content.decode())
    except BadBody:
        raise
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):  # their words may quote the data
        raise BadBody("the answer is not valid JSON") from None
    except ValueError:  # Python reads no such integer
        raise BadBody(_ABSURD) from None


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > DIGITS or abs(number.adjusted()) > DIGITS:
        raise BadBody(_ABSURD)
    return number


def _no_number(_: str) -> NoReturn:
    raise BadBody("the answer has NaN or Infinity, which JSON does not know")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody(
            "the answer has an object in which a key occurs twice: nobody can tell which value is meant"
        )
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_float=_decimal, parse_constant=_no_number
)  # making one costs more than an answer
