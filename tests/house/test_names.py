"""A module is called what it is about."""

from __future__ import annotations

from tests.house.sources import PACKAGE, ROOT, committable

SAYS_NOTHING = {"base", "common", "helper", "helpers", "manager", "misc", "service", "util", "utils"}


def test_modules_name_the_thing():
    assert [
        str(path.relative_to(ROOT))
        for path in committable()
        if path.suffix == ".py" and {path.stem, path.parent.name} & SAYS_NOTHING
        if path.is_relative_to(PACKAGE) or path.is_relative_to(ROOT / "plugins")
    ] == []
