"""What connectors of databases promise of values: exactly, or in words, or not at all; and compared as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import parse_type
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.conformance.asking import Config
from erpoa_cli.sdk.conformance.database import Database, each
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest, Writable
from erpoa_cli.sdk.meaning import Unparsed, meaning


class Values(Database):
    """Every case stands in the dialect."""

    def test_a_value_is_read_exactly_or_as_words_that_no_type_parses(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.dialect.before) as (config, session):

            def check(native: str, made: str, type_: str, arrives: Any, parses: bool) -> None:
                self.renew(config, f"v {native}", f"1, {made}", "2, NULL")
                rows, verdict = read(session, "t", id="integer", v=type_)
                assert verdict.status == "complete", verdict
                found = {int(row["id"]): row["v"] for row in rows}
                assert found == {1: arrives, 2: None}, f"{found!r:.200}"
                if isinstance(arrives, str):
                    assert isinstance(meaning(arrives, parse_type(type_)), Unparsed) is not parses

            each(self.dialect.read, check)

    def test_one_odd_value_does_not_spoil_the_others(self, tmp_path: Path) -> None:
        native, odd, plain, type_ = self.dialect.odd
        with self.ready(tmp_path, *self.dialect.before) as (config, session):
            self.renew(config, f"a {native}, b {native}", f"1, {odd}, {plain}", f"2, {plain}, {plain}")
            reading = session.read(ReadRequest(object="t", fields=fields(a=type_, b=type_)))
            table = pa.Table.from_batches(list(reading), reading.schema)
            assert reading.verdict.status == "complete", reading.verdict
            assert table.num_rows == 2, "a row was left out"
            assert table.schema.field("a").type == pa.utf8(), "words need a text"
            alone = session.read(ReadRequest(object="t", fields=fields(b=type_)))
            assert table.schema.field("b").type == alone.schema.field("b").type, "the other column suffers"
            assert table["b"].to_pylist() == [row["b"] for row in told(alone)[0]]

    def test_a_value_is_written_exactly_or_rejected_alone(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.dialect.before) as (config, session):
            each(self.dialect.written, lambda *case: self._written(config, session, *case))

    def _written(
        self, config: Config, session: Writable, native: str, type_: str, value: Any, stored: str | None
    ) -> None:
        self.renew(config, f"v {native}")
        writer = Writer(session, "t", id="integer", v=type_)
        answers = writer.create([{"id": 1, "v": None}, {"id": 2, "v": value}, {"id": 3, "v": None}])
        expected = "rejected" if stored is None else "applied"
        assert outcomes(answers) == ["applied", expected, "applied"], f"{answers!r:.400}"
        found = dict(self.run(config, f"SELECT id, {self.dialect.shown(native)} FROM t"))
        assert found == {1: None, 3: None, **({2: stored} if stored is not None else {})}, f"{found!r:.200}"
        if stored is None:
            assert answers[1]["error"], "rejected without a word"
            return
        asked = ReadRequest(object="t", fields=fields(id="integer", v=type_))
        sought = session.find(
            asked, ("v",), pa.table({"v": pa.array([value], arrow_type(writer.types["v"]))})
        )
        assert [int(row["id"]) for row in told(sought)[0]] == [2], "what was written is not found"
        # what was written is recognised as unchanged, whatever its spelling
        two = [{"id": 2}]
        assert outcomes(writer.update(two, [{"v": None}], [{"id": 2, "v": None}])) == ["stale"], "no NULL"
        assert outcomes(writer.update(two, [{"v": value}], [{"id": 2, "v": value}])) == ["applied"], "stale?"
        assert outcomes(writer.delete(two, [{"id": 2, "v": value}])) == ["applied"], "stale?"

    def test_what_a_row_holds_now_is_never_taken_for_what_it_held(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.dialect.before) as (config, session):

            def check(native: str, made: str, type_: str, was: Any) -> None:
                self.renew(config, f"v {native}", f"1, {made}")
                writer = Writer(session, "t", id="integer", v=type_)
                assert outcomes(writer.update([{"id": 1}], [{"v": None}], [{"v": was}])) == ["stale"], (
                    "written"
                )
                assert outcomes(writer.delete([{"id": 1}], [{"v": was}])) == ["stale"], "deleted"

            each(self.dialect.moved, check)

    def test_another_spelling_of_the_same_value_is_as_planned(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.dialect.before) as (config, session):

            def check(native: str, made: str, type_: str, was: Any) -> None:
                self.renew(config, f"v {native}", f"1, {made}")
                writer = Writer(session, "t", id="integer", v=type_)
                assert outcomes(writer.update([{"id": 1}], [{"v": was}], [{"v": was}])) == ["applied"], (
                    "update"
                )
                assert outcomes(writer.delete([{"id": 1}], [{"v": was}])) == ["applied"], "delete"

            each(self.dialect.spelt, check)

    def test_keys_are_compared_byte_by_byte(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.dialect.before) as (config, session):
            each(((native,) for native in self.dialect.keys), lambda key: self._key(config, session, key))

    def _key(self, config: Config, session: Writable, native: str) -> None:
        text = self.dialect.text
        self.run(
            config, "DROP TABLE IF EXISTS keyed", f"CREATE TABLE keyed (code {native} PRIMARY KEY, v {text})"
        )
        key, other = ("ab", "AB")
        if "uuid" in native.lower():
            key = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
            other = key.upper()
        elif "binary" in native.lower():
            key, other = "6162", "4142"
        writer = Writer(session, "keyed", ("code",), code="string", v="string")
        new = [{"code": key, "v": "1"}]
        assert outcomes(writer.create(new, unless=(("code",),))) == ["applied"], "not created"
        assert outcomes(writer.update([{"code": other}], [{"v": "2"}])) == ["stale"], (
            f"{other} was taken for {key}"
        )
        assert outcomes(writer.create(new, unless=(("code",),))) == ["stale"], "created twice"
        asked = ReadRequest(object="keyed", fields=fields(code="string"))
        for sought, count in ((key, 1), (other, 0), (f"{key} ", 0), ("nul\0", 0), ("名", 0)):
            found, verdict = told(session.find(asked, ("code",), pa.table({"code": [sought]})))
            assert (len(found), verdict.status) == (count, "complete"), f"{sought!r} found {found}, {verdict}"
        assert outcomes(writer.update([{"code": key}], [{"v": "2"}])) == ["applied"], "not updated"
        assert outcomes(writer.delete([{"code": other}])) == ["stale"], f"{other} was taken for {key}"
