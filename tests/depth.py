"""How deep the tests go, and the seed that chooses what is tried where there is too much to try all of it every time.

`make test-fast`, `make test` and `make test-deep` set `ERPOA_TEST_DEPTH`. The seed is that of the commit, so that a commit
is always tried alike and not the same is tried for ever; `ERPOA_TEST_SEED` gives another.
Marks say what a deep run is for, with the part it belongs to, the seconds it may take and the seconds that are
enough to try something:

    @pytest.mark.sampled("kill", seconds=600, least=30)    # a sample in `make test`, more in `make test-deep`
    @pytest.mark.deep("tryton", seconds=120)               # in `make test-deep` only
    @pytest.mark.in_turn("tryton", of=2, seconds=20)       # half of those marked so in `make test`, the others deep
"""

from __future__ import annotations

import functools
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar


def _of_the_commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=8", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return str(int(done.stdout, 16)) if done.returncode == 0 else "0"


DEPTH = os.environ.get("ERPOA_TEST_DEPTH") or "test"  # fast, test, deep
DEEP = DEPTH == "deep"
# The worker processes of a run inherit what its first process has found.
SEED = int(os.environ.get("ERPOA_TEST_SEED") or os.environ.setdefault("ERPOA_TEST_SEED", _of_the_commit()))

T = TypeVar("T")

_name = ""
_until = float("inf")


def begin(name: str, seconds: float) -> None:
    """The test *name* begins; in a deep run it may take so many seconds."""
    global _name, _until
    _name, _until = name, time.monotonic() + seconds


def over() -> bool:
    """Whether the time of this test is over: only a deep run looks at the clock."""
    return DEEP and time.monotonic() > _until


def chance() -> random.Random:
    """The chance of this test: the same in every run with the same seed."""
    return random.Random(f"{SEED} {_name}")


def draw(name: str) -> float:
    """Where *name* stands when the seed shuffles: in [0, 1)."""
    return random.Random(f"{SEED} {name}").random()


def some(items: Sequence[T], few: int) -> Iterator[T]:
    """*items* in an order that the seed chooses: *few* of them, in a deep run more until the time of the test is over."""
    shuffled = chance().sample(items, len(items))
    for number, item in enumerate(shuffled):
        if number >= few and (not DEEP or over()):
            print(f"{number} of {len(items)} were tried, seed {SEED}")
            return
        yield item


def examples(few: int, *, deep: int = 50) -> int:
    """How many examples Hypothesis draws: *few*, in a fast run fewer, in a deep one *deep* times as many, of which
    `while_there_is_time` lets some through. What is drawn in vain takes time as well: where drawing costs much, *deep* is
    what the time of the test is enough for."""
    return {"fast": max(1, few // 4), "test": few, "deep": few * deep}[DEPTH]


def while_there_is_time(test: Callable[..., None]) -> Callable[..., None]:
    """Below `given`: examples that are drawn when the time of the test is over are not tried."""

    @functools.wraps(test)
    def tried(*arguments: Any, **named: Any) -> None:
        if not over():
            test(*arguments, **named)

    return tried
