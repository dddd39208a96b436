"""One batch written within the running transaction: staged, then placed by set-based statements.

The statement that changes rows tells which were as planned: they need not be locked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import psycopg
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, identifier, literal
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import MasterMissing, Rejected, SystemFailure
from erpoa_cli.sdk.sql import NotAll, Part, SqlSession, StagedWriting, Table
from erpoa_postgres.columns import Column, text_of
from erpoa_postgres.reflect import Db
from erpoa_postgres.stage import Given, Stage
from erpoa_postgres.values import DIALECT, equals, is_exact, one_way, survives, to_native

column = DIALECT.column


class Writing(StagedWriting[Column]):
    """*batch* on its way into *table*."""

    def __init__(self, session: SqlSession, db: Db, table: Table[Column], batch: WriteBatch) -> None:
        super().__init__(session, DIALECT, table, batch)
        self._db = db
        self.stage = Stage(db, batch)

    def keeps(self, name: str) -> bool:
        of, type_ = self.table.columns[name], self.batch.types[name]
        if type_.kind is Kind.STRING and of.base == "varchar" and of.size is not None:
            return bool((pc.max(pc.utf8_length(self.batch.rows[f"set.{name}"])).as_py() or 0) <= of.size)
        return is_exact(of, type_)

    def survives(self, name: str) -> str:
        return survives(self.stage.value(f"set.{name}"), self.table.columns[name], self.batch.types[name])

    def assigned(self, name: str) -> str:
        return to_native(self.stage.value(f"set.{name}"), self.table.columns[name], self.batch.types[name])

    def given(self, batch: WriteBatch) -> Stage:
        return Given(self._db, batch)

    def failure(self, error: Exception) -> SystemFailure:
        """What is still referred to by others, as rows written by triggers may be, does not miss its master."""
        why = super().failure(error)
        if isinstance(why, MasterMissing) and isinstance(error, psycopg.Error):
            other = f"{identifier(error.diag.schema_name or '')}.{identifier(error.diag.table_name or '')}"
            if other != self.table.name:
                return Rejected(str(why))
        return why

    # -- rows to create --

    def prepare(self) -> None:
        """Two of us must not both find that a row is not there; others are stopped by unique keys alone."""
        if self.batch.unless:
            name = literal(self.table.name)
            self._session.execute(f"SELECT pg_advisory_xact_lock(hashtextextended('erpoa ' || {name}, 0))")

    def refuses_taken(self) -> bool:
        unless = self.batch.unless
        plain = all(one_way(self.table.columns[n], self.batch.types[n]) for names in unless for n in names)
        return bool(unless) and plain and all(map(self.table.refuses, unless))

    def repeated(self, fields: Sequence[str]) -> str:
        values = [self.stage.value(f"set.{n}") for n in fields]
        named = ", ".join(f"{value} AS k{at}" for at, value in enumerate(values))
        whole = " AND ".join(f"{value} IS NOT NULL" for value in values)
        shared = " AND ".join(f"{value} = r.k{at}" for at, value in enumerate(values))
        return (
            f"SELECT s.pos FROM {self.stage.name} s JOIN (SELECT {named}, min(s.pos) AS first FROM {self.stage.name} s "
            f"WHERE {whole} GROUP BY {', '.join(values)} HAVING count(*) > 1) r ON {shared} AND s.pos > r.first"
        )

    def create(self, part: Part) -> Mapping[int, Sequence[str | None]]:
        written = self.assignments()
        columns = f" ({', '.join(map(identifier, written))})" if written else ""
        insert = (
            f"INSERT INTO {self.table.name} AS t{columns} SELECT {', '.join(written.values())} "
            f"FROM {self.stage.name} s WHERE {part.within} ORDER BY s.pos"
        )
        if not self.asked:
            if self._db.execute(insert).rowcount != part.size:
                raise NotAll
            return {}
        given = ", ".join(
            f"{text_of(column(n), self.table.columns[n])} AS g{at}" for at, n in enumerate(self.asked)
        )
        got = ", ".join(f"m.g{at}" for at in range(len(self.asked)))
        if part.size == 1:
            found = self._session.rows(
                f"WITH m AS ({insert} RETURNING {given}) SELECT s.pos, {got} FROM m, {self.stage.name} s WHERE {part.within}"
            )
        elif apart := self._tell_apart():
            keys = ", ".join(f"{column(n)} AS k{at}" for at, n in enumerate(apart))
            on = " AND ".join(
                equals(f"m.k{at}", self.table.columns[n], self.batch.types[n], self.stage.value(f"set.{n}"))
                for at, n in enumerate(apart)
            )
            found = self._session.rows(
                f"WITH m AS ({insert} RETURNING {given}, {keys}) "
                f"SELECT s.pos, {got} FROM m JOIN {self.stage.name} s ON {on} WHERE {part.within}"
            )
        else:
            # rows alike in all that was written are each other's equals: any of them may have any of the numbers
            kept = ", ".join(column(n) for n in written)
            cast = ", ".join(f"({value})::{self.table.columns[n].native}" for n, value in written.items())
            order = ", ".join(f"g{at}" for at in range(len(self.asked)))
            found = self._session.rows(
                f"WITH made AS ({insert} RETURNING {given}, ROW({kept})::text AS alike), "
                f"m AS (SELECT *, row_number() OVER (PARTITION BY alike ORDER BY {order}) AS n FROM made), "
                f"r AS (SELECT s.pos, ROW({cast})::text AS alike FROM {self.stage.name} s WHERE {part.within}), "
                "w AS (SELECT *, row_number() OVER (PARTITION BY alike ORDER BY pos) AS n FROM r) "
                f"SELECT w.pos, {got} FROM w JOIN m USING (alike, n)"
            )
        if len(found) != part.size:  # a trigger changed or swallowed rows: one at a time there is no doubt
            raise NotAll
        return {at: ids for at, *ids in found}

    def _tell_apart(self) -> Sequence[str]:
        """Fields whose values no two of the rows share: those of a key by which none may exist, or of a unique one."""
        keys = (*self.batch.unless, self.table.info.id, *self.table.info.keys)
        for names in keys:
            if names and all(n in self.set and not self.batch.rows[f"set.{n}"].null_count for n in names):
                return names
        return ()

    # -- rows to change --

    def change(self, part: Part) -> Iterable[int]:
        """Which rows were not as planned is not asked in the same breath: so many conditions let the planner expect one row,
        and it would go through the others once for each."""
        where = (
            f"{part.within} AND {self.equals('id', self.batch.id)} AND {self.as_planned()} RETURNING s.pos"
        )
        if self.batch.action is Action.DELETE:
            sql = f"DELETE FROM {self.table.name} t USING {self.stage.name} s WHERE {where}"
        else:
            assign = ", ".join(f"{identifier(n)} = {value}" for n, value in self.assignments().items())
            sql = f"UPDATE {self.table.name} t SET {assign} FROM {self.stage.name} s WHERE {where}"
        written = {at for (at,) in self._session.rows(sql)}
        return [at for at in part.positions() if at not in written]
