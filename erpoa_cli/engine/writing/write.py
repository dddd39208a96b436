"""One batch: written in one go, settled when its outcome is unclear, read back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, NOW, SAVED, WANTED
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.believed import believed
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.made import in_journal_columns, is_told, with_new_identifiers
from erpoa_cli.engine.writing.reading import identifiers, needs_reading, read_back, with_outcome
from erpoa_cli.sdk.connector import (
    OUTCOMES,
    WriteBatch,
)
from erpoa_cli.sdk.errors import InDoubt, SystemFailure, Transient
from erpoa_cli.sdk.meaning import meaning

_NOT_FOUND = "the batch was written and its answer lost; no row has this key: their system refused it, or gave it another key"

_REFUSED = "the batch was written and its answer lost; the row is as it was: their system refused it"
_ASTRAY = "the system's answer was lost, and the row is not as planned"

ATTEMPTS = 5
FIRST_PAUSE = 0.2  # seconds; doubled per attempt, full jitter


def wait(attempt: int, later: Iterable[SystemFailure]) -> float:
    """Seconds before the next attempt: full jitter over a doubled span; as long as the system asks for, where it does."""
    asked = [getattr(error, "retry_after", None) or 0.0 for error in later]
    return max([random.uniform(0, FIRST_PAUSE * 2**attempt), *asked])  # noqa: S311


def perform(
    desk: Desk, batch: Batch, ask: WriteBatch, *, verify: bool, pause: Callable[[float], None] = time.sleep
) -> pa.Table:
    """Write *batch* and give its outcomes in the columns of a journal entry.

    A lost connection or a timeout is settled by looking, never by repeating blindly. Raises `Failure` when the
    connector breaks its promises, `SystemFailure` when the system cannot be written to at all.
    """
    for attempt in range(ATTEMPTS):
        try:
            answers = list(desk.session.write(ask))
        except (Transient, InDoubt) as error:
            settled = settle(desk, batch, ask)
            if settled is not None:
                return settled
            if attempt == ATTEMPTS - 1:
                raise
            pause(wait(attempt, [error]))
            continue
        outcomes = checked(desk, ask, answers)
        if is_told(outcomes):
            return read_back(desk, batch, outcomes)
        if verify or needs_reading(desk, batch, outcomes):
            return believed(desk, batch, read_back(desk, batch, outcomes))
        return outcomes
    raise AssertionError("unreachable")


def settle(desk: Desk, batch: Batch, ask: WriteBatch) -> pa.Table | None:
    """What became of a batch whose answer was lost; None when nothing of it was written.

    The ledger decides where there is one; the rows themselves tell which of them were written.
    """
    committed = desk.session.committed(ask.run, ask.number) if desk.ledger else None
    if committed is False:
        return None
    outcomes = looked_up(desk, batch, committed=bool(committed))
    written = pc.any(pc.equal(outcomes["outcome"], Outcome.APPLIED.value)).as_py()
    return outcomes if committed or written else None


def looked_up(desk: Desk, batch: Batch, *, committed: bool = False) -> pa.Table:
    """The outcomes of *batch* as the rows in the system show them: a row that has the values it was to get
    is applied; of any other nobody can say more than that it is not as planned, so it is stale and the next
    plan compares it anew. Of a batch that was *committed*, a row that is as it was before was refused, and so was a new one
    that is not found by its key; but where triggers may have given that another key it is in doubt, for it must not be made
    twice."""
    fill: dict[str, pa.Array] = {
        "ordinal": batch.rows["ordinal"].combine_chunks(),
        "outcome": pa.array([Outcome.APPLIED.value] * batch.rows.num_rows),
        "error_class": pa.nulls(batch.rows.num_rows, pa.utf8()),
        "error": pa.nulls(batch.rows.num_rows, pa.utf8()),
    }
    if batch.action is not Action.CREATE:
        fill |= identifiers(desk, batch)
    outcomes = read_back(desk, batch, pa.table(fill))
    missing = pc.equal(outcomes["outcome"], Outcome.REJECTED.value)
    if committed and batch.action is Action.CREATE:
        if desk.info.triggers == ():
            outcomes = with_outcome(outcomes, missing, Outcome.REJECTED, _REFUSED)
        else:
            outcomes = with_outcome(outcomes, missing, Outcome.IN_DOUBT, _NOT_FOUND)
        missing = pa.repeat(False, outcomes.num_rows)
    elif committed and batch.action is Action.UPDATE:
        before = pa.chunked_array([_as_before(desk, batch, outcomes)])
        outcomes = with_outcome(outcomes, before, Outcome.REJECTED, _REFUSED)
        applied = pc.equal(outcomes["outcome"], Outcome.APPLIED.value)
        astray = pc.greater(pc.list_value_length(_astray(desk, batch, outcomes)), 0)
        lost = pc.or_kleene(pc.and_kleene(applied, astray), pc.and_kleene(missing, pc.invert(before)))
        return with_outcome(outcomes, lost, Outcome.STALE, _ASTRAY)
    lost = pc.or_kleene(pc.greater(pc.list_value_length(_astray(desk, batch, outcomes)), 0), missing)
    return with_outcome(outcomes, lost, Outcome.STALE, _ASTRAY)


def _as_before(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Array:
    """Of rows that were read back after an update: whether each has the values that it had before."""
    planned = {row["ordinal"]: row for row in batch.rows.to_pylist()}

    def unchanged(row: dict[str, Any]) -> bool:
        was, others = planned[row["ordinal"]], row["deviated"] or ()
        now = {n: row.get(SAVED(n)) if n in others else was[WANTED(n)] for n in batch.fields}
        return all(same(value, was[NOW(n)], desk.types[n]) for n, value in now.items())

    read = pc.equal(outcomes["outcome"], Outcome.APPLIED.value).to_pylist()
    rows = outcomes.to_pylist()
    return pa.array([there and unchanged(row) for there, row in zip(read, rows, strict=True)], pa.bool_())


def _astray(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Array:
    """The deviated fields per row, without JSON in another spelling, and without lists of lines that are as wanted but for what
    their system filled in."""
    deviated = outcomes["deviated"].combine_chunks()
    spelt = (name for name in batch.fields if desk.types[name].kind is Kind.JSON)
    for name in (*desk.lists, *spelt):
        if SAVED(name) in outcomes.schema.names:
            wanted = dict(zip(batch.ordinals, batch.rows[WANTED(name)].to_pylist(), strict=True))
            rows = outcomes.select(["ordinal", "deviated", SAVED(name)]).to_pylist()
            left = [
                None
                if r["deviated"] is None
                else [
                    n
                    for n in r["deviated"]
                    if n != name or not as_wanted(r[SAVED(name)], wanted[r["ordinal"]], desk.types[name])
                ]
                for r in rows
            ]
            deviated = pa.array(left, pa.list_(pa.utf8()))
    return deviated


def same(one: Any, other: Any, type_: Type) -> bool:
    """Whether two values of *type_* are the same; JSON is, however it is spelt."""
    if type_.kind is Kind.JSON:
        return bool(meaning(one, type_) == meaning(other, type_))
    return bool(one == other)


def as_wanted(found: Any, wanted: Any, type_: Type) -> bool:
    """Whether *found* is what *wanted* became. In a list of lines, members that nobody gave a value may have any:
    their system numbers new lines and fills in what it knows."""
    if (
        not isinstance(wanted, list)
        or not isinstance(found, list)
        or not any(isinstance(w, dict) for w in wanted)
    ):
        return same(found, wanted, type_)
    return len(found) == len(wanted) and all(
        f is not None and all(value is None or f[name] == value for name, value in w.items())
        for f, w in zip(found, wanted, strict=True)
    )


def _broken(desk: Desk, what: str) -> Failure:
    return Failure(
        Diagnostic(
            "E0530",
            f"connector {desk.plugin} broke its contract while writing {desk.target.object}: {what}",
            remedy="Nothing more was written. Run `erpoa resume` after the connector is mended.",
        )
    )


def checked(desk: Desk, ask: WriteBatch, answers: Sequence[pa.RecordBatch]) -> pa.Table:
    """The connector's answer in journal columns; `Failure` naming the connector when it is not one outcome
    per row, or an outcome nobody knows."""
    told = [pa.Table.from_batches([answer]) for answer in answers]
    table = pa.concat_tables([OUTCOMES.empty_table(), *told], promote_options="default")
    asked = sorted(ask.rows["ordinal"].to_pylist())
    if sorted(table["ordinal"].to_pylist()) != asked:
        raise _broken(desk, f"{table.num_rows} outcomes for {len(asked)} rows, or for other rows than asked")
    unknown = set(pc.unique(table["outcome"]).to_pylist()) - {o.value for o in Outcome}
    if unknown:
        raise _broken(desk, f"unknown outcomes {sorted(map(str, unknown))}")
    if table.schema.names[:4] != OUTCOMES.names:
        raise _broken(desk, f"columns {table.schema.names[:4]} instead of {OUTCOMES.names}")
    table = table.rename_columns(
        [ID(n.removeprefix("id.")) if n.startswith("id.") else n for n in table.schema.names]
    )
    # an object may tell its rows apart by other fields than the target does
    table = table.drop_columns(
        [c for n, c in ID.fields(table.schema.names).items() if n not in desk.id_types]
    )
    table = in_journal_columns(desk, ask, table.sort_by("ordinal"))
    if ask.action is not Action.CREATE:
        table = table.drop_columns([n for n in table.schema.names if ID.has(n)])
        at = pc.index_in(table["ordinal"].combine_chunks(), value_set=ask.rows["ordinal"])
        for name in ask.id:
            table = table.append_column(ID(name), ask.rows[f"id.{name}"].take(at))
    return with_new_identifiers(desk, ask, table) if is_told(table) or ask.action is Action.UPDATE else table
