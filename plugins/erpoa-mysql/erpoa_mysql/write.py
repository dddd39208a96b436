"""One batch written within the running transaction: staged, locked, then placed by set-based statements.

A statement that the server refuses is tried in halves under savepoints, down to the rows at fault. Rows to change are
locked first, which tells those that are not as planned; what a row must still have stands also in the statement that
writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import ContractBroken, Fatal, Rejected
from erpoa_cli.sdk.meaning import meaning
from erpoa_cli.sdk.sql import Outcomes, place_by_halves
from erpoa_mysql.columns import text_of
from erpoa_mysql.errors import failure
from erpoa_mysql.reflect import Table, quoted
from erpoa_mysql.stage import STAGE, Stage
from erpoa_mysql.values import equals, is_exact, same, survives, to_native
from erpoa_mysql.wire import Wire

_SAVEPOINT = "erpoa_part"
_MOVED = "the row is gone or has other values than when it was planned"


class Writing:
    """*batch* on its way into *table*."""

    def __init__(self, db: Wire, table: Table, batch: WriteBatch) -> None:
        self._db = db
        self._table = table
        self._name = table.relation.name
        self._batch = batch
        self._outcomes = Outcomes(batch.rows)
        self._size = batch.rows.num_rows
        self._set = batch.columns("set")
        self._given = [n for n in table.info.id if n in self._set and not batch.rows[f"set.{n}"].null_count]
        creates = batch.action is Action.CREATE
        self._asked = [n for n in table.info.id if n not in self._given] if creates else []
        self._ids: dict[int, tuple[str | None, ...]] = {}  # position → identifiers that the database gave
        self._doubtful = {n: table.columns[n] for n in self._set if not self._is_exact(n)}
        natives = {f"set.{n}": of for n, of in self._doubtful.items()}
        self._stage = Stage(db, batch.rows, batch.types, natives)

    def all(self) -> pa.RecordBatch:
        """Write every row; answers per row."""
        if self._asked and not self._tells():
            raise ContractBroken(
                f"{self._name} gets {', '.join(map(repr, self._asked))} from the server, which does not tell what it gave"
            )
        for at, words in self._stage.unfit.items():
            # a value that cannot be there was not there either, or nobody could have read it
            self._outcomes.reject(at, Rejected(words))
        if self._batch.action is Action.CREATE:
            self._find_taken()
        else:
            if not self._table.is_unique(self._batch.id):
                self._find_ambiguous()
            self._find_moved()
        self._find_changed()
        left = self._outcomes.applied()
        rows = pa.RecordBatch.from_pydict({"pos": pa.array(left, pa.int64())})
        place_by_halves(rows, self._place, self._undo, self._refused(left), (_Refused,))
        self._stage.drop()
        return self._answer()

    def _is_exact(self, name: str) -> bool:
        return is_exact(self._table.columns[name], self._batch.types[name], self._batch.rows[f"set.{name}"])

    def _tells(self) -> bool:
        """Whether the server tells the identifiers it gives."""
        return self._db.tells_all_ids or self._asked == [self._table.counter]

    # -- rows that are not to be written --

    def _find_taken(self) -> None:
        """Rows to create that exist already, by one of the field sets `unless`."""
        for fields in self._batch.unless:
            taken = f"EXISTS (SELECT 1 FROM {self._name} t WHERE {self._equals('set', fields)})"
            self._stale(f"SELECT s.pos FROM {STAGE} s WHERE {taken}")
            names = ", ".join(self._key(n) for n in fields)
            whole = " AND ".join(f"{self._stage.value(f'set.{n}')} IS NOT NULL" for n in fields)
            self._stale(
                f"SELECT pos FROM (SELECT s.pos, row_number() OVER (PARTITION BY {names} ORDER BY s.pos) n "
                f"FROM {STAGE} s WHERE {whole}) r WHERE n > 1"
            )

    def _key(self, name: str) -> str:
        """What tells values apart, blanks at the end of a text too."""
        return f"cast({self._stage.value(f'set.{name}')} AS binary)"

    def _stale(self, sql: str) -> None:
        found = [at for (at,) in self._db.rows(sql)]
        for at in found:
            self._outcomes.stale(at, "a row with this key exists already")
        self._stage.remove(found)

    def _find_ambiguous(self) -> None:
        found = self._db.rows(
            f"SELECT s.pos, count(*) FROM {self._joined()} GROUP BY s.pos HAVING count(*) > 1"
        )
        for at, count in found:
            self._outcomes.reject(at, Rejected(f"{count} rows have this identifier"))
        self._stage.remove(at for at, _ in found)

    def _find_moved(self) -> None:
        """Lock the rows to change; those that are not as planned are stale."""
        here = {
            at
            for (at,) in self._db.rows(f"SELECT s.pos FROM {self._joined()}{self._as_planned()} FOR UPDATE")
        }
        moved = [at for at in self._outcomes.applied() if at not in here]
        for at in moved:
            self._outcomes.stale(at, _MOVED)
        self._stage.remove(moved)

    def _find_changed(self) -> None:
        """Rows with a value that its column would change."""
        if not self._doubtful:
            return
        cases = " ".join(
            f"WHEN NOT {survives(self._stage.native(f'set.{n}'), of, self._batch.types[n], self._stage.value(f'set.{n}'))} THEN {at}"
            for at, (n, of) in enumerate(self._doubtful.items())
        )
        found = self._db.rows(
            f"SELECT pos, which FROM (SELECT s.pos, CASE {cases} END AS which FROM {STAGE} s) r WHERE which IS NOT NULL"
        )
        names = list(self._doubtful)
        for at, which in found:
            native = self._doubtful[names[which]].native
            words = f"{names[which]}: a column of type {native} would change the value"
            self._outcomes.reject(at, Rejected(words))
        self._stage.remove(at for at, _ in found)

    # -- placing --

    def _place(self, part: pa.RecordBatch) -> None:
        """Write the rows *part* (positions) or none of them."""
        first, last = part["pos"][0].as_py(), part["pos"][part.num_rows - 1].as_py()
        within = f"s.pos BETWEEN {first} AND {last}"
        self._db.run(f"SAVEPOINT {_SAVEPOINT}")
        try:
            if self._batch.action is Action.CREATE:
                done = self._create(within, part)
            else:
                done = self._db.run(self._change(within))
        except Error as error:
            why = failure(error)
            if isinstance(why, Rejected):
                raise _Refused(why) from error
            raise  # tried in halves it would only fail more often; a deadlock has undone the savepoint too
        if done != part.num_rows:
            raise Fatal(f"the server says it wrote {done} of {part.num_rows} rows of {self._name}")
        self._db.run(f"RELEASE SAVEPOINT {_SAVEPOINT}")

    def _undo(self, _: Sequence[pa.RecordBatch]) -> None:
        self._db.run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")

    def _refused(self, positions: Sequence[int]) -> Any:
        def refused(at: int, error: Exception) -> None:
            assert isinstance(error, _Refused)
            self._outcomes.reject(positions[at], error.why)

        return refused

    def _create(self, within: str, part: pa.RecordBatch) -> int:
        """Insert; notes the identifiers that the server gave."""
        written = self._written()
        insert = (
            f"INSERT INTO {self._name} ({', '.join(map(quoted, written))}) SELECT {', '.join(written.values())} "
            f"FROM {STAGE} s WHERE "
        )
        if not self._asked:
            return self._db.run(f"{insert}{within} ORDER BY s.pos")
        positions = part["pos"].to_pylist()
        if self._db.tells_all_ids:
            given = ", ".join(text_of(quoted(n), self._table.columns[n]) for n in self._asked)
            found = self._db.rows(
                f"{insert}{within} ORDER BY s.pos RETURNING {given}"
            )  # in the order they came
        else:
            found = []
            for at in positions:  # numbers of one statement may have gaps where others write too
                self._db.run(f"{insert}s.pos = {at}")
                found += self._db.rows("SELECT cast(last_insert_id() AS char)")
        self._ids.update(zip(positions, found, strict=False))
        return len(found)

    def _change(self, within: str) -> str:
        """The statement that updates or deletes."""
        where = f"{self._as_planned()} AND {within}"
        if self._batch.action is Action.DELETE:
            return f"DELETE t FROM {self._joined()}{where}"
        assign = ", ".join(f"t.{quoted(n)} = {value}" for n, value in self._written().items())
        return f"UPDATE {self._joined()} SET {assign}{where}"

    def _joined(self) -> str:
        # in this order: our rows are few, theirs are found by an index
        return f"{STAGE} s STRAIGHT_JOIN {self._name} t ON {self._equals('id', self._batch.id)}"

    def _as_planned(self) -> str:
        tests = [
            same(_t(n), self._table.columns[n], self._batch.types[n], self._stage.value(f"was.{n}"))
            for n in self._batch.columns("was")
        ]
        return f" WHERE {' AND '.join(tests or ['true'])}"

    def _written(self) -> dict[str, str]:
        """The columns to write and their values."""
        return {
            n: self._stage.native(f"set.{n}")
            if n in self._doubtful
            else to_native(self._stage.value(f"set.{n}"), self._table.columns[n], self._batch.types[n])
            for n in self._set
        }

    def _equals(self, prefix: str, names: Sequence[str]) -> str:
        return " AND ".join(
            equals(_t(n), self._table.columns[n], self._batch.types[n], self._stage.value(f"{prefix}.{n}"))
            for n in names
        )

    # -- the answer --

    def _answer(self) -> pa.RecordBatch:
        if self._batch.action is not Action.CREATE:
            return self._outcomes.record_batch()
        ids: dict[str, pa.Array] = {n: self._batch.rows[f"set.{n}"] for n in self._given}
        for place, name in enumerate(self._asked):
            type_ = self._id_type(name)
            texts = [self._ids[at][place] if at in self._ids else None for at in range(self._size)]
            ids[name] = pa.array([meaning(text, type_) for text in texts], arrow_type(type_))
        return self._outcomes.record_batch(ids)

    def _id_type(self, name: str) -> Type:
        known: Mapping[str, Type] = self._batch.types
        field = self._table.info.field(name)
        return known.get(name) or (field.type if field and field.type else Type(Kind.STRING))


class _Refused(Exception):
    """Rows that the server refuses; *why* is in its own words."""

    def __init__(self, why: Rejected) -> None:
        super().__init__(str(why))
        self.why = why


def _t(name: str) -> str:
    return f"t.{quoted(name)}"
