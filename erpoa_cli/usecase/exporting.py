"""Rows for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_parquet(columns: Sequence[str], rows: Sequence[Sequence[Any]], file: Path) -> None:
    """Write *rows* as texts to the Parquet *file*, readable by its owner only; an existing one is replaced."""
    from erpoa_cli.engine.export import text_table
    from erpoa_cli.engine.export import write_parquet as write

    write(text_table(columns, rows), file)
