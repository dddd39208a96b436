"""Reading the state of one environment: what planning gets. No method here writes anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from erpoa_cli.core.plan import Read
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state import audit, lock, planjson, sharing
from erpoa_cli.state.archive import Archive
from erpoa_cli.state.blobs import Blobs, Writing
from erpoa_cli.state.columns import key_texts
from erpoa_cli.state.control import Control
from erpoa_cli.state.current import Base
from erpoa_cli.state.database import Row
from erpoa_cli.state.entries import read_ordinals, read_results
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import (
    RESUMABLE,
    AuditRecord,
    Batch,
    Doubt,
    Holder,
    Intent,
    Protection,
    Rejection,
    Run,
    RunStatus,
    Task,
)
from erpoa_cli.state.seal import Sealer


class StateReader:
    """The state of one environment at one moment; a store that does not exist yet reads as empty.

    Everything is seen as of the opening; reading neither creates nor locks anything.
    """

    def __init__(
        self, root: Path, environment: str, control: Control, writing: Writing | None = None
    ) -> None:
        """Use `erpoa_cli.state.open_reader`. *root*: the project's directory."""
        self.root = root
        self.environment = environment
        self._control = control
        self._blobs = Blobs(control, environment, writing) if control.shared else None
        self._archive = Archive(root / ".erpoa" / "archive", self._blobs)
        self._base = Base(root, environment, control, self._archive, self._blobs)

    @property
    def lineage(self) -> str:
        """Identity of this environment's state; empty before the first apply."""
        row = self._row("SELECT lineage FROM environments WHERE environment = ?")
        return str(row["lineage"]) if row else ""

    @property
    def serial(self) -> int:
        """Grows by one with every closed run and every edit of the state; 0 before the first."""
        row = self._row("SELECT serial FROM environments WHERE environment = ?")
        return int(row["serial"]) if row else 0

    def base(
        self, layout: Layout, sealer: Sealer | None = None, *, only: pa.ChunkedArray | None = None
    ) -> pa.RecordBatchReader:
        """The managed rows of a target, shaped as `layout.base_schema()`, sealed values opened.

        The last image plus whatever runs have done since. A field the image does not have is NULL and not
        in `known` (sorted); likewise one whose stored values do not fit the type declared now.

        The rows come in the same order every time. *only*: just those of these numbers (ascending, from 0)."""
        return self._base.rows(layout, sealer, only)

    def generations(self, layout: Layout, sealer: Sealer | None = None) -> pa.Table:
        """Keys that were deleted or forgotten (`k_…`, `generation`): created anew they get `generation` + 1.
        A key that is neither here nor in the base gets generation 1."""
        return self._base.generations(layout, sealer)

    def targets(self) -> Mapping[str, Layout]:
        """Targets that have a base, with the layout of their last image."""
        return self._base.layouts()

    def runs(self, limit: int | None = None) -> list[Run]:
        """Latest first."""
        every = "SELECT * FROM runs WHERE environment = ? ORDER BY sequence DESC"
        rows = self._rows(every) if limit is None else self._rows(f"{every} LIMIT ?", limit)
        return [_run(row) for row in rows]

    def unfinished(self) -> list[Run]:
        """Runs that `erpoa resume` would continue, oldest first."""
        return [run for run in reversed(self.runs()) if run.status in RESUMABLE]

    def run(self, run: str) -> Run | None:
        row = self._row("SELECT * FROM runs WHERE environment = ? AND run = ?", run)
        return _run(row) if row else None

    def batches(self, run: str, sealer: Sealer | None = None) -> Iterator[Batch]:
        """The journal of a run in the order of intents, sealed values opened when a sealer is given."""
        recorded: dict[int, list[tuple[int, bytes]]] = {}
        for row in self._rows(
            "SELECT number, sequence, payload FROM results WHERE environment = ? AND run = ? ORDER BY sequence",
            run,
        ):
            recorded.setdefault(row["number"], []).append((row["sequence"], row["payload"]))
        plan = self.plan(run)
        for row in self._rows("SELECT * FROM intents WHERE environment = ? AND run = ? ORDER BY number", run):
            results = read_results(recorded.get(row["number"], []), plan.layout(row["target"]), sealer)
            yield Batch(run, _intent(row), results)

    def plan(self, run: str) -> PlanFile:
        """The archived plan that a run executed; KeyError when there is no such run."""
        found = self.run(run)
        if found is None:
            raise KeyError(run)
        return PlanFile.open(self._archive.get(found.blob))

    def consumed_by(self, plan: str) -> Run | None:
        """The run that applied the plan with this id."""
        row = self._row("SELECT * FROM runs WHERE environment = ? AND plan = ?", plan)
        return _run(row) if row else None

    def rejected(self, target: str | None = None) -> list[Rejection]:
        """Rows their system refused, and which are withheld while what they want stays the same."""
        rows = self._of_target("SELECT * FROM rejected", target)
        return [
            Rejection(
                row["target"],
                row["key"],
                row["digest"],
                row["error_class"],
                row["reason"],
                datetime.fromisoformat(row["first_seen"]),
                datetime.fromisoformat(row["last_seen"]),
                row["attempts"],
                row["run"],
            )
            for row in rows
        ]

    def in_doubt(self, target: str | None = None) -> list[Doubt]:
        """Rows whose write was announced and whose outcome is not known: of unfinished runs, which `erpoa resume`
        looks up, and what no look could settle, which waits for a person."""
        open_ = [doubt for run in self.unfinished() for doubt in self._doubts(run)]
        return [doubt for doubt in open_ if target in (None, doubt.target)] + self.unsettled(target)

    def unsettled(self, target: str | None = None) -> list[Doubt]:
        """Rows of finished runs whose outcome nobody could tell."""
        return [
            Doubt(
                row["target"],
                row["key"],
                row["run"],
                row["ordinal"],
                Action(row["action"]),
                row["reason"],
                datetime.fromisoformat(row["since"]),
            )
            for row in self._of_target("SELECT * FROM doubts", target)
        ]

    def _doubts(self, run: Run) -> Iterator[Doubt]:
        plan: PlanFile | None = None
        words: dict[tuple[str, int], tuple[Intent, str, str]] = {}
        for batch in self.batches(run.id):
            for ordinal in batch.intent.ordinals.to_pylist():
                words[batch.intent.target, ordinal] = (
                    batch.intent,
                    Outcome.IN_DOUBT,
                    "the outcome was not recorded",
                )
            if batch.results is not None:
                for row in batch.results.select(["ordinal", "outcome", "error"]).to_pylist():
                    words[batch.intent.target, row["ordinal"]] = (
                        batch.intent,
                        row["outcome"],
                        row["error"] or "",
                    )
        for (target, ordinal), (intent, outcome, reason) in words.items():
            if outcome == Outcome.IN_DOUBT:
                plan = plan or self.plan(run.id)
                row = plan.table("changes", target, ordinals=pa.array([ordinal]))
                key = key_texts(row, plan.layout(target).key)[0]
                yield Doubt(target, key, run.id, ordinal, intent.action, reason, run.opened)

    def protected(self, target: str | None = None) -> list[Protection]:
        """Rows that must not be deleted."""
        rows = self._of_target("SELECT * FROM protected", target)
        return [
            Protection(r["target"], r["key"], r["who"], datetime.fromisoformat(r["since"]), r["reason"])
            for r in rows
        ]

    def tasks(self, target: str | None = None) -> list[Task]:
        """What waits for a person, as the last applied plans told it."""
        rows = self._of_target("SELECT * FROM tasks", target)
        return [
            Task(r["target"], r["key"], r["code"], r["reason"], datetime.fromisoformat(r["since"]), r["run"])
            for r in rows
        ]

    def bookmarks(self) -> Mapping[str, str]:
        """Source → watermark (canonical text) up to which applied plans have read."""
        rows = self._rows("SELECT relation, watermark FROM reads WHERE environment = ? AND watermark <> ''")
        return {row["relation"]: row["watermark"] for row in rows}

    def reads(self) -> Mapping[str, Read]:
        """Relation → its read in the last applied plan that used it (row counts for `max_drop`)."""
        rows = self._rows("SELECT relation, content FROM reads WHERE environment = ?")
        return {row["relation"]: planjson.read_from_json(json.loads(row["content"])) for row in rows}

    def fetch_snapshots(self) -> Mapping[str, str]:
        """Bring this machine's snapshots up to those of a shared store, from which incremental reads go on; their
        marks by source."""
        return sharing.fetch(self.root, self._control, self.environment, self._blobs) if self._blobs else {}

    def definitions(self) -> Mapping[str, str]:
        """Node → digest of its definition (`core.definition`), of the last applied plan; empty before the first."""
        row = self._row(
            "SELECT run FROM runs WHERE environment = ? AND serial IS NOT NULL ORDER BY sequence DESC LIMIT 1"
        )
        return dict(self.plan(row["run"]).inputs.get("definitions", {})) if row else {}

    def edits_since(self, serial: int) -> list[tuple[str, str]]:
        """Target and key JSON (`*`: all rows) of rows edited by hand after *serial*."""
        rows = self._rows("SELECT target, key FROM edits WHERE environment = ? AND serial > ?", serial)
        return [(row["target"], row["key"]) for row in rows]

    def lock_holder(self) -> Holder | None:
        """Who holds the lock, even if the lease has run out."""
        return lock.holder(self._control, self.environment)

    def audit(self) -> Iterator[AuditRecord]:
        """The audit trail, oldest first."""
        return audit.records(self._control, self.environment)

    def export_audit(self, file: Path, after: int = 0) -> tuple[int, AuditRecord | None]:
        """Check the whole trail and write its records after number *after* to a new file of JSON lines: how many, and
        the trail's head."""
        head = self.verify_audit()
        return audit.export(self.audit(), file, after), head

    def verify_audit(self) -> AuditRecord | None:
        """The head of the audit chain after checking all of it; Failure E0525 names the first wrong record."""
        return audit.verify(self._control, self.environment)

    def _rows(self, sql: str, *values: Any) -> list[Row]:
        return self._control.rows(sql, self.environment, *values)

    def _row(self, sql: str, *values: Any) -> Row | None:
        return self._control.row(sql, self.environment, *values)

    def _of_target(self, select: str, target: str | None) -> list[Row]:
        if target is None:
            return self._rows(f"{select} WHERE environment = ? ORDER BY target, key")
        return self._rows(f"{select} WHERE environment = ? AND target = ? ORDER BY key", target)

    def close(self) -> None:
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _run(row: Row) -> Run:
    return Run(
        row["run"],
        row["plan"],
        row["blob"],
        RunStatus(row["status"]),
        row["who"],
        row["command"],
        datetime.fromisoformat(row["opened"]),
        datetime.fromisoformat(row["closed"]) if row["closed"] else None,
        row["serial"],
    )


def _intent(row: Row) -> Intent:
    ordinals = read_ordinals(row["ordinals"])
    return Intent(row["number"], row["target"], Action(row["action"]), ordinals, row["wave"], row["step"])
