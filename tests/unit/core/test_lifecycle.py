"""The way of a document through its states."""

from __future__ import annotations

from erpoa_cli.core.lifecycle import ABSENT, Lifecycle, Move, Step

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
        Step("audit", "draft", "confirmed"),
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


def test_the_state_of_a_new_document():
    assert ORDER.first == "draft"
    assert Lifecycle(field="s", states={"draft": "", "done": ""}).first == "draft"
