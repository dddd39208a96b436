"""Finding the rows for which a set-based statement is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa


def place_by_halves(
    rows: pa.RecordBatch,
    place: Callable[[pa.RecordBatch], None],
    undo_to: Callable[[Sequence[pa.RecordBatch]], None],
    refused: Callable[[int, Exception], None],
    errors: tuple[type[Exception], ...],
) -> None:
    """Write *rows* by as few statements as the database lets pass.

    *place* writes a slice with one statement. When it fails, *undo_to* takes the transaction back to where only
    the given slices are written, and the slice is tried in halves, down to the single row that *refused* hears
    of (by position). *refused* raises for errors that are not about a row.
    """
    done: list[pa.RecordBatch] = []
    todo = [(0, rows)] if rows.num_rows else []
    while todo:
        start, part = todo.pop()
        try:
            place(part)
        except errors as error:
            undo_to(done)
            if part.num_rows == 1:
                refused(start, error)
            else:
                half = part.num_rows // 2
                todo += [(start + half, part.slice(half)), (start, part.slice(0, half))]
        else:
            done.append(part)
