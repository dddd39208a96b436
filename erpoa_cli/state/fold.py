"""What runs did, as patches of the base (see `overlay`), piece by piece as a plan file has its rows.

What a row does to the base is decided by the plan's columns `fields` (written), `settled` (the base follows without
a write) and `links` (the row has a base row afterwards).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import AGREED, BASE, ID, KEY, KNOWN, NOW, PENDING, SAVED, SEEN, WANTED
from erpoa_cli.core.situation import Action, Outcome, Situation
from erpoa_cli.state.columns import Members, conform, match_keys
from erpoa_cli.state.image import with_macs
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.overlay import Patch
from erpoa_cli.state.seal import Sealer, require_again
from erpoa_cli.state.texts import Array, flat

_OURS = ("situation", "links")  # columns that say whether a row is one of the base

Source = Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
"""The rows of a plan in the order of their ordinals, with these columns and the ordinal; as often as it is called."""


def last_words(results: Sequence[tuple[int, pa.Table]]) -> pa.Table:
    """One row per ordinal: what was recorded last. *results*: journal sequence and recorded table."""
    tables = [table for _, table in sorted(results, key=lambda result: result[0])]
    joined = pa.concat_tables(tables, promote_options="default")
    if pc.count_distinct(joined["ordinal"]).as_py() == joined.num_rows:
        return joined
    rows = joined.select(["ordinal"]).append_column("row", pa.array(range(joined.num_rows), pa.int64()))
    last = rows.group_by("ordinal", use_threads=False).aggregate([("row", "max")])
    return joined.take(last["row_max"].combine_chunks().sort())


def patches(
    layout: Layout, source: Source, results: pa.Table | None, sealer: Sealer | None
) -> Iterator[Patch]:
    """Patches for the rows of *source* (sealed) that took effect: those that *results* tell as applied (None: all,
    state-only rows have no results).

    A key that occurs several times (created, then completed by a deferred reference) comes in several
    patches, in order."""
    done = None if results is None else _applied(results)
    sizes, found = [], []
    for piece in source([*(KEY(name) for name in layout.key), *_OURS]):
        rows, _ = _effective(piece, done)
        sizes.append(rows.num_rows)
        found.append(match_keys(rows, layout.key))
    if sum(sizes):
        keys = pa.concat_arrays(found)
        for chosen in _occurrences(keys):
            if chosen is None:
                yield Patch(keys, sizes, partial(_pieces, layout, source, done, sealer, None))
            else:
                counts = [pc.sum(part).as_py() or 0 for part in _cut(chosen, sizes)]
                parts = partial(_pieces, layout, source, done, sealer, _cut(chosen, sizes))
                yield Patch(keys.filter(chosen), counts, parts)


def _pieces(
    layout: Layout,
    source: Source,
    done: pa.RecordBatch | None,
    sealer: Sealer | None,
    chosen: list[Array] | None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a patch; only the *chosen* ones (a mask per piece)."""
    columns = [  # what was agreed before has no part in what is agreed now
        name for name in layout.plan_schema().names if not any(image.has(name) for image in BASE)
    ]
    for number, piece in enumerate(source(columns)):
        rows, told = _effective(piece, done)
        if chosen is not None:
            rows = rows.filter(chosen[number])
            told = told if told is None else told.filter(chosen[number])
        yield _patch(layout, rows, told, sealer)


def _cut(mask: Array, sizes: Sequence[int]) -> list[Array]:
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    return [mask.slice(start, size) for start, size in zip(starts, sizes, strict=True)]


def _applied(results: pa.Table) -> pa.RecordBatch:
    """What the base needs of the *results* of applied rows, in the order of their ordinals."""
    needed = (ID, WANTED, SAVED)
    told = ("ordinal", "deviated", *(n for n in results.schema.names if any(c.has(n) for c in needed)))
    done = results.filter(pc.equal(results["outcome"], Outcome.APPLIED.value))
    done = done.select([name for name in told if name in results.schema.names]).sort_by("ordinal")
    return conform(done, done.schema)


def _effective(
    piece: pa.RecordBatch, done: pa.RecordBatch | None
) -> tuple[pa.RecordBatch, pa.RecordBatch | None]:
    """The rows of *piece* that took effect, and beside them their results. A row of a stranger is none of the base: that
    it was removed says nothing of the row of ours which has its key."""
    strange = pc.fill_null(pc.equal(flat(piece["situation"]), Situation.FOREIGN.value), False)
    strange = pc.and_(strange, pc.invert(pc.fill_null(flat(piece["links"]), False)))
    if pc.any(strange).as_py():
        piece = piece.filter(pc.invert(strange))
    if done is None or not piece.num_rows:
        return piece, done if done is None else done.slice(0, 0)
    ordinals, told = piece["ordinal"], done["ordinal"]
    start = bisect_left(range(len(told)), ordinals[0].as_py(), key=lambda row: told[row].as_py())
    stop = bisect_right(range(len(told)), ordinals[-1].as_py(), key=lambda row: told[row].as_py())
    here = done.slice(start, stop - start)
    if here["ordinal"].equals(ordinals):  # mostly: nothing is copied
        return piece, here
    here = here.filter(pc.is_in(here["ordinal"], value_set=ordinals))
    return piece.take(pc.index_in(here["ordinal"], value_set=ordinals)), here


def _occurrences(keys: Array) -> Iterator[Array | None]:
    """A mask of every key's first occurrence, one of its second, …; None stands for all."""
    if pc.count_distinct(keys).as_py() == len(keys):
        yield None
        return
    rows = pa.table({"key": keys, "row": pa.array(range(len(keys)), pa.int64())})
    everywhere = rows["row"].combine_chunks()
    while rows.num_rows:
        first = (
            rows.group_by("key", use_threads=False).aggregate([("row", "min")])["row_min"].combine_chunks()
        )
        yield pc.is_in(everywhere, first)
        rows = rows.filter(pc.invert(pc.is_in(rows["row"], first)))


def _patch(
    layout: Layout, rows: pa.RecordBatch, results: pa.RecordBatch | None, sealer: Sealer | None
) -> pa.RecordBatch:
    told = {} if results is None else {name: flat(results[name]) for name in results.schema.names}
    columns = {KEY(name): flat(rows[KEY(name)]) for name in layout.key}
    for name in (ID(name) for name in layout.id):
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
        for image, value in ((AGREED, agreed), (SEEN, seen)):
            place = f"{layout.target}.{name}"
            kept = with_macs(value, field.type, place, require_again(sealer)) if field.sealed else value
            columns[image(name)] = kept
        columns[KNOWN(name)] = written
    return pa.RecordBatch.from_pydict(columns)


def _images(
    rows: pa.RecordBatch, told: dict[str, Array], members: dict[str, Members], create: Array, name: str
) -> tuple[Array, Array, Array]:
    """Of one field: where the base follows, and its two new images."""
    written, settled = members["fields"].hold(name), members["settled"].hold(name)
    desired, actual = flat(rows[WANTED(name)]), flat(rows[NOW(name)])
    agreed = desired
    if WANTED(name) in told:  # what was pending, by itself or somewhere in a list
        waited = rows[PENDING(name)] if PENDING(name) in rows.schema.names else told[WANTED(name)]
        agreed = pc.if_else(pc.is_valid(flat(waited)), told[WANTED(name)], desired)
    seen = agreed
    if told:
        checked = pc.is_valid(told["deviated"]) if "deviated" in told else pa.repeat(False, len(desired))
        seen = pc.if_else(
            pc.or_(checked, create), agreed, actual
        )  # unchecked: what they had before stays seen
        if SAVED(name) in told:
            seen = pc.if_else(members["deviated"].hold(name), told[SAVED(name)], seen)
    return pc.or_(written, settled), pc.if_else(written, agreed, desired), pc.if_else(written, seen, actual)
