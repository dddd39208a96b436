"""The rows of a batch in a temporary table, each value exactly as it is declared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.sdk.connector import WriteBatch

_MOMENTS = (datetime.min, datetime.max)  # noqa: DTZ901 - local by type


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as a stage is sent it, and why the values at some positions cannot be sent at all."""

    array: pa.Array
    unfit: dict[int, str]


def encode(array: pa.Array, type_: Type) -> Encoded:
    """*array*, values of the declared *type_*, as texts: moments in UTC without an offset, bytes as hexadecimal digits, what
    is nested as canonical JSON. A year that no database has is unfit."""
    match type_.kind:
        case Kind.DATE:
            return Encoded(array.cast(pa.utf8()), _outside(array, date.min, date.max))
        case Kind.TIMESTAMP:
            return Encoded(array.cast(pa.utf8()), _outside(array, *_MOMENTS))
        case Kind.TIMESTAMPTZ:
            plain = array.cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
            return Encoded(plain.cast(pa.utf8()), _outside(plain, *_MOMENTS))
        case Kind.BYTES:
            texts = [None if value is None else value.hex() for value in array.to_pylist()]
            return Encoded(pa.array(texts, pa.utf8()), {})
        case Kind.LIST | Kind.STRUCT:
            return Encoded(pa.array([canonical(v, type_) for v in array.to_pylist()], pa.utf8()), {})
        case _:
            return Encoded(array.cast(pa.utf8()), {})


def positions(mask: pa.Array, why: str) -> dict[int, str]:
    """Where *mask* is true, each with the words *why*."""
    return dict.fromkeys(pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist(), why)


def _outside(array: pa.Array, first: date, last: date) -> dict[int, str]:
    low, high = pa.scalar(first, array.type), pa.scalar(last, array.type)
    return positions(pc.or_(pc.less(array, low), pc.greater(array, high)), "the year is not one of 1 to 9999")


class Stage(ABC):
    """The rows of *batch* as the table `name`, which statements call `alias`: `pos` is the position in the batch, each other
    column has a number for a name, since fields may be called anything. `unfit` has the rows that cannot be there:
    position → field and why."""

    name: ClassVar[str]  # in SQL
    alias: ClassVar[str] = "s"

    def __init__(self, batch: WriteBatch) -> None:
        self.types = {n: batch.types[_field(n)] for n in batch.rows.schema.names if n != "ordinal"}
        self.names = {name: f"c{at}" for at, name in enumerate(self.types)}
        self.unfit: dict[int, tuple[str, str]] = {}
        columns: list[pa.Array] = [pa.array(range(batch.rows.num_rows), pa.int64())]
        for name in self.types:
            encoded = self.encode(name, batch.rows[name])
            columns.append(encoded.array)
            for at, why in encoded.unfit.items():
                # a value that cannot be there was not there either, or nobody could have read it
                self.unfit.setdefault(at, (_field(name), why))
        if self.unfit:
            left = pa.array([at for at in range(batch.rows.num_rows) if at not in self.unfit], pa.int64())
            columns = [column.take(left) for column in columns]
        self.load(columns)

    @abstractmethod
    def encode(self, name: str, array: pa.Array) -> Encoded:
        """The column *name* (`set.x`) as `load` sends it."""

    @abstractmethod
    def load(self, columns: Sequence[pa.Array]) -> None:
        """Make the table anew and fill it: `pos` (int64), then `names` in order."""

    @abstractmethod
    def remove(self, positions: Collection[int]) -> None:
        """Take rows out."""

    def value(self, name: str) -> str:
        """The SQL of the value of column *name*, exactly as declared."""
        return f"{self.alias}.{self.names[name]}"


def _field(name: str) -> str:
    return name.partition(".")[2]
