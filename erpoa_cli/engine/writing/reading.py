"""Rows of a system found again by their values, and what became of those that were written."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import GIVEN, ID, NOW, SAVED, WANTED
from erpoa_cli.core.lifecycle import ABSENT
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import Field, identifier, literal
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.made import is_told
from erpoa_cli.sdk.connector import (
    ReadRequest,
)
from erpoa_cli.sdk.errors import ContractBroken, Transient


def needs_reading(desk: Desk, batch: Batch, outcomes: pa.Table) -> bool:
    """Whether only reading tells what *batch* made: identifiers, fields the target returns, or how far
    documents went on by themselves."""
    if any(numbered and name in batch.fields for name, numbered in desk.lists.items()):
        return True
    lifecycle = desk.target.lifecycle
    if batch.action is Action.MOVE and lifecycle and batch.fields:
        return any(map(lifecycle.goes_on, pc.unique(batch.rows[WANTED(lifecycle.field)]).to_pylist()))
    if batch.action is not Action.CREATE:
        return False
    return bool(desk.returns) or _lacks_ids(desk, outcomes)


def _lacks_ids(desk: Desk, outcomes: pa.Table) -> bool:
    return any(ID(name) not in outcomes.schema.names for name in desk.id_types)


def _told_already(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Table:
    """*outcomes* that the answer told, with what the target returns."""
    if not desk.returns or removes(desk, batch):
        return outcomes
    by = tuple(desk.id_types)
    applied = outcomes.filter(pc.equal(outcomes["outcome"], Outcome.APPLIED.value))
    found = find(desk, (), by, applied.select([ID(n) for n in by]).rename_columns(list(by)))
    same = " AND ".join(f"f.{identifier(n)} = t.{ID.sql(n)}" for n in by)
    given = ", ".join(f"f.{identifier(n)} AS {GIVEN.sql(n)}" for n in desk.returns)
    query = f"SELECT t.*, {given} FROM told t LEFT JOIN found f ON {same} ORDER BY t.ordinal"
    return desk.compare(query, {"told": outcomes, "found": found})


def read_back(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Table:
    """*outcomes* with what the system now holds: ids of created rows, `deviated` fields with their values
    `s_*`, and returned values `r_*`. A row that cannot be found again (or, deleted, still is) is `rejected`. What the
    answer told is not read again, but for documents that were moved: their state is told by more than what was written."""
    if is_told(outcomes):
        if not _lacks_ids(desk, outcomes) and batch.action is not Action.MOVE:
            return _told_already(desk, batch, outcomes)
        made = [n for n in outcomes.schema.names if n == "deviated" or SAVED.has(n)]
        outcomes = outcomes.drop_columns(made)
    applied = outcomes.filter(pc.equal(outcomes["outcome"], Outcome.APPLIED.value))
    if not applied.num_rows:
        return outcomes
    rows = batch.rows.filter(pc.is_in(batch.rows["ordinal"], applied["ordinal"].combine_chunks()))
    ids = [ID(name) for name in desk.id_types]
    known = all(name in applied.schema.names and not applied[name].null_count for name in ids)
    told = outcomes if known else outcomes.drop_columns([n for n in outcomes.schema.names if n in ids])
    if known:
        by = tuple(desk.id_types)
        told_of = pc.index_in(rows["ordinal"], value_set=applied["ordinal"].combine_chunks())
        values = applied.select(ids).take(told_of).rename_columns(list(by))  # as they are once it is written
    else:
        by = desk.target.match[0]
        values = rows.select([WANTED(n) for n in by]).rename_columns(list(by))
    gone = removes(desk, batch)
    fields = () if gone else batch.fields
    wanted = rows.select(["ordinal", *(WANTED(name) for name in fields)])
    for name in by:
        wanted = wanted.append_column(f"by_{name}", values[name])
    tables = {"told": told, "wanted": wanted, "found": _apart(find(desk, fields, by, values))}
    table = desk.compare(_comparison(desk, fields, by, () if known else tuple(desk.id_types)), tables)
    words = "it is still there after it was deleted" if gone else "it cannot be found after it was written"
    wrong = pc.and_(pc.equal(table["outcome"], Outcome.APPLIED.value), pc.equal(table["here"], gone))
    deviating = pc.unique(pc.list_flatten(table["deviated"])).to_pylist()
    nothing = [
        SAVED(name) for name in fields if name not in deviating
    ]  # the plan has these values: not kept twice
    table = with_outcome(table.drop_columns(["here", *nothing]), wrong, Outcome.REJECTED, words, _BELIED)
    if batch.action is Action.CREATE and known:
        table = with_outcome(table, _of_another(desk, batch, table), Outcome.IN_DOUBT, _ANOTHER)
    return _arrived(desk, batch, table) if batch.action is Action.MOVE else table


_ANOTHER = "what was read back under the identifier that the answer gave has another key: nobody knows which row was made"


def _of_another(desk: Desk, batch: Batch, table: pa.Table) -> pa.Array:
    """The applied rows of which a field that recognises them was read back with another value: the identifier is that of
    another row, or their system changed the key. What their system made of a value is nothing that a key may show."""
    telling = {name for names in desk.target.match for name in names} & set(batch.fields)
    applied = pc.equal(table["outcome"], Outcome.APPLIED.value).to_pylist()
    deviated = table["deviated"].to_pylist()
    return pa.array(
        [a and bool(telling & set(names or ())) for a, names in zip(applied, deviated, strict=True)],
        pa.bool_(),
    )


def identifiers(desk: Desk, batch: Batch) -> dict[str, pa.ChunkedArray]:
    """The identifiers that the rows of *batch* have once they are written, where they were there before."""
    written = batch.fields if batch.action is Action.UPDATE else ()
    return {ID(n): batch.rows[WANTED(n) if n in written else ID(n)].combine_chunks() for n in desk.id_types}


def removes(desk: Desk, batch: Batch) -> bool:
    """Whether the rows are gone when *batch* was written."""
    lifecycle = desk.target.lifecycle
    if batch.action is Action.MOVE and lifecycle and batch.fields:
        return ABSENT in pc.unique(batch.rows[WANTED(lifecycle.field)]).to_pylist()
    return batch.action is Action.DELETE


def _arrived(desk: Desk, batch: Batch, table: pa.Table) -> pa.Table:
    """*table* of a move: a document that is not where the call leads, nor has gone on from there by itself, was not
    moved, whatever the answer said."""
    lifecycle = desk.target.lifecycle
    if lifecycle is None or SAVED(lifecycle.field) not in table.schema.names:
        return table
    state = lifecycle.field
    goals = dict(zip(batch.ordinals, batch.rows[WANTED(state)].to_pylist(), strict=True))
    elsewhere = [
        bool(row["deviated"])
        and not (row["deviated"] == [state] and lifecycle.reached(row[SAVED(state)], goals[row["ordinal"]]))
        for row in table.select(["ordinal", "deviated", SAVED(state)]).to_pylist()
    ]
    words = "the call was answered as done, and the document has not reached the state it leads to"
    applied = pc.equal(table["outcome"], Outcome.APPLIED.value)
    return with_outcome(
        table, pc.and_kleene(applied, pa.array(elsewhere, pa.bool_())), Outcome.REJECTED, words, _BELIED
    )


def find(desk: Desk, fields: Sequence[str], by: Sequence[str], values: pa.Table) -> pa.Table:
    """The rows that have one of *values* in the fields *by*: identifier, *fields*, *by* and what is returned. Dead
    documents are found by their identifier alone."""
    lifecycle = desk.target.lifecycle
    names = dict.fromkeys((*desk.id_types, *fields, *by, *desk.returns))
    living = bool(lifecycle and lifecycle.dead) and tuple(by) != tuple(desk.id_types)
    if lifecycle and living:
        names[lifecycle.field] = None
    types = {**desk.types, **desk.returns, **desk.id_types}
    read = [desk.field(name, types[name]) for name in names if name != desk.computed]
    if lifecycle and desk.computed in names:
        described = {f.name: f.type for f in desk.info.fields}
        more = [n for n in lifecycle.columns if n not in names]
        read += [Field(n, type_) for n in more if (type_ := described[n]) is not None]
    asked = ReadRequest(
        object=desk.target.object, fields=tuple(field.kept for field in read), options=desk.target.options
    )
    kept = pa.table({name: desk.local(name, values[name]) for name in values.schema.names})
    reading = desk.session.find(asked, by, kept)
    table = desk.typed(reading, read)
    if reading.verdict.status is not ReadStatus.COMPLETE:
        raise Transient(f"reading back {desk.target.object}: {reading.verdict.reason}")
    if lifecycle and desk.computed in names:
        told = f"SELECT *, {lifecycle.sql} AS {identifier(lifecycle.field)} FROM found"
        table = desk.compare(told, {"found": table})
    if lifecycle and living:
        over = pc.is_in(table[lifecycle.field], pa.array(sorted(lifecycle.dead), pa.utf8()))
        table = table.filter(pc.invert(over))
    return table.select(list(dict.fromkeys((*desk.id_types, *fields, *by, *desk.returns))))


def _comparison(desk: Desk, fields: Sequence[str], by: Sequence[str], ids: Sequence[str]) -> str:
    """SQL over told (outcomes), wanted (ordinal, d_*, by_*) and found rows (a_*), whose *ids* are news."""
    on = " AND ".join(f"{NOW.sql(n, 'f')} = w.{identifier('by_' + n)}" for n in by)
    differ = {n: f"{NOW.sql(n, 'f')} IS DISTINCT FROM w.{WANTED.sql(n)}" for n in fields}
    differs = ", ".join(f"CASE WHEN {test} THEN {literal(n)} END" for n, test in differ.items())
    deviated = f"list_filter([{differs}]::VARCHAR[], lambda x: x IS NOT NULL)"
    columns = [
        "t.*",
        "f.here IS NOT NULL AS here",
        *(f"{NOW.sql(n, 'f')} AS {ID.sql(n)}" for n in ids),
        # mostly nothing differs, and then no list is made
        f"CASE WHEN f.here THEN CASE WHEN {' OR '.join(differ.values()) or 'false'} THEN {deviated} ELSE [] END END AS deviated",
        *(f"CASE WHEN {t} THEN {NOW.sql(n, 'f')} END AS {SAVED.sql(n)}" for n, t in differ.items()),
        *(f"{NOW.sql(n, 'f')} AS {GIVEN.sql(n)}" for n in desk.returns),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM told t LEFT JOIN wanted w USING (ordinal) "
        f"LEFT JOIN (SELECT *, true AS here FROM found) f ON {on} ORDER BY t.ordinal"
    )


def _apart(found: pa.Table) -> pa.Table:
    """*found* with its fields called so that none is taken for a column of ours."""
    return found.rename_columns([NOW(name) for name in found.schema.names])


_BELIED = ContractBroken.word  # its system said that it was done: it may be, so it is not tried again


def with_outcome(
    table: pa.Table, where: pa.ChunkedArray, outcome: Outcome, words: str, class_: str = ""
) -> pa.Table:
    """*table* with *outcome* and *words* in the rows *where* holds (NULL: does not)."""
    where = pc.fill_null(where, False)
    for name, value in (
        ("outcome", outcome.value),
        ("error_class", class_ or outcome.value),
        ("error", words),
    ):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, pc.if_else(where, value, table[name]))
    return table
