"""The moments at which a process may be killed: every durable step of the journal, of a store and of a file.

Each step passes two points, just before and just after it. `install` numbers them as they are passed and, at the
one that is asked for, ends the process as a power cut would: SIGKILL, nothing is cleaned up.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.state import sqlite
from erpoa_cli.state.journal import Journal


class Points:
    """Counts the points passed; kills the process at number *fatal* (None: at none)."""

    def __init__(self, fatal: int | None) -> None:
        self.passed: list[str] = []
        self._fatal = fatal

    def reach(self, label: str) -> None:
        if len(self.passed) == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(label)

    def around(self, label: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            self.reach(f"before {label}")
            answer = step(*arguments, **named)
            self.reach(f"after {label}")
            return answer

        return stepped


def install(points: Points) -> None:
    """Make every durable step of this process pass *points*."""
    for method in ("intend", "record", "close"):
        setattr(Journal, method, points.around(f"journal {method}", getattr(Journal, method)))
    for method in ("enter_ledger", "write_rows", "commit"):
        setattr(SqliteSession, method, points.around(f"target {method}", getattr(SqliteSession, method)))
    for method in ("replace", "unlink"):  # archived plans and base images take their place by renaming
        setattr(Path, method, points.around(f"file {method}", getattr(Path, method)))
    sqlite._connect = _counted(points)  # type: ignore[assignment]


def _counted(points: Points) -> Callable[[str], sqlite3.Connection]:
    """Connections to the control store whose every COMMIT is a step."""

    class Counted(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, *values)
            points.reach("before control commit")
            cursor = super().execute(sql, *values)
            points.reach("after control commit")
            return cursor

    def connect(address: str) -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=30, check_same_thread=False, factory=Counted
        )

    return connect
