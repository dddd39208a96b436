"""Which rows a read asks for, as conditions in SQL, and what is said of a read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from erpoa_cli.core.schema import Field
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import ContractBroken

NARROWED = (
    "row-level security narrows what this role sees: rows that are not there may be hidden; give it BYPASSRLS, or read "
    "as the table's owner"
)

REPLICA = (
    "the server is a replica, which shows late what its primary has: rows that are not there may be on their way; read the "
    "primary, or write `replica: true` in this system's config where what the replica shows is what counts"
)

_SCALAR = {"type": ["string", "integer", "boolean", "null"]}
FILTER_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "Only rows whose column equals the value (or one of the list); null means IS NULL.",
    "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]},
}
"""The filter of every SQL connector: column → value or list of values."""


class Selection(ABC):
    """The rows of *request*, of a table or query that a statement calls t. The connector says how a column is compared."""

    def __init__(self, request: ReadRequest) -> None:
        self.request = request

    @abstractmethod
    def equals(self, name: str, wanted: str | int) -> str | None:
        """The condition that the column *name* has the text, the whole number or the boolean *wanted*; None where it is not
        compared with such."""

    @abstractmethod
    def reached(self, cursor: Field) -> str:
        """The condition that the column of *cursor* is at or after `request.since`, or has no readable value: such a row must
        not be missed."""

    def require(self, columns: Collection[str]) -> None:
        """Raise `ContractBroken` unless *columns* has all that are read or filtered by."""
        wanted = (*(f.source for f in self.request.fields), *self.request.filter)
        if absent := [name for name in wanted if name not in columns]:
            what = "the query" if self.request.query else self.request.object
            raise ContractBroken(f"{what} has no column {', '.join(map(repr, absent))}")

    def tests(self) -> list[str]:
        """The conditions that all rows meet, in the order in which their values are asked for."""
        found = [self._filtered(name, wanted) for name, wanted in self.request.filter.items()]
        if self.request.since:
            found.append(self.reached(next(f for f in self.request.fields if f.name == self.request.cursor)))
        return found

    def _filtered(self, name: str, wanted: object) -> str:
        match wanted:
            case None:
                return f"{self.column(name)} IS NULL"
            case list():
                return f"({' OR '.join(self._filtered(name, one) for one in wanted)})"
            case str() | int() if (test := self.equals(name, wanted)) is not None:
                return test
            case _:
                raise ContractBroken(
                    f"{name}: a filter compares with text, whole numbers or null, and with true or false where the column "
                    f"holds such, not {wanted!r}"
                )

    @abstractmethod
    def column(self, name: str) -> str:
        """The column *name* of t, as SQL."""


def where(tests: Collection[str]) -> str:
    """The clause of *tests*, with a blank before it; empty where there are none."""
    return f" WHERE {' AND '.join(tests)}" if tests else ""
