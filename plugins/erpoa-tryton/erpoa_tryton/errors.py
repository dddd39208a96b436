"""What Tryton's answers mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from erpoa_cli.sdk.errors import ContractBroken, Denied, Duplicate, Rejected, Stale, SystemFailure

_DUPLICATE = re.compile(r"unique|already exists|不能重复|必须唯一", re.IGNORECASE)
_ACCESS = re.compile(r"not allowed to access|没有访问", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”')


def failure(error: list[Any]) -> SystemFailure:
    """The class of an `error` of Tryton's JSON-RPC: its first part is the class of the exception, or of a fault in
    the program its bare text."""
    match error:
        case ["UserError", [str(text), *more], *_]:
            words = " ".join([text, *(str(m) for m in more[:1] if m)])
            if _ACCESS.search(words):
                return Denied(words)
            return Duplicate(words) if _DUPLICATE.search(words) else Rejected(words)
        case ["UserWarning", [_, str(text), *_], *_]:
            return Rejected(f"Tryton asks for a confirmation that only a person can give: {text}")
        case ["ConcurrencyException", *_]:
            return Stale("the record was modified in the meanwhile")
        case ["LoginException", *_]:
            return Denied("Tryton asks for another way to log in")
        case [first, *_]:
            return ContractBroken(f"Tryton does not know this, or failed: {str(first).splitlines()[0][:200]}")
        case _:
            return ContractBroken("an error of unknown shape")


def without_values(failure: SystemFailure, known: Collection[str]) -> str:
    """The words of *failure* without what is quoted in them, unless it is one of *known*: names of fields."""

    def kept(found: re.Match[str]) -> str:
        text = found[1] if found[1] is not None else found[2]
        return found[0] if text in known else "…"

    return _QUOTED.sub(kept, str(failure))
