"""The name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(word: str, known: Iterable[str]) -> str:
    """The one of *known* that *word* was probably meant to be; empty when none is near."""
    names = list(known)
    folded = {name.casefold(): name for name in reversed(names)}
    if word.casefold() in folded:
        return folded[word.casefold()]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    return close[0] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean …?` for *word*, or which names there are; empty when there are none."""
    names = list(known)
    if close := near(word, names):
        return f"Did you mean `{close}`?"
    if not names:
        return ""
    some = ", ".join(f"`{name}`" for name in names[:8])
    return f"There are: {some}{', …' if len(names) > 8 else ''}."
