"""What is asked of a connector: a batch with the conditions under which its rows may be written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import repeat

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, NOW, WANTED
from erpoa_cli.core.situation import Action
from erpoa_cli.core.target import Column, Target
from erpoa_cli.engine.batching import asked
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.sdk.connector import (
    WriteBatch,
)
from erpoa_cli.state.columns import key_texts
from erpoa_cli.state.texts import texts


def request(desk: Desk, batch: Batch, run: str, number: int, effects_digest: str) -> WriteBatch:
    """*batch* as the connector is asked to write it; a move without a call is an update."""
    create = batch.action is Action.CREATE
    known = {**desk.types, **desk.id_types}
    columns: dict[str, pa.ChunkedArray] = {"ordinal": batch.rows["ordinal"]}
    if not create:
        columns |= {f"id.{name}": batch.rows[ID(name)] for name in desk.id_types}
    columns |= {f"set.{name}": desk.local(name, values) for name, values in _written(desk, batch)}
    if not create and not batch.call and (batch.step == 1 or batch.seen):
        columns |= {f"was.{n}": desk.local(n, batch.rows[NOW(n)]) for n in _unmoved(desk, batch)}
    if not desk.transactional:
        columns["key"] = idempotency_keys(desk, batch, run)
    table = pa.table(columns).combine_chunks()
    return WriteBatch(
        object=desk.target.object,
        action=asked(batch.action, batch.call),
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
        values = batch.rows[WANTED(name)]
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
    known = {} if created else {WANTED(n): desk.types[n] for n in batch.fields}
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
