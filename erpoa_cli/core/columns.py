"""The columns that rows of a target have per field, in the staging area, in plans, in base images and in the journal: what each kind
of column means, and how it is called. Nobody else spells their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from erpoa_cli.core.schema import identifier


@dataclass(frozen=True, slots=True)
class Columns:
    """One kind of column; `prefix` stands before the name of the field."""

    prefix: str

    def __call__(self, name: str) -> str:
        """The column of the field *name*."""
        return self.prefix + name

    def sql(self, name: str, alias: str = "") -> str:
        """The column of the field *name* as SQL names it, of the relation *alias* where there is one."""
        quoted = identifier(self.prefix + name)
        return f"{alias}.{quoted}" if alias else quoted

    def has(self, column: str) -> bool:
        """Whether *column* is one of this kind."""
        return column.startswith(self.prefix)

    def fields(self, columns: Iterable[str]) -> dict[str, str]:
        """Field → column, of those of *columns* that are of this kind, in their order."""
        return {column.removeprefix(self.prefix): column for column in columns if self.has(column)}


PLAIN = Columns("")  # of a relation alone: the field as it is called there
KEY = Columns("k_")  # the key, of what is wanted
ID = Columns("id_")  # the identifier that their system gives the row
ECHO = Columns(
    "echo_"
)  # whether what both sides hold of a shared field is what the opposite target made of it
WANTED = Columns("d_")  # the desired value
NOW = Columns("a_")  # the actual value: what the target held when it was read
AGREED = Columns("agreed_")  # of the base: what was wanted when it was last applied
SEEN = Columns("seen_")  # of the base: what their system made of it
PENDING = Columns(
    "p_"
)  # which row of the plan gives the value that is not known yet: (target, key, field) as JSON, and the text that shows it
SAVED = Columns("s_")  # of an outcome: what was read back where it is not what was written
GIVEN = Columns("r_")  # of an outcome: what the target `returns`
KNOWN = Columns("known_")  # of a base image at rest: whether the field was ever agreed
LEFT = Columns("left_")  # of a run that is taken back: what it left in the field
WAS = Columns("was_")  # of a run that is taken back: the identifier that the row had before
RESTORED = Columns("to_")  # of a run that is taken back: the value that is wanted again
VERDICT = Columns("v_")  # of the steps of documents: the value that a step sets
KEPT = Columns("w_")  # of the steps of documents: the value that must be there before

BASE = (AGREED, SEEN)
PLANNED = (WANTED, NOW, *BASE)  # the values of a plan's rows
VALUES = (*PLANNED, SAVED, GIVEN)  # every column with a value of a field
