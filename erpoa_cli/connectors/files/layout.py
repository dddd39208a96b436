"""What a file format must offer to be read, changed in memory and written again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from erpoa_cli.core.schema import Field, Type
from erpoa_cli.sdk.connector import FieldInfo

COLUMNS = 16_384
"""Columns of a table in a file, at most: as many as a spreadsheet has."""


@dataclass(slots=True)
class Sheet:
    """The rows of a file, column by column, and what the format needs to write it again as it was: of the whole
    (*shape*), and of each row (*rest*; None of a row that is new)."""

    columns: dict[str, list[Any]]
    rows: int
    shape: Any = None
    rest: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rest = self.rest + [None] * (self.rows - len(self.rest))

    def kept(self, positions: Sequence[int]) -> Sheet:
        columns = {name: [values[at] for at in positions] for name, values in self.columns.items()}
        return Sheet(columns, len(positions), self.shape, [self.rest[at] for at in positions])


class Layout(ABC):
    """A file format. Content that is cut short or undecodable raises `ContractBroken` saying the line; single
    malformed rows are told to *faults* and left out."""

    blank: ClassVar[Any] = None  # what a created row has where nothing is given

    @abstractmethod
    def fields(self, content: bytes) -> list[FieldInfo]: ...

    @abstractmethod
    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:
        """The Arrow types in which `read` delivers *fields*."""

    @abstractmethod
    def read(
        self, content: bytes, fields: Sequence[Field], faults: list[str]
    ) -> Iterator[pa.RecordBatch]: ...

    @abstractmethod
    def load(self, content: bytes) -> Sheet:
        """All rows, to be changed; raises `ContractBroken` when a row is malformed: what cannot be read cannot be
        written again."""

    @abstractmethod
    def save(self, sheet: Sheet, stream: BinaryIO) -> None: ...

    @abstractmethod
    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:
        """*value* of *type_* as *column* keeps it; raises ValueError with words when it would be changed."""

    @abstractmethod
    def means(self, kept: Any, type_: Type) -> Any:
        """What a kept value means as *type_* (`sdk.meaning`)."""
