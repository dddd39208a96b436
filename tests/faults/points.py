"""The moments at which a process may be killed: every durable step of the journal, of a store and of a file.

Each step passes two points, just before and just after it. `install` numbers them as they are passed and, at the
one that is asked for, ends the process as a power cut would: SIGKILL, nothing is cleaned up. Or it waits there while
somebody does something to the servers.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from erpoa_mysql.session import MysqlSession
from erpoa_postgres.session import PostgresSession

from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.state import sqlite
from erpoa_cli.state.journal import Journal


class Points:
    """Counts the points passed; kills the process at number *fatal* (None: at none). With *pause*, a path, it makes
    that file instead, and goes on when the file is gone."""

    def __init__(self, fatal: int | None, pause: str | None = None) -> None:
        self.passed: list[str] = []
        self._fatal = fatal
        self._pause = Path(pause) if pause else None

    def reach(self, label: str) -> None:
        if len(self.passed) == self._fatal:
            if self._pause is None:
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                self._pause.touch()
                while os.path.exists(self._pause):  # noqa: PTH110 - the methods of Path pass points
                    time.sleep(0.005)
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
    for session in (SqliteSession, PostgresSession, MysqlSession):
        for method in ("enter_ledger", "write_rows", "commit"):
            setattr(session, method, points.around(f"target {method}", getattr(session, method)))
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
