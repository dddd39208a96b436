"""The lock of an environment: a lease with a heartbeat, and a fencing number that every write checks."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.state.control import Control
from erpoa_cli.state.records import Holder

_BEATS = 3  # heartbeats per lease


def holder(control: Control, environment: str) -> Holder | None:
    """Who holds the lock, even if the lease has run out."""
    row = control.row("SELECT * FROM lease WHERE environment = ? AND token IS NOT NULL", environment)
    if row is None:
        return None
    since, expires = datetime.fromisoformat(row["since"]), datetime.fromisoformat(row["expires"])
    return Holder(row["who"], row["host"], row["pid"], row["command"], since, expires, row["fencing"])


def whoami() -> str:
    """The user as far as the operating system says."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


class Lock:
    """A held lock. It is renewed by a thread of its own until `release`; losing it makes `check` refuse."""

    def __init__(self, control: Control, environment: str, command: str, lease: timedelta) -> None:
        """Take the lock, or raise Failure E0520 (exit 7) that names its holder."""
        self._control = control
        self._environment = environment
        self._lease = lease
        self._token = secrets.token_hex(16)
        self._stop = threading.Event()
        with control.transaction():
            current = holder(control, environment)
            if current is not None and not _abandoned(current):
                raise _locked(environment, current)
            self.fencing = self._take(command)
        self._thread = threading.Thread(target=self._beat, name=f"lock {environment}", daemon=True)
        self._thread.start()

    def _take(self, command: str) -> int:
        now = datetime.now(UTC)
        self._control.run(
            """INSERT INTO lease (environment, fencing, token, who, host, pid, command, since, expires)
               VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (environment) DO UPDATE SET fencing = lease.fencing + 1, token = excluded.token,
               who = excluded.who, host = excluded.host, pid = excluded.pid, command = excluded.command,
               since = excluded.since, expires = excluded.expires""",
            self._environment,
            self._token,
            whoami(),
            socket.gethostname(),
            os.getpid(),
            command,
            now.isoformat(),
            (now + self._lease).isoformat(),
        )
        row = self._control.row("SELECT fencing FROM lease WHERE environment = ?", self._environment)
        assert row is not None
        return int(row["fencing"])

    def check(self) -> None:
        """Inside a transaction: raise Failure E0521 (exit 7) unless the lock is still ours."""
        row = self._control.row("SELECT fencing, token FROM lease WHERE environment = ?", self._environment)
        if row is None or (row["fencing"], row["token"]) != (self.fencing, self._token):
            current = holder(self._control, self._environment)
            raise Failure(
                Diagnostic(
                    "E0521",
                    f"the lock of {self._environment!r} was lost; nothing more is written",
                    detail=f"Now held by {current}." if current else "It was released by someone else.",
                    remedy="run `erpoa resume` when the lock is free",
                ),
                exit=Exit.LOCKED,
            )

    def renew(self) -> bool:
        """Extend the lease; False when the lock is no longer ours."""
        changed = self._control.run(
            "UPDATE lease SET expires = ? WHERE environment = ? AND fencing = ? AND token = ?",
            (datetime.now(UTC) + self._lease).isoformat(),
            self._environment,
            self.fencing,
            self._token,
        )
        return changed == 1

    def _beat(self) -> None:
        while not self._stop.wait(self._lease.total_seconds() / _BEATS):
            try:
                if not self.renew():
                    return
            except sqlite3.Error:  # a full disk or a busy store: the next beat may do
                continue

    def release(self) -> None:
        """Give the lock back; nothing happens when it was lost."""
        self._stop.set()
        self._thread.join()
        self._control.run(
            "UPDATE lease SET token = NULL WHERE environment = ? AND fencing = ? AND token = ?",
            self._environment,
            self.fencing,
            self._token,
        )


def break_lock(control: Control, environment: str) -> Holder | None:
    """Take the lock away from whoever holds it; their next write is refused. Who it was."""
    with control.transaction():
        current = holder(control, environment)
        control.run(
            "UPDATE lease SET token = NULL, fencing = fencing + 1 WHERE environment = ? AND token IS NOT NULL",
            environment,
        )
    return current


def _abandoned(current: Holder) -> bool:
    """The lease ran out, or its process on this machine is gone."""
    if current.expires <= datetime.now(UTC):
        return True
    return current.host == socket.gethostname() and not _alive(current.pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to someone else
        return True
    return True


def _locked(environment: str, current: Holder) -> Failure:
    return Failure(
        Diagnostic(
            "E0520",
            f"{environment!r} is locked by {current}",
            detail=f"The lock runs out at {current.expires:%Y-%m-%d %H:%M:%S} UTC unless its holder renews it.",
            remedy="wait for that run to end; `erpoa lock release` takes the lock from a holder that is gone",
        ),
        exit=Exit.LOCKED,
    )
