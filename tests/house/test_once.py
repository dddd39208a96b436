"""What is known once is written once: each fact has a home, and nobody else spells it.

A fact names its home and recognises its own spelling in a syntax tree; each is shown to notice one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.house.sources import PACKAGE, modules

Finds = Callable[[ast.AST], bool]


@dataclass(frozen=True)
class Fact:
    """`homes`: files that may spell it; `spelt`: whether a node does; `example`: code that does."""

    name: str
    homes: frozenset[str]
    spelt: Finds
    example: str
    under: str = ""

    def found(self, tree: ast.Module) -> Iterator[int]:
        return (getattr(node, "lineno", 0) for node in ast.walk(tree) if self.spelt(node))


def attribute(*names: str) -> Finds:
    return lambda node: isinstance(node, ast.Attribute) and node.attr in names


FACTS = [
    Fact(
        "how many rows a batch has",
        frozenset(
            {"engine/batching.py", "engine/binding/lines.py"}
        ),  # the second describes an object by another one
        attribute("batch_size", "rows_per_call"),
        "size = info.batch_size or 50_000",
        under="engine",
    ),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_a_fact_is_written_in_its_home_alone(fact: Fact):
    homes = {f"erpoa_cli/{home}" for home in fact.homes}
    where = PACKAGE / fact.under if fact.under else PACKAGE
    spelt = {file: list(fact.found(tree)) for file, tree in modules(where)}
    assert {f"{file}:{line}" for file, lines in spelt.items() if file not in homes for line in lines} == set()
    assert {file for file, lines in spelt.items() if lines} >= homes, "a home that does not spell it is none"


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_its_spelling_is_noticed(fact: Fact):
    assert list(fact.found(ast.parse(fact.example))) == [1]
