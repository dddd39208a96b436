"""What the suite must know of a database: how to get an empty one, how to work in it by hand, what it calls things.

By hand means without the connector: what a test puts there and looks at is not what the connector believes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from erpoa_cli.core.schema import identifier
from erpoa_cli.sdk.conformance.asking import Asking, Config
from erpoa_cli.sdk.connector import Writable
from erpoa_cli.sdk.errors import SystemFailure

Read = tuple[str, str, str, Any, bool]
"""Native type, expression that makes the value, declared type, what arrives, and whether that type parses it."""
Written = tuple[str, str, Any, str | None]
"""Native type, declared type, value, and what is stored, as text: None where the row must be rejected."""
Held = tuple[str, str, str, Any]
"""Native type, expression that makes the value held, declared type, and the value that was planned with."""
Given = tuple[str, str, Sequence[str]]
"""Definition of a column `id` that the database fills, its declared type, and statements that follow the table's."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The words of a database, and its values that others have not."""

    number: str  # whole numbers, 32 bits or more
    text: str  # at least 20 characters, and a unique key takes it
    long: str  # texts of 1,000 characters and more
    decimal: str  # nine digits, two of them behind the point
    float: str  # three digits behind the point; of floating-point numbers where the connector writes them
    computed: str  # twice the column `y`, made by the database
    shown: Callable[[str], str]  # of a native type: the expression that makes a text of the column `v`
    odd: tuple[
        str, str, str, str
    ]  # native type, a value that the declared type has not, one it has, declared type
    words: Mapping[
        str, Sequence[str]
    ]  # in what a `duplicate`, a `check`, a `null` and a `lock` are refused with
    before: Sequence[str] = ()  # statements before tables of these types can be made
    read: Sequence[Read] = ()
    written: Sequence[Written] = ()
    moved: Sequence[Held] = ()  # it is not what was planned with
    spelt: Sequence[Held] = ()  # it is, in another spelling
    keys: Sequence[
        str
    ] = ()  # native types of texts, those whose collation takes different texts for equal too
    given: Sequence[Given] = ()
    triggers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Statements that make triggers on the table `form (id, code, name)`: `capitals` put the code into capitals, whenever a row
    is written; of an update that makes the name `keep`, `keep` leaves the old name and `skip` nothing at all."""


class Database(Asking):
    """A connector of a database, and the database itself."""

    dialect: ClassVar[Dialect]

    @abstractmethod
    def place(self, folder: Path) -> Config:
        """The config of a new database, or of a schema, without tables."""

    @abstractmethod
    def run(self, config: Config, *statements: str) -> list[tuple[Any, ...]]:
        """Run *statements* by hand, each committed; the rows of the last."""

    def quote(self, name: str) -> str:
        return identifier(name)

    @contextmanager
    def ready(self, folder: Path, *statements: str) -> Iterator[tuple[Config, Writable]]:
        """A new database after *statements*, and a session."""
        config = self.place(folder)
        if statements:
            self.run(config, *statements)
        with self.session(config) as session:
            yield config, session

    def renew(self, config: Config, columns: str, *values: str) -> None:
        """Make the table `t` anew, with a row of each of *values*."""
        self.run(
            config,
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (id {self.dialect.number} PRIMARY KEY, {columns})",
            *(f"INSERT INTO t VALUES ({value})" for value in values),
        )


def each(cases: Iterable[Sequence[Any]], check: Callable[..., None]) -> None:
    """Every case is checked; those that fail are told together."""
    wrong = []
    for case in cases:
        try:
            check(*case)
        except (AssertionError, SystemFailure) as error:
            wrong.append(f"{case!r:.200}: {error}")
    assert not wrong, "\n".join(wrong)
