"""What was read after a write was over, and somebody may have written meanwhile.

A value that is only another form of what was written (capitals, blanks, punctuation, fewer digits) is taken for what their
system made of it. Any other is nobody's that we could name: it is not remembered as seen, so that the next plan tells it
as drift.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from erpoa_cli.core.columns import SAVED, WANTED
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.desk import Desk

UNLIKE = "unlike"
"""The error class of applied rows that hold something else than was written, of which nobody knows who wrote it."""

_SAID = "{}: read after the write, it is not what was written; the next plan tells it as drift"


def believed(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Table:
    """*outcomes* as they were read back after the write, without the values that may be somebody else's."""
    if batch.action not in (Action.CREATE, Action.UPDATE) or "deviated" not in outcomes.schema.names:
        return outcomes
    lifecycle = desk.target.lifecycle
    own = {lifecycle.field, *lifecycle.columns, *lifecycle.sets} if lifecycle else set()
    judged = [n for n in batch.fields if SAVED(n) in outcomes.schema.names and n not in {*desk.lists, *own}]
    if not judged:
        return outcomes
    wanted = dict(
        zip(batch.ordinals, batch.rows.select([WANTED(n) for n in judged]).to_pylist(), strict=True)
    )
    rows = outcomes.to_pylist()
    for row in rows:
        if row["outcome"] == Outcome.APPLIED and row["deviated"]:
            _judge(row, judged, wanted[row["ordinal"]], filled=batch.action is Action.CREATE)
    return pa.Table.from_pylist(rows, outcomes.schema)


def _judge(row: dict[str, Any], judged: list[str], wanted: Mapping[str, Any], *, filled: bool) -> None:
    """*filled*: what nobody gave a value may have got one from their system."""
    unlike = []
    for name in row["deviated"]:
        wrote = wanted.get(WANTED(name))
        if name in judged and not (filled and wrote is None) and not alike(wrote, row[SAVED(name)]):
            unlike.append(name)
    if unlike:
        row["deviated"] = [n for n in row["deviated"] if n not in unlike]
        row.update({SAVED(n): None for n in unlike})
        row["error_class"], row["error"] = UNLIKE, _SAID.format(", ".join(unlike))


def alike(wrote: Any, found: Any) -> bool:
    """Whether *found* is what a system makes of what we *wrote*: the same letters and digits, or the number or moment with
    fewer digits."""
    match wrote, found:
        case (None | "", None | ""):
            return True
        case (str(), str()):
            return _letters(wrote) == _letters(found) != ""
        case (int() | Decimal(), int() | Decimal()):
            return _rounded(Decimal(wrote), Decimal(found))
        case (datetime(), datetime()):
            return found.microsecond % 1000 == 0 and abs((found - wrote).total_seconds()) < 1
        case (time(), time()):
            return found == wrote.replace(microsecond=found.microsecond) and found.microsecond % 1000 == 0
        case _:
            return bool(wrote == found)


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _rounded(wrote: Decimal, found: Decimal) -> bool:
    places = found.normalize().as_tuple().exponent
    had = wrote.normalize().as_tuple().exponent
    if not isinstance(places, int) or not isinstance(had, int) or places <= had:
        return wrote == found
    return abs(wrote - found) < Decimal(1).scaleb(min(places, 0))
