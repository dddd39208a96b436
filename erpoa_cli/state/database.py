"""What the control store asks of a database: the seam between SQLite and PostgreSQL, as thin as it can be.

Statements are written once, with `?` for values, in the SQL that both understand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = dict[str, Any]


class Collision(Exception):
    """What was to be made exists: another process made it at the same moment."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a person should know of a store. `writable` is whether the role may apply, not only plan."""

    told: str
    writable: bool = True
    problems: tuple[str, ...] = ()


class Database(Protocol):
    """One connection to one store. Not thread-safe; what goes wrong for want of a server, rights or room is
    raised as a `Failure` or as the driver's own error."""

    @property
    def shared(self) -> bool:
        """Whether other machines use it too."""
        ...

    def has(self, table: str) -> bool:
        """Whether it has a table of this name."""
        ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""
        ...

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None: ...

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def claim(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """As `query`, and nobody else changes these rows before the transaction ends."""
        ...

    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """As `query`, of a reading connection, in bounded memory."""
        ...

    def define(self, statement: str) -> None:
        """Run a statement of `schema.py` in this database's own types."""
        ...

    def begin(self) -> None:
        """Open a transaction that excludes writers of the same rows."""
        ...

    def commit(self) -> None:
        """End it; what it wrote survives a power cut when this returns."""
        ...

    def rollback(self) -> None:
        """Undo it; nothing happens when the database did so itself."""
        ...

    def clock(self) -> datetime:
        """The one clock that decides about leases: the server's, where there is a server."""
        ...

    def condition(self) -> Condition:
        """What it is and what is wrong with it, of a reading connection."""
        ...

    def close(self) -> None: ...
