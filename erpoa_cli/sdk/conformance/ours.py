"""What connectors of databases promise of their answers: they tell what the rows hold, read before anybody else could come
between; and what cannot be found again under its identifier is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from erpoa_cli.sdk.conformance.asking import Config
from erpoa_cli.sdk.conformance.database import Database
from erpoa_cli.sdk.conformance.writer import Writer, outcomes
from erpoa_cli.sdk.connector import READ

TYPES = {"id": "integer", "code": "string", "name": "string"}


def row(id_: int, code: str, name: str = "x") -> dict[str, Any]:
    return {"id": id_, "code": code, "name": name}


class Ours(Database):
    """Triggers are made in the words of the dialect, where the database has them."""

    def form(self, *kinds: str, keyed: str = "id") -> list[str]:
        """A table `form` with triggers of these *kinds*, if any, in which *keyed* is the primary key."""
        number, text = self.dialect.number, self.dialect.text
        key = f", PRIMARY KEY ({keyed})" if keyed else ""
        triggers = [s for kind in kinds for s in self.dialect.triggers.get(kind, ())]
        return [
            f"CREATE TABLE form (id {number} NOT NULL, code {text} NOT NULL, name {text}{key})",
            *triggers,
        ]

    def held(self, config: Config) -> list[tuple[Any, ...]]:
        return [
            (int(id_), *rest)
            for id_, *rest in self.run(config, "SELECT id, code, name FROM form ORDER BY id")
        ]

    def test_answers_tell_what_the_rows_hold(self, tmp_path: Path) -> None:
        with self.ready(tmp_path, *self.form()) as (config, session):
            writer = Writer(session, "form", **TYPES)
            new, was = [{"name": "y"}, {"name": "名"}], [{"name": "x"}] * 2
            self._all_told(config, writer.create([row(1, "a"), row(2, "B")]))
            self._all_told(config, writer.update([{"id": 1}, {"id": 2}], new, was))
            gone = writer.delete([{"id": 1}], [{"name": "y"}])
            assert (gone[0]["outcome"], gone[0].get(READ)) == ("applied", True), gone

    def _all_told(self, config: Config, answers: list[dict[str, Any]]) -> None:
        assert outcomes(answers) == ["applied"] * len(answers), answers
        assert all(answer.get(READ) for answer in answers), "it does not say what it read"
        assert [answer["seen.name"] for answer in answers] == [name for _, _, name in self.held(config)], (
            answers
        )

    def test_a_changed_identifier_is_the_same_row(self, tmp_path: Path) -> None:
        for keyed, key in (("code", ("code",)), ("id, code", ("id", "code"))):
            folder = tmp_path / keyed.replace(", ", "-")
            folder.mkdir()
            with self.ready(folder, *self.form(keyed=keyed)) as (config, session):
                writer = Writer(session, "form", key, **TYPES)
                writer.create([row(1, "a"), row(2, "b"), row(3, "c")])
                ids = [{n: old[n] for n in key} for old in (row(1, "a"), row(2, "b"))]
                new = [{"code": "z", "name": "new"}, {"code": "c", "name": "new"}]
                answers = writer.update(ids, new, [{"name": "x"}] * 2)
                taken = keyed == "code"  # another row has it
                assert outcomes(answers) == ["applied", "rejected" if taken else "applied"], answers
                second = (2, "b", "x") if taken else (2, "c", "new")
                assert self.held(config) == [(1, "z", "new"), second, (3, "c", "x")], answers
                assert answers[0].get(READ), "not found again under its new identifier"

    def test_what_a_trigger_makes_of_a_value_is_told(self, tmp_path: Path) -> None:
        if "capitals" not in self.dialect.triggers:
            return
        with self.ready(tmp_path, *self.form("capitals")) as (config, session):
            writer = Writer(session, "form", **TYPES)
            self._as_told(
                config, writer.create([row(1, "a"), row(2, "B"), row(3, "c")]), {1: "A", 2: "B", 3: "C"}
            )
            new = [{"code": "bb", "name": "y"}]
            self._as_told(config, writer.update([{"id": 2}], new, [{"name": "x"}]), {2: "BB"}, {2: "B"})

    def _as_told(
        self,
        config: Config,
        answers: list[dict[str, Any]],
        made: dict[int, str],
        before: dict[int, str] | None = None,
    ) -> None:
        """Of every row the answer tells what is there; or it is rejected, and there is what was *before*."""
        codes = {id_: code for id_, code, _ in self.held(config)}
        for answer, (id_, code) in zip(answers, made.items(), strict=True):
            if answer["outcome"] == "applied":
                assert (answer["seen.code"], codes.get(id_)) == (code, code), answers
            else:
                assert answer["outcome"] == "rejected", answers
                assert codes.get(id_) == (before or {}).get(id_), "rejected, and committed all the same"

    def test_an_identifier_that_a_trigger_changes_is_found_or_not_there(self, tmp_path: Path) -> None:
        if "capitals" not in self.dialect.triggers:
            return
        for keyed in ("code", ""):
            folder = tmp_path / f"by-{keyed}"
            folder.mkdir()
            with self.ready(folder, *self.form("capitals", keyed=keyed)) as (config, session):
                writer = Writer(session, "form", ("code",), **TYPES)
                made = [row(1, "a"), row(2, "B")]
                for again in (False, True):
                    first, second = writer.create(made, unless=(("code",),))
                    assert second["outcome"] == ("stale" if again else "applied"), "created twice"
                    here = {id_: code for id_, code, _ in self.held(config)}
                    if first["outcome"] == "applied":
                        assert here == {1: first["id.code"], 2: "B"}, first
                    else:
                        assert (first["outcome"], here) == ("rejected", {2: "B"}), first
                (answer,) = writer.update([{"code": "B"}], [{"code": "new"}], [{"name": "x"}])
                (code,) = [code for id_, code, _ in self.held(config) if id_ == 2]
                assert (answer["outcome"], code) in (
                    ("rejected", "B"),
                    ("applied", answer.get("seen.code")),
                ), answer

    def test_a_change_that_a_trigger_keeps_from_a_row_is_rejected(self, tmp_path: Path) -> None:
        """It is neither applied, nor is the row another than planned: it would be planned for ever."""
        for kind in ("keep", "skip"):
            if kind not in self.dialect.triggers:
                continue
            folder = tmp_path / kind
            folder.mkdir()
            with self.ready(folder, *self.form(kind)) as (config, session):
                writer = Writer(session, "form", **TYPES)
                writer.create([row(at, f"c{at}") for at in range(6)])
                new = [{"name": "keep" if at % 2 else "new"} for at in range(6)]
                answers = writer.update([{"id": at} for at in range(6)], new, [{"name": "x"}] * 6)
                assert outcomes(answers) == ["applied", "rejected"] * 3, answers
                assert [name for _, _, name in self.held(config)] == ["new", "x"] * 3, answers
