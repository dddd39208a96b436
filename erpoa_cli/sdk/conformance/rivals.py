"""What connectors of databases promise while others write too: waited for, told, never overwritten."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from erpoa_cli.sdk.conformance.asking import Config, raised
from erpoa_cli.sdk.conformance.batches import TYPES, Batches
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes
from erpoa_cli.sdk.connector import ReadRequest, Writable
from erpoa_cli.sdk.errors import Transient

_PATIENCE = 60.0  # seconds for others to come to an end
_OLD = ("INSERT INTO thing VALUES (1, 'a', 1, 'old')", "INSERT INTO thing VALUES (2, 'b', 1, 'old')")
_CHARACTERS = 5_000_000  # read by one statement: more than lies between a server and us


class Rivals(Batches):
    """Others are sessions of the connector in threads, and transactions by hand."""

    several_batches: ClassVar[int] = 10_000  # rows that are not read as one batch
    takes_turns: ClassVar[bool] = True  # our sessions wait for each other where no unique key stops them
    waits: ClassVar[bool] = True  # whether a writer waits for another; else it is told at once, as transient

    @abstractmethod
    def rival(self, config: Config) -> AbstractContextManager[Callable[[str], object]]:
        """What runs statements in a transaction of somebody else, which is committed when the block ends."""

    @abstractmethod
    def hurried(self, config: Config) -> AbstractContextManager[Writable]:
        """A session that waits for others a second at most."""

    def is_waited(self, config: Config) -> bool:  # noqa: ARG002 - not every database tells
        """Whether a writer waits for a lock of the rival."""
        time.sleep(0.2)
        return True

    def test_a_row_changed_while_we_wait_for_it_is_stale(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, self.thing(), *_OLD) as (config, session):
            writer = Writer(session, "thing", **TYPES)
            told: list[str] = []

            def ours() -> None:
                new, was = [{"name": "ours"}] * 2, [{"name": "old"}] * 2
                told.extend(outcomes(writer.update([{"id": 1}, {"id": 2}], new, was)))

            thread = threading.Thread(target=ours)
            with self.rival(config) as run:
                run("UPDATE thing SET name = 'theirs' WHERE id = 1")
                if self.waits:
                    thread.start()
                    self._until_waited(config)
                    assert told == [], "it did not wait"
                else:
                    assert raised(ours, Transient), "it is not told"
            if not self.waits:
                thread.start()
            thread.join(_PATIENCE)
            assert told == ["stale", "applied"], told
            found = self.run(config, "SELECT name FROM thing ORDER BY id")
            assert found == [("theirs",), ("ours",)], found

    def _until_waited(self, config: Config) -> None:
        until = time.monotonic() + _PATIENCE
        while not self.is_waited(config):
            assert time.monotonic() < until, "nobody waits for a lock"
            time.sleep(0.15)  # MariaDB tells nothing new to who asks more often

    def test_two_that_create_the_same_key(self, tmp_path: Path) -> None:
        """With a unique key whoever it is; without one only another session of ours waits."""
        self._two(tmp_path / "unique", "UNIQUE")
        if self.takes_turns:
            self._two(tmp_path / "free", "")

    def _two(self, folder: Path, unique: str) -> None:
        folder.mkdir()
        text = self.dialect.text
        config = self.place(folder)
        self.run(config, f"CREATE TABLE keyed (code {text} {unique}, v {text})")
        rows = [{"code": f"K{at}", "v": "x"} for at in range(300)]
        told: list[list[dict[str, Any]]] = []
        with self.session(config) as one, self.session(config) as other:
            writers = [Writer(s, "keyed", ("code",), code="string", v="string") for s in (one, other)]
            writers[0].create([{"code": "first", "v": ""}])  # makes the ledger

            def create(writer: Writer) -> None:
                until = time.monotonic() + _PATIENCE
                while time.monotonic() < until:
                    try:
                        told.append(writer.create(rows, unless=(("code",),)))
                    except Transient:
                        if self.waits:
                            raise
                    else:
                        return

            threads = [threading.Thread(target=create, args=(writer,)) for writer in writers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(_PATIENCE)
        found = self.run(config, "SELECT count(*), count(DISTINCT code) FROM keyed")
        assert [tuple(map(int, counts)) for counts in found] == [(301, 301)], found
        assert sorted(outcomes(answers).count("applied") for answers in told) == [0, 300], "not by one alone"
        late = {(a["outcome"], a["error_class"]) for a in chain(*told) if a["outcome"] != "applied"}
        assert late <= {("stale", "stale"), ("rejected", "duplicate")}, late

    def test_a_lock_that_is_not_given_is_transient(self, tmp_path: Path) -> None:
        config = self.place(tmp_path)
        self.run(config, self.thing(), *_OLD)
        with self.hurried(config) as session:
            writer = Writer(session, "thing", **TYPES)
            with self.rival(config) as run:
                run("UPDATE thing SET name = 'theirs' WHERE id = 1")
                try:
                    answers = writer.update([{"id": 1}], [{"name": "ours"}])
                except Transient as error:
                    told = str(error)
                else:
                    raise AssertionError(f"not told: {answers}")
                assert all(word in told for word in self.dialect.words["lock"]), told
            assert outcomes(writer.update([{"id": 1}], [{"name": "ours"}])) == ["applied"], "not usable"

    def test_a_read_sees_one_state(self, tmp_path: Path) -> None:
        number, size = self.dialect.number, self.several_batches
        made = f"CREATE TABLE t (id {number} PRIMARY KEY, v {self.dialect.long})"
        text = "x" * (_CHARACTERS // size)
        begun = [f"INSERT INTO t VALUES ({at}, '{text}')" for at in range(10)]
        more = f"INSERT INTO t SELECT t.id + 10 * n.id, t.v FROM t, n WHERE n.id <= {size // 10 - 1} AND n.id > 0"
        with self.ready(tmp_path, made, *begun, *self._numbers(size // 10), more) as (config, session):
            reading = session.read(ReadRequest(object="t", fields=fields(id="integer", v="string")))
            batches = iter(reading)
            table = [next(batches)]
            assert table[0].num_rows < size, "one batch: nothing is left that could change"
            self.run(config, "DELETE FROM t WHERE id > 10", f"INSERT INTO t VALUES ({size}, 'late')")
            table.extend(batches)
            assert reading.verdict.status == "complete", reading.verdict
            found = pa.Table.from_batches(table)["id"].to_pylist()
            assert sorted(map(int, found)) == list(range(size)), "rows of two states"

    def _numbers(self, size: int) -> Iterator[str]:
        """Statements that make a table `n` of numbers below some power of two that is *size* or more."""
        yield f"CREATE TABLE n (id {self.dialect.number})"
        yield "INSERT INTO n VALUES (0)"
        for bit in range(size.bit_length()):
            yield f"INSERT INTO n SELECT id + {1 << bit} FROM n"
