"""The walk of a batch that all SQL connectors share."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from erpoa_cli.sdk.connector import OUTCOMES
from erpoa_cli.sdk.errors import Duplicate
from erpoa_cli.sdk.sql import Outcomes, place_by_halves


class Refused(Exception):
    pass


@pytest.mark.parametrize("seed", range(30))
def test_exactly_the_bad_rows_are_refused_and_all_others_are_in_place(seed):
    chance = random.Random(seed)
    size = chance.choice([0, 1, 2, 7, 100, 257])
    bad = {at for at in range(size) if chance.random() < chance.choice([0.0, 0.02, 0.5, 1.0])}
    written: list[int] = []
    refused: dict[int, str] = {}
    statements = 0

    def place(part):
        nonlocal statements
        statements += 1
        numbers = part["n"].to_pylist()
        written.extend(numbers[: len(numbers) // 2])  # a failing statement may have done something
        if bad.intersection(numbers):
            raise Refused(str(min(bad.intersection(numbers))))
        written.extend(numbers[len(numbers) // 2 :])

    def undo_to(done):
        written[:] = [n for part in done for n in part["n"].to_pylist()]

    rows = pa.RecordBatch.from_pydict({"n": pa.array(range(size), pa.int64())})
    place_by_halves(rows, place, undo_to, lambda at, error: refused.update({at: str(error)}), (Refused,))
    assert written == [n for n in range(size) if n not in bad]
    assert refused == {at: str(at) for at in bad}
    if not bad:
        assert statements <= 1


def test_an_error_about_no_row_is_passed_on():
    rows = pa.RecordBatch.from_pydict({"n": [1, 2]})

    def place(part):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        place_by_halves(rows, place, lambda done: None, lambda at, error: None, (Refused,))


def test_outcomes_have_the_published_shape():
    rows = pa.RecordBatch.from_pydict({"ordinal": pa.array([7, 5, 9], pa.int64())})
    outcomes = Outcomes(rows)
    outcomes.reject(1, Duplicate("UNIQUE constraint failed"))
    outcomes.stale(2, "moved")
    assert outcomes.applied() == [0]
    answer = outcomes.record_batch({"id": pa.array([1, 2, 3])})
    assert answer.schema.names == [*OUTCOMES.names, "id.id"]
    assert answer.schema.types[:4] == OUTCOMES.types
    assert answer.to_pylist() == [
        {"ordinal": 7, "outcome": "applied", "error_class": None, "error": None, "id.id": 1},
        {
            "ordinal": 5,
            "outcome": "rejected",
            "error_class": "duplicate",
            "error": "UNIQUE constraint failed",
            "id.id": None,
        },
        {"ordinal": 9, "outcome": "stale", "error_class": "stale", "error": "moved", "id.id": None},
    ]
