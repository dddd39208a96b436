"""The effects digest of a plan: what would be written, independent of machine, zone, locale and row order.

SHA-256 over one line per row, each an RFC 8785 array with the members

    target, identity, {key}, step, action, {values}, {preconditions}

ordered by target, key texts and step (all as UTF-8 bytes). The action of a document's call is `move CALL`. Values are canonical texts (`core.canonical`), true,
false or null; a value that is not known yet is `{"ref": [target, key, field]}`; a sealed one its HMAC. Ids,
times, waves and ordinals are not part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY, NOW, PENDING, WANTED
from erpoa_cli.core.situation import Action
from erpoa_cli.core.target import Ownership
from erpoa_cli.state.columns import Members, coded
from erpoa_cli.state.digest import Parts, content, joined, quoted, value_parts, wanted_parts
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, flat, texts, utf16

_SLICE = 1 << 16  # rows whose text is made at once, where they are sorted
_WORKERS = min(8, os.cpu_count() or 1)  # and so many times at a time


class Effects:
    """The effects of a plan, digested while its rows pass on their way to the plan file."""

    def __init__(self, identities: Mapping[str, str], sealer: Sealer | None = None) -> None:
        """*identities*: target → identity of its system."""
        self._identities = identities
        self._sealer = sealer
        self._sha256 = hashlib.sha256()
        self._last = b""  # target

    def passing(self, layout: Layout, read: Callable[[], pa.RecordBatchReader]) -> pa.RecordBatchReader:
        """The changes of a target (`plan_schema`, sealed values opened) as *read* gives them, unchanged. It is asked
        again if they do not come in the order of their keys. Targets pass in the order of their names (ValueError)."""
        rows = read()
        return pa.RecordBatchReader.from_batches(rows.schema, self._passing(layout, rows, read))

    def _passing(
        self, layout: Layout, rows: pa.RecordBatchReader, read: Callable[[], pa.RecordBatchReader]
    ) -> Iterator[pa.RecordBatch]:
        name = layout.target.encode()
        if name <= self._last:
            raise ValueError(f"the target {layout.target} passes out of order")
        self._last, before = name, self._sha256.copy()
        lines = partial(_lines, layout, self._identities[layout.target], self._sealer)
        last: pa.Table | None = None
        ordered = True
        with _Digesting(self._sha256, lines) as digesting:
            for batch in rows:
                if ordered and batch.num_rows:
                    places = _places(layout, batch)
                    ordered = _ascending(pa.concat_tables([last, places]) if last else places)
                    last = places.slice(batch.num_rows - 1)
                if ordered:
                    digesting.add(_needed(layout, batch))
                yield batch
        if not ordered:
            self._sha256 = before
            with _Digesting(self._sha256, lines) as digesting:
                for batch in _sorted(layout, read()):
                    digesting.add(batch)

    def digest(self) -> str:
        """SHA-256 (hex) over the effects of all rows that passed."""
        return self._sha256.hexdigest()


class _Digesting:
    """Digests the text of batches in their order; it is made beside what the thread that adds them does."""

    def __init__(self, sha256: Any, lines: Callable[[pa.RecordBatch], memoryview]) -> None:
        self._sha256 = sha256
        self._lines = lines
        self._pool = ThreadPoolExecutor(_WORKERS)
        self._coming: deque[Future[memoryview]] = deque()

    def add(self, batch: pa.RecordBatch) -> None:
        self._coming.append(self._pool.submit(self._lines, batch))
        while len(self._coming) > _WORKERS:
            self._sha256.update(self._coming.popleft().result())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Ends when all is digested; gives up when there is an error."""
        self._pool.shutdown(cancel_futures=error[0] is not None)
        for coming in self._coming if error[0] is None else ():
            self._sha256.update(coming.result())


def _needed(layout: Layout, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The columns that matter, lists of names as codes; creates have no values before."""
    creates = pc.all(pc.equal(batch["action"], Action.CREATE.value)).as_py()
    names = [KEY(name) for name in layout.key] + ["step", "action", "call"]
    for name, field in layout.fields.items():
        names += [WANTED(name), *([PENDING(name)] if field.pending else [])]
        if not creates and field.ownership is not Ownership.THEIRS:
            names.append(NOW(name))
    columns = {name: batch[name] for name in names}
    return pa.RecordBatch.from_pydict({**columns, "fields": coded(batch["fields"])})


def _lines(layout: Layout, identity: str, sealer: Sealer | None, batch: pa.RecordBatch) -> memoryview:
    """The text of the rows of *batch*."""
    return content(_row_texts(layout, batch, identity, sealer))


def _row_texts(layout: Layout, batch: pa.RecordBatch, identity: str, sealer: Sealer | None) -> Array:
    """One line per row, with its line end."""
    keys = {name: quoted(texts(batch[KEY(name)], type_)) for name, type_ in layout.key.items()}
    step = pc.coalesce(batch["step"], 1).cast(pa.utf8())
    return joined(
        [
            f"[{_json(layout.target)},{_json(identity)},",
            *_object(keys),
            ",",
            step,
            ",",
            *quoted(_action(batch)),
            ",",
            *_values(layout, batch, sealer),
            ",",
            *_preconditions(layout, batch, sealer),
            "]\n",
        ]
    )


def _action(batch: pa.RecordBatch) -> Array:
    """What is done; to a document, by which call."""
    if batch["call"].null_count == batch.num_rows:
        return batch["action"]
    called = pc.binary_join_element_wise(batch["action"], batch["call"], " ")
    return pc.coalesce(called, batch["action"])


def _values(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Parts:
    """Object of the written fields and what they become."""
    written = Members(batch["fields"])
    values = {
        name: wanted_parts(layout, batch, name, sealer) for name in layout.fields if written.anywhere(name)
    }
    if all(written.everywhere(name) for name in values):
        return _object(values)
    names = sorted(values, key=utf16)
    parts: Parts = ["{"]
    for position, name in enumerate(names):
        parts.append(written.tell(partial(_start, name, names[:position]), pa.utf8()))
        parts.append(pc.if_else(written.hold(name), joined(values[name]), ""))
    return [*parts, "}"]


def _start(name: str, before: Sequence[str], written: frozenset[str]) -> str:
    """What stands before the value of field *name*, behind those of the fields *before*, in a row of *written*."""
    if name not in written:
        return ""
    return f"{'' if written.isdisjoint(before) else ','}{_json(name)}:"


def _preconditions(layout: Layout, batch: pa.RecordBatch, sealer: Sealer | None) -> Parts:
    """Object of the values a row must still have: those of all fields that are not theirs alone."""
    compared = pc.not_equal(batch["action"], Action.CREATE.value)
    if not pc.any(compared).as_py():
        return ["{}"]
    values = _object(
        {
            name: value_parts(layout, batch, NOW, name, sealer)
            for name, field in layout.fields.items()
            if field.ownership is not Ownership.THEIRS
        }
    )
    if pc.all(compared).as_py() or not any(isinstance(part, pa.Array) for part in values):
        return values
    return [pc.if_else(compared, joined(values), "{}")]


def _object(values: Mapping[str, Parts]) -> Parts:
    """A JSON object of *values*, its members in the order of RFC 8785."""
    parts: Parts = ["{"]
    for position, name in enumerate(sorted(values, key=utf16)):
        parts += ["," if position else "", f"{_json(name)}:", *values[name]]
    return [*parts, "}"]


def _places(layout: Layout, rows: pa.RecordBatch | pa.Table) -> pa.Table:
    """What decides where rows stand: their key texts, compared as UTF-8 bytes, and their step."""
    keys = [texts(rows[KEY(name)], type_) for name, type_ in layout.key.items()]
    named = {f"k{position}": key for position, key in enumerate(keys)}
    return pa.table({**named, "step": flat(pc.coalesce(rows["step"], 1))})


def _sorted(layout: Layout, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """What matters of *rows*, in the order of their places."""
    kept = [pa.Table.from_batches([_needed(layout, batch)]) for batch in rows]
    table = pa.concat_tables(kept, promote_options="default").unify_dictionaries()
    places = _places(layout, table)
    order = pc.sort_indices(places, sort_keys=[(name, "ascending") for name in places.schema.names])
    for start in range(0, table.num_rows, _SLICE):
        yield from table.take(order.slice(start, _SLICE)).combine_chunks().to_batches()


def _ascending(places: pa.Table) -> bool:
    """Whether every row is behind the one before it, by the first column in which they differ."""
    behind = pa.repeat(False, places.num_rows - 1)
    for column in reversed([flat(column) for column in places.columns]):
        before, after = column[:-1], column[1:]
        behind = pc.or_(pc.less(before, after), pc.and_(pc.equal(before, after), behind))
    return pc.all(behind).as_py() is not False


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
