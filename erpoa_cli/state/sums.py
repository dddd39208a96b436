"""Sums over what the control store remembers: a bit that turned on the disk is noticed before it decides anything.

Most tables have one sum per environment, renewed by the transaction that changes them, so that a row that is lost is
noticed too. Rows of the journal, which only grows, and pointers to images, which can be made anew one by one, have sums of
their own; those of a run that is under way are added up, until it is over. A sum detects damage, not an attacker.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from operator import xor
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.database import Database, Row

SUMMED = frozenset(
    {"environments", "systems", "runs", "edits", "rejected", "doubts", "tasks", "protected", "reads", "snapshots"}
)  # fmt: skip
_JOURNAL = frozenset({"intents", "results"})
SINGLY = _JOURNAL | {"images"}
SUM = "sum"  # their column

_UNDER_WAY = "journal "  # and a run: what the sums of its journal's rows make together
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE) (\w+)")
_REMEDY = (
    "restore the state from a backup (`erpoa state restore`); without one, put .erpoa (or the schema of a shared state) "
    "aside and plan: rows are then recognised by `match`"
)


def row_sum(table: str, row: Mapping[str, Any]) -> str:
    """The sum that a *row* of one of the tables `SINGLY` is kept with, over all its other columns."""
    return _digest(table, [{name: value for name, value in row.items() if name != SUM}])


class Sums:
    """The sums of one environment. Of use inside one transaction, or under the lock: a table is looked at once."""

    __slots__ = ("_database", "_environment", "_known", "_touched")

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment
        self._known: set[str] = set()
        self._touched: set[str] = set()

    def look(self, sql: str) -> None:
        """Before *sql* reads or changes them: the tables that it names have the sums that they were left with. Failure
        E0523 names the one that has not."""
        for table in _among(sql, SUMMED) - self._known:
            self._known.add(table)
            self._check(table)
        if _among(sql, _JOURNAL) and _UNDER_WAY not in self._known:
            self._known.add(_UNDER_WAY)
            self._check_journals()

    def touch(self, sql: str) -> None:
        """*sql* changes a table, whose sum `keep` renews."""
        self.look(sql)
        self._touched |= _among(sql, SUMMED)

    def keep(self) -> None:
        """Renew the sums of what this transaction changed; a part of it."""
        for table in sorted(self._touched):
            rows = self._database.query(f"SELECT * FROM {table} WHERE environment = ?", (self._environment,))
            self._database.execute(
                """INSERT INTO sums (environment, name, digest) VALUES (?, ?, ?)
                   ON CONFLICT (environment, name) DO UPDATE SET digest = excluded.digest""",
                (self._environment, table, _digest(table, rows)),
            )
        self._touched.clear()

    def begin_journal(self, run: str) -> None:
        """A run begins, with an empty journal."""
        self._database.execute(
            "INSERT INTO sums (environment, name, digest) VALUES (?, ?, ?)",
            (self._environment, _UNDER_WAY + run, _together([])),
        )

    def add_to_journal(self, run: str, sums: Sequence[str]) -> None:
        """Rows with these *sums* are added to the journal of *run*."""
        for row in self._journals(run):
            self._database.execute(
                "UPDATE sums SET digest = ? WHERE environment = ? AND name = ?",
                (_together([row["digest"], *sums]), self._environment, row["name"]),
            )

    def end_journal(self, run: str) -> None:
        """The run is over: what its journal says is in the base."""
        self._database.execute(
            "DELETE FROM sums WHERE environment = ? AND name = ?", (self._environment, _UNDER_WAY + run)
        )

    def _journals(self, run: str = "") -> list[Row]:
        return self._database.query(
            "SELECT name, digest FROM sums WHERE environment = ? AND name LIKE ?",
            (self._environment, f"{_UNDER_WAY}{run or '%'}"),
        )

    def _check_journals(self) -> None:
        for kept in self._journals():
            run = kept["name"].removeprefix(_UNDER_WAY)
            found = [
                row["sum"]
                for table in sorted(_JOURNAL)
                for row in self._database.query(
                    f"SELECT sum FROM {table} WHERE environment = ? AND run = ?", (self._environment, run)
                )
            ]
            if _together(found) != kept["digest"]:
                raise _damaged(f"the journal of the run {run}", _REMEDY)

    def drop(self) -> None:
        """The transaction was undone."""
        self._touched.clear()

    def _check(self, table: str) -> None:
        # One statement, one moment: a row of the sum alone stands for a table without rows.
        found = self._database.query(
            f"""SELECT sums.digest AS kept, sums.name AS summed, t.* FROM sums
                LEFT JOIN {table} t ON t.environment = sums.environment
                WHERE sums.environment = ? AND sums.name = ?""",
            (self._environment, table),
        )
        if not found:  # written by an erpoa that kept none
            return
        kept = found[0]["kept"]
        rows = [{n: v for n, v in row.items() if n not in ("kept", "summed")} for row in found]
        if _digest(table, [row for row in rows if row["environment"] is not None]) != kept:
            raise _damaged(f"{table} of {self._environment!r}", _REMEDY)


def judge(sql: str, rows: Sequence[Row]) -> None:
    """Failure E0523 where one of *rows*, which *sql* reads whole, is not what was written."""
    if not rows or SUM not in rows[0]:
        return
    (table,) = _among(sql, SINGLY)
    for row in rows:
        if row[SUM] and row_sum(table, row) != row[SUM]:  # one without was written by an erpoa that kept none
            if table == "images":
                raise _damaged(
                    f"which base image {row['target']} has",
                    f"run `erpoa state rebuild {row['target']}`: it makes the image anew of the archive and the journal",
                )
            raise _damaged(f"{table} of the run {row['run']}", _REMEDY)


@lru_cache(maxsize=512)
def _among(sql: str, tables: frozenset[str]) -> frozenset[str]:
    return tables.intersection(_NAMED.findall(sql))


def _digest(table: str, rows: Iterable[Mapping[str, Any]]) -> str:
    lines = sorted(json.dumps(sorted(row.items()), default=_hex) for row in rows)
    return hashlib.sha256("\n".join([table, *lines]).encode()).hexdigest()


def _together(sums: Iterable[str]) -> str:
    """What *sums* make together, in whatever order they came."""
    return f"{reduce(xor, (int(one or '0', 16) for one in sums), 0):064x}"


def _hex(value: bytes | memoryview) -> str:
    return bytes(value).hex()


def _damaged(what: str, remedy: str) -> Failure:
    return Failure(
        Diagnostic(
            "E0523",
            f"the control store is damaged: {what}",
            detail="What is there does not have the sum that it was left with.",
            remedy=remedy,
        )
    )
