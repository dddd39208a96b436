"""What was last applied, staged: of every row its links and hashes, of the rows to be judged all values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from erpoa_cli.core.reconcile.recognise import remembered
from erpoa_cli.core.reconcile.rows import candidate_base
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.engine.changes.planning import Planning


def remember(p: Planning) -> None:
    """What was last applied, with everything runs have done since."""
    for name, columns in p.layouts.items():
        rows = _numbered(p.state.base(columns, p.sealer))
        p.staging.make("base", name, rows, remembered(p.shapes[name]))
        p.staging.make("diff", f"{name}/gone", p.state.generations(columns, p.sealer))
        for sibling in p.shapes[name].siblings:
            if sibling not in p.names:
                own = replace(columns, target=sibling, fields={})
                p.staging.make("base", sibling, p.state.base(own, p.sealer))


def recall(p: Planning, shape: Shape) -> None:
    """All values of the base rows that the diff has to look at."""
    numbers = p.staging.sql(candidate_base(shape)).column("b_row")
    rows = p.state.base(p.layouts[shape.name], p.sealer, only=numbers)
    p.staging.make("base", f"{shape.name}/rows", _numbered(rows, numbers))


def _numbered(rows: pa.RecordBatchReader, numbers: pa.ChunkedArray | None = None) -> pa.RecordBatchReader:
    """*rows* with their number as `b_row`: those given, else counted from 0."""
    schema = rows.schema.append(pa.field("b_row", pa.int64()))

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        for batch in rows:
            stop = first + batch.num_rows
            own = pa.array(range(first, stop)) if numbers is None else numbers[first:stop].combine_chunks()
            yield pa.RecordBatch.from_arrays([*batch.columns, own], schema=schema)
            first = stop

    return pa.RecordBatchReader.from_batches(schema, batches())
