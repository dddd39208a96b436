"""Short ways to ask a session, for the tests of the suite and for tests of your own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from erpoa_cli.core.plan import Verdict
from erpoa_cli.core.schema import Field, Type, parse_type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import Reading, ReadRequest, Writable, WriteBatch

_NUMBERS = itertools.count(1)

Rows = Sequence[Mapping[str, Any]]


def fields(**types: str) -> tuple[Field, ...]:
    return tuple(Field(name, parse_type(type_)) for name, type_ in types.items())


def told(reading: Reading) -> tuple[list[dict[str, Any]], Verdict]:
    """All rows of *reading*, and how it ended."""
    table = pa.Table.from_batches(list(reading), reading.schema)
    return table.to_pylist(), reading.verdict


def read(session: Writable, object_: str, **types: str) -> tuple[list[dict[str, Any]], Verdict]:
    return told(session.read(ReadRequest(object=object_, fields=fields(**types))))


class Writer:
    """Writes batches of one object, each with a number of its own. Rows and outcomes are in the same order."""

    def __init__(
        self, session: Writable, object_: str, key: tuple[str, ...] = ("id",), /, **types: str
    ) -> None:
        self.session, self.object, self.key = session, object_, key
        self.types: dict[str, Type] = {name: parse_type(type_) for name, type_ in types.items()}

    def create(self, rows: Rows, unless: tuple[tuple[str, ...], ...] = ()) -> list[dict[str, Any]]:
        return self._write(Action.CREATE, {"set": rows}, unless)

    def update(self, id: Rows, set: Rows, was: Rows = ()) -> list[dict[str, Any]]:
        return self._write(Action.UPDATE, {"id": id, "set": set, "was": was})

    def delete(self, id: Rows, was: Rows = ()) -> list[dict[str, Any]]:
        return self._write(Action.DELETE, {"id": id, "was": was})

    def _write(
        self, action: Action, parts: Mapping[str, Rows], unless: tuple[tuple[str, ...], ...] = ()
    ) -> list[dict[str, Any]]:
        columns: dict[str, pa.Array] = {}
        for prefix, rows in parts.items():
            for name in rows[0] if rows else ():
                columns[f"{prefix}.{name}"] = pa.array(
                    [row[name] for row in rows], arrow_type(self.types[name])
                )
        size = len(next(iter(columns.values())))
        batch = WriteBatch(
            object=self.object,
            action=action,
            rows=pa.RecordBatch.from_pydict({"ordinal": pa.array(range(size), pa.int64()), **columns}),
            run="run",
            number=next(_NUMBERS),
            effects_digest="sha256:0",
            id=self.key,
            types=self.types,
            unless=unless,
        )
        return [row for answer in self.session.write(batch) for row in answer.to_pylist()]


def outcomes(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [answer["outcome"] for answer in answers]
