"""What is known once is written once: each fact has a home, and nobody else spells it.

A fact names its home and recognises its own spelling in a syntax tree; each is shown to notice one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from erpoa_cli.core import columns
from erpoa_cli.core.plan import Member
from erpoa_cli.core.relation import KINDS
from erpoa_cli.core.situation import Action
from erpoa_cli.engine.changes.freeze import MEMBERS as MEMBERS_OF_A_DIFF
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


def words(node: ast.AST) -> list[object]:
    """The constants that a display, a class or the first argument of a call holds."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            pass
        case ast.Dict(keys=keys):
            parts = [key for key in keys if key is not None]
        case ast.ClassDef(body=body):
            parts = [line.value for line in body if isinstance(line, ast.Assign)]
        case _:
            parts = []
    return [part.value for part in parts if isinstance(part, ast.Constant)]


MEMBERS = set(Member)
ASKED = {"members", "table", "batches"}  # of a plan file


def names_members(node: ast.AST) -> bool:
    """A list of members, or one of them that a plan is asked for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKED:
        return any(isinstance(one, ast.Constant) and one.value in MEMBERS for one in node.args[:1])
    few = 2 if isinstance(node, ast.ClassDef) else 1  # causes are called so, too: drift and state
    named = [str(word) for word in words(node)]
    exported = any(word[:1].isupper() for word in named)  # functions have such names, too
    return not exported and len(MEMBERS.intersection(named)) > few


LAYING = {"relation", "Place", "create", "insert", "make", "delete", "set_aside"}


def lays_a_relation(node: ast.AST) -> bool:
    """A schema for relations of the project, given to what names or fills one, or chosen between two."""
    match node:
        case ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other))):
            return {one, other} == PLACES
        case ast.Call(
            func=ast.Name(id=called) | ast.Attribute(attr=called), args=args, keywords=keywords
        ) if called in LAYING:
            given = [*args[:2], *(k.value for k in keywords if k.arg == "schema")]
            return any(isinstance(one, ast.Constant) and one.value in PLACES for one in given)
        case ast.Call(func=ast.Name(id="RelationKind")):
            return True
        case _:
            return False


QUOTED = re.compile(f"'({'|'.join(Action)})'")


def quotes_an_action(node: ast.AST) -> bool:
    """SQL text with an action in it, in f-strings too."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(QUOTED.search(node.value))


def follows_an_edge(node: ast.AST) -> bool:
    """What a model or test reads put together, the targets that a target waits for, or a sorting of its own."""
    match node:
        case ast.Tuple() | ast.List() | ast.Set():
            attributes = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
            return {"sources", "refs"} <= attributes
        case ast.Attribute(attr="depends_on") | ast.Name(id="TopologicalSorter"):
            return True
        case _:
            return False


PREFIXES = {
    kind.prefix for kind in vars(columns).values() if isinstance(kind, columns.Columns) and kind.prefix
}
BEFORE_A_NAME = re.compile(rf"(?:^|\W)(?:{'|'.join(PREFIXES)})$")


def spells_a_column(node: ast.AST) -> bool:
    """A prefix by itself, or before a name in an f-string."""
    match node:
        case ast.Constant(value=str(text)):
            return text in PREFIXES
        case ast.JoinedStr(values=parts):
            ends = [
                one.value
                for one, then in pairwise(parts)
                if isinstance(then, ast.FormattedValue) and isinstance(one, ast.Constant)
            ]
            return any(BEFORE_A_NAME.search(str(end)) for end in ends)
        case _:
            return False


PLACES = {kind.schema for kind in KINDS}
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
    Fact(
        "what a plan has rows of",
        frozenset(
            {"core/plan.py", "render/words.py", "render/terminal.py"}
        ),  # the last two have a sign for each
        names_members,
        'tables = plan.members("held")',
    ),
    Fact(
        "where a relation lies",
        frozenset({"core/relation.py"}),
        lays_a_relation,
        'schema = "source" if name in project.sources else "model"',
    ),
    Fact(
        "names of the columns of rows",
        frozenset({"core/columns.py"}),
        spells_a_column,
        'names = [f"k_{name}" for name in layout.key]',
    ),
    Fact(
        "what depends on what",
        frozenset({"core/dependency.py", "core/project.py"}),
        follows_an_edge,
        "behind = [*model.sources, *model.refs]",
    ),
    Fact(
        "actions as SQL",
        frozenset(),
        quotes_an_action,
        """where = f"{kind} AND action IN ('create', 'update')\"""",
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
    assert set(fact.found(ast.parse(fact.example))) == {1}


def test_every_member_of_a_plan_says_which_rows_it_has():
    assert tuple(MEMBERS_OF_A_DIFF) == tuple(Member)
