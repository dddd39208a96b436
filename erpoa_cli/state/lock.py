"""The lock of an environment: a lease with a heartbeat, and a fencing number that every write checks."""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.operator import Operator
from erpoa_cli.state.control import Control
from erpoa_cli.state.database import Row
from erpoa_cli.state.records import Holder

_BEATS = 3  # heartbeats per lease


def holder(control: Control, environment: str) -> Holder | None:
    """Who holds the lock, even if the lease has run out."""
    row = control.row("SELECT * FROM lease WHERE environment = ? AND token IS NOT NULL", environment)
    return _holder(row) if row else None


def _holder(row: Row) -> Holder:
    since, expires = _moment(row["since"]) or _NEVER, _moment(row["expires"]) or _NEVER
    return Holder(row["who"], row["host"], row["pid"], row["command"], since, expires, row["fencing"])


class Lock:
    """A held lock. It is renewed by a thread of its own until `release`; losing it makes `check` refuse."""

    def __init__(
        self, control: Control, environment: str, operator: Operator, command: str, lease: timedelta
    ) -> None:
        """Take the lock for *operator*, or raise Failure E0520 (LOCKED) that names its holder."""
        self._control = control
        self._environment = environment
        self._lease = lease
        self._token = secrets.token_hex(16)
        self._stop = threading.Event()
        with control.transaction():
            control.run(
                "INSERT INTO lease (environment, fencing) VALUES (?, 0) ON CONFLICT (environment) DO NOTHING",
                environment,
            )
            held = control.claim("SELECT * FROM lease WHERE environment = ?", environment)
            assert held is not None
            clock = control.clock()
            if held["token"] is not None and not _abandoned(held, operator, clock):
                raise _locked(environment, _holder(held), clock)
            self.fencing = held["fencing"] + 1
            self._take(operator, command, clock)
        self._thread = threading.Thread(target=self._beat, name=f"lock {environment}", daemon=True)
        self._thread.start()

    def _take(self, operator: Operator, command: str, clock: datetime) -> None:
        self._control.run(
            """UPDATE lease SET fencing = ?, token = ?, who = ?, host = ?, machine = ?, pid = ?, command = ?,
               since = ?, expires = ? WHERE environment = ?""",
            self.fencing,
            self._token,
            operator.name,
            operator.host,
            operator.machine,
            operator.pid,
            command,
            clock.isoformat(),
            (clock + self._lease).isoformat(),
            self._environment,
        )

    def check(self) -> None:
        """Inside a transaction: raise Failure E0521 (LOCKED) unless the lock is still ours. It stays ours until the
        transaction ends: who wants to take it over waits for that."""
        row = self._control.claim("SELECT * FROM lease WHERE environment = ?", self._environment)
        if row is None or (row["fencing"], row["token"]) != (self.fencing, self._token):
            held = row is not None and row["token"] is not None
            raise Failure(
                Diagnostic(
                    "E0521",
                    f"the lock of {self._environment!r} was lost; nothing more is written",
                    detail=f"Now held by {_holder(row)}."
                    if row and held
                    else "It was released by someone else.",
                    remedy="run `erpoa resume` when the lock is free",
                ),
            )

    def renew(self) -> bool:
        """Extend the lease; False when the lock is no longer ours."""
        with self._control.transaction():
            changed = self._control.run(
                "UPDATE lease SET expires = ? WHERE environment = ? AND fencing = ? AND token = ?",
                (self._control.clock() + self._lease).isoformat(),
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
            except Exception:  # noqa: BLE001, S112 - a full disk, a busy store, a server that restarts: the next beat may do
                continue

    def release(self) -> None:
        """Give the lock back; nothing happens when it was lost. One that cannot be given back runs out."""
        self._stop.set()
        self._thread.join()
        with suppress(Failure):  # a server that is away
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


def _abandoned(held: Row, operator: Operator, clock: datetime) -> bool:
    """The lease ran out, or its process, on the machine of *operator*, is gone."""
    expires = _moment(held["expires"])
    if expires is not None and expires <= clock:
        return True
    return held["machine"] == operator.machine and not _alive(held["pid"])


def _alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return True  # nobody can tell
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to someone else
        return True
    return True


_NEVER = datetime.max.replace(tzinfo=UTC)


def _moment(told: object) -> datetime | None:
    """A time of the lease; None where it cannot be read: such a lock does not run out by itself."""
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _locked(environment: str, current: Holder, clock: datetime) -> Failure:
    left = max(0, round((current.expires - clock).total_seconds()))
    runs_out = f"The lock runs out at {current.expires:%Y-%m-%d %H:%M:%S} UTC, in {left} s, unless its holder renews it."
    if current.expires == _NEVER:
        runs_out = "When the lock runs out cannot be read: its record is damaged."
    return Failure(
        Diagnostic(
            "E0520",
            f"{environment!r} is locked by {current}",
            detail=runs_out,
            remedy="Wait for that run to end; when its holder is gone, `erpoa lock release --yes` takes the lock away.",
        ),
    )
