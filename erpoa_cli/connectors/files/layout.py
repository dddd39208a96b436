"""What a file format must offer to be read, changed in memory and written again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa

from erpoa_cli.core.schema import Field, Type
from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.connector import FieldInfo

_ROWS = 20_000  # per record batch,
_TEXT = 16 << 20  # or fewer, with so many characters
_CELL = 8  # bytes that a cell takes while a table is changed


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


@dataclass(frozen=True, slots=True)
class Layout(ABC):
    """A file format. Content that is cut short or undecodable raises `ContractBroken` saying the line, and `Beyond` where
    there is more than *caps* allow; single malformed rows are told to *faults* and left out."""

    caps: Caps = field(default_factory=Caps, kw_only=True)

    blank: ClassVar[Any] = None  # what a created row has where nothing is given

    @abstractmethod
    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        """What the first rows tell; of the others as little is read as the format lets."""

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

    def head(self, stream: BinaryIO) -> bytes:
        """The first lines of a file of lines."""
        content = stream.read(self.caps.record + 1)
        if len(content) <= self.caps.record:
            return content
        end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
        if not end:
            raise self.caps.beyond("record", "line 1")
        return content[:end]

    def hold_table(self, columns: int, rows: int, size: int) -> None:
        """`Beyond` where a table, made of *size* bytes, is too large to be changed in memory."""
        self.caps.hold("columns", columns, "the table")
        self.caps.unpacked(_CELL * columns * rows, size, "the table")


def batches(
    schema: pa.Schema, rows: Iterable[Sequence[str | None]], *, shared: bool = False
) -> Iterator[pa.RecordBatch]:
    """*rows* of texts as record batches; *shared*: a text may stand in the file once and in any number of rows."""
    some: list[Sequence[str | None]] = []
    room = _TEXT
    for row in rows:
        some.append(row)
        if shared:
            room -= sum(map(len, filter(None, row)))
        if len(some) == _ROWS or room < 0:
            yield _batch(schema, some)
            some, room = [], _TEXT
    if some:
        yield _batch(schema, some)


def _batch(schema: pa.Schema, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.utf8()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
