"""The control store: tables of one format in one database, used by threads one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Self

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.database import Collision, Database, Row
from erpoa_cli.state.schema import FORMAT, MIGRATIONS
from erpoa_cli.state.sqlite import SqliteDatabase
from erpoa_cli.state.sums import Sums, judge

_MIGRATE = "run `erpoa state migrate`"
_NEWER = "use the newer erpoa that wrote it"
_ANEW = "begin with an empty state (put .erpoa/control.db aside) and plan: rows are recognised by `match`"


def now() -> str:
    """The present instant as the store writes instants."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Control:
    """A connection to the control store; usable from several threads, one at a time."""

    __slots__ = ("_called", "_database", "_mutex", "_sums")

    def __init__(self, database: Database, called: str = "the state") -> None:
        self._database = database
        self._called = called
        self._mutex = threading.RLock()
        self._sums: Sums | None = None

    @classmethod
    def reading(cls, database: Database, project: str = "") -> Self:
        """The store in *database*, opened for reading; an empty one when it has no tables yet."""
        control = cls(database)
        with control._closed_after_failure():
            if control._ready:
                control._refuse_other_formats()
                control._refuse_other_projects(project)
                return control
        database.close()
        control = cls(SqliteDatabase.empty())
        control._upgrade()
        return control

    @classmethod
    def writing(
        cls, database: Database, project: str = "", *, migrate: bool = False, called: str = "the state"
    ) -> Self:
        """The store in *database*, for writing; made when missing. *migrate* brings an older format up to date,
        which nobody may be writing meanwhile. A shared store belongs to one *project*, the first that writes.
        *called*: what the words of a refusal call it."""
        control = cls(database, called)
        with control._closed_after_failure():
            if migrate or not control._ready:
                control._known_format()
                control._make()
            control._refuse_other_formats()
            control._refuse_other_projects(project)
            if database.shared and project:
                control.run(
                    "INSERT INTO meta (name, value) VALUES ('project', ?) ON CONFLICT (name) DO NOTHING",
                    project,
                )
                control._refuse_other_projects(project)
        return control

    @property
    def shared(self) -> bool:
        """Whether other machines use the store too."""
        return self._database.shared

    @property
    def format(self) -> int:
        """The store's format; 0 for a store without tables."""
        return int(self._meta("format")) if self._ready else 0

    @property
    def _ready(self) -> bool:
        """Whether it has the tables of a store."""
        return self._database.has("meta")

    def _meta(self, name: str) -> str:
        row = self.row("SELECT value FROM meta WHERE name = ?", name)
        return str(row["value"]) if row else ""

    def _make(self) -> None:
        try:
            with self.transaction():
                self._upgrade()
        except Collision:  # another process has just made it
            pass

    def _upgrade(self) -> None:
        """Bring the store to the newest format, step by step, in one transaction that no writer runs beside."""
        found = self._claim_format() if self._ready else 0
        for statements in MIGRATIONS[found:]:
            for statement in statements:
                self._database.define(statement)
        if found < FORMAT:
            self.run(
                "INSERT INTO meta (name, value) VALUES ('format', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                str(FORMAT),
            )

    def _claim_format(self) -> int:
        """The format, which only we may change now; refused while somebody writes in an older one."""
        (row,) = self._database.claim("SELECT value FROM meta WHERE name = 'format'")
        found = int(row["value"])
        writing = self._database.claim(
            "SELECT environment, who, host, expires FROM lease WHERE token IS NOT NULL"
        )
        clock = self.clock()
        for lease in writing if found < FORMAT else ():
            if datetime.fromisoformat(lease["expires"]) > clock:
                raise Failure(
                    Diagnostic(
                        "E0520",
                        f"{lease['environment']!r} is locked by {lease['who']} on {lease['host']}",
                        detail="The format of the state changes only while nobody writes it.",
                        remedy="wait for that run to end",
                    ),
                )
        return found

    def _refuse_other_formats(self) -> None:
        found = self._known_format()
        if found < FORMAT:
            raise self._other_format(f"has format {found}, this erpoa needs {FORMAT}", _MIGRATE)

    def _known_format(self) -> int:
        """The format, which is not newer than this program. Stores of the first hours of format 1 are refused too: one
        audit chain for all environments, no machine in the lock; no migration leads from there."""
        found = self.format
        if found > FORMAT:
            raise self._other_format(f"has format {found}, this erpoa knows up to {FORMAT}", _NEWER)
        if found == 1 and not self._database.has("blobs"):
            raise self._other_format(
                "has format 1 as it was before 23 November 2026, which is no longer read", _ANEW
            )
        return found

    def _other_format(self, what: str, remedy: str) -> Failure:
        return Failure(Diagnostic("E0522", f"{self._called} {what}", remedy=remedy))

    def _refuse_other_projects(self, project: str) -> None:
        owner = self._meta("project") if self.shared and project else ""
        if owner not in ("", project):
            raise Failure(
                Diagnostic(
                    "E0518",
                    f"the shared state belongs to the project {owner!r}, not to {project!r}",
                    detail="Each project keeps its state in a schema of its own.",
                    remedy="add `?schema=NAME` with another name to the URL of `state:`; "
                    f"if the project was renamed, run `erpoa state migrate --renamed-from {owner}`",
                ),
            )

    def rename(self, old: str, new: str) -> None:
        """Say that the project *old*, to which the store belongs, is called *new* now."""
        with self.transaction():
            self.run("UPDATE meta SET value = ? WHERE name = 'project' AND value = ?", new, old)
        self._refuse_other_projects(new)

    def watch(self, environment: str) -> None:
        """Look at the sums of what is read of *environment* from now on (Failure E0523), and keep those of what is
        changed."""
        self._sums = Sums(self._database, environment)

    @contextmanager
    def _closed_after_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, *values: Any) -> list[Row]:
        with self._mutex:
            if self._sums:
                self._sums.look(sql)
            found = self._database.query(sql, values)
        judge(sql, found)
        return found

    def row(self, sql: str, *values: Any) -> Row | None:
        """The first row, if any."""
        return next(iter(self.rows(sql, *values)), None)

    def claim(self, sql: str, *values: Any) -> Row | None:
        """The first row, if any; nobody else changes it before the transaction ends."""
        with self._mutex:
            return next(iter(self._database.claim(sql, values)), None)

    def scan(self, sql: str, *values: Any) -> Iterator[Row]:
        """Rows in bounded memory; the store is not to be used otherwise until the last one came."""
        with self._mutex:
            if self._sums:
                self._sums.look(sql)
            yield from self._database.scan(sql, values)

    def run(self, sql: str, *values: Any) -> int:
        """Execute a statement; how many rows it changed."""
        with self._mutex:
            self._touch(sql)
            return self._database.execute(sql, values)

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._mutex:
            self._touch(sql)
            self._database.execute_many(sql, rows)

    @property
    def sums(self) -> Sums:
        """Those of the environment that is watched; of use inside a transaction."""
        assert self._sums is not None
        return self._sums

    def _touch(self, sql: str) -> None:
        if self._sums:
            self._sums.touch(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, synced when the block ends; excludes other threads, and writers of the same rows."""
        with self._mutex:
            self._database.begin()
            try:
                yield
                if self._sums:
                    self._sums.keep()
                self._database.commit()
            except BaseException:
                self._database.rollback()
                if self._sums:
                    self._sums.drop()
                raise

    def clock(self) -> datetime:
        """The time that decides about leases, the same for every machine."""
        with self._mutex:
            return self._database.clock()

    def close(self) -> None:
        with self._mutex:
            self._database.close()
