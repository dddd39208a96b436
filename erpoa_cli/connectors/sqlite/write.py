"""One batch written into a SQLite table within the running transaction.

Fast when all goes well: one call of the driver for all rows. When a row is refused or not as planned, that is
undone and the rows are written one by one, each with its own outcome.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from erpoa_cli.connectors.sqlite.errors import failure
from erpoa_cli.connectors.sqlite.look import differing
from erpoa_cli.connectors.sqlite.reflect import Table
from erpoa_cli.connectors.sqlite.select import Lookup
from erpoa_cli.connectors.sqlite.values import Stored, encode
from erpoa_cli.core.schema import grouped, identifier, literal
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import MasterMissing, Rejected
from erpoa_cli.sdk.sql import Outcomes, SecondLook


class Writing:
    """*batch* on its way into *table*. *restart* begins the transaction anew after SQLite has ended it by itself
    (a trigger may say ROLLBACK)."""

    def __init__(
        self, db: sqlite3.Connection, table: Table, batch: WriteBatch, restart: Callable[[], None]
    ) -> None:
        self._db = db
        self._cursor = db.cursor()
        self._table = table
        self._batch = batch
        self._begin = restart
        self._marked = False  # there is a savepoint to go back to
        self._outcomes = Outcomes(batch.rows, deletes=batch.action is Action.DELETE)
        self._size = batch.rows.num_rows
        self._keys: dict[int, tuple[Any, ...]] = {}  # position → identifier that SQLite gave
        self._asked: tuple[str, ...] = ()  # identifiers that SQLite gives
        if batch.action is Action.CREATE:
            self._prepare_create()
        else:
            self._prepare_change()

    def all(self) -> pa.RecordBatch:
        """Write every row; answers per row."""
        self._looked_at(lambda: self._write(self._outcomes.applied()))
        return self._answer()

    def _looked_at(self, write: Callable[[], None]) -> None:
        """*write* the rows that are applied, and read them again; until there is none to take back."""
        self._mark()
        write()
        while lost := self._look():
            if self._marked:
                self._cursor.execute("ROLLBACK TO erpoa_whole")
            else:
                self._cursor.execute("ROLLBACK")
                self._restart()
                self._mark()
            self._keys.clear()
            for at, outcome in lost.items():
                outcome(at)
            write()

    def _mark(self) -> None:
        self._cursor.execute("SAVEPOINT erpoa_whole")
        self._marked = True

    def _restart(self) -> None:
        self._marked = False
        self._begin()

    def _look(self) -> Mapping[int, Callable[[int], None]]:
        batch, names, id_ = self._batch, self._batch.columns("set"), self._table.info.id
        creates = batch.action is Action.CREATE
        by = id_ if creates and id_ else batch.id
        if creates and not id_ and any(n not in names or batch.rows[f"set.{n}"].null_count for n in by):
            return {}  # nobody can tell which row is which
        todo = self._outcomes.applied()
        if not by or not todo:
            return {}
        written = dict(zip(names, self._bound, strict=False))
        ids = dict(zip(batch.id, self._bound[len(names) :], strict=False))  # of rows that were there
        keys = [
            [_plain(self._keys[at][self._asked.index(n)]) for at in todo]
            if n in self._asked and creates
            else [(written if n in written else ids)[n][at] for at in todo]
            for n in by
        ]
        values = {n: [column[at] for at in todo] for n, column in written.items()}
        found = differing(self._db, self._table, by, keys, values, batch.types)
        told = {todo[at]: rows for at, rows in found.items()}
        if batch.action is Action.DELETE:
            told = {at: rows for at, rows in told.items() if rows}
        return SecondLook(batch, self._outcomes).judge(told)

    def without_dangling(self) -> pa.RecordBatch:
        """Write every row but those that leave a reference without its row: what foreign keys checked at the end of
        the transaction refuse. SQLite does not say which rows these are, so they are found by halves."""
        self._looked_at(self._write_by_halves)
        return self._answer()

    def _write_by_halves(self) -> None:
        todo = [self._outcomes.applied()]
        before = self._dangling()
        while todo:
            part = todo.pop()
            self._cursor.execute("SAVEPOINT erpoa_part")
            self._write(part)
            after = self._dangling()
            if after <= before:
                before = after
            else:
                self._cursor.execute("ROLLBACK TO erpoa_part")
                if len(part) == 1:
                    self._outcomes.reject(part[0], MasterMissing("FOREIGN KEY constraint failed"))
                else:
                    half = len(part) // 2
                    todo += [part[half:], part[:half]]
            self._cursor.execute("RELEASE erpoa_part")

    def _dangling(self) -> int:
        found = self._cursor.execute("SELECT count(*) FROM pragma_foreign_key_check").fetchone()
        return int(found[0])

    # -- statements --

    def _prepare_create(self) -> None:
        batch, table = self._batch, self._table
        names = batch.columns("set")
        self._bound = self._values("set", names)
        for at in self._taken():
            self._outcomes.taken(at)
        self._given = [n for n in table.info.id if n in names and not batch.rows[f"set.{n}"].null_count]
        self._asked = tuple(n for n in table.info.id if n not in self._given)
        columns = ", ".join(identifier(n) for n in names)
        values = f"({columns}) VALUES ({', '.join('?' * len(names))})" if names else "DEFAULT VALUES"
        # OR ABORT: a conflict clause in the table's own definition (REPLACE, IGNORE, ROLLBACK) must not win
        self._sql = f"INSERT OR ABORT INTO {identifier(batch.object)} {values}"
        if self._asked and self._asked != (table.rowid,):
            self._sql += f" RETURNING {', '.join(identifier(n) for n in self._asked)}"

    def _prepare_change(self) -> None:
        batch = self._batch
        names = batch.columns("set")
        self._bound = [
            *self._values("set", names),
            *self._values("id", batch.id),
            *self._values("was", batch.columns("was")),
        ]
        assign = ", ".join(f"{identifier(n)} = ?" for n in names)
        head = f"UPDATE OR ABORT {identifier(batch.object)} AS t SET {assign}"
        if batch.action is Action.DELETE:
            head = f"DELETE FROM {identifier(batch.object)} AS t"
        self._sql = f"{head} WHERE {self._tests(len(names) + 1)}"
        if not self._table.is_unique(batch.id):
            for at, found in self._lookup("id", batch.id).counts().items():
                if found > 1:
                    self._outcomes.ambiguous(at, found)

    def _tests(self, first: int) -> str:
        """The WHERE of an update or delete; its parameters are numbered from *first*: identifiers, then what the row
        must still have. The plus sign keeps SQLite from converting a stored value before it is compared; COLLATE
        keeps a column that ignores case from doing so here."""
        batch = self._batch
        tests = [f"t.{identifier(name)} COLLATE BINARY = ?{first + at}" for at, name in enumerate(batch.id)]
        for at, name in enumerate(batch.columns("was"), first + len(batch.id)):
            column, type_ = f"t.{identifier(name)}", literal(str(batch.types[name]))
            tests.append(f"(+{column} COLLATE BINARY IS ?{at} OR erpoa_same({column}, ?{at}, {type_}))")
        return grouped(tests, " AND ")

    def _values(self, prefix: str, names: Sequence[str]) -> list[list[Stored]]:
        """The values to bind per column; rows with a value to write that its column cannot keep are rejected."""
        columns = []
        for name in names:
            stored = encode(
                self._table.stores[name], self._batch.types[name], self._batch.rows[f"{prefix}.{name}"]
            )
            columns.append(stored[0])
            for at, words in stored[1].items() if prefix == "set" else ():
                self._outcomes.unfit(at, name, words)
        return columns

    def _taken(self) -> set[int]:
        """Positions of the rows to create that exist already, by one of the field sets `unless`."""
        taken: set[int] = set()
        for fields in self._batch.unless:
            lookup = self._lookup("set", fields)
            taken |= lookup.counts().keys() | lookup.repeated()
        return taken

    def _lookup(self, prefix: str, fields: Sequence[str]) -> Lookup:
        values = pa.table({name: self._batch.rows[f"{prefix}.{name}"] for name in fields})
        return Lookup(self._db, self._table, fields, values, self._batch.types)

    # -- writing --

    def _write(self, todo: Sequence[int]) -> None:
        if not self._at_once(todo):
            self._one_by_one(todo)

    def _at_once(self, todo: Sequence[int]) -> bool:
        """Write the rows *todo* with one call of the driver; False, with nothing written, unless each took effect."""
        if self._asked or not self._bound:
            return False
        columns = self._bound if len(todo) == self._size else [[c[at] for at in todo] for c in self._bound]
        self._cursor.execute("SAVEPOINT erpoa_batch")
        try:
            self._cursor.executemany(self._sql, zip(*columns, strict=True))
            if self._cursor.rowcount == len(todo):
                self._cursor.execute("RELEASE erpoa_batch")
                return True
        except sqlite3.Error as error:
            if not isinstance(failure(error), Rejected):
                raise
        if self._db.in_transaction:
            self._cursor.execute("ROLLBACK TO erpoa_batch")
            self._cursor.execute("RELEASE erpoa_batch")
        else:
            self._restart()
        return False

    def _one_by_one(self, todo: Sequence[int]) -> None:
        """Write the rows *todo* each by its own statement, which SQLite undoes by itself when it fails."""
        left = list(todo)
        while left:
            at = self._first_lost(left)
            if at is None:
                return
            self._restart()  # the rows before it are gone with the transaction: once more, without it
            left.remove(at)

    def _first_lost(self, todo: Sequence[int]) -> int | None:
        """Write until a row ends the whole transaction; None when none does."""
        returning, creates = "RETURNING" in self._sql, self._batch.action is Action.CREATE
        execute, bound = self._cursor.execute, self._bound
        for at in todo:
            try:
                cursor = execute(self._sql, [column[at] for column in bound])
                row = cursor.fetchone() if returning else None
                if returning:
                    cursor.fetchone()  # to its end, so that the statement is done
            except sqlite3.Error as error:
                why = failure(error)
                if not isinstance(why, Rejected):
                    raise
                self._outcomes.reject(at, why)
                if not self._db.in_transaction:
                    return at
                continue
            if row is None if returning else cursor.rowcount != 1:
                if creates or self._is_as_planned(at):
                    self._outcomes.ignored(at)
                else:
                    self._outcomes.moved(at)
            elif self._asked:
                self._keys[at] = row if row is not None else (cursor.lastrowid,)
        return None

    def _is_as_planned(self, at: int) -> bool:
        """Whether the row to change is there as it was planned, though it was not written."""
        names = self._batch.columns("set")
        sql = f"SELECT 1 FROM {identifier(self._batch.object)} AS t WHERE {self._tests(1)}"
        return self._db.execute(sql, [c[at] for c in self._bound[len(names) :]]).fetchone() is not None

    def _answer(self) -> pa.RecordBatch:
        if self._batch.action is not Action.CREATE:
            return self._outcomes.record_batch()
        ids = {n: self._batch.rows[f"set.{n}"] for n in self._given}
        for place, name in enumerate(self._asked):
            ids[name] = pa.array(
                [_plain(self._keys[at][place]) if at in self._keys else None for at in range(self._size)]
            )
        return self._outcomes.record_batch(ids)


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
