"""Pending values: filled from what the run wrote, or the row waits or is blocked, with the reason."""

from __future__ import annotations

import pyarrow as pa

from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.produced import Produced, wanted_targets

KEYS = {"部门": {"code": STRING}, "people": {"no": INTEGER}, "people.lines": {"no": INTEGER, "line": INTEGER}}


def _batch(target: str, step: int = 1, **columns: list[object]) -> Batch:
    rows = pa.table({"ordinal": list(range(len(next(iter(columns.values()))))), **columns})
    return Batch(target, 0, step, Action.CREATE, tuple(c[2:] for c in columns if c.startswith("d_")), rows)


def _outcomes(outcomes: list[str], **columns: list[object]) -> pa.Table:
    return pa.table({"ordinal": list(range(len(outcomes))), "outcome": outcomes, **columns})


def test_a_pending_id_is_filled_in_or_the_row_says_why_not() -> None:
    produced = Produced({"部门"}, KEYS, {})
    made = _batch("部门", k_code=["A,1", "B", "C"], d_name=["甲", "乙", "丙"])
    produced.remember(made, _outcomes(["applied", "rejected", "applied"], id_id=[7, None, None]))
    rows = _batch(
        "people",
        k_no=[1, 2, 3, 4],
        d_dept=pa.nulls(4, pa.int64()).to_pylist(),
        p_dept=[f'["部门","{{\\"code\\":\\"{code}\\"}}",""]' for code in ("A,1", "B", "C")] + [None],
    )
    rows = Batch(
        "people", 1, 1, Action.CREATE, ("dept",), rows.rows.set_column(2, "d_dept", pa.nulls(4, pa.int64()))
    )
    ready, problems = produced.fill(rows)
    assert ready.rows.select(["ordinal", "d_dept"]).to_pylist() == [
        {"ordinal": 0, "d_dept": 7},
        {"ordinal": 3, "d_dept": None},
    ]
    assert {ordinal: outcome for ordinal, (outcome, _) in problems.items()} == {
        1: Outcome.BLOCKED,
        2: Outcome.WAITING,
    }
    assert wanted_targets({"people": rows.rows.append_column("step", pa.array([1] * 4))}) == {"部门"}


def test_a_returned_number_is_filled_in() -> None:
    produced = Produced({"people"}, KEYS, {})
    produced.remember(
        _batch("people", k_no=[1], d_x=["y"]), _outcomes(["applied"], r_number=["PO-0001"], id_id=[3])
    )
    rows = _batch("部门", k_code=["A"], d_number=["?"], p_number=['["people","{\\"no\\":\\"1\\"}","number"]'])
    ready, problems = produced.fill(rows)
    assert (ready.rows["d_number"].to_pylist(), problems) == (["PO-0001"], {})


def test_a_second_step_takes_the_id_of_the_first() -> None:
    produced = Produced({"people"}, KEYS, {})
    produced.remember(
        _batch("people", k_no=[1, 2], d_x=["a", "b"]), _outcomes(["applied", "stale"], id_id=[30, None])
    )
    second = _batch("people", 2, k_no=[1, 2], id_id=[None, None], d_boss=["p", "q"])
    second = Batch(
        "people", 5, 2, Action.UPDATE, ("boss",), second.rows.set_column(2, "id_id", pa.nulls(2, pa.int64()))
    )
    ready, problems = produced.fill(second)
    assert ready.rows.select(["ordinal", "id_id"]).to_pylist() == [{"ordinal": 0, "id_id": 30}]
    assert problems[1][0] is Outcome.BLOCKED


def test_lines_are_blocked_with_their_document() -> None:
    produced = Produced({"people"}, KEYS, {"people.lines": "people"})
    produced.remember(
        _batch("people", k_no=[1, 2], d_x=["a", "b"]), _outcomes(["stale", "applied"], id_id=[None, 4])
    )
    ready, problems = produced.fill(
        _batch("people.lines", k_no=[1, 1, 2], k_line=[1, 2, 1], d_qty=["1", "2", "3"])
    )
    assert ready.rows["ordinal"].to_pylist() == [2]
    assert set(problems) == {0, 1}
