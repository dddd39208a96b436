"""What Tryton's answers mean. Its JSON-RPC tells users' errors apart by nothing but their words, which are those of
the language that is asked for: known here are the English originals and the Chinese of its own catalogues."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    MasterMissing,
    Rejected,
    Stale,
    SystemFailure,
)

_CLASSES: tuple[tuple[type[SystemFailure], re.Pattern[str]], ...] = (
    (Stale, re.compile(r"that don't exist|不存在的记录|已经不存在了", re.IGNORECASE)),
    (
        Denied,
        re.compile(
            r"not allowed to (access|execute)|Calling button|没有.*权限|不允许在.*上点击按钮", re.IGNORECASE
        ),
    ),
    (MasterMissing, re.compile(r"The value .* does not exist|对应的取值.*不存在", re.IGNORECASE)),
    (
        Duplicate,
        re.compile(
            r"unique|already exists|two users with the same|不能重复|必须唯一|唯一的|已经存在", re.IGNORECASE
        ),
    ),
)
_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”')


def failure(error: list[Any]) -> SystemFailure:
    """The class of an `error` of Tryton's JSON-RPC: its first part is the class of the exception, or of a fault in
    the program its bare text."""
    match error:
        case ["UserError", [str(text), *more], *_]:
            words = " ".join([text, *(str(m) for m in more[:1] if m)])
            kind = next((kind for kind, known in _CLASSES if known.search(words)), Rejected)
            return kind(words)
        case ["UserWarning", [_, str(text), *_], *_]:
            return Rejected(f"Tryton asks for a confirmation that only a person can give: {text}")
        case ["ConcurrencyException", *_]:
            return Stale("the record was modified in the meanwhile")
        case ["LoginException", *_]:
            return Denied("Tryton asks for another way to log in")
        case [first, *_]:
            words = next(iter(str(first).splitlines()), "an error without words")
            return ContractBroken(f"Tryton does not know this, or failed: {words[:200]}")
        case _:
            return ContractBroken("an error of unknown shape")


def without_values(failure: SystemFailure, known: Collection[str]) -> str:
    """The words of *failure* without what is quoted in them, unless it is one of *known*: names of fields."""

    def kept(found: re.Match[str]) -> str:
        text = found[1] if found[1] is not None else found[2]
        return found[0] if text in known else "…"

    return _QUOTED.sub(kept, str(failure))
