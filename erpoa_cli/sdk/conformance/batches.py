"""What connectors of databases promise of batches: the bad rows apart, the identifiers told, nothing guessed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from erpoa_cli.sdk.conformance.asking import Config, raised
from erpoa_cli.sdk.conformance.database import Database, each
from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read
from erpoa_cli.sdk.connector import Writable
from erpoa_cli.sdk.errors import Denied, SystemFailure

TYPES = {"id": "integer", "code": "string", "qty": "integer", "name": "string"}


def row(id_: int, code: str | None = None, qty: int = 1, name: str | None = "名") -> dict[str, Any]:
    return {"id": id_, "code": code or f"C{id_}", "qty": qty, "name": name}


class Batches(Database):
    """Tables are made by hand, in the words of the dialect."""

    large: ClassVar[int] = 20_000  # rows: work that grows with their square is seen
    cascades: ClassVar[bool] = True  # a foreign key may say ON DELETE CASCADE

    def bounded(self, config: Config) -> AbstractContextManager[Writable]:
        """A session whose statements end after seconds, where the database can do that."""
        return self.session(config)

    def thing(self) -> str:
        number, text = self.dialect.number, self.dialect.text
        return (
            f"CREATE TABLE thing (id {number} PRIMARY KEY, code {text} UNIQUE, qty {number} CHECK (qty >= 0), "
            f"name {text} NOT NULL)"
        )

    def test_each_refusal_has_its_class_and_no_value(self, tmp_path: Path) -> None:
        number = self.dialect.number
        line = f"CREATE TABLE line (id {number} PRIMARY KEY, thing {number} REFERENCES thing (id))"
        taken = "INSERT INTO thing VALUES (1, 'taken-secret', 1, 'x')"
        with self.ready(tmp_path, self.thing(), line, taken) as (config, session):
            things = Writer(session, "thing", **TYPES)
            answers = things.create(
                [row(2), row(3, "taken-secret"), row(4, qty=-1), row(5, name=None), row(6), row(6, "again")]
            )
            told = [(a["outcome"], a["error_class"]) for a in answers]
            good, twice, bad = ("applied", None), ("rejected", "duplicate"), ("rejected", "rejected")
            assert told == [good, twice, bad, bad, good, twice], answers
            for kind, at in (("duplicate", 1), ("check", 2), ("null", 3)):
                for word in self.dialect.words[kind]:
                    assert word in answers[at]["error"], f"{word!r} is not in {answers[at]['error']!r}"
            assert not any("secret" in (a["error"] or "") for a in answers), "a value is told"
            lines = Writer(session, "line", id="integer", thing="integer")
            answers = lines.create([{"id": 1, "thing": 2}, {"id": 2, "thing": 99}, {"id": 3, "thing": None}])
            assert [a["error_class"] for a in answers] == [None, "master_missing", None], answers
            # the other way round nothing is missing: the row is still needed
            answers = things.delete([{"id": 2}, {"id": 6}])
            assert [a["error_class"] for a in answers] == ["rejected", None], answers
            assert self.run(config, "SELECT id FROM thing ORDER BY id") == [(1,), (2,)]

    def test_what_hangs_on_a_row_is_told(self, tmp_path: Path) -> None:
        """A delete takes it along, or changes it: whoever plans the delete must know."""
        number = self.dialect.number
        effects = ("CASCADE", "SET NULL") if self.cascades else ()
        tables = [
            f"CREATE TABLE line{at} (id {number} PRIMARY KEY, thing {number}, FOREIGN KEY (thing) REFERENCES thing (id) {rule})"
            for at, rule in enumerate(("", *(f"ON DELETE {effect}" for effect in effects)))
        ]
        rows = [f"INSERT INTO line{at} VALUES (1, 1), (2, 1)" for at in range(1, len(tables))]
        first = "INSERT INTO thing VALUES (1, 'A', 1, 'x')"
        with self.ready(tmp_path, self.thing(), *tables, first, *rows) as (_, session):
            (info,) = session.objects(["thing"])
            told = sorted((h.object, h.fields, h.references, h.effect) for h in info.hanging)
            wanted = [(f"line{at}", ("thing",), ("id",), effect) for at, effect in enumerate(effects, 1)]
            assert told == wanted, f"{told} hang on a thing, not {wanted}"

    def test_unique_sets_of_fields_are_told(self, tmp_path: Path) -> None:
        """What is written is ordered by them: a value is free before it is taken."""
        number, text = self.dialect.number, self.dialect.text
        columns = f"id {number} PRIMARY KEY, code {text}, floor {text}, place {text}"
        seat = f"CREATE TABLE seat ({columns}, UNIQUE (code), UNIQUE (floor, place))"
        with self.ready(tmp_path, seat) as (_, session):
            (info,) = session.objects(["seat"])
            assert set(info.keys) - set(info.exchangeable) == {("code",), ("floor", "place")}, info.keys

    def test_many_bad_rows_among_many_good_ones(self, tmp_path: Path) -> None:
        bad = set(range(0, 280, 7))
        with self.ready(tmp_path, self.thing()) as (config, session):
            rows = [row(at, qty=-1 if at in bad else 1) for at in range(280)]
            answers = Writer(session, "thing", **TYPES).create(rows)
            assert {a["ordinal"] for a in answers if a["outcome"] == "rejected"} == bad, "not the bad rows"
            found = {id_ for (id_,) in self.run(config, "SELECT id FROM thing")}
            assert found == set(range(280)) - bad, "the rest goes on"

    def test_identifiers_the_database_gives_are_matched_to_their_rows(self, tmp_path: Path) -> None:
        dialect = self.dialect
        names = ("b", "a", None, "", "bad", "same", "same", '"),(')
        rows = [{"name": n, "amount": None, "f": Decimal("0.100")} for n in names]
        with self.ready(tmp_path) as (config, session):

            def check(column: str, type_: str, more: tuple[str, ...]) -> None:
                name = f"name {dialect.text} CHECK (name <> 'bad')"
                made = f"{column}, {name}, amount {dialect.decimal}, f {dialect.float}"
                self.run(config, "DROP TABLE IF EXISTS made", f"CREATE TABLE made ({made})", *more)
                types = {"name": "string", "amount": "decimal(9,1)", "f": "decimal(9,3)"}
                answers = Writer(session, "made", id=type_, **types).create(rows)
                assert outcomes(answers) == ["rejected" if n == "bad" else "applied" for n in names], answers
                found = {str(id_): name for id_, name in self.run(config, "SELECT id, name FROM made")}
                assert len({a["id.id"] for a in answers}) == len(rows), "an identifier was told twice"
                told = [found.get(str(a["id.id"]), "bad") for a in answers]
                assert told == list(names), "identifiers of other rows"

            each(dialect.given, check)

    def test_rows_without_values_are_created_from_defaults(self, tmp_path: Path) -> None:
        column, type_, more = self.dialect.given[0]
        defaults = f"name {self.dialect.text} DEFAULT 'd', n {self.dialect.number} DEFAULT 7"
        made = f"CREATE TABLE made ({column}, {defaults})"
        with self.ready(tmp_path, made, *more) as (config, session):
            answers = Writer(session, "made", id=type_, name="string").create([{"name": "a"}, {"name": None}])
            found = set(self.run(config, "SELECT id, name, n FROM made"))
            assert found == {(answers[0]["id.id"], "a", 7), (answers[1]["id.id"], None, 7)}, found

    def test_an_identifier_that_is_not_unique_is_not_guessed(self, tmp_path: Path) -> None:
        loose = f"CREATE TABLE loose (id {self.dialect.number}, v {self.dialect.text})"
        values = [f"INSERT INTO loose VALUES ({value})" for value in ("1, 'a'", "1, 'b'", "2, 'c'")]
        with self.ready(tmp_path, loose, *values) as (config, session):
            writer = Writer(session, "loose", id="integer", v="string")
            ids: list[dict[str, Any]] = [{"id": 1}, {"id": 99}, {"id": 2}]
            answers = writer.update(ids, [{"v": "x"}, {"v": "z"}, {"v": "y"}])
            assert outcomes(answers) == ["rejected", "stale", "applied"], answers
            assert "2 rows" in answers[0]["error"], answers[0]
            assert sorted(self.run(config, "SELECT v FROM loose")) == [("a",), ("b",), ("y",)]

    def test_keys_of_several_columns_and_odd_names(self, tmp_path: Path) -> None:
        name, number = 'odd "name" %s `[名]; DROP', self.dialect.number
        quoted = self.quote(name)
        columns = f"a {number}, {quoted} {self.dialect.text}, v {number}, PRIMARY KEY (a, {quoted})"
        with self.ready(tmp_path, f"CREATE TABLE {quoted} ({columns})") as (_, session):
            writer = Writer(session, name, ("a", name), **{"a": "integer", name: "string", "v": "integer"})
            keys = [{"a": 1, name: "x"}, {"a": 1, name: "y"}, {"a": 2, name: "x"}]
            answers = writer.create([{**key, "v": 0} for key in keys], unless=(("a", name),))
            assert outcomes(answers) == ["applied"] * 3, answers
            answers = writer.update(keys, [{"v": at} for at in range(3)], [{"v": 0}] * 3)
            assert outcomes(answers) == ["applied"] * 3, answers
            assert outcomes(writer.delete(keys[:2], [{"v": 0}, {"v": 0}])) == ["applied", "stale"]
            rows = read(session, name, a="string", **{name: "string"}, v="string")[0]
            assert [tuple(map(str, row.values())) for row in rows] == [("1", "y", "1"), ("2", "x", "2")], rows

    def test_a_generated_column_is_described_and_not_written(self, tmp_path: Path) -> None:
        number = self.dialect.number
        made = f"CREATE TABLE made (id {number} PRIMARY KEY, y {number}, twice {self.dialect.computed})"
        with self.ready(tmp_path, made) as (config, session):
            (info,) = session.objects(["made"])
            assert [f.name for f in info.fields if not f.writable] == ["twice"], info
            writer = Writer(session, "made", id="integer", y="integer", twice="integer")
            assert outcomes(writer.create([{"id": 1, "y": 4}])) == ["applied"]
            assert self.run(config, "SELECT twice FROM made") == [(8,)]
            assert raised(lambda: writer.create([{"id": 2, "y": 1, "twice": 2}]), SystemFailure), "written"

    def test_read_only_never_writes(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, self.thing()) as (config, _):
            pass
        with self.session({**config, "read_only": True}) as session:
            assert raised(lambda: Writer(session, "thing", **TYPES).create([row(1)]), Denied), "not denied"
        assert self.run(config, "SELECT id FROM thing") == []

    def test_a_large_batch_is_told_row_by_row(self, tmp_path: Path) -> None:
        size = self.large
        config = self.place(tmp_path)
        self.run(config, self.thing())
        rows = [row(at) for at in range(size)]
        ids = [{"id": at} for at in range(size)]
        moved = {13, *range(7, size, 1000)}
        with self.bounded(config) as session:
            writer = Writer(session, "thing", **TYPES)
            new = [{**r, "qty": -1} if r["id"] == 13 else r for r in rows]
            answers = writer.create(new, unless=(("id",), ("code",)))
            assert [a["ordinal"] for a in answers if a["outcome"] != "applied"] == [13], (
                "one was to be refused"
            )
            assert sorted(a["ordinal"] for a in answers) == list(range(size)), "not one answer for each row"
            self.run(config, "UPDATE thing SET qty = 2 WHERE id % 1000 = 7")
            was = [{"code": r["code"], "qty": 1, "name": r["name"]} for r in rows]
            answers = writer.update(ids, [{"name": "neu"}] * size, was)
            assert {a["ordinal"] for a in answers if a["outcome"] == "stale"} == moved
            answers = writer.delete(ids, [{"name": "neu"}] * size)
            assert {a["ordinal"] for a in answers if a["outcome"] == "stale"} == moved
        assert {at for (at,) in self.run(config, "SELECT id FROM thing")} == moved - {13}
