"""Planning reads state and cannot write it: what writes is not even imported on its way."""

from __future__ import annotations

import ast

import grimp
import pytest

from tests.house.sources import PACKAGE, imported, modules

PLAN = "erpoa_cli.engine.plan"
WRITES = {"Journal", "StateWriter", "journal", "open_writer", "release_lock", "writer"}


def writers(tree: ast.Module) -> list[str]:
    return [
        f"{line}: {name}"
        for line, name in imported(tree)
        if name.startswith("erpoa_cli.state.") and WRITES & set(name.split("."))
    ]


def test_planning_imports_no_writer_of_state():
    graph = grimp.build_graph("erpoa_cli", cache_dir=None)
    if PLAN not in graph.modules:
        pytest.skip("nothing plans yet")
    planning = {PLAN, *graph.find_descendants(PLAN), *graph.find_upstream_modules(PLAN, as_package=True)}
    assert [
        f"{file}:{what}"
        for file, tree in modules(PACKAGE / "engine")
        for what in writers(tree)
        if file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") in planning
    ] == []


def test_writers_are_noticed():
    assert writers(ast.parse("from erpoa_cli.state import open_reader, Layout")) == []
    assert (
        len(writers(ast.parse("from erpoa_cli.state import open_writer\nimport erpoa_cli.state.journal")))
        == 2
    )
