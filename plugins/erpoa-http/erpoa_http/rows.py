"""Records of an API as rows: what is as described becomes text for the declared types, all else is told."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Field
from erpoa_http.shape import ABSENT, Member, Unfit, text

_ROWS = 10_000  # per record batch


@dataclass(frozen=True, slots=True)
class Column:
    """A field that is read: as it is asked for, and as the API has it."""

    field: Field
    member: Member


@dataclass(slots=True)
class Rows:
    """Makes record batches of texts. `faults` says which records were left out, and that some came twice by their
    *id*; *omits_nulls*: a field that a record does not have is null."""

    columns: Sequence[Column]
    id: Sequence[Member]
    omits_nulls: bool
    faults: list[str] = field(default_factory=list)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(c.field.name, pa.utf8()) for c in self.columns])

    def batches(self, pages: Iterable[Sequence[Any]]) -> Iterator[pa.RecordBatch]:
        rows: list[list[str | None]] = []
        ids = array("q")  # eight bytes per record: a read of millions stays small
        place = 0
        for page in pages:
            for record in page:
                place += 1
                row = self._row(record, f"record {place}")
                if row is not None:
                    rows.append(row)
                    ids.append(_digest(member.of(record) for member in self.id))
            if len(rows) >= _ROWS:
                yield self._batch(rows)
                rows = []
        if rows:
            yield self._batch(rows)
        twice = len(ids) - len(set(ids)) if self.id else 0
        if twice:
            self.faults.append(f"{twice} records came twice: they moved between pages while they were read")

    def _batch(self, rows: Sequence[Sequence[str | None]]) -> pa.RecordBatch:
        columns = [pa.array(column, pa.utf8()) for column in zip(*rows, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _row(self, record: Any, called: str) -> list[str | None] | None:
        row: list[str | None] = []
        for column in self.columns:
            value = column.member.of(record)
            if value is ABSENT and not self.omits_nulls:
                self.faults.append(f"{called} {lacks(column.member)}")
                return None
            try:
                row.append(text(value, column.member.shape, column.field.type))
            except Unfit as unfit:
                self.faults.append(f"{called}: {column.field.name} {unfit}")
                return None
        return row


def lacks(member: Member) -> str:
    return (
        f"has no {'.'.join(member.path)}; if the API leaves empty fields out of its answers, "
        "write `omits_nulls: true`"
    )


def _digest(values: Iterable[Any]) -> int:
    told = repr(list(values)).encode("utf-8", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big", signed=True)
