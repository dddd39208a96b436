"""A table as a connector sees it: what the engine is told of it, and what statements must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from erpoa_cli.sdk.connector import ObjectInfo, WriteBatch
from erpoa_cli.sdk.errors import ContractBroken


class Named(Protocol):
    @property
    def native(self) -> str: ...


Column = TypeVar("Column", bound=Named)
"""What a connector knows of a column's type; `native` is what the database calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Column]):
    """An object, its name in SQL, the type of each column, and the keys of which it refuses a second row."""

    info: ObjectInfo
    name: str
    columns: Mapping[str, Column]
    refusing: Sequence[Sequence[str]] = ()

    def is_unique(self, fields: Sequence[str]) -> bool:
        """Whether no two rows can have the same values in *fields*."""
        return any(key and set(key) <= set(fields) for key in (self.info.id, *self.info.keys))

    def refuses(self, fields: Sequence[str]) -> bool:
        """Whether a row is refused when another has the same values in *fields*. Not all that `is_unique` are: of rows in
        tables that inherit, no key knows."""
        return any(key and set(key) <= set(fields) for key in self.refusing)


def missing_fields(info: ObjectInfo, names: Sequence[str]) -> str:
    """Words about those of *names* that the object lacks; empty when it has them all."""
    absent = [name for name in names if info.field(name) is None]
    return f"{info.address} has no field {', '.join(map(repr, absent))}" if absent else ""


def require_fields(info: ObjectInfo, batch: WriteBatch) -> None:
    """Raise `ContractBroken` unless the object has every field that *batch* names."""
    names = dict.fromkeys((*batch.columns("id"), *batch.columns("set"), *batch.columns("was")))
    if problem := missing_fields(info, tuple(names)):
        raise ContractBroken(problem)
