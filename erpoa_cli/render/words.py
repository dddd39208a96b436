"""Symbols and words for what a plan does: always both, so that nothing hangs on colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import MEMORY, WRITES

SYMBOLS: Mapping[str, str] = {
    "create": "+",
    "update": "~",
    "move": ">",
    "delete": "-",
    "deactivate": "o",
    "adopt": "=",
    "converge": "=",
    "accept": "=",
    "forget": "=",
    "drift": "≠",
    "conflict": "!",
    "in_doubt": "?",
    "task": "#",
    "held": "·",
    "withheld": "·",
}
WRITING = tuple(action.value for action in WRITES)
STATE_ONLY = tuple(action.value for action in MEMORY)
ASIDE = tuple(
    member.kind for member in (Member.CONFLICTS, Member.DRIFT, Member.TASKS, Member.HELD, Member.WITHHELD)
)
OUTCOMES = ("applied", "rejected", "stale", "blocked", "in_doubt", "waiting")


def marked(word: str) -> str:
    """`create` → `+ create`."""
    return f"{SYMBOLS.get(word, '·')} {word.replace('_', ' ')}"


def count(number: int) -> str:
    """A number of rows, with thousands separated; for counts only, never for data."""
    return f"{number:,}"


def rows(number: int) -> str:
    return "1 row" if number == 1 else f"{count(number)} rows"


def counted(counts: Mapping[str, int], words: Iterable[str]) -> list[tuple[str, int]]:
    """The (word, number) of *counts* that are not zero, in the order of *words*."""
    return [(word, counts[word]) for word in words if counts.get(word)]
