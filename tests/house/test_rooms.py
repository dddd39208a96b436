"""The rooms whose names are loaded when they are asked for: every name is there, and types see the same ones."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest

import erpoa_cli.project
import erpoa_cli.state
import erpoa_cli.usecase

ROOMS = [erpoa_cli.project, erpoa_cli.state, erpoa_cli.usecase]


def typed(room: ModuleType) -> dict[str, str]:
    """Name → module, as the imports for types say."""
    tree = ast.parse(Path(str(room.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_every_name_of_a_room_is_where_types_look_for_it(room: ModuleType):
    homes = {
        name: module if "." in module else f"{room.__name__}.{module}" for name, module in room._HOMES.items()
    }
    assert homes == typed(room)
    assert sorted(homes) == sorted(room.__all__)
    for name in homes:
        assert getattr(room, name) is not None


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_no_name_of_a_room_is_also_a_module_of_it(room: ModuleType):
    """Once the module is loaded, the name would be the module."""
    modules = {path.stem for path in Path(str(room.__file__)).parent.glob("*.py")}
    assert modules & room._HOMES.keys() == set()


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_a_name_that_is_not_there_is_refused(room: ModuleType):
    with pytest.raises(AttributeError, match="nonsense"):
        _ = room.nonsense
