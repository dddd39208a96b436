"""The way of a document through its states."""

from __future__ import annotations

from dataclasses import replace

from erpoa_cli.core.lifecycle import ABSENT, TASK, UNDO, Lifecycle, Move, Step

ORDER = Lifecycle(
    field="state",
    states={"received": "qty > 0", "cancelled": "c = 'B'", "confirmed": "d = 'C'", "draft": "true"},
    moves=(
        Move(("draft",), "confirmed", ("submit", "audit")),
        Move(("confirmed",), "draft", ("unaudit",)),
        Move(("draft", "confirmed"), "cancelled", ("cancel",)),
        Move(("draft",), ABSENT, ("delete",)),
    ),
)


def calls(start: str, to: str) -> list[str] | None:
    way = ORDER.path(start, to)
    return None if way is None else [step.call for step in way]


def test_ways():
    assert calls("draft", "confirmed") == ["submit", "audit"]
    assert calls("confirmed", ABSENT) == ["unaudit", "delete"]
    assert calls("draft", "draft") == []
    assert calls("received", "draft") is None
    assert calls("cancelled", "confirmed") is None
    assert calls("elsewhere", "draft") is None


def test_only_the_last_call_of_a_move_reaches_its_state():
    assert ORDER.path("draft", "confirmed") == (
        Step("submit", "draft", "confirmed", between=True),
        Step("audit", "draft", "confirmed", first=False),
    )


def test_the_shortest_way_wins_then_the_one_declared_first():
    moves = (
        Move(("a",), "b", ("x",)),
        Move(("b",), "c", ("y",)),
        Move(("a",), "c", ("z",)),
        Move(("a",), "c", ("w",)),
    )
    cycle = Lifecycle(field="s", states=dict.fromkeys("abc", ""), moves=moves)
    assert [step.call for step in cycle.path("a", "c") or ()] == ["z"]
    round_about = [Move((start,), to, (start + to,)) for start, to in ("ab", "ad", "de", "ec", "bc")]
    longer = replace(cycle, states=dict.fromkeys("abcde", ""), moves=tuple(round_about))
    assert [step.call for step in longer.path("a", "c") or ()] == ["ab", "bc"]


def test_the_state_of_a_new_document():
    assert ORDER.first == "draft"
    assert Lifecycle(field="s", states={"draft": "", "done": ""}).first == "draft"


UNDONE = replace(
    ORDER,
    undo={"draft": ABSENT, "confirmed": "cancelled", "received": TASK},
    dead=frozenset({"cancelled"}),
    editable=frozenset({"draft"}),
)


def told(steps: tuple[Step, ...] | None) -> list[str] | None:
    return None if steps is None else [step.call for step in steps]


def test_undo_follows_the_real_state():
    assert UNDONE.goal("draft", UNDO) == ABSENT
    assert UNDONE.goal("confirmed", UNDO) == "cancelled"
    assert UNDONE.goal("received", UNDO) == TASK
    assert replace(UNDONE, undo={}).goal("draft", UNDO) == TASK
    chained = replace(UNDONE, undo={"confirmed": "draft", "draft": ABSENT})
    assert chained.goal("confirmed", UNDO) == ABSENT
    stops = replace(UNDONE, undo={"confirmed": "draft", "draft": TASK})
    assert stops.goal("confirmed", UNDO) == "draft"
    round_ = replace(UNDONE, undo={"confirmed": "draft", "draft": "confirmed"})
    assert round_.goal("confirmed", UNDO) == "draft"


def test_a_document_that_has_gone_on_is_where_it_is_wanted():
    gone_on = replace(UNDONE, fulfils={"received": ("confirmed",)})
    assert (gone_on.goal("received", "confirmed"), gone_on.goal("received", UNDO)) == ("received", TASK)
    assert gone_on.course("received", "confirmed").way == ()
    assert gone_on.course("received", "draft").way is None
    assert UNDONE.course("received", "confirmed").way is None
    assert (gone_on.goes_on("confirmed"), gone_on.goes_on("received")) == (True, False)


def test_content_is_written_where_it_can_be():
    course = UNDONE.course("confirmed", "confirmed")
    assert (told(course.way), told(course.opening), told(course.closing)) == (
        [],
        ["unaudit"],
        ["submit", "audit"],
    )
    course = UNDONE.course("draft", "confirmed")
    assert (told(course.opening), told(course.closing)) == ([], ["submit", "audit"])
    assert (told(course.reopening), told(course.reclosing)) == ([], [])
    course = UNDONE.course("received", None)
    assert (course.goal, course.way, course.reopening) == ("received", (), None)


def test_the_way_does_not_lead_through_the_dead():
    moves = (Move(("confirmed",), "cancelled", ("cancel",)), Move(("cancelled",), "draft", ("reopen",)))
    there = replace(UNDONE, moves=moves)
    assert there.path("confirmed", "draft") is None
    assert told(there.path("cancelled", "draft")) == ["reopen"]


def test_every_living_state_has_a_course_for_every_word():
    pairs = {(course.start, course.word) for course in UNDONE.courses()}
    assert ("cancelled", UNDO) not in pairs
    assert len(pairs) == 3 * (4 + 2)
