"""The conformance suite fails connectors that break a promise: each sabotage below is caught by the named test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.schema import STRING
from erpoa_cli.sdk.connector import BatchReading, ObjectInfo, Reading, ReadRequest, WriteBatch, failed_reading
from erpoa_cli.sdk.errors import SystemFailure
from tests.unit.connectors.test_conformance import TestSqlite as Sound

Sabotage = type[SqliteSession]


def rewritten(batch: WriteBatch, change: Callable[[str, pa.Array], pa.Array | None]) -> WriteBatch:
    """*batch* with columns changed, or dropped where *change* gives None."""
    columns = {n: change(n, batch.rows[n]) for n in batch.rows.schema.names}
    return replace(
        batch, rows=pa.RecordBatch.from_pydict({n: c for n, c in columns.items() if c is not None})
    )


class NullBecomesEmpty(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(
            rewritten(batch, lambda n, c: pc.fill_null(c, "") if c.type == pa.utf8() else c)
        )


class CutsMicroseconds(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        def cut(name: str, column: pa.Array) -> pa.Array:
            return pc.floor_temporal(column, unit="second") if pa.types.is_timestamp(column.type) else column

        yield from super().write(rewritten(batch, cut))


class IgnoresPreconditions(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(rewritten(batch, lambda n, c: None if n.startswith("was.") else c))


class IgnoresUnless(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(replace(batch, unless=()))


class SaysAppliedAlways(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        for answer in super().write(batch):
            columns = dict(zip(answer.schema.names, answer.columns, strict=True))
            yield pa.RecordBatch.from_pydict({**columns, "outcome": ["applied"] * answer.num_rows})


class ForgetsARow(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from (answer.slice(1) for answer in super().write(batch))


class HasNoLedger(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(replace(batch, ledger=False))


class CommitsTheRowsFirst(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(replace(batch, ledger=False))
        if batch.ledger:
            yield from super().write(replace(batch, rows=batch.rows.slice(0, 0)))


class NoRowsForNoObject(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        if not self.objects([request.object]):
            return BatchReading(pa.schema([(f.name, pa.utf8()) for f in request.fields]), [])
        return super().read(request)


class AlwaysComplete(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        class Told(BatchReading):
            @property
            def verdict(self) -> Verdict:
                return Verdict(ReadStatus.COMPLETE, evidence={"rows": 2})

        whole = super().read(request)
        return Told(whole.schema, whole)


class LeavesOutTheUnstamped(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        whole = super().read(request)
        if not request.since:
            return whole
        return BatchReading(whole.schema, (b.filter(pc.is_valid(b[request.cursor])) for b in whole))


class FindsIgnoringCase(SqliteSession):
    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        whole = self.read(request)
        if "code" not in by:
            return super().find(request, by, values)
        lower = pc.utf8_lower(values["code"].combine_chunks())
        return BatchReading(
            whole.schema, (b.filter(pc.is_in(pc.utf8_lower(b["code"]), lower)) for b in whole)
        )


class AnotherIdentityEachTime(SqliteSession):
    def identity(self) -> str:
        return f"sqlite:{id(self)}"


class OneIdentityForAll(SqliteSession):
    def identity(self) -> str:
        return "sqlite"


class GuessesTypes(SqliteSession):
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        infos = super().objects(names)
        return [replace(i, fields=tuple(replace(f, type=f.type or STRING) for f in i.fields)) for i in infos]


class ShowsTheLedger(SqliteSession):
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        return [*super().objects(names), *(super().objects(["erpoa_ledger"]) if names is None else [])]


class TrimsTexts(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(
            rewritten(batch, lambda n, c: pc.utf8_trim_whitespace(c) if c.type == pa.utf8() else c)
        )


class RaisesInsteadOfRejecting(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        for answer in super().write(batch):
            if pc.any(pc.equal(answer["outcome"], "rejected")).as_py():
                raise SystemFailure("a row was refused")
            yield answer


class ReadsFailLate(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        return failed_reading(request, RuntimeError("never"))


SABOTAGES: Mapping[Sabotage, str] = {
    NullBecomesEmpty: "test_every_value_comes_back",
    CutsMicroseconds: "test_every_value_comes_back",
    TrimsTexts: "test_every_value_comes_back",
    IgnoresPreconditions: "test_a_precondition_is_exact",
    IgnoresUnless: "test_a_create_is_stale_when_the_row_exists",
    SaysAppliedAlways: "test_each_row_has_its_own_outcome",
    ForgetsARow: "test_each_row_has_its_own_outcome",
    RaisesInsteadOfRejecting: "test_each_row_has_its_own_outcome",
    HasNoLedger: "test_a_batch_is_committed_with_its_ledger_row",
    CommitsTheRowsFirst: "test_a_batch_is_committed_with_its_ledger_row",
    NoRowsForNoObject: "test_what_cannot_be_read_is_never_no_rows",
    AlwaysComplete: "test_a_read_tells_how_it_ended",
    ReadsFailLate: "test_a_read_tells_how_it_ended",
    LeavesOutTheUnstamped: "test_since_gives_later_rows_and_those_without_a_stamp",
    FindsIgnoringCase: "test_find_gives_the_rows_asked_for",
    AnotherIdentityEachTime: "test_identity_tells_places_apart",
    OneIdentityForAll: "test_identity_tells_places_apart",
    GuessesTypes: "test_lossy_columns_are_refused",
    ShowsTheLedger: "test_the_ledger_is_no_object_and_can_be_forbidden",
}


def suite(session: Sabotage) -> Any:
    class Broken(SqliteConnector):
        def open(self, config: Mapping[str, Any]) -> SqliteSession:
            return session(Path(config["path"]), read_only=False)

    class Suite(Sound):
        connector: ClassVar[type[SqliteConnector]] = Broken

    return Suite()


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_the_suite_catches(sabotage: Sabotage, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, SystemFailure, pa.ArrowException)):
        getattr(suite(sabotage), SABOTAGES[sabotage])(tmp_path)


@pytest.mark.parametrize("name", sorted(set(SABOTAGES.values())))
def test_the_same_tests_pass_for_a_sound_connector(name: str, tmp_path: Path) -> None:
    getattr(suite(SqliteSession), name)(tmp_path)
