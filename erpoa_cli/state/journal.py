"""The journal of one run: the intent before each write, the result after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.plan import Member
from erpoa_cli.state.control import Control, now
from erpoa_cli.state.entries import mask_errors, write_ordinals, write_results
from erpoa_cli.state.group import GroupCommit
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import WHOLE, Batch, Intent, Part, RunStatus
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.sums import row_sum
from erpoa_cli.state.texts import flat

_INTENT = ("environment", "run", "number", "target", "action", "wave", "step", "ordinals", "at")


class Journal:
    """Opened by `StateWriter.open_run` or `.resume`. Safe to use from several threads: entries that arrive
    together are committed together."""

    def __init__(
        self,
        run: str,
        plan: PlanFile,
        environment: str,
        control: Control,
        writing: Callable[[], AbstractContextManager[None]],
        read: Callable[[], list[Batch]],
        close: Callable[[RunStatus], int],
        sealer: Sealer | None,
        part: Part = WHOLE,
    ) -> None:
        """*writing* opens a transaction that has checked the lock; *read* and *close* are the store's."""
        self.run = run
        self.plan = plan
        self.part = part
        self._environment = environment
        self._control = control
        self._commit = GroupCommit(writing)
        self._read = read
        self._close = close
        self._sealer = sealer
        self._guard = threading.Lock()
        self._targets: dict[int, str] = {}  # batch number → target
        self._layouts: dict[str, Layout] = {}

    def batches(self) -> list[Batch]:
        """What was journalled so far, in the order of batch numbers; sealed values opened."""
        return self._read()

    def intend(self, *intents: Intent) -> None:
        """Record what is about to be written; synced to disk when this returns."""
        at = now()
        rows = [
            (
                self._environment,
                self.run,
                intent.number,
                intent.target,
                intent.action.value,
                intent.wave,
                intent.step,
                write_ordinals(intent.ordinals),
                at,
            )
            for intent in intents
        ]
        sums = [row_sum("intents", dict(zip(_INTENT, row, strict=True))) for row in rows]

        def insert() -> None:
            self._control.run_many(
                f"""INSERT INTO intents ({", ".join(_INTENT)}, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                [(*row, sum_) for row, sum_ in zip(rows, sums, strict=True)],
            )
            self._control.sums.add_to_journal(self.run, sums)

        self._commit(insert)
        with self._guard:
            self._targets.update({intent.number: intent.target for intent in intents})

    def record(self, number: int, results: pa.Table, *more: tuple[int, pa.Table]) -> None:
        """Record the outcome of batch *number*, and *more* (number, results) all or none with it; synced to disk when
        this returns.

        Recording again replaces rows of the same ordinals (a doubt that was settled). Columns: see `Batch`.
        Sensitive values are sealed, and masked in `error`, before they reach the disk. KeyError when the batch
        was never intended."""
        entries = [self._entry(number, results), *(self._entry(*other) for other in more)]

        def insert() -> None:
            for entry in entries:
                self._insert(*entry)

        self._commit(insert)

    def close(self, status: RunStatus) -> int:
        """Fold the journal into the base, remember rejections, reads and bookmarks, and end the run, in one
        transaction; returns the new serial."""
        return self._close(status)

    def _entry(self, number: int, results: pa.Table) -> tuple[int, str, bytes]:
        target = self._target(number)
        layout = self._layout(target)
        return number, target, write_results(self._masked(target, layout, results), layout, self._sealer)

    def _insert(self, number: int, target: str, payload: bytes) -> None:
        self._control.run(
            "UPDATE environments SET sequence = sequence + 1 WHERE environment = ?", self._environment
        )
        here = self._control.row(
            "SELECT environment, sequence FROM environments WHERE environment = ?", self._environment
        )
        assert here is not None
        row = {**here, "run": self.run, "number": number, "target": target, "payload": payload, "at": now()}
        self._control.run(
            """INSERT INTO results (environment, sequence, run, number, target, payload, at, sum)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            *row.values(),
            sum_ := row_sum("results", row),
        )
        self._control.sums.add_to_journal(self.run, [sum_])

    def _target(self, number: int) -> str:
        with self._guard:
            if number not in self._targets:
                row = self._control.row(
                    "SELECT target FROM intents WHERE environment = ? AND run = ? AND number = ?",
                    self._environment,
                    self.run,
                    number,
                )
                if row is None:
                    raise KeyError(f"batch {number} of run {self.run} was never intended")
                self._targets[number] = row["target"]
            return self._targets[number]

    def _layout(self, target: str) -> Layout:
        with self._guard:
            if target not in self._layouts:
                self._layouts[target] = self.plan.layout(target)
            return self._layouts[target]

    def _masked(self, target: str, layout: Layout, results: pa.Table) -> pa.Table:
        if not layout.sealed_fields or "error" not in results.schema.names:
            return results
        wrong = results.filter(pc.is_valid(results["error"]))
        if not wrong.num_rows:
            return results
        rows = self.plan.table(Member.CHANGES, target, self._sealer, ordinals=flat(wrong["ordinal"]))
        return mask_errors(results, rows, layout.fields)
