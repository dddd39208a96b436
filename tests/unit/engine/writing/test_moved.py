"""What is known of a call from the state of its document: the table in docs/engine.md, line by line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erpoa_cli.core.lifecycle import ABSENT, Lifecycle, Move
from erpoa_cli.engine.writing.moved import Called, Now, after, before

ORDER = Lifecycle(
    field="state",
    states=dict.fromkeys(["draft", "submitted", "confirmed", "received", "cancelled"], ""),
    moves=(
        Move(("draft",), "confirmed", ("submit", "audit")),
        Move(("submitted",), "confirmed", ("audit",)),
        Move(("draft", "confirmed"), "cancelled", ("cancel",)),
        Move(("draft",), ABSENT, ("delete",)),
    ),
    dead=frozenset({"cancelled"}),
)
SUBMIT = Called(ORDER, "draft", "confirmed", last=False)
AUDIT = Called(ORDER, "", "confirmed", last=True)
CANCEL = Called(ORDER, "confirmed", "cancelled", last=True)
DELETE = Called(ORDER, "draft", ABSENT, last=True)


@pytest.mark.parametrize(
    ("called", "now", "unanswered", "planned"),
    [
        (CANCEL, "cancelled", Now.DONE, Now.ELSEWHERE),
        (CANCEL, "confirmed", Now.READY, Now.READY),
        (CANCEL, "received", Now.ELSEWHERE, Now.ELSEWHERE),
        (CANCEL, None, Now.ELSEWHERE, Now.ELSEWHERE),
        (DELETE, None, Now.DONE, Now.ELSEWHERE),
        (DELETE, "draft", Now.READY, Now.READY),
        (SUBMIT, "submitted", Now.DONE, Now.ELSEWHERE),
        (SUBMIT, "draft", Now.DOUBTFUL, Now.READY),
        (SUBMIT, "审批中", Now.DONE, Now.ELSEWHERE),  # a state of the system's own
        (SUBMIT, "received", Now.ELSEWHERE, Now.ELSEWHERE),
        (AUDIT, "confirmed", Now.DONE, Now.DONE),
        (AUDIT, "submitted", Now.READY, Now.READY),
        (AUDIT, "cancelled", Now.ELSEWHERE, Now.ELSEWHERE),
    ],
)
def test_what_a_state_says_of_a_call(called: Called, now: str | None, unanswered: Now, planned: Now) -> None:
    assert after(called, now, repeatable=False) is unanswered
    assert before(called, now) is planned


def test_what_has_gone_on_was_called() -> None:
    gone_on = replace(ORDER, fulfils={"received": ("confirmed",)})
    assert after(replace(AUDIT, lifecycle=gone_on), "received", repeatable=False) is Now.DONE
    assert before(replace(AUDIT, lifecycle=gone_on), "received") is Now.DONE
    assert after(replace(CANCEL, lifecycle=gone_on), "received", repeatable=False) is Now.ELSEWHERE


def test_a_system_that_knows_the_call_again_is_asked_again() -> None:
    assert after(SUBMIT, "draft", repeatable=True) is Now.READY
