"""Writing one batch: rows are locked and compared exactly, written, and read back before the transaction may commit.

What a column would change (rounds, pads, cuts, converts) is seen in the reading back and taken back: `rejected`.
Many rows go in one statement; when anything is wrong with them, they are tried one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from erpoa_cli.core.schema import STRING, Field
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.errors import Rejected
from erpoa_cli.sdk.sql import Outcomes, require_fields
from erpoa_sql.errors import failure
from erpoa_sql.reflect import Table
from erpoa_sql.select import found
from erpoa_sql.values import is_comparable, key, parameter, same

_TOGETHER = 500  # rows written by one statement


class _Moved(Exception):
    """Fewer rows were as planned than were found so: the database locks less than it says, or a trigger took rows."""


class _Changed(Exception):
    """Rows do not have the values that were written."""


class Writing:
    """A batch in a running transaction."""

    def __init__(self, connection: Connection, table: Table, batch: WriteBatch) -> None:
        require_fields(table.info, batch)
        self._db = connection
        self._table = table
        self._batch = batch
        self._creates = batch.action is Action.CREATE
        self._outcomes = Outcomes(batch.rows, deletes=batch.action is Action.DELETE)
        self._set = batch.columns("set")
        self._was = batch.columns("was")
        self._rows: list[dict[str, Any]] = batch.rows.to_pylist()
        self._bound: list[dict[str, Any]] = [{} for _ in self._rows]
        self._unseen = False  # of a row nobody can tell what it holds
        self._ids: list[tuple[Any, ...]] = [()] * len(self._rows)  # of created rows

    def all(self) -> pa.RecordBatch:
        """Write every row that can be written and answer for each."""
        self._bind()
        if self._creates:
            self._set_aside_taken()
        for start in range(0, len(self._rows), _TOGETHER):
            good = set(self._outcomes.applied())
            part = [at for at in range(start, min(start + _TOGETHER, len(self._rows))) if at in good]
            self._place(part if self._creates else self._as_planned(part))
        if not self._unseen:
            self._outcomes.read({})  # all hold exactly what was written
        if not self._creates:
            return self._outcomes.record_batch()
        own = self._table.info.id
        columns = zip(*(ids or (None,) * len(own) for ids in self._ids), strict=True)
        return self._outcomes.record_batch({n: pa.array(c) for n, c in zip(own, columns, strict=False)})

    # -- before --

    def _fields(self, names: Sequence[str]) -> list[Field]:
        return [Field(name, self._batch.types.get(name) or self._own_type(name)) for name in names]

    def _own_type(self, name: str) -> Any:
        info = self._table.info.field(name)
        return info.type if info is not None and info.type is not None else STRING

    def _values(self, at: int, prefix: str, names: Sequence[str]) -> tuple[Any, ...]:
        return tuple(self._rows[at][f"{prefix}.{name}"] for name in names)

    def _bind(self) -> None:
        """The values to write as the columns take them; rows with one that a column cannot have are rejected."""
        for at, row in enumerate(self._rows):
            for field in self._fields(self._set):
                value = row[f"set.{field.name}"]
                try:
                    if value == "" and self._db.dialect.name == "oracle":
                        raise ValueError("Oracle keeps no empty text: it would become NULL")  # noqa: TRY301
                    self._bound[at][f"set_{field.name}"] = self._parameter(field, value)
                except ValueError as error:
                    self._outcomes.unfit(at, field.name, str(error))

    def _parameter(self, field: Field, value: Any) -> Any:
        return parameter(value, field.type, self._table.table.c[field.name].type)

    def _set_aside_taken(self) -> None:
        """Creates of which there is a row already, in the table or earlier in the batch."""
        for names in self._batch.unless:
            by = self._fields(names)
            wanted = {at: self._values(at, "set", names) for at in self._outcomes.applied()}
            taken = set(self._there(by, list(wanted.values())))
            for at, values in wanted.items():
                this = key(values, by)
                if this in taken:
                    self._outcomes.taken(at)
                elif None not in values:
                    taken.add(this)

    def _as_planned(self, part: Sequence[int]) -> list[int]:
        """Those of *part* whose row is there once, as it was planned; it is locked. The others are set aside."""
        by = self._fields(self._batch.id)
        wanted = {at: self._values(at, "id", self._batch.id) for at in part}
        there = self._there(by, list(wanted.values()), self._was, lock=True)
        kept = []
        for at, values in wanted.items():
            rows = there.get(key(values, by), [])
            if len(rows) > 1:
                self._outcomes.ambiguous(at, len(rows))
            elif not rows or not self._has(at, rows[0], "was", self._was):
                self._outcomes.moved(at)
            else:
                kept.append(at)
        return kept

    def _has(self, at: int, row: Mapping[Any, Any], prefix: str, names: Sequence[str]) -> bool:
        return all(
            same(row[f.name], self._rows[at][f"{prefix}.{f.name}"], f.type) for f in self._fields(names)
        )

    def _there(
        self,
        by: Sequence[Field],
        values: Sequence[tuple[Any, ...]],
        more: Sequence[str] = (),
        *,
        lock: bool = False,
    ) -> dict[str, list[Mapping[Any, Any]]]:
        """The rows that have one of *values* in the fields *by*, by these."""
        table = self._table.table
        names = dict.fromkeys((*(f.name for f in by), *more))
        statement: Select[Any] = select(*(table.c[name].label(name) for name in names))
        if lock:
            statement = statement.with_for_update().with_hint(table, "WITH (UPDLOCK, ROWLOCK)", "mssql")
        there: dict[str, list[Mapping[Any, Any]]] = {}
        for rows in found(self._db, self._table, statement, by, values):
            for row in rows:
                there.setdefault(key((row[f.name] for f in by), by), []).append(row)
        return there

    # -- the writing --

    def _place(self, part: Sequence[int]) -> None:
        if not part:
            return
        try:
            with self._db.begin_nested():
                self._write(part)
        except SQLAlchemyError as error:
            why = failure(error)
            if not isinstance(why, Rejected):
                raise
            self._set_aside(part, partial(self._outcomes.reject, failure=why))
        except _Changed:
            why = Rejected("a column or a trigger would change the value")
            self._set_aside(part, partial(self._outcomes.reject, failure=why))
        except _Moved:
            self._set_aside(part, self._unwritten)

    def _unwritten(self, at: int) -> None:
        if self._as_planned([at]):
            self._outcomes.ignored(at)

    def _set_aside(self, part: Sequence[int], outcome: Callable[[int], None]) -> None:
        """What is wrong with rows is found one by one, and is *outcome* where there is one."""
        if len(part) == 1:
            outcome(part[0])
        else:
            for at in part:
                self._place([at])

    def _write(self, part: Sequence[int]) -> None:
        if self._creates:
            self._create(part)
        else:
            self._change(part)
        if self._batch.action is Action.DELETE:
            self._check_gone(part)
        else:
            self._check(part)

    def _create(self, part: Sequence[int]) -> None:
        statement = insert(self._table.table)
        own = self._table.info.id
        rows = [{name: self._bound[at][f"set_{name}"] for name in self._set} for at in part]
        if set(own) <= set(self._set):
            self._db.execute(statement, rows)
            for at in part:
                self._ids[at] = self._values(at, "set", own)
        else:  # numbered by the database: one by one, so that each number is sure to be its row's
            for at, row in zip(part, rows, strict=True):
                self._ids[at] = tuple(self._db.execute(statement, row).inserted_primary_key or ())

    def _change(self, part: Sequence[int]) -> None:
        """UPDATE or DELETE by identifier, with the values before once more in the statement: for databases that lock
        less than they say."""
        columns, dialect = self._table.table.c, self._db.dialect
        ids = self._fields(self._batch.id)
        before = [
            f for f in self._fields(self._was) if is_comparable(columns[f.name].type, f.type, dialect.name)
        ]
        tests = [columns[f.name] == bindparam(f"id_{f.name}") for f in ids]
        tests += [
            or_(
                columns[f.name] == bindparam(f"was_{f.name}"),
                columns[f.name].is_(None) & (bindparam(f"no_{f.name}") == 1),
            )
            for f in before
        ]
        statement: Any = delete(self._table.table).where(*tests)
        if self._batch.action is not Action.DELETE:
            values: Any = {name: bindparam(f"set_{name}") for name in self._set}
            statement = update(self._table.table).where(*tests).values(values)
        parameters = []
        for at in part:
            row = self._rows[at]
            bound = dict(self._bound[at])
            bound |= {f"id_{f.name}": self._parameter(f, row[f"id.{f.name}"]) for f in ids}
            bound |= {f"was_{f.name}": self._parameter(f, row[f"was.{f.name}"]) for f in before}
            bound |= {f"no_{f.name}": int(row[f"was.{f.name}"] is None) for f in before}
            parameters.append(bound)
        together = [parameters] if dialect.supports_sane_multi_rowcount else [[one] for one in parameters]
        if sum(self._db.execute(statement, some).rowcount for some in together) != len(part):
            raise _Moved

    def _check(self, part: Sequence[int]) -> None:
        """Every written value is in its row as it was declared; raises `_Changed` where one is not."""
        names = (self._table.info.id or self._set) if self._creates else self._batch.id
        by = self._fields(names)
        wanted = {at: self._after(at, names) for at in part}
        there = self._there(by, list(wanted.values()), self._set)
        for at, values in wanted.items():
            if (
                None in values
            ):  # a row without an identifier of its own, and NULL in what was written: not to be found
                self._unseen = True
                continue
            rows = there.get(key(values, by), [])
            if not any(self._has(at, row, "set", self._set) for row in rows):
                raise _Changed

    def _check_gone(self, part: Sequence[int]) -> None:
        """No deleted row is there; raises `_Moved` where one is."""
        by = self._fields(self._batch.id)
        if self._there(by, [self._values(at, "id", self._batch.id) for at in part]):
            raise _Moved

    def _after(self, at: int, names: Sequence[str]) -> tuple[Any, ...]:
        """The identifier of a row once it is written."""
        if self._creates and self._table.info.id:
            return self._ids[at]
        row = self._rows[at]
        return tuple(row[f"set.{n}"] if n in self._set else row[f"id.{n}"] for n in names)
