"""One batch: written, settled when its outcome is unclear, read back."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.lifecycle import ABSENT
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import Field, Type, identifier, literal
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.core.target import Column, Ownership, Target
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.sdk.connector import (
    OUTCOMES,
    CreateSafety,
    ObjectInfo,
    Reading,
    ReadRequest,
    Writable,
    WriteBatch,
)
from erpoa_cli.sdk.errors import InDoubt, SystemFailure, Transient
from erpoa_cli.state.columns import key_texts
from erpoa_cli.state.texts import texts

_BULK = 50_000  # rows per transaction where neither target nor object says otherwise
_SINGLE = 100  # likewise where there is no transaction
ATTEMPTS = 5
FIRST_PAUSE = 0.2  # seconds; doubled per attempt, full jitter


@dataclass(frozen=True)
class Desk:
    """Everything needed to write rows of one target: its declaration, its object and an open session."""

    target: Target
    info: ObjectInfo
    session: Writable
    id_types: Mapping[str, Type]
    types: Mapping[str, Type]  # of every field that is written or compared
    returns: Mapping[str, Type]
    plugin: str
    ledger: bool
    lineage: str  # of the state
    key_types: Mapping[str, Type]
    linked: Callable[[], set[tuple[object, ...]]]  # identifiers of their rows that belong to a key of ours
    typed: Callable[[Reading, Sequence[Field]], pa.Table]  # a reading with every value in its declared type
    compare: Callable[[str, Mapping[str, pa.Table]], pa.Table]  # SQL over tables
    lists: Mapping[str, bool] = field(
        default_factory=dict
    )  # of lines, and whether their system numbers lines

    @cached_property
    def zones(self) -> Mapping[str, str]:
        """Field → the zone whose local times the system keeps in it."""
        return {f.name: f.zone for f in self.target.fields if f.zone}

    def field(self, name: str, type_: Type) -> Field:
        """The field *name* as it is read back."""
        return Field(name, type_, zone=self.zones.get(name, ""))

    def local(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """*values* of the field *name* as the system keeps them: instants become local times of its zone."""
        if name not in self.zones:
            return values
        rows = pa.table({"n": pa.array(range(len(values)), pa.int64()), "v": values})
        sql = f"SELECT CAST(timezone({literal(self.zones[name])}, v) AS TIMESTAMP) AS v FROM r ORDER BY n"
        return self.compare(sql, {"r": rows})["v"]

    @property
    def transactional(self) -> bool:
        """Whether a batch is written as a whole or not at all."""
        return self.info.create_safety is CreateSafety.TRANSACTION

    @property
    def batch_size(self) -> int:
        """Rows per write: what the target says, within what the object takes."""
        limits = [n for n in (self.target.batch, self.info.batch_size) if n]
        return min(limits, default=_BULK if self.transactional else _SINGLE)

    @property
    def computed(self) -> str:
        """The field of a document's state where it is told from others, and neither read nor written; else empty."""
        lifecycle = self.target.lifecycle
        return lifecycle.field if lifecycle and lifecycle.computed else ""

    @property
    def guarded(self) -> tuple[str, ...]:
        """Fields whose values before must still hold when a row is written; of documents that are moved by updates, also
        what says their state."""
        kept = [f.name for f in self.target.fields if f.ownership is not Ownership.THEIRS]
        return tuple(n for n in dict.fromkeys([*kept, *self.telling]) if n != self.computed)

    @cached_property
    def telling(self) -> tuple[str, ...]:
        """What must still be there when a document is moved by an update: the fields that say its state."""
        lifecycle = self.target.lifecycle
        if lifecycle is None or not lifecycle.updates:
            return ()
        own = () if lifecycle.computed else (lifecycle.field,)
        return tuple(n for n in dict.fromkeys([*own, *lifecycle.columns, *lifecycle.sets]) if n in self.types)


def request(desk: Desk, batch: Batch, run: str, number: int, effects_digest: str) -> WriteBatch:
    """*batch* as the connector is asked to write it; a move without a call is an update."""
    create = batch.action is Action.CREATE
    known = {**desk.types, **desk.id_types}
    columns: dict[str, pa.ChunkedArray] = {"ordinal": batch.rows["ordinal"]}
    if not create:
        columns |= {f"id.{name}": batch.rows[f"id_{name}"] for name in desk.id_types}
    columns |= {f"set.{name}": desk.local(name, values) for name, values in _written(desk, batch)}
    if not create and not batch.call and (batch.step == 1 or batch.seen):
        columns |= {f"was.{n}": desk.local(n, batch.rows[f"a_{n}"]) for n in _unmoved(desk, batch)}
    if not desk.transactional:
        columns["key"] = idempotency_keys(desk, batch, run)
    table = pa.table(columns).combine_chunks()
    return WriteBatch(
        object=desk.target.object,
        action=batch.action if create or batch.call or batch.action is Action.DELETE else Action.UPDATE,
        rows=table.to_batches()[0],
        run=run,
        number=number,
        effects_digest=effects_digest,
        id=tuple(desk.id_types),
        types={name: desk.field(name, type_).kept.type for name, type_ in known.items()},
        unless=_unless(desk.target, batch) if create else (),
        options=desk.target.options,
        ledger=desk.ledger,
        call=batch.call,
    )


def _written(desk: Desk, batch: Batch) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The fields that the request writes. The state is not one of them, unless it is a column that moves set: then a
    new document gets the first one."""
    lifecycle = desk.target.lifecycle
    if batch.action is Action.DELETE or batch.call:
        return
    for name in batch.fields:
        values = batch.rows[f"d_{name}"]
        if lifecycle is None or name != lifecycle.field:
            yield name, values
        elif name in lifecycle.sets:
            yield name, pc.fill_null(values, lifecycle.first)


def _unmoved(desk: Desk, batch: Batch) -> tuple[str, ...]:
    """The fields that must still have the values of the plan. A move looks at the state alone, whose steps follow upon each
    other; anything else at all that earlier steps of this plan did not write."""
    if batch.action is Action.MOVE:
        return desk.telling
    guarded = [name for name in dict.fromkeys((*desk.guarded, *batch.fields)) if name not in batch.before]
    return tuple(name for name in guarded if name != desk.computed)


def idempotency_keys(desk: Desk, batch: Batch, run: str) -> pa.Array:
    """Per row a text that is the same whenever the same effect is asked for: SHA-256 of lineage, address, generation
    and step, and where the row exists already of the run and the wanted values: what was changed there and back is
    changed again by another run, and is another effect."""
    created = batch.action is Action.CREATE
    known = {} if created else {f"d_{n}": desk.types[n] for n in batch.fields}
    action = batch.action.value if created else f"{batch.action.value} {batch.call} {run}"
    facts = [texts(batch.rows[name], type_).to_pylist() for name, type_ in known.items()]
    addresses = key_texts(batch.rows, desk.key_types)
    generations = batch.rows["generation"].to_pylist()
    keys = [
        hashlib.sha256(json.dumps([desk.lineage, batch.target, *fact]).encode()).hexdigest()
        for fact in zip(addresses, generations, repeat(batch.step), repeat(action), *facts, strict=False)
    ]
    return pa.array(keys, pa.utf8())


def _unless(target: Target, batch: Batch) -> tuple[tuple[str, ...], ...]:
    """The sets of fields by which no row may exist; what does not hold the key is looked at before (`stranger`), and so is
    everything where dead documents may have the same."""
    if target.lifecycle and target.lifecycle.dead:
        return ()
    return tuple(m for m in target.match if set(m) <= set(batch.fields) and holds_key(target, m))


def holds_key(target: Target, fields: tuple[str, ...]) -> bool:
    """Whether equal *fields* mean an equal key."""
    values = (target.field(name).value for name in fields if any(f.name == name for f in target.fields))
    return set(target.key) <= {value.name for value in values if isinstance(value, Column)}


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
        return (
            read_back(desk, batch, outcomes) if verify or needs_reading(desk, batch, outcomes) else outcomes
        )
    raise AssertionError("unreachable")


def settle(desk: Desk, batch: Batch, ask: WriteBatch) -> pa.Table | None:
    """What became of a batch whose answer was lost; None when nothing of it was written.

    The ledger decides where there is one; the rows themselves tell which of them were written.
    """
    committed = desk.session.committed(ask.run, ask.number) if desk.ledger else None
    if committed is False:
        return None
    outcomes = looked_up(desk, batch)
    written = pc.any(pc.equal(outcomes["outcome"], Outcome.APPLIED.value)).as_py()
    return outcomes if committed or written else None


def looked_up(desk: Desk, batch: Batch) -> pa.Table:
    """The outcomes of *batch* as the rows in the system show them: a row that has the values it was to get
    is applied; of any other nobody can say more than that it is not as planned, so it is stale and the next
    plan compares it anew."""
    fill: dict[str, pa.Array] = {
        "ordinal": batch.rows["ordinal"].combine_chunks(),
        "outcome": pa.array([Outcome.APPLIED.value] * batch.rows.num_rows),
        "error_class": pa.nulls(batch.rows.num_rows, pa.utf8()),
        "error": pa.nulls(batch.rows.num_rows, pa.utf8()),
    }
    if batch.action is not Action.CREATE:
        fill |= {f"id_{n}": batch.rows[f"id_{n}"].combine_chunks() for n in desk.id_types}
    outcomes = read_back(desk, batch, pa.table(fill))
    lost = pc.or_kleene(
        pc.greater(pc.list_value_length(_astray(desk, batch, outcomes)), 0),
        pc.equal(outcomes["outcome"], "rejected"),
    )
    return _with_outcome(
        outcomes, lost, Outcome.STALE, "the system's answer was lost, and the row is not as planned"
    )


def _astray(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Array:
    """The deviated fields per row, without lists of lines that are as wanted but for what their system filled in."""
    deviated = outcomes["deviated"].combine_chunks()
    for name in desk.lists:
        if f"s_{name}" in outcomes.schema.names:
            wanted = dict(zip(batch.ordinals, batch.rows[f"d_{name}"].to_pylist(), strict=True))
            rows = outcomes.select(["ordinal", "deviated", f"s_{name}"]).to_pylist()
            left = [
                None
                if r["deviated"] is None
                else [
                    n
                    for n in r["deviated"]
                    if n != name or not as_wanted(r[f"s_{name}"], wanted[r["ordinal"]])
                ]
                for r in rows
            ]
            deviated = pa.array(left, pa.list_(pa.utf8()))
    return deviated


def as_wanted(found: Any, wanted: Any) -> bool:
    """Whether *found* is what *wanted* became. In a list of lines, members that nobody gave a value may have any:
    their system numbers new lines and fills in what it knows."""
    if (
        not isinstance(wanted, list)
        or not isinstance(found, list)
        or not any(isinstance(w, dict) for w in wanted)
    ):
        return bool(found == wanted)
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
        [n.replace("id.", "id_", 1) if n.startswith("id.") else n for n in table.schema.names]
    )
    if ask.action is not Action.CREATE:
        table = table.select(OUTCOMES.names)
        ids = {f"id_{n}": ask.rows[f"id.{n}"] for n in ask.id}
        table = table.join(pa.table({"ordinal": ask.rows["ordinal"], **ids}), "ordinal")
    return table.sort_by("ordinal")


def needs_reading(desk: Desk, batch: Batch, outcomes: pa.Table) -> bool:
    """Whether only reading tells what *batch* made: identifiers, or fields the target returns."""
    if any(numbered and name in batch.fields for name, numbered in desk.lists.items()):
        return True
    if batch.action is not Action.CREATE:
        return False
    return bool(desk.returns) or any(f"id_{name}" not in outcomes.schema.names for name in desk.id_types)


def read_back(desk: Desk, batch: Batch, outcomes: pa.Table) -> pa.Table:
    """*outcomes* with what the system now holds: ids of created rows, `deviated` fields with their values
    `s_*`, and returned values `r_*`. A row that cannot be found again (or, deleted, still is) is `rejected`."""
    applied = outcomes.filter(pc.equal(outcomes["outcome"], Outcome.APPLIED.value))
    if not applied.num_rows:
        return outcomes
    rows = batch.rows.filter(pc.is_in(batch.rows["ordinal"], applied["ordinal"].combine_chunks()))
    ids = [f"id_{name}" for name in desk.id_types]
    known = all(name in applied.schema.names and not applied[name].null_count for name in ids)
    told = outcomes if known else outcomes.drop_columns([n for n in outcomes.schema.names if n in ids])
    if known:
        by = tuple(desk.id_types)
        told_of = pc.index_in(rows["ordinal"], value_set=applied["ordinal"].combine_chunks())
        values = applied.select(ids).take(told_of).rename_columns(list(by))
    else:
        by = desk.target.match[0]
        values = rows.select([f"d_{n}" for n in by]).rename_columns(list(by))
    gone = removes(desk, batch)
    fields = () if gone else batch.fields
    wanted = rows.select(["ordinal", *(f"d_{name}" for name in fields)])
    for name in by:
        wanted = wanted.append_column(f"by_{name}", values[name])
    tables = {"told": told, "wanted": wanted, "found": find(desk, fields, by, values)}
    table = desk.compare(_comparison(desk, fields, by, () if known else tuple(desk.id_types)), tables)
    words = "it is still there after it was deleted" if gone else "it cannot be found after it was written"
    wrong = pc.and_(pc.equal(table["outcome"], Outcome.APPLIED.value), pc.equal(table["here"], gone))
    deviating = pc.unique(pc.list_flatten(table["deviated"])).to_pylist()
    nothing = [
        f"s_{name}" for name in fields if name not in deviating
    ]  # the plan has these values: not kept twice
    table = _with_outcome(table.drop_columns(["here", *nothing]), wrong, Outcome.REJECTED, words)
    return _arrived(desk, table) if batch.action is Action.MOVE else table


def removes(desk: Desk, batch: Batch) -> bool:
    """Whether the rows are gone when *batch* was written."""
    lifecycle = desk.target.lifecycle
    if batch.action is Action.MOVE and lifecycle and batch.fields:
        return ABSENT in pc.unique(batch.rows[f"d_{lifecycle.field}"]).to_pylist()
    return batch.action is Action.DELETE


def _arrived(desk: Desk, table: pa.Table) -> pa.Table:
    """*table* of a move: a document that is not where the call leads was not moved, whatever the answer said."""
    lifecycle = desk.target.lifecycle
    if lifecycle is None or f"s_{lifecycle.field}" not in table.schema.names:
        return table
    elsewhere = pc.list_value_length(table["deviated"])
    words = "the call was answered as done, and the document has not reached the state it leads to"
    applied = pc.equal(table["outcome"], Outcome.APPLIED.value)
    return _with_outcome(table, pc.and_kleene(applied, pc.greater(elsewhere, 0)), Outcome.REJECTED, words)


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
    """SQL over told (outcomes), wanted (ordinal, d_*, by_*) and found rows, whose *ids* are news."""
    on = " AND ".join(f"f.{identifier(n)} = w.{identifier('by_' + n)}" for n in by)
    differ = {n: f"f.{identifier(n)} IS DISTINCT FROM w.{identifier('d_' + n)}" for n in fields}
    differs = ", ".join(f"CASE WHEN {test} THEN {literal(n)} END" for n, test in differ.items())
    deviated = f"list_filter([{differs}]::VARCHAR[], lambda x: x IS NOT NULL)"
    columns = [
        "t.*",
        "f.here IS NOT NULL AS here",
        *(f"f.{identifier(n)} AS {identifier('id_' + n)}" for n in ids),
        # mostly nothing differs, and then no list is made
        f"CASE WHEN f.here THEN CASE WHEN {' OR '.join(differ.values()) or 'false'} THEN {deviated} ELSE [] END END AS deviated",
        *(f"CASE WHEN {t} THEN f.{identifier(n)} END AS {identifier('s_' + n)}" for n, t in differ.items()),
        *(f"f.{identifier(n)} AS {identifier('r_' + n)}" for n in desk.returns),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM told t LEFT JOIN wanted w USING (ordinal) "
        f"LEFT JOIN (SELECT *, true AS here FROM found) f ON {on} ORDER BY t.ordinal"
    )


def _with_outcome(table: pa.Table, where: pa.ChunkedArray, outcome: Outcome, words: str) -> pa.Table:
    """*table* with *outcome* and *words* in the rows *where* holds (NULL: does not)."""
    where = pc.fill_null(where, False)
    for name, value in (("outcome", outcome.value), ("error_class", outcome.value), ("error", words)):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, pc.if_else(where, value, table[name]))
    return table
