"""What connectors of remote systems promise besides: about pages, and about answers that never arrive.

class TestMine(Conformance, Remote):
    page = 7
    def losing(self, config, *, effect): ...     # while it lasts no write is answered
    def shifting(self, config): ...              # while it lasts pages after the first move by one row
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.conformance.asking import CODE, THING, Asking, Config, status, thing
from erpoa_cli.sdk.connector import CreateSafety, ReadRequest


class Remote(Asking):
    """Tests beside those of `Conformance`, for objects whose `create_safety` is not a transaction."""

    page: ClassVar[int]  # rows that the object of `make` gives at a time

    @abstractmethod
    def losing(self, config: Config, *, effect: bool) -> AbstractContextManager[None]:
        """While it lasts, the connection ends instead of an answer to a write: after its *effect*, or without any."""

    @abstractmethod
    def shifting(self, config: Config) -> AbstractContextManager[None]:
        """While it lasts, every page but the first begins one row later than it should."""

    def test_every_row_is_read_at_the_edges_of_pages(self, tmp_path: Path) -> None:
        for count in (0, 1, self.page - 1, self.page, self.page + 1, 2 * self.page, 3 * self.page + 1):
            folder = tmp_path / str(count)
            folder.mkdir()
            with self.opened(folder, THING) as (session, object_):
                codes = [f"C{at:03}" for at in range(count)]
                if codes:
                    self.create(session, object_, THING, [thing(code) for code in codes])
                assert [row["code"] for row in self.rows(session, object_, THING)] == codes, count

    def test_rows_that_move_between_pages_are_told(self, tmp_path: Path) -> None:
        config, object_ = self.make(tmp_path, THING)
        with self.session(config) as session:
            self.create(session, object_, THING, [thing(f"C{at:03}") for at in range(3 * self.page)])
            with self.shifting(config):
                ended = status(session, ReadRequest(object=object_, fields=THING))
        assert ended is not ReadStatus.COMPLETE, "a row was lost between two pages and nothing was said"

    def test_a_lost_answer_is_a_doubt_and_never_a_refusal(self, tmp_path: Path) -> None:
        for effect in (True, False):
            folder = tmp_path / str(effect)
            folder.mkdir()
            config, object_ = self.make(folder, THING)
            with self.session(config) as session:
                self.create(session, object_, THING, [thing("C0", "old")])
                with self.losing(config, effect=effect):
                    made = self.create(session, object_, THING, [thing("C1"), thing("C2")], number=2)
                    changed = self.change(
                        session, object_, Action.UPDATE, [thing("C0", "old")], [{"name": "new"}]
                    )
                told = [(o["outcome"], o["error_class"]) for o in (*made, *changed)]
                assert told == [("in_doubt", "in_doubt")] * 3, told
                rows = self.rows(session, object_, THING)
                assert [r["code"] for r in rows] == (["C0", "C1", "C2"] if effect else ["C0"]), "not once"
                assert rows[0]["name"] == ("new" if effect else "old")

    def test_what_was_lost_can_be_settled(self, tmp_path: Path) -> None:
        config, object_ = self.make(tmp_path, THING)
        with self.session(config) as session:
            safety = session.objects([object_])[0].create_safety
            with self.losing(config, effect=True):
                self.create(session, object_, THING, [thing("C1"), thing("C2")], number=2)
            if safety is CreateSafety.KEY:  # the same call again, with the same key
                again = self.create(session, object_, THING, [thing("C1"), thing("C2")], number=2)
                assert [o["outcome"] for o in again] == ["applied", "applied"], again
            elif safety is CreateSafety.LOOKUP:
                found = self.found(session, object_, (CODE,), ("code",), [("C1",), ("C2",), ("C3",)])
                assert sorted(row["code"] for row in found) == ["C1", "C2"], found
            assert [row["code"] for row in self.rows(session, object_, THING)] == ["C1", "C2"], "made twice"
