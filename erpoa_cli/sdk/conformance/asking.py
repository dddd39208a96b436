"""How the conformance suite talks to a connector: rows in, outcomes out, values made comparable."""

from __future__ import annotations

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import STRING, TIMESTAMP, Field, Kind, Type, decimal
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import Connector, CreateSafety, Reading, ReadRequest, Writable, WriteBatch
from erpoa_cli.sdk.errors import SystemFailure
from erpoa_cli.sdk.meaning import meaning

CODE = Field("code", STRING)
NAME = Field("name", STRING)
AMOUNT = Field("amount", decimal(18, 4))
AT = Field("at", TIMESTAMP)
THING = (CODE, NAME, AMOUNT, AT)
RUN = "run-1"
_NUMBERS = itertools.count(100)  # of batches

Row = Mapping[str, Any]
Config = Mapping[str, Any]


class Asking(ABC):
    """A connector, a way to make an object in it, and the calls that tests need."""

    connector: ClassVar[type[Connector]]

    @abstractmethod
    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[Config, str]:
        """An empty object with *fields* in a new system under *folder*: its config and the object's address. The
        first field is called `code` and identifies a row; where the system can, it refuses a row whose `name`
        is `refused`."""

    @contextmanager
    def session(self, config: Config) -> Iterator[Writable]:
        session = self.connector().open(config)
        assert isinstance(session, Writable)
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def opened(self, folder: Path, fields: Sequence[Field]) -> Iterator[tuple[Writable, str]]:
        config, object_ = self.make(folder, fields)
        with self.session(config) as session:
            yield session, object_

    def create(
        self,
        session: Writable,
        object_: str,
        fields: Sequence[Field],
        rows: Sequence[Row],
        *,
        unless: tuple[tuple[str, ...], ...] = (),
        number: int = 1,
        ledger: bool = True,
    ) -> list[dict[str, Any]]:
        columns = {
            f"set.{f.name}": pa.array([row[f.name] for row in rows], arrow_type(f.type)) for f in fields
        }
        return self._write(session, object_, Action.CREATE, fields, columns, unless, number, ledger)

    def change(
        self,
        session: Writable,
        object_: str,
        action: Action,
        before: Sequence[Row],
        after: Sequence[Row] = (),
    ) -> list[dict[str, Any]]:
        """Update or delete rows of `THING`: all their values before are the precondition."""
        columns = {"id.code": pa.array([row["code"] for row in before], pa.utf8())}
        if action is Action.UPDATE:
            written = [f for f in THING if f.name in after[0]]
            columns |= {
                f"set.{f.name}": pa.array([row[f.name] for row in after], arrow_type(f.type)) for f in written
            }
        columns |= {
            f"was.{f.name}": pa.array([row[f.name] for row in before], arrow_type(f.type))
            for f in THING
            if f is not CODE
        }
        return self._write(session, object_, action, THING, columns, (), next(_NUMBERS), True)

    def _write(
        self,
        session: Writable,
        object_: str,
        action: Action,
        fields: Sequence[Field],
        columns: Mapping[str, pa.Array],
        unless: tuple[tuple[str, ...], ...],
        number: int,
        ledger: bool,
    ) -> list[dict[str, Any]]:
        size = len(next(iter(columns.values())))
        if any(o.create_safety is not CreateSafety.TRANSACTION for o in session.objects([object_])):
            columns = {**columns, "key": pa.array([f"{number}-{at}" for at in range(size)], pa.utf8())}
        batch = WriteBatch(
            object=object_,
            action=action,
            rows=pa.RecordBatch.from_pydict({"ordinal": pa.array(range(size), pa.int64()), **columns}),
            run=RUN,
            number=number,
            effects_digest="sha256:0",
            id=("code",),
            types={f.name: f.type for f in fields},
            unless=unless,
            ledger=ledger,
        )
        answers = [row for answer in session.write(batch) for row in answer.to_pylist()]
        return sorted(answers, key=lambda row: row["ordinal"])

    def ending(self, config: Config, object_: str) -> str:
        try:
            with self.session(config) as session:
                return status(session, ReadRequest(object=object_, fields=THING)).value
        except SystemFailure:
            return "refused"

    def rows(self, session: Writable, object_: str, fields: Sequence[Field]) -> list[dict[str, Any]]:
        """Every row, values as their declared type means them, ordered by code."""
        reading = session.read(ReadRequest(object=object_, fields=tuple(fields)))
        table = pa.Table.from_batches(list(reading), reading.schema)
        assert reading.verdict.status is ReadStatus.COMPLETE, reading.verdict
        return sorted(typed(table, fields), key=lambda row: str(row["code"]))

    def found(
        self,
        session: Writable,
        object_: str,
        fields: Sequence[Field],
        by: Sequence[str],
        values: Sequence[Sequence[Any]],
    ) -> list[dict[str, Any]]:
        types = {f.name: arrow_type(f.type) for f in fields}
        asked = pa.table({n: pa.array([row[at] for row in values], types[n]) for at, n in enumerate(by)})
        reading = session.find(ReadRequest(object=object_, fields=tuple(fields)), by, asked)
        table = pa.Table.from_batches(list(reading), reading.schema)
        assert reading.verdict.status is ReadStatus.COMPLETE, reading.verdict
        return typed(table, fields)


def thing(code: str, name: str | None = "same") -> dict[str, Any]:
    """A row of `THING`."""
    return {
        "code": code,
        "name": name,
        "amount": meaning("1234567890.1200", AMOUNT.type),
        "at": meaning("2024-02-29T12:00:00.000001", TIMESTAMP),
    }


def typed(table: pa.Table, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """The rows of a reading as comparable values. A column must have the declared type or be text."""
    columns: dict[str, list[Any]] = {}
    for field in fields:
        column = table[field.name]
        assert column.type in (arrow_type(field.type), pa.utf8()), f"{field.name} arrived as {column.type}"
        columns[field.name] = [
            comparable(value, field.type, arrived=column.type) for value in column.to_pylist()
        ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def comparable(value: Any, type_: Type, *, arrived: pa.DataType | None = None) -> Any:
    """*value* such that equal values are equal: JSON and lists by content and digits, all else as it is."""
    if value is None:
        return None
    if type_.kind is Kind.JSON:
        return json.loads(value, parse_float=str, parse_int=str)
    if arrived == pa.utf8() and type_.kind is not Kind.STRING:
        return meaning(value, type_)
    return value


def status(session: Writable, asked: ReadRequest) -> ReadStatus:
    """How reading all that is *asked* for ends."""
    reading = session.read(asked)
    list(reading)
    return reading.verdict.status


def ended(reading: Reading) -> str:
    return reading.verdict.status.value


def raised(call: Any, error: type[Exception]) -> bool:
    """Whether *call* raises *error*."""
    try:
        call()
    except error:
        return True
    return False
