"""The part of the conformance suite for databases fails connectors that break a promise, as its other parts do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import INTEGER
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.conformance import Sql
from erpoa_cli.sdk.connector import READ, BatchReading, Moment, ObjectInfo, Reading, ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import SystemFailure, Transient
from erpoa_cli.sdk.sql import SqlMoment
from tests.unit.connectors.test_conformance import TestSqlite as Sound
from tests.unit.sdk.test_conformance_bites import IgnoresPreconditions, rewritten

Sabotage = type[SqliteSession]


def answered(session: SqliteSession, batch: WriteBatch, **columns: Any) -> Iterator[pa.RecordBatch]:
    """The answers with *columns* replaced by what a function makes of the answer."""
    for answer in SqliteSession.write(session, batch):
        told = dict(zip(answer.schema.names, answer.columns, strict=True))
        changed = {name: make(answer) for name, make in columns.items() if name in told}
        yield pa.RecordBatch.from_pydict({**told, **changed})


class ReadsWhatItCannotParseAsNull(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        whole = super().read(request)
        column = request.fields[-1].name

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in whole:
                at = batch.schema.get_field_index(column)
                texts = batch.column(at).cast(pa.utf8())
                known = pc.if_else(pc.match_substring_regex(texts, "float|^x$|^yes$"), None, texts)
                yield batch.set_column(at, column, known)

        return BatchReading(pa.schema([*list(whole.schema)[:-1], (column, pa.utf8())]), batches())


class LeavesOutWhatIsOdd(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        whole = super().read(request)
        texts = [f.name for f in request.fields if whole.schema.field(f.name).type == pa.utf8()]

        def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
            for name in texts:
                batch = batch.filter(pc.invert(pc.equal(batch[name], "1700000000")))
            return batch

        return BatchReading(whole.schema, (plain(batch) for batch in whole))


class RoundsToItsColumn(SqliteSession):
    """As a server does that is not asked to be strict."""

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        def strip(name: str, column: pa.Array) -> pa.Array:
            return pc.utf8_ltrim(column, "0") if column.type == pa.utf8() and name == "set.v" else column

        yield from super().write(rewritten(batch, strip))


class TakesNullForEverything(SqliteSession):
    """A precondition of NULL holds for a value that does not parse."""

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        nothing = [n for n in batch.columns("was") if batch.rows[f"was.{n}"].null_count]
        yield from super().write(
            rewritten(batch, lambda n, c: None if n[4:] in nothing and n[:4] == "was." else c)
        )


class ComparesSpellings(SqliteSession):
    """What a row must still have is compared as text only."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        self._db.create_function("erpoa_same", 3, lambda *_: False, deterministic=True)


class FindsWhatBeginsSo(SqliteSession):
    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        trimmed = {name: pc.utf8_rtrim_whitespace(values[name]) for name in by}
        return super().find(request, by, pa.table(trimmed))


class CallsAllRefusalsRejected(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        def plain(answer: pa.RecordBatch) -> pa.Array:
            refused = pc.equal(answer["outcome"], "rejected")
            return pc.if_else(refused, "rejected", answer["error_class"])

        yield from answered(self, batch, error_class=plain)


class RefusesItsNeighboursToo(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        for answer in super().write(batch):
            if any(outcome == "rejected" for outcome in answer["outcome"].to_pylist()):
                yield from answered_as(answer, "rejected")
            else:
                yield answer


def answered_as(answer: pa.RecordBatch, outcome: str) -> Iterator[pa.RecordBatch]:
    told = dict(zip(answer.schema.names, answer.columns, strict=True))
    yield pa.RecordBatch.from_pydict({**told, "outcome": [outcome] * answer.num_rows})


class TellsIdentifiersInAnotherOrder(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from answered(self, batch, **{"id.id": lambda a: pa.array(a["id.id"].to_pylist()[::-1])})


class WritesNullForWhatIsLeftOut(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        columns = dict(zip(batch.rows.schema.names, batch.rows.columns, strict=True))
        if batch.object == "made" and batch.action is Action.CREATE:
            columns["set.n"] = pa.nulls(batch.rows.num_rows, pa.int64())
        rows, types = pa.RecordBatch.from_pydict(columns), {**batch.types, "n": INTEGER}
        yield from super().write(replace(batch, rows=rows, types=types))


class GuessesAmongRows(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if batch.object == "loose":
            self._db.execute("DELETE FROM loose WHERE v = 'b'")
        yield from super().write(batch)


class PastesNames(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        with self.guarded():
            self._db.execute(f"SELECT * FROM {batch.object} LIMIT 0")
        yield from super().write(batch)


class DescribesAllAsWritable(SqliteSession):
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        infos = super().objects(names)
        return [replace(i, fields=tuple(replace(f, writable=True) for f in i.fields)) for i in infos]


class WritesThoughReadOnly(SqliteSession):
    def __init__(self, path: Path, *, read_only: bool) -> None:
        super().__init__(path, read_only=False)


class TellsOnlyTheFirstThousand(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from (answer.slice(0, 1000) for answer in super().write(batch))


class LooksBeforeItWaits(SqliteSession):
    """Preconditions are compared outside the transaction."""

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        before = dict(self.rows("SELECT id, name FROM thing")) if batch.columns("was") else {}
        if any(name != b"old" for name in before.values()):
            raise SystemFailure("moved before")
        yield from super().write(rewritten(batch, lambda n, c: None if n.startswith("was.") else c))


class LooksForKeysBeforeItWaits(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from super().write(replace(batch, unless=()))


class CallsALockARefusal(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        try:
            yield from super().write(batch)
        except Transient as error:
            raise SystemFailure(str(error)) from error


class ReadsInTwoStates(SqliteSession):
    def read(self, request: ReadRequest) -> Reading:
        """By pieces, each in a state of its own."""
        first = super().read(replace(request, filter={"id": list(range(5_000))}))

        def batches() -> Iterator[pa.RecordBatch]:
            yield from first
            for batch in SqliteSession.read(self, request):
                yield batch.filter(pc.greater_equal(batch["id"].cast(pa.int64()), 5_000))

        reading = BatchReading(first.schema, batches())
        assert reading.verdict.status is not ReadStatus.COMPLETE
        return reading


class ForgetsWhatHangs(SqliteSession):
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        return [replace(info, hanging=()) for info in super().objects(names)]


class ForgetsWhatIsUnique(SqliteSession):
    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        return [replace(info, keys=()) for info in super().objects(names)]


class HoldsNothing(SqliteSession):
    def moment(self) -> Moment:
        return SqlMoment(self, self.read, lambda: None)


class TellsNothingOfWhatItRead(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        for answer in super().write(batch):
            told = [n for n in answer.schema.names if n != READ and not n.startswith("seen.")]
            yield answer.select(told)


class DoesNotFindWhatItRenamed(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from answered(self, batch, read=lambda answer: pa.repeat(False, answer.num_rows))


class BelievesThatItsValuesAreThere(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from answered(self, batch, **{"seen.code": lambda answer: batch.rows["set.code"]})


class SaysThatAllIsWritten(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield from answered(self, batch, outcome=lambda answer: pa.array(["applied"] * answer.num_rows))


class TakesWhatIsKeptForMoved(SqliteSession):
    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        def stale(answer: pa.RecordBatch) -> pa.Array:
            return pc.replace_substring(answer["outcome"], "rejected", "stale")

        yield from answered(self, batch, outcome=stale)


SABOTAGES: Mapping[Sabotage, str] = {
    ReadsWhatItCannotParseAsNull: "test_a_value_is_read_exactly_or_as_words_that_no_type_parses",
    LeavesOutWhatIsOdd: "test_one_odd_value_does_not_spoil_the_others",
    RoundsToItsColumn: "test_a_value_is_written_exactly_or_rejected_alone",
    IgnoresPreconditions: "test_what_a_row_holds_now_is_never_taken_for_what_it_held",
    TakesNullForEverything: "test_what_a_row_holds_now_is_never_taken_for_what_it_held",
    ComparesSpellings: "test_another_spelling_of_the_same_value_is_as_planned",
    FindsWhatBeginsSo: "test_keys_are_compared_byte_by_byte",
    CallsAllRefusalsRejected: "test_each_refusal_has_its_class_and_no_value",
    RefusesItsNeighboursToo: "test_many_bad_rows_among_many_good_ones",
    TellsIdentifiersInAnotherOrder: "test_identifiers_the_database_gives_are_matched_to_their_rows",
    WritesNullForWhatIsLeftOut: "test_rows_without_values_are_created_from_defaults",
    GuessesAmongRows: "test_an_identifier_that_is_not_unique_is_not_guessed",
    PastesNames: "test_keys_of_several_columns_and_odd_names",
    DescribesAllAsWritable: "test_a_generated_column_is_described_and_not_written",
    WritesThoughReadOnly: "test_read_only_never_writes",
    TellsOnlyTheFirstThousand: "test_a_large_batch_is_told_row_by_row",
    LooksBeforeItWaits: "test_a_row_changed_while_we_wait_for_it_is_stale",
    LooksForKeysBeforeItWaits: "test_two_that_create_the_same_key",
    CallsALockARefusal: "test_a_lock_that_is_not_given_is_transient",
    ReadsInTwoStates: "test_a_read_sees_one_state",
    ForgetsWhatHangs: "test_what_hangs_on_a_row_is_told",
    ForgetsWhatIsUnique: "test_unique_sets_of_fields_are_told",
    HoldsNothing: "test_a_moment_is_one_state_of_all_tables",
    TellsNothingOfWhatItRead: "test_answers_tell_what_the_rows_hold",
    DoesNotFindWhatItRenamed: "test_a_changed_identifier_is_the_same_row",
    BelievesThatItsValuesAreThere: "test_what_a_trigger_makes_of_a_value_is_told",
    SaysThatAllIsWritten: "test_an_identifier_that_a_trigger_changes_is_found_or_not_there",
    TakesWhatIsKeptForMoved: "test_a_change_that_a_trigger_keeps_from_a_row_is_rejected",
}


def suite(session: Sabotage) -> Any:
    class Broken(SqliteConnector):
        def open(self, config: Mapping[str, Any]) -> SqliteSession:
            return session(Path(config["path"]), read_only=bool(config.get("read_only")))

    class Suite(Sound):
        connector: ClassVar[type[SqliteConnector]] = Broken
        large = 2_000

        @contextmanager
        def session(self, config: Mapping[str, Any]) -> Iterator[SqliteSession]:
            with super().session(config) as opened:
                assert isinstance(opened, SqliteSession)
                yield opened

    return Suite()


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_the_suite_catches(sabotage: Sabotage, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, SystemFailure, pa.ArrowException)):
        getattr(suite(sabotage), SABOTAGES[sabotage])(tmp_path)


def test_every_test_of_the_suite_is_shown_to_bite() -> None:
    tests = {name for name in dir(Sql) if name.startswith("test_")}
    assert tests == set(SABOTAGES.values())
