"""What connectors of databases promise of several reads at one moment."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from erpoa_cli.sdk.conformance.database import Database
from erpoa_cli.sdk.conformance.writer import fields, told
from erpoa_cli.sdk.connector import Moment, ReadRequest, Steady

_ROW = "id {number} PRIMARY KEY, v {text}"


class Moments(Database):
    """Others write between the reads of a moment, each time in a transaction of their own."""

    steady: ClassVar[bool] = True  # whether several reads of this database can see one state

    def test_a_moment_is_one_state_of_all_tables(self, tmp_path: Path) -> None:
        columns = _ROW.format(number=self.dialect.number, text=self.dialect.text)
        here, there = (f"CREATE TABLE {name} ({columns})" for name in ("here", "there"))
        with self.ready(tmp_path, *self.dialect.before, here, there) as (config, session):
            self.run(config, "INSERT INTO here VALUES (1, 'a')", "INSERT INTO here VALUES (2, 'b')")
            moment = session.moment() if isinstance(session, Steady) else None
            assert (moment is not None) is self.steady
            if moment is None:
                return
            try:
                self.run(config, "INSERT INTO there VALUES (3, 'c')")
                assert _ids(moment, "there") == [], "it begins with the first read, not when it was asked for"
                self.run(
                    config,
                    "INSERT INTO there SELECT * FROM here WHERE id = 1",
                    "DELETE FROM here WHERE id = 1",
                )
                assert _ids(moment, "here") == [1, 2], "what moved is gone"
                assert _ids(moment, "there") == [], "another state is seen"
                failed = moment.read(ReadRequest(object="nowhere", fields=fields(id="integer")))
                assert (list(failed), failed.verdict.status) == ([], "failed")
                assert _ids(moment, "here") == [1, 2], "a read that failed ended it"
            finally:
                moment.close()
            after = session.moment() if isinstance(session, Steady) else None
            assert after is not None
            try:
                assert (_ids(after, "here"), _ids(after, "there")) == ([2], [1, 3]), "the moment did not end"
            finally:
                after.close()


def _ids(moment: Moment, table: str) -> list[int]:
    rows, verdict = told(moment.read(ReadRequest(object=table, fields=fields(id="integer"))))
    assert verdict.status == "complete", verdict
    return sorted(int(row["id"]) for row in rows)
