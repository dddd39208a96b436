"""One batch written within the running transaction: staged by COPY, then placed by set-based statements.

A statement that PostgreSQL refuses is tried in halves under savepoints, down to the rows at fault. Rows that are not
as planned are not touched, because what they must still have stands in the statement that writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.schema import Kind, Type, identifier, literal
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import MasterMissing, Rejected
from erpoa_cli.sdk.meaning import meaning
from erpoa_cli.sdk.sql import Outcomes, place_by_halves
from erpoa_postgres.columns import text_of
from erpoa_postgres.errors import failure
from erpoa_postgres.reflect import Db, Table
from erpoa_postgres.stage import STAGE, Stage
from erpoa_postgres.values import equals, is_exact, one_way, same, survives, to_native

_SAVEPOINT = "erpoa_part"
_MOVED = "the row is gone or has other values than when it was planned"
_IGNORED = "the database ignored the row: a trigger or a rule says so"


class _NotAll(Exception):
    """A statement wrote fewer rows than it was given, and only single rows tell which."""


_REFUSALS = (psycopg.Error, _NotAll)


class Writing:
    """*batch* on its way into *table*."""

    def __init__(self, db: Db, table: Table, batch: WriteBatch) -> None:
        self._db = db
        self._table = table
        self._batch = batch
        self._outcomes = Outcomes(batch.rows)
        self._size = batch.rows.num_rows
        self._set = batch.columns("set")
        self._given = [n for n in table.info.id if n in self._set and not batch.rows[f"set.{n}"].null_count]
        creates = batch.action is Action.CREATE
        self._asked = [n for n in table.info.id if n not in self._given] if creates else []
        self._ids: dict[int, tuple[str | None, ...]] = {}  # position → identifiers that the database gave
        self._doubtful = [n for n in self._set if not self._fits(n)]
        self._stage = Stage(db, batch)
        for at, words in self._stage.unfit.items():
            self._outcomes.reject(at, Rejected(words))

    def all(self) -> pa.RecordBatch:
        """Write every row; answers per row."""
        if self._batch.action is Action.CREATE:
            self._lock_out()
            if self._refuses_taken() and self._at_once():
                return self._answer()
            self._find_taken()
        elif not self._table.is_unique(self._batch.id):
            self._find_ambiguous()
        left, rows = self._left()
        place_by_halves(rows, self._place, self._undo, self._refused(left), _REFUSALS)
        return self._answer()

    def _refuses_taken(self) -> bool:
        """Whether the table refuses every row that `_find_taken` would find."""
        unless = self._batch.unless
        plain = all(one_way(self._table.columns[n], self._batch.types[n]) for names in unless for n in names)
        return bool(unless) and plain and all(map(self._table.refuses, unless))

    def _at_once(self) -> bool:
        """Write all rows without looking for those that exist already: the table refuses the statement if there is one.
        False: nothing was written."""
        _, rows = self._left()
        try:
            if rows.num_rows:
                self._place(rows)
        except _REFUSALS:
            self._undo(())
            return False
        return True

    def _left(self) -> tuple[list[int], pa.RecordBatch]:
        """The positions that are still to be written; the stage has no others."""
        left = self._outcomes.applied()
        self._stage.remove(set(range(self._size)) - set(left))
        return left, pa.RecordBatch.from_pydict({"pos": pa.array(left, pa.int64())})

    def _fits(self, name: str) -> bool:
        """Whether the column takes every value to write unchanged, or refuses it by itself."""
        of, type_ = self._table.columns[name], self._batch.types[name]
        if type_.kind is Kind.STRING and of.base == "varchar" and of.size is not None:
            return bool((pc.max(pc.utf8_length(self._batch.rows[f"set.{name}"])).as_py() or 0) <= of.size)
        return is_exact(of, type_)

    def _equals(self, prefix: str, names: Sequence[str]) -> str:
        return " AND ".join(
            equals(_t(n), self._table.columns[n], self._batch.types[n], self._stage.value(f"{prefix}.{n}"))
            for n in names
        )

    def _lock_out(self) -> None:
        """Two of us must not both find that a row is not there; others are stopped by unique keys alone."""
        if self._batch.unless:
            self._do(
                f"SELECT pg_advisory_xact_lock(hashtextextended('erpoa ' || {literal(self._table.name)}, 0))"
            )

    def _find_taken(self) -> None:
        """Rows to create that exist already, by one of the field sets `unless`."""
        for fields in self._batch.unless:
            taken = f"SELECT s.pos FROM {STAGE} s WHERE EXISTS (SELECT FROM {self._table.name} t WHERE {self._equals('set', fields)})"
            values = [self._stage.value(f"set.{n}") for n in fields]
            named = ", ".join(f"{value} AS k{at}" for at, value in enumerate(values))
            whole = " AND ".join(f"{value} IS NOT NULL" for value in values)
            shared = " AND ".join(f"{value} = r.k{at}" for at, value in enumerate(values))
            again = (
                f"SELECT s.pos FROM {STAGE} s JOIN (SELECT {named}, min(s.pos) AS first FROM {STAGE} s WHERE {whole} "
                f"GROUP BY {', '.join(values)} HAVING count(*) > 1) r ON {shared} AND s.pos > r.first"
            )
            for (at,) in self._rows(f"{taken} UNION {again}"):
                self._outcomes.stale(at, "a row with this key exists already")

    def _find_ambiguous(self) -> None:
        sql = (
            f"SELECT s.pos, count(*) FROM {STAGE} s JOIN {self._table.name} t ON {self._equals('id', self._batch.id)} "
            "GROUP BY s.pos HAVING count(*) > 1"
        )
        for at, found in self._rows(sql):
            self._outcomes.reject(at, Rejected(f"{found} rows have this identifier"))

    # -- placing --

    def _place(self, part: pa.RecordBatch) -> None:
        """Write the rows *part* (positions) or none of them. What is not about rows (a timeout, a lock) is no reason
        to try again with fewer, and leaves as `SystemFailure`."""
        try:
            self._place_all(part)
        except psycopg.Error as error:
            why = self._why(error)
            if not isinstance(why, Rejected):
                raise why from error
            raise

    def _place_all(self, part: pa.RecordBatch) -> None:
        first, last = part["pos"][0].as_py(), part["pos"][part.num_rows - 1].as_py()
        within = f"s.pos BETWEEN {first} AND {last}"
        self._do(f"SAVEPOINT {_SAVEPOINT}")
        changed = self._set_changed_aside(within)
        ids: list[tuple[Any, ...]] = []
        stale: list[int] = []
        expected = part.num_rows - len(changed)
        if expected and self._batch.action is Action.CREATE:
            ids = self._create(within, expected)
        elif expected:
            written = {at for (at,) in self._rows(self._change(within))}.union(at for at, _ in changed)
            stale = [at for at in part["pos"].to_pylist() if at not in written]
        self._do(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        for at, name in changed:
            native = self._table.columns[name].native
            self._outcomes.reject(at, Rejected(f"{name}: a column of type {native} would change the value"))
        for at in stale:
            self._outcomes.stale(at, _MOVED)
        for at, *given in ids:
            self._ids[at] = tuple(given)

    def _undo(self, _: Sequence[pa.RecordBatch]) -> None:
        self._do(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        self._do(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    def _refused(self, positions: Sequence[int]) -> Any:
        def refused(at: int, error: Exception) -> None:
            why = Rejected(_IGNORED) if isinstance(error, _NotAll) else self._why(error)
            if not isinstance(why, Rejected):
                raise why from error
            self._outcomes.reject(positions[at], why)

        return refused

    def _why(self, error: Exception) -> Exception:
        """What *error* means for a row: what is still referred to by others does not miss its master."""
        why = failure(error)
        if isinstance(why, MasterMissing) and isinstance(error, psycopg.Error):
            other = f"{identifier(error.diag.schema_name or '')}.{identifier(error.diag.table_name or '')}"
            if self._batch.action is Action.DELETE or other != self._table.name:
                return Rejected(str(why))
        return why

    def _set_changed_aside(self, within: str) -> list[tuple[int, str]]:
        """Rows with a value that its column would change: (position, field); they leave the stage."""
        if not self._doubtful:
            return []
        cases = " ".join(
            f"WHEN NOT {survives(self._stage.value(f'set.{n}'), self._table.columns[n], self._batch.types[n])} THEN {at}"
            for at, n in enumerate(self._doubtful)
        )
        found = self._rows(
            f"SELECT pos, which FROM (SELECT s.pos, CASE {cases} END AS which FROM {STAGE} s WHERE {within}) r "
            "WHERE which IS NOT NULL"
        )
        self._stage.remove([at for at, _ in found])
        return [(at, self._doubtful[which]) for at, which in found]

    def _written(self) -> dict[str, str]:
        """The columns to write and their values."""
        return {
            n: to_native(self._stage.value(f"set.{n}"), self._table.columns[n], self._batch.types[n])
            for n in self._set
        }

    def _create(self, within: str, expected: int) -> list[tuple[Any, ...]]:
        """Insert; the identifiers that the database gave, by position."""
        written = self._written()
        columns = f" ({', '.join(map(identifier, written))})" if written else ""
        insert = (
            f"INSERT INTO {self._table.name} AS t{columns} SELECT {', '.join(written.values())} "
            f"FROM {STAGE} s WHERE {within} ORDER BY s.pos"
        )
        if not self._asked:
            if self._db.execute(insert).rowcount != expected:
                raise _NotAll
            return []
        given = ", ".join(
            f"{text_of(_t(n), self._table.columns[n])} AS g{at}" for at, n in enumerate(self._asked)
        )
        got = ", ".join(f"m.g{at}" for at in range(len(self._asked)))
        if expected == 1:
            found = self._rows(
                f"WITH m AS ({insert} RETURNING {given}) SELECT s.pos, {got} FROM m, {STAGE} s WHERE {within}"
            )
        elif apart := self._tell_apart():
            keys = ", ".join(f"{_t(n)} AS k{at}" for at, n in enumerate(apart))
            on = " AND ".join(
                equals(
                    f"m.k{at}", self._table.columns[n], self._batch.types[n], self._stage.value(f"set.{n}")
                )
                for at, n in enumerate(apart)
            )
            found = self._rows(
                f"WITH m AS ({insert} RETURNING {given}, {keys}) "
                f"SELECT s.pos, {got} FROM m JOIN {STAGE} s ON {on} WHERE {within}"
            )
        else:
            # rows alike in all that was written are each other's equals: any of them may have any of the numbers
            kept = ", ".join(_t(n) for n in written)
            cast = ", ".join(f"({value})::{self._table.columns[n].native}" for n, value in written.items())
            order = ", ".join(f"g{at}" for at in range(len(self._asked)))
            found = self._rows(
                f"WITH made AS ({insert} RETURNING {given}, ROW({kept})::text AS alike), "
                f"m AS (SELECT *, row_number() OVER (PARTITION BY alike ORDER BY {order}) AS n FROM made), "
                f"r AS (SELECT s.pos, ROW({cast})::text AS alike FROM {STAGE} s WHERE {within}), "
                "w AS (SELECT *, row_number() OVER (PARTITION BY alike ORDER BY pos) AS n FROM r) "
                f"SELECT w.pos, {got} FROM w JOIN m USING (alike, n)"
            )
        if len(found) != expected:  # a trigger changed or swallowed rows: one at a time there is no doubt
            raise _NotAll
        return found

    def _tell_apart(self) -> Sequence[str]:
        """Fields whose values no two of the rows share: those of a key by which none may exist, or of a unique one."""
        keys = (*self._batch.unless, self._table.info.id, *self._table.info.keys)
        for names in keys:
            if names and all(n in self._set and not self._batch.rows[f"set.{n}"].null_count for n in names):
                return names
        return ()

    def _change(self, within: str) -> str:
        """The statement that updates or deletes, and answers with the positions of the rows that were as planned.

        Which were not is not asked in the same breath: so many conditions let the planner expect one row, and it
        would go through the others once for each."""
        tests = [self._equals("id", self._batch.id)]
        tests += [
            same(_t(n), self._table.columns[n], self._batch.types[n], self._stage.value(f"was.{n}"))
            for n in self._batch.columns("was")
        ]
        where = f"{within} AND {' AND '.join(tests)} RETURNING s.pos"
        if self._batch.action is Action.DELETE:
            return f"DELETE FROM {self._table.name} t USING {STAGE} s WHERE {where}"
        assign = ", ".join(f"{identifier(n)} = {value}" for n, value in self._written().items())
        return f"UPDATE {self._table.name} t SET {assign} FROM {STAGE} s WHERE {where}"

    # -- the answer --

    def _answer(self) -> pa.RecordBatch:
        if self._batch.action is not Action.CREATE:
            return self._outcomes.record_batch()
        ids: dict[str, pa.Array] = {n: self._batch.rows[f"set.{n}"] for n in self._given}
        for place, name in enumerate(self._asked):
            texts = [self._ids[at][place] if at in self._ids else None for at in range(self._size)]
            ids[name] = _typed(texts, self._id_type(name))
        return self._outcomes.record_batch(ids)

    def _id_type(self, name: str) -> Type:
        field = self._table.info.field(name)
        known: Mapping[str, Type] = self._batch.types
        return known.get(name) or (field.type if field and field.type else Type(Kind.STRING))

    def _do(self, sql: str) -> None:
        self._db.execute(sql)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._db.execute(sql).fetchall()


def _t(name: str) -> str:
    return f"t.{identifier(name)}"


def _typed(texts: Sequence[str | None], type_: Type) -> pa.Array:
    if type_.kind in (Kind.STRING, Kind.JSON):
        return pa.array(texts, pa.utf8())
    if type_.kind is Kind.INTEGER:
        return pa.array(texts, pa.utf8()).cast(pa.int64())
    return pa.array([meaning(text, type_) for text in texts], arrow_type(type_))
