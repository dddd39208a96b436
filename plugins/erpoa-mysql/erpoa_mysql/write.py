"""One batch written within the running transaction: staged, locked, then placed by set-based statements.

Rows to change are locked first, which tells those that are not as planned; what a row must still have stands also in the
statement that writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Fatal
from erpoa_cli.sdk.sql import NotAll, Part, SqlSession, StagedWriting
from erpoa_mysql.columns import Column, text_of
from erpoa_mysql.encode import quoted
from erpoa_mysql.reflect import Table
from erpoa_mysql.stage import Given, Stage
from erpoa_mysql.values import DIALECT, is_exact, survives, to_native
from erpoa_mysql.wire import Wire


class Writing(StagedWriting[Column]):
    """*batch* on its way into *table*."""

    stage: Stage

    def __init__(self, session: SqlSession, db: Wire, table: Table, batch: WriteBatch) -> None:
        super().__init__(session, DIALECT, table, batch)
        self._db = db
        self._counter = table.counter
        self._given_stage: Given | None = None
        self.stage = Stage(db, batch, {f"set.{n}": table.columns[n] for n in self.doubtful})

    def all(self) -> pa.RecordBatch:
        answer = super().all()
        self.stage.drop()
        if self._given_stage:
            self._given_stage.drop()
        return answer

    def given(self, batch: WriteBatch) -> Stage:
        self._given_stage = Given(self._db, batch, {})
        return self._given_stage

    def keeps(self, name: str) -> bool:
        return is_exact(self.table.columns[name], self.batch.types[name], self.batch.rows[f"set.{name}"])

    def survives(self, name: str) -> str:
        value = f"set.{name}"
        of, type_ = self.table.columns[name], self.batch.types[name]
        return survives(self.stage.native(value), of, type_, self.stage.value(value))

    def assigned(self, name: str) -> str:
        value = f"set.{name}"
        if name in self.doubtful:
            return self.stage.native(value)
        return to_native(self.stage.value(value), self.table.columns[name], self.batch.types[name])

    def joined(self) -> str:
        # in this order: our rows are few, theirs are found by an index
        on = self.equals("id", self.batch.id)
        return f"{self.stage.name} s STRAIGHT_JOIN {self.table.name} t ON {on}"

    # -- rows to create --

    def prepare(self) -> None:
        """Identifiers that the server gives and does not tell are refused."""
        if self.asked and not self._db.tells_all_ids and self.asked != [self._counter]:
            raise ContractBroken(
                f"{self.table.name} gets {', '.join(map(repr, self.asked))} from the server, which does not tell what it gave"
            )

    def repeated(self, fields: Sequence[str]) -> str:
        values = [self.stage.value(f"set.{n}") for n in fields]
        names = ", ".join(f"cast({value} AS binary)" for value in values)  # blanks at the end count
        whole = " AND ".join(f"{value} IS NOT NULL" for value in values)
        return (
            f"SELECT pos FROM (SELECT s.pos, row_number() OVER (PARTITION BY {names} ORDER BY s.pos) n "
            f"FROM {self.stage.name} s WHERE {whole}) r WHERE n > 1"
        )

    def create(self, part: Part) -> Mapping[int, Sequence[str | None]]:
        written = self.assignments()
        insert = (
            f"INSERT INTO {self.table.name} ({', '.join(map(quoted, written))}) SELECT {', '.join(written.values())} "
            f"FROM {self.stage.name} s WHERE "
        )
        if not self.asked:
            if self._db.run(f"{insert}{part.within} ORDER BY s.pos") != part.size:
                raise NotAll
            return {}
        positions = part.positions()
        if self._db.tells_all_ids:
            given = ", ".join(text_of(quoted(n), self.table.columns[n]) for n in self.asked)
            # in the order they came
            found = self._db.rows(f"{insert}{part.within} ORDER BY s.pos RETURNING {given}")
        else:
            found = []
            for at in positions:  # numbers of one statement may have gaps where others write too
                self._db.run(f"{insert}s.pos = {at}")
                found += self._db.rows("SELECT cast(last_insert_id() AS char)")
        if len(found) != part.size:
            raise NotAll
        return dict(zip(positions, found, strict=True))

    # -- rows to change --

    def lock(self) -> Iterable[int]:
        sql = f"SELECT s.pos FROM {self.joined()} WHERE {self.as_planned()} FOR UPDATE"
        here = {at for (at,) in self._db.rows(sql)}
        return [at for at in self.left() if at not in here]

    def change(self, part: Part) -> Iterable[int]:
        """None is not as planned: all are locked."""
        where = f"WHERE {self.as_planned()} AND {part.within}"
        if self.batch.action is Action.DELETE:
            done = self._db.run(f"DELETE t FROM {self.joined()} {where}")
        else:
            assign = ", ".join(f"t.{quoted(n)} = {value}" for n, value in self.assignments().items())
            done = self._db.run(f"UPDATE {self.joined()} SET {assign} {where}")
        if done != part.size:
            raise Fatal(f"the server says it wrote {done} of {part.size} rows of {self.table.name}")
        return ()
