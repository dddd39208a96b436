"""Reading what the control store alone tells of one environment: no rows, no plan, and so no Arrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from erpoa_cli.core.plan import Read
from erpoa_cli.core.situation import Action
from erpoa_cli.state import audit, lock, place, planjson
from erpoa_cli.state.control import Control
from erpoa_cli.state.database import Row
from erpoa_cli.state.lost import refuse_lost
from erpoa_cli.state.records import (
    RESUMABLE,
    AuditRecord,
    Doubt,
    Holder,
    Known,
    Protection,
    Rejection,
    Run,
    RunStatus,
    Task,
)


def open_records(root: Path, environment: str, url: place.URL = "", project: str = "") -> StateRecords:
    """As `open_reader`, for who needs neither rows nor plans."""
    control = Control.reading(place.reading(root, url), project)
    try:
        refuse_lost(root, environment, url, control)
    except BaseException:
        control.close()
        raise
    return StateRecords(environment, control)


class StateRecords:
    """The state of one environment at one moment, without its rows; a store that does not exist yet reads as empty.

    Everything is seen as of the opening; reading neither creates nor locks anything.
    """

    def __init__(self, environment: str, control: Control) -> None:
        """Use `erpoa_cli.state.open_records`."""
        self.environment = environment
        self._control = control
        control.watch(environment)

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

    def systems(self) -> Mapping[str, Known]:
        """System → which one it was whose rows are remembered; those of whom nothing is remembered are not there."""
        rows = self._rows("SELECT system, identity, trial FROM systems WHERE environment = ?")
        return {row["system"]: Known(row["identity"], row["trial"]) for row in rows}

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

    def audit_lines(self, after: int = 0) -> list[str]:
        """What `export_audit` writes to a file, by lines."""
        self.verify_audit()
        return list(audit.lines(self.audit(), after))

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
