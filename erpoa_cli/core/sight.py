"""What a target's `filter` lets it see, and whether its own writes stay in that sight.

A row that erpoa writes out of its own sight is not there for the next plan, which would create it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.lifecycle import ABSENT
from erpoa_cli.core.schema import Kind, Type, literal
from erpoa_cli.core.target import Column, Constant, Target

_PLAIN = re.compile(
    r"[\w .-]*"
)  # a text of a filter that can only mean itself: no list, no range, no pattern
_TRUE, _FALSE = {"true", "1", "t"}, {"false", "0", "f"}


def contradictions(target: Target) -> Iterator[Diagnostic]:
    """Values that *target* writes by its own declaration and then would not see."""
    for word, name, value in _written(target):
        if name in target.filter and not _sees(target.filter[name], value):
            yield Diagnostic(
                "E0442",
                f"target {target.name}: `{word}` writes {name}: {_shown(value)}, and `filter` sees only "
                f"{name}: {_shown(target.filter[name])}",
                detail="The row would be out of sight after the write: not found again, and created once more when it is wanted.",
                remedy=f"Take `{name}` out of `filter`, or let it name every value that is written.",
                at=target.at,
            )


def _written(target: Target) -> Iterator[tuple[str, str, Any]]:
    for name, value in target.deactivate.items():
        yield "deactivate", name, value
    for name, value in target.restore.items():
        yield "restore", name, value
    for field in target.fields:
        if isinstance(field.value, Constant):
            yield "fields", field.name, field.value.value
    lifecycle = target.lifecycle
    for move in lifecycle.moves if lifecycle else ():
        if lifecycle is None or move.to in lifecycle.dead or move.to == ABSENT:
            continue  # what is over is not seen anyway
        for name, value in move.set.items():
            yield "lifecycle", name, value
        if not lifecycle.computed:
            yield "lifecycle", lifecycle.field, move.to


def unseen_sql(target: Target, name: str, type_: Type, value: str) -> str:
    """The SQL condition that *target*, whose field *name* is written with the SQL *value* of *type_*, does not see the row
    then; empty where it always does, or nobody can tell what the filter means."""
    if name not in target.filter or not isinstance(target.field(name).value, Column):
        return ""
    wanted = target.filter[name]
    tests = []
    for one in wanted if isinstance(wanted, list | tuple) else [wanted]:
        text = str(one).lower() if isinstance(one, bool) else str(one)
        if one is None or (isinstance(one, str) and not _PLAIN.fullmatch(one)):
            return ""
        if isinstance(one, bool) and type_.kind is not Kind.BOOLEAN:
            text = str(int(one))
        tests.append(f"coalesce({value} = TRY_CAST({literal(text)} AS {type_.duckdb}), {value} IS NOT NULL)")
    return f"NOT ({' OR '.join(tests) or 'true'})"


def _sees(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return any(_sees(one, value) for one in wanted)
    if isinstance(wanted, str) and not _PLAIN.fullmatch(wanted):
        return True  # nobody can tell
    return _spelled(wanted) == _spelled(value)


def _spelled(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "1" if text in _TRUE else "0" if text in _FALSE else text


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
