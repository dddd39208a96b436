"""How a database compares values, as SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from erpoa_cli.core.schema import Type
from erpoa_cli.sdk.sql.table import Column

Test = Callable[[str, Column, Type, str], str]
"""The SQL of a column, its type, the declared type and the SQL of a value → the SQL of a condition."""


@dataclass(frozen=True, slots=True)
class SqlDialect(Generic[Column]):
    """Conditions are exact, whatever the column's collation or padding takes for equal, and never fail, whatever it holds."""

    quote: Callable[[str], str]  # a name as SQL
    equals: Test[Column]  # both have the same value and neither is NULL: in a form that an index serves
    same: Test[Column]  # the column has the value, or both are NULL; true or false
    sides: Callable[[str, Column, Type, str], tuple[str, str]]  # column and value as what can be ordered
    text: Callable[[str, Column], str]  # a column as the text that is read of it

    def column(self, name: str) -> str:
        """The column *name* of the table that a statement calls t."""
        return f"t.{self.quote(name)}"

    def reached(self, name: str, of: Column, type_: Type, mark: str) -> str:
        """The condition that the column *name* of t is at or after *mark*, or has no value of *type_*."""
        found, mark = self.sides(self.column(name), of, type_, mark)
        return f"({found} >= {mark} OR {found} IS NULL)"
