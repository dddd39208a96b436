"""What a system made of what was written, as the answer to the write tells it: read before anybody else could come between."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, SAVED
from erpoa_cli.core.situation import Action
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import OUTCOMES, READ, BatchReading, WriteBatch


def is_told(outcomes: pa.Table) -> bool:
    """Whether the answer said what became of the rows: nothing needs to be read again."""
    return "deviated" in outcomes.schema.names


def in_journal_columns(desk: Desk, ask: WriteBatch, answer: pa.Table) -> pa.Table:
    """*answer* (columns as of `OUTCOMES`, `ID`, `READ`, `seen.*`) with `deviated` and `s_*` instead of what was seen."""
    told = answer.select([n for n in answer.schema.names if n in OUTCOMES.names or ID.has(n)])
    if READ not in answer.schema.names or ask.action not in (Action.CREATE, Action.UPDATE, Action.DELETE):
        return told
    read = pc.fill_null(answer[READ], False)
    applied = pc.equal(answer["outcome"], "applied")
    if pc.any(pc.and_not(applied, read)).as_py():
        return told  # not of all rows: they are read again
    order = pc.index_in(answer["ordinal"].combine_chunks(), value_set=ask.rows["ordinal"])
    others = {
        name: found for name in ask.columns("set") if (found := _other(ask, answer, name, order, applied))
    }
    names: list[list[str] | None] = [[] if a else None for a in applied.to_pylist()]
    for name, rows in others.items():
        for at in rows:
            mine = names[at]
            if mine is not None:
                mine.append(name)
        told = told.append_column(SAVED(name), _saved(desk, name, answer, rows))
    return told.append_column("deviated", pa.array(names, pa.list_(pa.utf8())))


def _other(
    ask: WriteBatch, answer: pa.Table, name: str, order: pa.Array, applied: pa.ChunkedArray
) -> list[int]:
    """The rows of *answer* that hold something else in the field *name* than was asked for."""
    seen = answer[f"seen.{name}"].combine_chunks()
    wrote = ask.rows[f"set.{name}"]
    if seen.equals(wrote) and pc.all(pc.equal(order, pa.array(range(len(order)), order.type))).as_py():
        return []
    pairs = zip(seen.to_pylist(), wrote.take(order).to_pylist(), applied.to_pylist(), strict=True)
    return [at for at, (there, wanted, counts) in enumerate(pairs) if counts and there != wanted]


def _saved(desk: Desk, name: str, answer: pa.Table, rows: list[int]) -> pa.Array:
    """What the *rows* hold, as the engine keeps it: instants where the system keeps local times."""
    field = desk.field(name, desk.types[name])
    there = answer[f"seen.{name}"].take(pa.array(rows, pa.int64())).combine_chunks()
    batch = pa.RecordBatch.from_arrays([there], schema=pa.schema([(name, there.type)]))
    values = desk.typed(BatchReading(batch.schema, [batch]), [field])[name].to_pylist()
    kept: dict[int, Any] = dict(zip(rows, values, strict=True))
    return pa.array([kept.get(at) for at in range(answer.num_rows)], arrow_type(desk.types[name]))


def with_new_identifiers(desk: Desk, ask: WriteBatch, outcomes: pa.Table) -> pa.Table:
    """*outcomes* with the identifiers that the rows have once they are written."""
    for name in ask.id:
        if name in ask.columns("set") and name not in desk.zones:
            written = ask.rows[f"set.{name}"].take(
                pc.index_in(outcomes["ordinal"].combine_chunks(), value_set=ask.rows["ordinal"])
            )
            outcomes = _replaced(outcomes, ID(name), written.cast(arrow_type(desk.id_types[name])))
        if SAVED(name) in outcomes.schema.names:
            held = pa.array([name in (d or ()) for d in outcomes["deviated"].to_pylist()], pa.bool_())
            saved = outcomes[SAVED(name)].cast(outcomes[ID(name)].type)
            outcomes = _replaced(outcomes, ID(name), pc.if_else(held, saved, outcomes[ID(name)]))
    return outcomes


def _replaced(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(column)
    return table.append_column(column, values) if at < 0 else table.set_column(at, column, values)
