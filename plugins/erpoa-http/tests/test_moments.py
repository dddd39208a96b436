"""Dates and times with a format, as an API spells them."""

from __future__ import annotations

import pytest
from erpoa_http.shape import Shape, Unfit, text

from erpoa_cli.core.schema import parse_type


@pytest.mark.parametrize(
    ("pattern", "sound", "odd"),
    [
        ("%Y/%m/%d", ["2026/02/03", "2026/2/3"], ["26/02/03", "2026/02/30", "2026/02/03 ", "epoch"]),
        ("%a %d %b %Y", ["Tue 03 Feb 2026", "tue 3 feb 2026"], ["Mon 03 Feb 2026"]),
        ("%j %Y", ["034 2026"], ["366 2026"]),
        (
            "%Y-%m-%d %H:%M %z",
            ["2026-02-03 00:00 +0800"],
            ["2026-02-03 00:00 +2500", "2026-02-03 00:00 +1700"],
        ),
    ],
)
def test_a_text_is_exactly_what_its_format_says(pattern: str, sound: list[str], odd: list[str]):
    wanted = parse_type("timestamp")
    shape = Shape(wanted, format=pattern)
    for one in sound:
        assert text(one, shape, wanted) == "2026-02-03T00:00:00.000000"
    for one in odd:
        with pytest.raises(Unfit):
            text(one, shape, wanted)
