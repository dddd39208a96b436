"""The breakages of `make teeth` still apply: each text stands in one place, the tests that must notice exist."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from erpoa_cli.sdk.conformance import Conformance, Remote, Sql
from erpoa_cli.sdk.conformance.served import Served
from tests.house.sources import ROOT, parsed
from tests.teeth.breakage import Breakage, breakages, occurrences, shipped

FEWEST = 60
ALL = breakages()
TEXTS = shipped(ROOT)


def problems(breakage: Breakage) -> list[str]:
    """What is wrong with *breakage*, as far as can be seen without running anything."""
    places = occurrences(breakage, TEXTS)
    if len(places) != 1:
        return [f"its old text stands in {len(places)} places: {', '.join(p.name for p in places)}"]
    found = [f"there is no test {test}" for test in breakage.tests if not exists(test)]
    if not breakage.tests:
        found.append("no test must notice it")
    if places[0].suffix == ".py":
        try:
            ast.parse(TEXTS[places[0]].replace(breakage.old, breakage.new))
        except SyntaxError as error:
            found.append(f"{places[0].name} cannot be read any more: {error.msg}")
    return found


def exists(test: str) -> bool:
    """Whether there is a test of this node id; the cases of its parameters are not looked at. Classes have the tests of the
    conformance suites too."""
    file, *names = test.partition("[")[0].split("::")
    if not (ROOT / file).is_file():
        return False
    body: list[ast.stmt] = parsed(ROOT / file).body
    for depth, name in enumerate(names):
        known = [s for s in body if isinstance(s, ast.FunctionDef | ast.ClassDef) and s.name == name]
        if not known:
            return depth > 0 and any(hasattr(suite, name) for suite in (Conformance, Remote, Served, Sql))
        body = known[0].body
    return True


def test_there_are_enough_and_no_two_are_the_same():
    assert len(ALL) >= FEWEST
    for told in ([b.name for b in ALL], [b.promise for b in ALL], [(b.old, b.new) for b in ALL]):
        assert [one for one, times in Counter(told).items() if times > 1] == []


@pytest.mark.parametrize("file", sorted({b.name.partition("/")[0] for b in ALL}))
def test_every_one_applies(file: str):
    told = {b.name: found for b in ALL if b.name.startswith(f"{file}/") and (found := problems(b))}
    assert told == {}


def test_what_applies_no_more_is_noticed():
    sound = ALL[0]
    assert problems(sound) == []
    gone = replace(sound, old="no line of the program reads so")
    twice = replace(sound, old="from __future__ import annotations")
    moved = replace(sound, tests=("tests/house/test_teeth.py::test_nobody_wrote", "tests/nowhere/test_x.py"))
    damaged = replace(sound, new=sound.new + " ((")
    assert all(problems(one) for one in (gone, twice, damaged, replace(sound, tests=())))
    assert len(problems(moved)) == 2


@pytest.mark.parametrize(
    ("test", "there"),
    [
        ("tests/house/test_teeth.py::test_what_applies_no_more_is_noticed", True),
        ("tests/house/test_teeth.py", True),
        ("tests/unit/connectors/test_conformance.py::TestCsv::test_a_precondition_is_exact", True),
        ("tests/unit/connectors/test_conformance.py::TestCsv::test_nobody_wrote", False),
        ("tests/unit/connectors/test_conformance.py::TestNobody::test_a_precondition_is_exact", False),
    ],
)
def test_node_ids_are_looked_up(test: str, *, there: bool):
    assert exists(test) is there


def test_texts_are_found_wherever_they_stand(tmp_path: Path):
    old, new = tmp_path / "erpoa_cli" / "a" / "b.py", tmp_path / "plugins" / "erpoa-x" / "erpoa_x" / "c.py"
    for path in (old, new, tmp_path / "tests" / "d.py"):
        path.parent.mkdir(parents=True)
        path.write_text("one line\nanother\n")
    texts = shipped(tmp_path)
    line = Breakage("a/b", "p", "one line", "no line", ())
    assert occurrences(line, texts) == [old, new]
    assert occurrences(replace(line, old="one line\nanother\none"), texts) == []
