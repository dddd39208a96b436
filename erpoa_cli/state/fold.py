"""What runs did, laid over a base image: batch by batch, in memory proportional to what they did.

A patch has one row per key: `k_KEY… id_ID… generation create links`, and per field `known_F` (the base follows),
`agreed_F`, `seen_F`, values as images keep them. What a row does to the base is decided by the plan's columns
`fields` (written), `settled` (the base follows without a write) and `links` (the row has a base row afterwards).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state.columns import Members, conform, match_keys
from erpoa_cli.state.image import rest_schema, with_macs
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer, require
from erpoa_cli.state.texts import Array, flat


def last_words(results: Sequence[tuple[int, pa.Table]]) -> pa.Table:
    """One row per ordinal: what was recorded last. *results*: journal sequence and recorded table."""
    tables = [
        table.append_column("sequence", pa.repeat(sequence, table.num_rows)) for sequence, table in results
    ]
    joined = pa.concat_tables(tables, promote_options="default").sort_by([("sequence", "ascending")])
    joined = joined.append_column("row", pa.array(range(joined.num_rows), pa.int64()))
    last = (
        joined.select(["ordinal", "row"]).group_by("ordinal", use_threads=False).aggregate([("row", "max")])
    )
    return _taken(joined, last["row_max"].combine_chunks().sort()).drop_columns(["row", "sequence"])


def applied(changes: pa.Table, results: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of *changes* that were applied, and their results, both in the order they were written."""
    done = results.filter(pc.equal(results["outcome"], Outcome.APPLIED.value))
    return _taken(changes, flat(pc.index_in(done["ordinal"], value_set=flat(changes["ordinal"])))), done


def _taken(table: pa.Table, indices: Array) -> pa.Table:
    """The rows at *indices*; mostly that is all of them as they stand, and nothing is copied."""
    if len(indices) == table.num_rows and indices.equals(pa.array(range(len(indices)), indices.type)):
        return table
    return table.take(indices)


def asked(layout: Layout) -> list[str]:
    """The columns of a plan's rows that `patches` asks for."""
    kept = ("agreed_", "seen_")  # what was agreed before has no part in what is agreed now
    return [name for name in layout.plan_schema().names if not name.startswith(kept)]


def patches(
    layout: Layout, rows: pa.Table, results: pa.Table | None, sealer: Sealer | None
) -> Iterator[pa.RecordBatch]:
    """Patches for *rows* of a plan (sealed) that took effect, *results* beside them (None: state-only rows).

    A key that occurs several times (created, then completed by a deferred reference) comes in several
    patches, in order."""
    if rows.num_rows:
        patch = _patch(layout, rows, results, sealer)
        for indices in _occurrences(match_keys(patch, layout.key)):
            yield patch if indices is None else patch.take(indices)


def _occurrences(keys: Array) -> Iterator[Array | None]:
    """Row indices of every key's first occurrence, second, …; None stands for all rows."""
    if pc.count_distinct(keys).as_py() == len(keys):
        yield None
        return
    seen: Counter[str] = Counter()
    ranks: dict[int, list[int]] = {}
    for index, key in enumerate(keys.to_pylist()):
        ranks.setdefault(seen[key], []).append(index)
        seen[key] += 1
    for rank in sorted(ranks):
        yield pa.array(ranks[rank], pa.int64())


def _patch(layout: Layout, rows: pa.Table, results: pa.Table | None, sealer: Sealer | None) -> pa.RecordBatch:
    told = {} if results is None else {name: flat(results[name]) for name in results.schema.names}
    columns = {f"k_{name}": flat(rows[f"k_{name}"]) for name in layout.key}
    for name in (f"id_{name}" for name in layout.id):
        planned = flat(rows[name])
        columns[name] = pc.coalesce(told[name].cast(planned.type), planned) if name in told else planned
    action = flat(rows["action"])
    removing = pc.is_in(action, pa.array([Action.DELETE.value, Action.FORGET.value]))
    columns["generation"] = flat(rows["generation"])
    columns["create"] = pc.equal(action, Action.CREATE.value)
    columns["links"] = pc.coalesce(flat(rows["links"]), pc.invert(removing))
    members = {name: Members(rows[name]) for name in ("fields", "settled")}
    if "deviated" in told:
        members["deviated"] = Members(told["deviated"])
    for name, field in layout.fields.items():
        written, agreed, seen = _images(rows, told, members, columns["create"], name)
        for image, value in (("agreed", agreed), ("seen", seen)):
            place = f"{layout.target}.{name}"
            kept = with_macs(value, field.type, place, require(sealer)) if field.sealed else value
            columns[f"{image}_{name}"] = kept
        columns[f"known_{name}"] = written
    return pa.RecordBatch.from_pydict(columns)


def _images(
    rows: pa.Table, told: dict[str, Array], members: dict[str, Members], create: Array, name: str
) -> tuple[Array, Array, Array]:
    """Of one field: where the base follows, and its two new images."""
    written, settled = members["fields"].hold(name), members["settled"].hold(name)
    desired, actual = flat(rows[f"d_{name}"]), flat(rows[f"a_{name}"])
    agreed = desired
    if f"d_{name}" in told and f"p_{name}" in rows.schema.names:
        agreed = pc.if_else(pc.is_valid(flat(rows[f"p_{name}"])), told[f"d_{name}"], desired)
    seen = agreed
    if told:
        checked = pc.is_valid(told["deviated"]) if "deviated" in told else pa.repeat(False, len(desired))
        seen = pc.if_else(
            pc.or_(checked, create), agreed, actual
        )  # unchecked: what they had before stays seen
        if f"s_{name}" in told:
            seen = pc.if_else(members["deviated"].hold(name), told[f"s_{name}"], seen)
    return pc.or_(written, settled), pc.if_else(written, agreed, desired), pc.if_else(written, seen, actual)


def overlay(
    batches: Iterator[pa.RecordBatch], layout: Layout, patch: pa.RecordBatch
) -> Iterator[pa.RecordBatch]:
    """Rows at rest with *patch* (unique keys) laid over them; new rows follow at the end."""
    wanted = match_keys(patch, layout.key)
    used: list[Array] = []
    for batch in batches:
        at = pc.index_in(match_keys(batch, layout.key), value_set=wanted)
        if at.null_count == len(at):
            yield batch
        else:
            used.append(at.drop_null())
            yield _patched(batch, patch.take(at), layout)
    positions = pa.array(range(patch.num_rows), pa.int32())
    met = pc.is_in(positions, pa.concat_arrays([*used, pa.array([], pa.int32())]))
    new = patch.filter(pc.and_(pc.invert(met), patch["links"]))
    if new.num_rows:
        yield _new_rows(new, layout)


def _patched(batch: pa.RecordBatch, patch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """*batch* with *patch* beside it row by row (NULL links: nothing happened to the row)."""
    hit = pc.is_valid(patch["links"])
    links = pc.fill_null(patch["links"], False)
    gone = pc.and_(hit, pc.invert(links))
    # A new life: created (again), or linked again after it was deleted or forgotten.
    reborn = pc.and_(links, pc.or_(pc.fill_null(patch["create"], False), batch["dead"]))
    emptied = pc.or_(gone, reborn)
    columns = {f"k_{name}": batch[f"k_{name}"] for name in layout.key}
    for name in (f"id_{name}" for name in layout.id):
        old = _without(batch[name], emptied)
        columns[name] = pc.if_else(links, pc.coalesce(patch[name], old), old)
    next_life = pc.max_element_wise(pc.add(batch["generation"], 1), patch["generation"])
    columns["generation"] = pc.if_else(reborn, next_life, batch["generation"])
    columns["dead"] = pc.if_else(hit, gone, batch["dead"])
    for name in layout.fields:
        follows = pc.and_(links, pc.fill_null(patch[f"known_{name}"], False))
        known = pc.and_(batch[f"known_{name}"], pc.invert(emptied))
        columns[f"known_{name}"] = pc.or_(known, follows)
        for image in (f"agreed_{name}", f"seen_{name}"):
            columns[image] = pc.if_else(follows, patch[image], _without(batch[image], emptied))
    return conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))


def _without(column: Array, where: Array) -> Array:
    return pc.if_else(where, pa.scalar(None, column.type), column)


def _new_rows(patch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    columns = {name: patch[name] for name in patch.schema.names if name not in ("create", "links")}
    columns["generation"] = pc.max_element_wise(patch["generation"], 1)
    columns["dead"] = pa.repeat(False, patch.num_rows)
    for name in layout.fields:
        for image in (f"agreed_{name}", f"seen_{name}"):
            columns[image] = _without(patch[image], pc.invert(patch[f"known_{name}"]))
    return conform(pa.RecordBatch.from_pydict(columns), rest_schema(layout))
