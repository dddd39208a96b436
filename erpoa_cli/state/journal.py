"""The journal of one run: the intent before each write, the result after it."""

from __future__ import annotations

import pyarrow as pa

from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import Batch, Intent, RunStatus


class Journal:
    """Opened by `StateWriter.open_run` or `.resume`. Safe to use from several threads: entries that arrive
    together are committed together."""

    run: str
    plan: PlanFile

    def batches(self) -> list[Batch]:
        """What was journalled so far, in the order of batch numbers."""
        raise NotImplementedError

    def intend(self, *intents: Intent) -> None:
        """Record what is about to be written; synced to disk when this returns."""
        raise NotImplementedError

    def record(self, number: int, results: pa.Table) -> None:
        """Record the outcome of batch *number*; synced to disk when this returns.

        Recording again replaces rows of the same ordinals (a doubt that was settled). Columns: see `Batch`.
        Sensitive values are sealed, and masked in `error`, before they reach the disk."""
        raise NotImplementedError

    def close(self, status: RunStatus) -> int:
        """Fold the journal into the base, remember rejections, doubts, reads and bookmarks, and end the run,
        in one transaction; returns the new serial."""
        raise NotImplementedError
