"""What a JSON text means: two texts are the same value when their meanings are equal.

The order of keys, blanks and escapes are spelling. So are the forms of a number: 1, 1.0 and 1e0 are one number, told by its decimal
digits, of which none is ever lost. The order of a list is not, nor is null the same as a member that is absent.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

JSON_MEANING = "?json_meaning"
"""What the staging area calls `json_meaning` in SQL; no function of a user is called so."""

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)
_EXPONENT_DIGITS = 18  # what goes beyond is no number that anybody computes with


class _Number(str):
    """A number by its digits: sign, digits without zeros at the ends, exponent."""

    __slots__ = ()


def json_meaning(text: str) -> str:
    """One text for all spellings of the JSON value *text*, in ASCII and not to be shown. What has no one meaning (a key that is there
    twice, no JSON at all, nested too deeply) is given back as it is: the same as the same text only."""
    try:
        return _spelt(_DECODER.decode(text))
    except (ValueError, RecursionError):
        return text


def _number(digits: str) -> _Number:
    found = _NUMBER.fullmatch(digits)
    if found is None or len(found[4] or "") > _EXPONENT_DIGITS:
        raise ValueError(digits)
    sign, whole, fraction, exponent = found.groups()
    every = (whole + (fraction or "")).lstrip("0")
    kept = every.rstrip("0")
    if not kept:
        return _Number("0")
    power = int(exponent or 0) - len(fraction or "") + len(every) - len(kept)
    return _Number(f"{sign}{kept}e{power}" if power else sign + kept)


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_number
)


def _spelt(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case str():
            return encode_basestring_ascii(value)
        case dict():
            members = (f"{encode_basestring_ascii(name)}:{_spelt(value[name])}" for name in sorted(value))
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_spelt, value)) + "]"
        case None:
            return "null"
        case _:
            return "true" if value else "false"
