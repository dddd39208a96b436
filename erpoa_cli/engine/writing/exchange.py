"""Rows that were refused and have what another refused row wants, round in a circle: nobody can be the first.

Where the plan knows which values only one row may have, it holds such rows (E0439). Of other systems only their refusals tell.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pyarrow as pa

from erpoa_cli.core.columns import NOW, WANTED
from erpoa_cli.core.precedence import circles
from erpoa_cli.core.schema import Type
from erpoa_cli.state.columns import key_texts


def exchanges(rows: pa.Table, key: Mapping[str, Type]) -> dict[int, str]:
    """Of the refused *rows* (as a plan has them) those of a circle, by ordinal, with words that say who has what they want."""
    names = dict(zip(rows["ordinal"].to_pylist(), key_texts(rows, key), strict=True))
    plain = [row for row in rows.to_pylist() if row["fields"]]
    wanted: dict[tuple[int, int], str] = {}
    for field in dict.fromkeys(name for row in plain for name in row["fields"]):
        holders = _holders(plain, field)
        for row in plain if holders else ():
            value = row[WANTED(field)]
            other = holders.get(value) if field in row["fields"] and isinstance(value, Hashable) else None
            if other is not None and other != row["ordinal"]:
                wanted.setdefault((row["ordinal"], other), field)
    found: dict[int, str] = {}
    turning = circles(wanted)
    for (ordinal, other), field in wanted.items():
        if ordinal in turning and other in turning:
            found.setdefault(
                ordinal,
                f"{field}: wants what {names[other]} has, which was refused, too; they exchange values that only one may have (E0439)",
            )
    return found


def _holders(rows: list[dict[str, Any]], field: str) -> dict[Any, int]:
    """Value of *field* → the row that has it; nothing where two have the same: then it is nothing that only one may have."""
    held = [(row[NOW(field)], row["ordinal"]) for row in rows if row[NOW(field)] is not None]
    if not all(isinstance(value, Hashable) for value, _ in held):
        return {}
    found = dict(held)
    return found if len(found) == len(held) else {}
