"""One batch written within the running transaction: staged, compared, then placed by set-based statements.

A statement that the database refuses is tried in halves under savepoints, down to the rows at fault. Rows that are not
as planned are not touched: what they must still have stands in the statement that writes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from erpoa_cli.sdk.sql.second_look import Held, SecondLook, meant
from erpoa_cli.sdk.sql.session import SqlSession
from erpoa_cli.sdk.sql.stage import Stage
from erpoa_cli.sdk.sql.table import Column, Table

_SAVEPOINT = "erpoa_part"
_WHOLE = "erpoa_whole"


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
        """Update or delete the rows of *part* that are as planned; the positions of those that were not written."""

    @abstractmethod
    def given(self, batch: WriteBatch) -> Stage:
        """The identifiers that the database gave (`id.NAME` of *batch*, by position), as a stage of its own."""

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
        done = False
        if self.creates:
            self._session.execute(f"SAVEPOINT {_WHOLE}")
            done = self.refuses_taken() and self._at_once()
            if not done:
                self._find_taken()
        else:
            if not self.table.is_unique(self.batch.id):
                self._find_ambiguous()
            self._set_aside(self.lock(), self._outcomes.moved)
        if not done:
            self._session.execute(f"SAVEPOINT {_WHOLE}")
            self._place_left()
        while lost := self._look():
            self._session.execute(f"ROLLBACK TO SAVEPOINT {_WHOLE}")
            self._ids.clear()
            for at, outcome in lost.items():
                outcome(at)
            left = set(self.left())  # what was taken out since is back in the stage, too
            self.stage.remove([at for at in range(self.batch.rows.num_rows) if at not in left])
            self._place_left()
        return self._answer()

    def _place_left(self) -> None:
        left = self.left()
        rows = pa.RecordBatch.from_pydict({"pos": pa.array(left, pa.int64())})
        place_by_halves(rows, self._place, self._undo, partial(self._refused, left), (_Refused,))

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
        self._tell_unwritten(moved)
        self._ids.update(ids)

    def _tell_unwritten(self, positions: Iterable[int]) -> None:
        """Rows to change that were not written: they are not as planned, or a trigger took them."""
        unwritten = list(positions)
        if not unwritten:
            return
        within = f"s.pos BETWEEN {min(unwritten)} AND {max(unwritten)}"
        found = self._session.rows(f"SELECT s.pos, {self.as_planned()} FROM {self.joined()} WHERE {within}")
        as_planned = {at for at, is_as_planned in found if is_as_planned}
        for at in unwritten:
            (self._outcomes.ignored if at in as_planned else self._outcomes.moved)(at)

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

    # -- the second look --

    def _look(self) -> Mapping[int, Callable[[int], None]]:
        """Read the applied rows again: those to take back, each with what is said of it."""
        names = self._found_by()
        if not names or not self._outcomes.applied():
            return {}
        tables = f"{self.stage.name} s"
        if self.creates and self.asked:
            types = {n: self._id_type(n) for n in self.asked}
            rows = pa.RecordBatch.from_pydict(
                {"ordinal": self.batch.rows["ordinal"], **{f"id.{n}": self._told(n) for n in self.asked}}
            )
            given = self.given(replace(self.batch, rows=rows, types=types))
            tables += f" LEFT JOIN {given.name} {given.alias} ON {given.alias}.pos = s.pos"
        else:
            types, given = {}, self.stage
        known = {**self.batch.types, **types}
        tests = []
        for n in names:
            staged = given.value(f"id.{n}") if n in types else self._staged(n)
            tests.append(self.dialect.equals(self.dialect.column(n), self.table.columns[n], known[n], staged))
        on, here = " AND ".join(tests), f"{self.dialect.column(names[0])} IS NOT NULL"
        joined = f"{tables} LEFT JOIN {self.table.name} t ON {on}"
        if self.batch.action is Action.DELETE:
            sql = f"SELECT s.pos, {here} FROM {joined} WHERE {here}"
        else:
            texts = [self.dialect.text(self.dialect.column(n), self.table.columns[n]) for n in self.set]
            same = " AND ".join(
                self.dialect.same(
                    self.dialect.column(n), self.table.columns[n], known[n], self.stage.value(f"set.{n}")
                )
                for n in self.set
            )
            sql = f"SELECT {', '.join(['s.pos', here, *texts])} FROM {joined} WHERE NOT ({here}) OR NOT ({same or 'true'})"
            if not self.table.is_unique(names):  # one of several may be ours
                sql += f" AND NOT EXISTS (SELECT 1 FROM {self.table.name} t WHERE {on} AND {same or 'true'})"
        differing: dict[int, list[Held]] = {}
        for at, is_here, *values in self._session.rows(sql):
            rows_there = differing.setdefault(at, [])
            if is_here:
                held = zip(self.set, values, strict=False)
                rows_there.append({n: meant(text, self.batch.types[n]) for n, text in held})
        return SecondLook(self.batch, self._outcomes).judge(differing)

    def _found_by(self) -> Sequence[str]:
        """By what the rows are found once they are written; nothing where nothing tells."""
        if not self.creates:
            return self.batch.id
        if self.table.info.id:
            return self.table.info.id
        sure = all(n in self.set and not self.batch.rows[f"set.{n}"].null_count for n in self.batch.id)
        return self.batch.id if sure else ()

    def _staged(self, name: str) -> str:
        """The identifier's value in the stage, as it is once the row is written."""
        return self.stage.value(f"set.{name}" if name in self.set else f"id.{name}")

    # -- the answer --

    def _answer(self) -> pa.RecordBatch:
        if not self.creates:
            return self._outcomes.record_batch()
        ids: dict[str, pa.Array] = {n: self.batch.rows[f"set.{n}"] for n in self._given}
        ids |= {name: self._told(name) for name in self.asked}
        return self._outcomes.record_batch(ids)

    def _told(self, name: str) -> pa.Array:
        """What the database gave for the identifier *name*, per position."""
        place, size = self.asked.index(name), self.batch.rows.num_rows
        texts = [self._ids[at][place] if at in self._ids else None for at in range(size)]
        return _typed(texts, self._id_type(name))

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
