"""The tests themselves: what `sdk.connector` promises."""

from __future__ import annotations

import itertools
import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import STRING, TIMESTAMP, Field, Type
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.sdk.conformance.asking import (
    AMOUNT,
    CODE,
    NAME,
    RUN,
    THING,
    Asking,
    Config,
    Row,
    comparable,
    ended,
    raised,
    status,
    thing,
)
from erpoa_cli.sdk.conformance.hostile import NAMES, TEXTS, VALUES
from erpoa_cli.sdk.connector import Connector, CreateSafety, ReadRequest, Session
from erpoa_cli.sdk.errors import InDoubt, SystemFailure
from erpoa_cli.sdk.meaning import meaning

_AMOUNT = meaning("1234567890.1201", AMOUNT.type)  # close to those of `thing`, not equal
_AT = meaning("2024-02-29T12:00:00.000002", TIMESTAMP)


class Conformance(Asking):
    """What a connector promises, as tests. Hooks with a default may be overridden."""

    refuses_rows: ClassVar[bool] = True  # whether `make` gives an object that refuses such a row

    @abstractmethod
    def elsewhere(self, config: Config, folder: Path) -> Config:
        """The config of another place of the same kind, an exact copy of the first."""

    @abstractmethod
    def damage(self, config: Config, object: str) -> None:
        """Make the object such that reading it whole is not possible any more."""

    @abstractmethod
    def lossy(self, folder: Path) -> tuple[Config, str, Sequence[str]] | None:
        """An object and its fields that no declared type reads without loss; None when the system has none."""

    def holds(self, value: Any, type_: Type) -> bool:  # noqa: ARG002 - most systems hold everything
        """Whether the system can hold *value* at all (many cannot hold NUL in a text). What it cannot hold must
        be rejected, row by row; changed silently it must never be."""
        return True

    def named(self, name: str) -> bool:  # noqa: ARG002 - most systems take any name
        """Whether the system can have a field that is called *name*."""
        return True

    def problems(self, session: Session) -> Sequence[str]:
        """What `check` tells, but for what is true of the system that the tests run against."""
        return session.check()

    # -- what every value goes through --

    def test_every_value_comes_back(self, tmp_path: Path) -> None:
        for place, (type_, values) in enumerate(VALUES.items()):
            folder = tmp_path / str(place)
            folder.mkdir()
            fields = (CODE, Field("value", type_))
            rows = [{"code": f"{at:03}", "value": value} for at, value in enumerate((*values, None))]
            with self.opened(folder, fields) as (session, object_):
                outcomes = self.create(session, object_, fields, rows)
                held = [row["value"] is None or self.holds(row["value"], type_) for row in rows]
                expected = ["applied" if well else "rejected" for well in held]
                assert [o["outcome"] for o in outcomes] == expected, (str(type_), outcomes)
                found = {row["code"]: row["value"] for row in self.rows(session, object_, fields)}
                assert len(found) == sum(held)
                for row in itertools.compress(rows, held):
                    back, sent = found[row["code"]], comparable(row["value"], type_)
                    assert back == sent, f"{type_}: {sent!r:.100} came back as {back!r:.100}"

    def test_hostile_texts_are_only_data(self, tmp_path: Path) -> None:
        rows = [{"code": text, "name": text} for text in TEXTS if text and self.holds(text, STRING)]
        with self.opened(tmp_path, (CODE, NAME)) as (session, object_):
            self.create(session, object_, (CODE, NAME), rows, unless=(("code",),))
            for row in rows:
                found = self.found(session, object_, (CODE, NAME), ("code",), [(row["code"],)])
                assert found == [row], f"{row['code']!r:.60} found {found!r:.200}"

    def test_fields_may_be_called_anything(self, tmp_path: Path) -> None:
        """Names of users never meet those of the connector: each value arrives in its own field."""
        fields = (CODE, *(Field(name, STRING) for name in NAMES if self.named(name)))
        first = [{f.name: f"{f.name}/{at}" for f in fields} for at in range(3)]
        with self.opened(tmp_path, fields) as (session, object_):
            self.create(session, object_, fields, first[:2], unless=(("code",),))
            assert self.rows(session, object_, fields) == first[:2]
            for field in fields[1:]:
                found = self.found(session, object_, fields, (field.name,), [(first[1][field.name],)])
                assert found == [first[1]], f"{field.name!r} found {found!r:.200}"
            double = {**first[2], fields[1].name: first[0][fields[1].name]}
            told = self.create(session, object_, fields, [double], unless=((fields[1].name,),), number=2)
            assert [t["outcome"] for t in told] == ["stale"], told

            def columns(prefix: str, row: Row) -> dict[str, pa.Array]:
                return {f"{prefix}.{f.name}": pa.array([row[f.name]]) for f in fields if f is not CODE}

            new = {f.name: first[0]["code"] if f is CODE else f"new {f.name}" for f in fields}
            id_ = {"id.code": pa.array([first[0]["code"]])}
            changed = {**id_, **columns("set", new), **columns("was", first[0])}
            told = self._write(session, object_, Action.UPDATE, fields, changed, (), 3, True)
            assert [t["outcome"] for t in told] == ["applied"], told
            assert self.rows(session, object_, fields) == [new, first[1]]
            told = self._write(
                session, object_, Action.DELETE, fields, {**id_, **columns("was", first[0])}, (), 4, True
            )
            assert [t["outcome"] for t in told] == ["stale"], told
            told = self._write(
                session, object_, Action.DELETE, fields, {**id_, **columns("was", new)}, (), 5, True
            )
            assert [t["outcome"] for t in told] == ["applied"], told
            assert self.rows(session, object_, fields) == [first[1]]

    # -- outcomes --

    def test_each_row_has_its_own_outcome(self, tmp_path: Path) -> None:
        rows = [thing(f"C{at}", "refused" if at in (3, 7) else f"名称{at}") for at in range(10)]
        with self.opened(tmp_path, THING) as (session, object_):
            outcomes = self.create(session, object_, THING, rows)
            assert sorted(o["ordinal"] for o in outcomes) == list(range(10)), "one outcome per row"
            refused = {o["ordinal"] for o in outcomes if o["outcome"] == Outcome.REJECTED}
            assert refused == ({3, 7} if self.refuses_rows else set()), outcomes
            assert all(o["error"] and o["error_class"] for o in outcomes if o["outcome"] == Outcome.REJECTED)
            assert len(self.rows(session, object_, THING)) == 10 - len(refused), "the rest goes on"

    def test_a_create_gives_the_row_s_own_identifier(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            outcomes = self.create(session, object_, THING, [thing("C1"), thing("C2")])
            assert [o["id.code"] for o in sorted(outcomes, key=lambda o: o["ordinal"])] == ["C1", "C2"]

    def test_an_update_writes_only_what_is_as_planned(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(
                session, object_, THING, [thing("C1", "old"), thing("C2", "moved"), thing("C3", None)]
            )
            before = [thing("C1", "old"), thing("C2", "old"), thing("C3", ""), thing("C4", "old")]
            after = [{"name": f"new {row['code']}"} for row in before]
            outcomes = self.change(session, object_, Action.UPDATE, before, after)
            assert [o["outcome"] for o in outcomes] == ["applied", "stale", "stale", "stale"], outcomes
            names = {row["code"]: row["name"] for row in self.rows(session, object_, THING)}
            assert names == {"C1": "new C1", "C2": "moved", "C3": None}, names

    def test_a_precondition_is_exact(self, tmp_path: Path) -> None:
        near: Sequence[Row] = (
            {"name": "OLD"},
            {"name": "old "},
            {"name": None},
            {"amount": _AMOUNT},
            {"at": _AT},
        )
        for place, moved in enumerate(near):
            folder = tmp_path / str(place)
            folder.mkdir()
            with self.opened(folder, THING) as (session, object_):
                row = thing("C1", "old")
                self.create(session, object_, THING, [{**row, **moved}])
                for action in (Action.UPDATE, Action.DELETE):
                    outcomes = self.change(session, object_, action, [row], [{"name": "lost"}])
                    assert outcomes[0]["outcome"] == Outcome.STALE, f"{moved} was overwritten"

    def test_null_to_value_and_back(self, tmp_path: Path) -> None:
        empty = {"code": "C1", "name": None, "amount": None, "at": None}
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, [empty])
            full = thing("C1", "")
            assert self.change(session, object_, Action.UPDATE, [empty], [full])[0]["outcome"] == "applied"
            assert self.rows(session, object_, THING) == [full]
            assert self.change(session, object_, Action.UPDATE, [full], [empty])[0]["outcome"] == "applied"
            assert self.rows(session, object_, THING) == [empty]

    def test_a_delete_takes_its_row_only(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, [thing("C1"), thing("C2"), thing("C3", "moved")])
            outcomes = self.change(session, object_, Action.DELETE, [thing("C1"), thing("C3")])
            assert [o["outcome"] for o in outcomes] == ["applied", "stale"], outcomes
            assert sorted(row["code"] for row in self.rows(session, object_, THING)) == ["C2", "C3"]

    def test_a_create_is_stale_when_the_row_exists(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, [thing("C1", "theirs")])
            outcomes = self.create(
                session, object_, THING, [thing("C1", "ours"), thing("C2")], unless=(("code",),), number=2
            )
            assert [o["outcome"] for o in outcomes] == ["stale", "applied"], outcomes
            names = {row["code"]: row["name"] for row in self.rows(session, object_, THING)}
            assert names["C1"] == "theirs", names

    # -- the ledger --

    def test_a_batch_is_committed_with_its_ledger_row(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            transactional = session.objects([object_])[0].create_safety is CreateSafety.TRANSACTION
            assert session.committed(RUN, 1) is (False if transactional else None)
            self.create(session, object_, THING, [thing("C1")])
            assert session.committed(RUN, 1) is (True if transactional else None)
            assert session.committed(RUN, 2) is (False if transactional else None)
            assert session.committed("another", 1) is (False if transactional else None)
            if transactional:
                assert raised(lambda: self.create(session, object_, THING, [thing("C9")]), InDoubt), (
                    "written twice"
                )
                assert [row["code"] for row in self.rows(session, object_, THING)] == ["C1"]

    def test_the_ledger_is_no_object_and_can_be_forbidden(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            before = {info.address for info in session.objects()}
            self.create(session, object_, THING, [thing("C1")], ledger=False)
            assert not session.committed(RUN, 1)
            self.create(session, object_, THING, [thing("C2")])
            assert {info.address for info in session.objects()} == before

    def test_a_batch_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            wrong = (*THING, Field("no_such_field", STRING))
            rows = [{**thing("C1"), "no_such_field": "x"}]
            try:  # refused as a whole, or row by row
                told = self.create(session, object_, wrong, rows)
            except SystemFailure:
                told = []
            assert not [row for row in told if row["outcome"] == "applied"], "an unknown field was written"
            assert not session.committed(RUN, 1)
            assert self.rows(session, object_, THING) == []
            assert self.create(session, object_, THING, [thing("C1")])[0]["outcome"] == "applied", (
                "the session is usable"
            )

    # -- reading --

    def test_find_gives_the_rows_asked_for(self, tmp_path: Path) -> None:
        rows = [thing(f"C{at}", f"名{at % 3}") for at in range(30)]
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, rows)
            found = self.found(session, object_, THING, ("code",), [("C1",), ("C29",), ("no",)])
            assert sorted(row["code"] for row in found) == ["C1", "C29"], found
            assert self.found(session, object_, THING, ("code",), [("c1",), ("C1 ",)]) == [], (
                "only equal values"
            )
            found = self.found(session, object_, THING, ("name", "amount"), [("名1", rows[0]["amount"])])
            assert len(found) == 10, found
            found = self.found(session, object_, THING, ("at",), [(rows[0]["at"],)])
            assert len(found) == 30, "every row once"
            assert self.found(session, object_, THING, ("code",), []) == []

    def test_since_gives_later_rows_and_those_without_a_stamp(self, tmp_path: Path) -> None:
        rows = [
            {**thing(f"C{at}"), "at": meaning(f"2024-01-0{at}T00:00:00", TIMESTAMP)} for at in range(1, 5)
        ]
        rows.append({**thing("C9"), "at": None})
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, rows)
            asked = ReadRequest(object=object_, fields=THING, cursor="at", since="2024-01-03T00:00:00.000000")
            reading = session.read(asked)
            table = pa.Table.from_batches(list(reading), reading.schema)
            assert sorted(table["code"].to_pylist()) == ["C3", "C4", "C9"]

    def test_a_read_tells_how_it_ended(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, [thing("C1"), thing("C2")])
            reading = session.read(ReadRequest(object=object_, fields=THING))
            assert ended(reading) == "failed", "not finished yet"
            list(reading)
            assert ended(reading) == "complete"
            assert reading.verdict.evidence["rows"] == 2

    def test_what_cannot_be_read_is_never_no_rows(self, tmp_path: Path) -> None:
        config, object_ = self.make(tmp_path, THING)
        with self.session(config) as session:
            self.create(session, object_, THING, [thing("C1"), thing("C2")])
            for asked in (
                ReadRequest(object="no_such_object", fields=THING),
                ReadRequest(object=object_, fields=(CODE, Field("no_such_field", STRING))),
            ):
                assert status(session, asked) is ReadStatus.FAILED, asked
        self.damage(config, object_)
        assert self.ending(config, object_) != "complete", "a damaged object was read as complete"

    def test_fields_are_named_after_the_declaration(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            self.create(session, object_, THING, [thing("C1", "x")])
            renamed = (Field("number", STRING, path="code"), Field("code", STRING, path="name"))
            reading = session.read(ReadRequest(object=object_, fields=renamed))
            assert pa.Table.from_batches(list(reading), reading.schema).to_pylist() == [
                {"number": "C1", "code": "x"}
            ]

    # -- what there is --

    def test_objects_are_described(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, THING) as (session, object_):
            assert object_ in {info.address for info in session.objects()}
            assert session.objects(["no_such_object"]) == []
            info = session.objects([object_])[0]
            assert [f.name for f in info.fields] == [f.name for f in THING]
            assert info.id == ("code",)
            assert session.unwritable(object_) == "", "nothing is in the way"
            assert not (problems := self.problems(session)), problems

    def test_lossy_columns_are_refused(self, tmp_path: Path) -> None:
        case = self.lossy(tmp_path)
        if case is None:
            return
        config, object_, names = case
        with self.session(config) as session:
            info = session.objects([object_])[0]
            for name in names:
                field = info.field(name)
                assert field is not None
                assert field.type is None, f"{name} ({field.native}) was given the type {field.type}"
                assert "declare" in field.refused, (
                    f"{name}: {field.refused!r} does not say which type to declare"
                )

    def test_identity_tells_places_apart(self, tmp_path: Path) -> None:
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        config, _ = self.make(here, THING)
        other = self.elsewhere(config, there)
        with self.session(config) as one, self.session(config) as again:
            assert one.identity() == again.identity()
            first = one.identity()
        with self.session(other) as session:
            assert session.identity() != first

    def test_config_is_described(self) -> None:
        schema = json.loads(json.dumps(self.connector.config_schema))
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert set(schema.get("required", ())) <= set(schema["properties"])
        for name in ("source_options", "target_options", "filter_schema"):
            assert json.loads(json.dumps(getattr(self.connector, name)))["type"] == "object"
        assert issubclass(self.connector, Connector)
        assert all(issubclass(ability, Session) for ability in self.connector.abilities)
