"""A short soak (`make soak` is the long one): whatever fails or is killed, every requisition has its one document."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.soak.run import soak

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("safety", ["key", "lookup"])
def test_one_document_for_every_requisition(safety: str, tmp_path: Path):
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    done = soak(tmp_path, seed=seed, documents=90, rounds=3, kills=0.7, unrest=0.2, safety=safety)
    assert done.judgement is not None
    assert done.doubled == []
    assert done.unexplained == {}
    assert done.touchless > 0.9  # of so few documents; `make soak` asks for 99 %
    assert done.judgement.documents >= 90
