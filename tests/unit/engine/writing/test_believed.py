"""What a system may have made of our value, and what somebody else wrote."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from erpoa_cli.engine.writing.believed import alike


@pytest.mark.parametrize(
    ("wrote", "found", "is_alike"),
    [
        ("ann lee", "Ann Lee", True),
        ("+49 30-12", "+493012", True),
        ("ＡＢ", "ab", True),
        (" x ", "x", True),
        (None, "", True),
        ("", None, True),
        ("Ann", "typed", False),
        ("Ann Lee", "Ann", False),
        ("!", "?", False),
        ("x", None, False),
        (Decimal("1.2345"), Decimal("1.23"), True),
        (Decimal("1.2345"), Decimal("1.235"), True),
        (Decimal("99.5"), Decimal(100), True),
        (Decimal("1.23"), Decimal("1.24"), False),
        (Decimal("1.23"), Decimal(5), False),
        (Decimal(100), Decimal(0), False),
        (7, 8, False),
        (datetime(2026, 1, 1, 1, 2, 3, 400), datetime(2026, 1, 1, 1, 2, 3), True),
        (datetime(2026, 1, 1, 1, 2, 3), datetime(2026, 1, 1, 1, 2, 4), False),
        (time(1, 2, 3, 400), time(1, 2, 3), True),
        (date(2026, 1, 1), date(2026, 1, 2), False),
        (True, False, False),
        (["a"], ["b"], False),
    ],
)
def test_what_is_another_form_of_a_value(wrote: Any, found: Any, is_alike: bool) -> None:
    assert alike(wrote, found) is is_alike
