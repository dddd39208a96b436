"""How a plan is made and applied is known to one module of the tests, `tests/planning.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import ROOT, imported, modules

HARNESS = "tests/planning.py"
PLANNING = ("plan", "stages", "apply", "resume", "rollback")


def planners(tree: ast.Module) -> list[str]:
    names = {f"erpoa_cli.engine.{module}" for module in PLANNING}
    return [
        f"{line}: {name}"
        for line, name in imported(tree)
        if any(name == known or name.startswith(f"{known}.") for known in names)
    ]


def modules_of_tests() -> Iterator[tuple[str, ast.Module]]:
    yield from modules(ROOT / "tests")
    for plugin in sorted((ROOT / "plugins").iterdir()):
        yield from modules(plugin / "tests")


def test_one_module_makes_plans_for_tests():
    assert {
        file: found for file, tree in modules_of_tests() if file != HARNESS and (found := planners(tree))
    } == {}
    assert planners(dict(modules_of_tests())[HARNESS])


@pytest.mark.parametrize(
    "text",
    [
        "from erpoa_cli.engine.plan import make_plan",
        "from erpoa_cli.engine import apply",
        "import erpoa_cli.engine.plan as p",
        "def f():\n    from erpoa_cli.engine.stages.values import PlanOptions",
    ],
)
def test_planners_are_noticed(text: str):
    assert planners(ast.parse(text))


def test_other_parts_of_the_engine_may_be_tested_by_themselves():
    assert (
        planners(ast.parse("from erpoa_cli.engine.writing.walk import Walk\nfrom erpoa_cli.core import plan"))
        == []
    )
