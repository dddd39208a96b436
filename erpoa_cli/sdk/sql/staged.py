"""One batch written within the running transaction: staged, compared, then placed by set-based statements.

A statement that the database refuses is tried in halves under savepoints, down to the rows at fault. Rows that are not
as planned are not touched: what they must still have stands in the statement that writes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

import pyarrow as pa

from erpoa_cli.core.schema import STRING, Kind, Type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import Rejected, SystemFailure
from erpoa_cli.sdk.meaning import meaning
from erpoa_cli.sdk.sql.dialect import SqlDialect
from erpoa_cli.sdk.sql.halves import place_by_halves
from erpoa_cli.sdk.sql.outcomes import Outcomes
from erpoa_cli.sdk.sql.session import SqlSession
from erpoa_cli.sdk.sql.stage import Stage
from erpoa_cli.sdk.sql.table import Column, Table

_SAVEPOINT = "erpoa_part"


class NotAll(Exception):
    """A statement wrote fewer rows than it was given, and only single rows tell which."""


class _Refused(Exception):
    """No row of a part is written; *outcome* says of its only row what becomes of it."""

    def __init__(self, outcome: Callable[[int], None]) -> None:
        super().__init__()
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of the stage that one statement writes: those at *staged* (column `pos`) but for those *aside*."""

    staged: pa.RecordBatch
    aside: Mapping[int, str]  # position → field whose column would change the value; no longer in the stage

    @property
    def within(self) -> str:
        """The condition that a row of the stage s is one of them."""
        first, last = self.staged["pos"][0].as_py(), self.staged["pos"][self.staged.num_rows - 1].as_py()
        return f"s.pos BETWEEN {first} AND {last}"

    @property
    def size(self) -> int:
        return int(self.staged.num_rows) - len(self.aside)

    def positions(self) -> list[int]:
        return [at for at in self.staged["pos"].to_pylist() if at not in self.aside]


class StagedWriting(ABC, Generic[Column]):
    """*batch* on its way into *table*. The connector loads `stage` and gives the statements that write from it."""

    stage: Stage

    def __init__(
        self, session: SqlSession, dialect: SqlDialect[Column], table: Table[Column], batch: WriteBatch
    ) -> None:
        self._session = session
        self.dialect = dialect
        self.table = table
        self.batch = batch
        self.creates = batch.action is Action.CREATE
        self.set = batch.columns("set")
        given = [n for n in table.info.id if n in self.set and not batch.rows[f"set.{n}"].null_count]
        self._given = given
        self.asked = [n for n in table.info.id if n not in given] if self.creates else []
        """Identifiers that the database gives."""
        self.doubtful = [n for n in self.set if not self.keeps(n)]
        self._outcomes = Outcomes(batch.rows, deletes=batch.action is Action.DELETE)
        self._ids: dict[int, Sequence[str | None]] = {}  # position → what the database gave for `asked`

    # -- what a connector gives --

    @abstractmethod
    def keeps(self, name: str) -> bool:
        """Whether the column takes every value to write unchanged, or refuses it by itself."""

    @abstractmethod
    def survives(self, name: str) -> str:
        """The condition that the value to write in a column that does not keep all comes back from it unchanged."""

    @abstractmethod
    def assigned(self, name: str) -> str:
        """The SQL of the value to write, as the column takes it."""

    @abstractmethod
    def repeated(self, fields: Sequence[str]) -> str:
        """The query for `pos` of every row of the stage whose values in *fields*, none of them NULL, an earlier row has."""

    @abstractmethod
    def create(self, part: Part) -> Mapping[int, Sequence[str | None]]:
        """Insert *part*; the identifiers `asked` for as text, by position. Raises `NotAll`, or the driver's error."""

    @abstractmethod
    def change(self, part: Part) -> Iterable[int]:
        """Update or delete the rows of *part* that are as planned; the positions of those that are not."""

    def prepare(self) -> None:
        """What comes before rows are compared: keep others out; refuse what cannot be answered."""

    def lock(self) -> Iterable[int]:
        """Lock the rows to change; the positions of those known not to be as planned."""
        return ()

    def refuses_taken(self) -> bool:
        """Whether the table by itself refuses every row to create that exists already: then nobody need look."""
        return False

    def joined(self) -> str:
        """The stage s and the table t, row by row of the same identifier."""
        return f"{self.stage.name} s JOIN {self.table.name} t ON {self.equals('id', self.batch.id)}"

    def failure(self, error: Exception) -> SystemFailure:
        """What *error* of the driver means for the row that is written."""
        return self._session.failure(error)

    # -- for its statements --

    def equals(self, prefix: str, names: Sequence[str]) -> str:
        """The condition that t has the values that s has in the columns *prefix*.*names*."""
        return " AND ".join(
            self.dialect.equals(
                self.dialect.column(n),
                self.table.columns[n],
                self.batch.types[n],
                self.stage.value(f"{prefix}.{n}"),
            )
            for n in names
        )

    def as_planned(self) -> str:
        """The condition that t still has what s says it had."""
        tests = [
            self.dialect.same(
                self.dialect.column(n),
                self.table.columns[n],
                self.batch.types[n],
                self.stage.value(f"was.{n}"),
            )
            for n in self.batch.columns("was")
        ]
        return " AND ".join(tests or ["true"])

    def assignments(self) -> dict[str, str]:
        """The columns to write and the SQL of their values."""
        return {name: self.assigned(name) for name in self.set}

    def left(self) -> list[int]:
        """The positions that are still to be written; the stage has no others."""
        return self._outcomes.applied()

    # -- the walk --

    def all(self) -> pa.RecordBatch:
        """Write every row; answers per row."""
        for at, (field, why) in self.stage.unfit.items():
            self._outcomes.unfit(at, field, why)
        self.prepare()
        if self.creates:
            if self.refuses_taken() and self._at_once():
                return self._answer()
            self._find_taken()
        else:
            if not self.table.is_unique(self.batch.id):
                self._find_ambiguous()
            self._set_aside(self.lock(), self._outcomes.moved)
        left = self.left()
        rows = pa.RecordBatch.from_pydict({"pos": pa.array(left, pa.int64())})
        place_by_halves(rows, self._place, self._undo, partial(self._refused, left), (_Refused,))
        return self._answer()

    def _at_once(self) -> bool:
        """Write all rows without looking for those that exist already: the table refuses the statement if there is one.
        False: nothing was written."""
        left = self.left()
        try:
            if left:
                self._place(pa.RecordBatch.from_pydict({"pos": pa.array(left, pa.int64())}))
        except _Refused:
            self._undo(())
            return False
        return True

    def _set_aside(self, positions: Iterable[int], outcome: Callable[[int], None]) -> None:
        """Give rows their *outcome* and take them out of the stage."""
        found = list(positions)
        for at in found:
            outcome(at)
        self.stage.remove(found)

    def _find_taken(self) -> None:
        """Rows to create that exist already, by one of the field sets `unless`."""
        for fields in self.batch.unless:
            there = f"SELECT 1 FROM {self.table.name} t WHERE {self.equals('set', fields)}"
            for sql in (
                f"SELECT s.pos FROM {self.stage.name} s WHERE EXISTS ({there})",
                self.repeated(fields),
            ):
                self._set_aside([at for (at,) in self._session.rows(sql)], self._outcomes.taken)

    def _find_ambiguous(self) -> None:
        sql = f"SELECT s.pos, count(*) FROM {self.joined()} GROUP BY s.pos HAVING count(*) > 1"
        found = dict(self._session.rows(sql))
        self._set_aside(found, lambda at: self._outcomes.ambiguous(at, found[at]))

    # -- placing --

    def _place(self, rows: pa.RecordBatch) -> None:
        """Write *rows* (positions) or none of them. What is not about rows (a timeout, a lock) is no reason to try again with
        fewer, and leaves as `SystemFailure`."""
        ids: Mapping[int, Sequence[str | None]] = {}
        moved: Iterable[int] = ()
        self._session.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            part = Part(rows, self._changed(Part(rows, {})))
            self.stage.remove(part.aside)
            if part.size and self.creates:
                ids = self.create(part)
            elif part.size:
                moved = self.change(part)
            self._session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        except NotAll as error:
            raise _Refused(self._outcomes.ignored) from error
        except self._session.driver_errors as error:
            why = self.failure(error)
            if not isinstance(why, Rejected):
                raise why from error
            raise _Refused(partial(self._outcomes.reject, failure=why)) from error
        for at, name in part.aside.items():
            self._outcomes.changed(at, name, self.table.columns[name].native)
        for at in moved:
            self._outcomes.moved(at)
        self._ids.update(ids)

    def _undo(self, _: Sequence[pa.RecordBatch]) -> None:
        self._session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        self._session.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    @staticmethod
    def _refused(positions: Sequence[int], at: int, error: Exception) -> None:
        assert isinstance(error, _Refused)
        error.outcome(positions[at])

    def _changed(self, part: Part) -> dict[int, str]:
        """Rows with a value that its column would change: position → field."""
        if not self.doubtful:
            return {}
        cases = " ".join(f"WHEN NOT {self.survives(n)} THEN {at}" for at, n in enumerate(self.doubtful))
        found = self._session.rows(
            f"SELECT pos, which FROM (SELECT s.pos, CASE {cases} END AS which FROM {self.stage.name} s "
            f"WHERE {part.within}) r WHERE which IS NOT NULL"
        )
        return {at: self.doubtful[which] for at, which in found}

    # -- the answer --

    def _answer(self) -> pa.RecordBatch:
        if not self.creates:
            return self._outcomes.record_batch()
        ids: dict[str, pa.Array] = {n: self.batch.rows[f"set.{n}"] for n in self._given}
        for place, name in enumerate(self.asked):
            size = self.batch.rows.num_rows
            texts = [self._ids[at][place] if at in self._ids else None for at in range(size)]
            ids[name] = _typed(texts, self._id_type(name))
        return self._outcomes.record_batch(ids)

    def _id_type(self, name: str) -> Type:
        field = self.table.info.field(name)
        known: Mapping[str, Type] = self.batch.types
        return known.get(name) or (field.type if field and field.type else STRING)


def _typed(texts: Sequence[str | None], type_: Type) -> pa.Array:
    if type_.kind in (Kind.STRING, Kind.JSON):
        return pa.array(texts, pa.utf8())
    if type_.kind is Kind.INTEGER:
        return pa.array(texts, pa.utf8()).cast(pa.int64())
    return pa.array([meaning(text, type_) for text in texts], arrow_type(type_))
