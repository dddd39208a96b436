"""Rows for other programs: query results, tables and plans as Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def text_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """*rows* as a table of texts; NULL stays NULL."""
    values = [[None if row[i] is None else str(row[i]) for row in rows] for i in range(len(columns))]
    return pa.table([pa.array(column, pa.utf8()) for column in values], names=list(columns))


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write *table* to *path*, readable by its owner only; an existing file is replaced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        pq.write_table(table, stream, compression="zstd")
