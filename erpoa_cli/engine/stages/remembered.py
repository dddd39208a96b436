"""What was last applied, staged: of every row its links and hashes, of the rows to be judged all values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from erpoa_cli.core.reconcile.recognise import remembered
from erpoa_cli.core.reconcile.rows import candidate_base, opposite
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.engine.stages.values import Context, Described
from erpoa_cli.state import Layout


def remember(ctx: Context, described: Described) -> None:
    """Fill `base."T"` with what was last applied, with everything runs have done since, and `diff."T/gone"` with the keys
    that were there once."""
    for name, columns in described.layouts.items():
        shape = described.shapes[name]
        rows = _numbered(ctx.state.base(columns, ctx.sealer))
        ctx.staging.make("base", name, rows, remembered(shape))
        ctx.staging.make("diff", f"{name}/gone", ctx.state.generations(columns, ctx.sealer))
        for sibling in shape.siblings:
            if sibling not in described.shapes:
                own = replace(columns, target=sibling, fields={})
                ctx.staging.make("base", sibling, ctx.state.base(own, ctx.sealer))


def recall(ctx: Context, layout: Layout, shape: Shape) -> None:
    """Fill `base."T/rows"` with all values of the base rows that the diff has to look at."""
    numbers = ctx.staging.sql(candidate_base(shape)).column("row_b")
    rows = ctx.state.base(layout, ctx.sealer, only=numbers)
    ctx.staging.make("base", f"{shape.name}/rows", _numbered(rows, numbers))
    if shape.opposite:
        known = ctx.state.targets()[shape.opposite.name]
        ctx.staging.make("diff", f"{shape.name}/opposite", ctx.state.base(known, ctx.sealer), opposite(shape))


def _numbered(rows: pa.RecordBatchReader, numbers: pa.ChunkedArray | None = None) -> pa.RecordBatchReader:
    """*rows* with their number as `row_b`: those given, else counted from 0."""
    schema = rows.schema.append(pa.field("row_b", pa.int64()))

    def batches() -> Iterator[pa.RecordBatch]:
        first = 0
        for batch in rows:
            stop = first + batch.num_rows
            own = pa.array(range(first, stop)) if numbers is None else numbers[first:stop].combine_chunks()
            yield pa.RecordBatch.from_arrays([*batch.columns, own], schema=schema)
            first = stop

    return pa.RecordBatchReader.from_batches(schema, batches())
