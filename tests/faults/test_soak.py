"""A short soak (`make soak` is the long one): whatever fails or is killed, every requisition has its one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import depth
from tests.soak.run import soak

DOCUMENTS, ROUNDS = (300, 6) if depth.DEEP else (30, 2)


@pytest.mark.sampled("soak", seconds=300)
@pytest.mark.parametrize(
    "safety", ["lookup", pytest.param("key", marks=pytest.mark.deep("soak", seconds=300))]
)
def test_one_document_for_every_requisition(safety: str, tmp_path: Path):
    seed = depth.chance().getrandbits(32)
    print(f"seed {seed}")
    done = soak(tmp_path, seed=seed, documents=DOCUMENTS, rounds=ROUNDS, kills=0.7, unrest=0.2, safety=safety)
    assert done.judgement is not None
    assert done.doubled == []
    assert done.unexplained == {}
    assert done.touchless > 0.9  # of so few documents; `make soak` asks for 99 %
    assert done.judgement.documents >= DOCUMENTS
