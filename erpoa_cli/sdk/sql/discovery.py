"""What values in a table tell about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from erpoa_cli.core.schema import Type, decimal

LOOK_AT = 1000  # numbers looked at to say which type to declare
SAMPLES = 5  # rows looked at for a sample of each column
MOST = 100  # characters of a sample
_DIGITS = 38  # of a declared decimal


def decimal_of(found: Iterable[object]) -> Type | None:
    """A decimal that holds the numbers *found*, with some room before the point; None when there are none or they are too
    long."""
    numbers = [n.normalize() for n in found if isinstance(n, Decimal) and n.is_finite()]
    if not numbers:
        return None
    scale = max(0, *(-int(n.as_tuple().exponent) for n in numbers))
    whole = max(1, *(n.adjusted() + 1 for n in numbers))
    if whole + scale > _DIGITS:
        return None
    scale = max(scale, min(2, _DIGITS - whole))
    return decimal(max(18, min(whole + scale + 3, _DIGITS)), scale)


def first_texts(names: Sequence[str], rows: Iterable[Sequence[str | None]]) -> dict[str, str]:
    """The first text of each column that is not empty."""
    seen: dict[str, str] = {}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            if value:
                seen.setdefault(name, value)
    return seen
