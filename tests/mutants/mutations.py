"""Which mutations there are: the lines are chosen by a seed, cosmic-ray says what can be changed there and changes it."""

from __future__ import annotations

import ast
import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import Visitor, ast_nodes, get_ast
from cosmic_ray.operators.provider import OperatorProvider

from tests.mutants import bodies

Place = tuple[int, int]  # line and column

_provider = OperatorProvider()
# Those that need arguments (which variable takes which one's place) are nobody's slip of the pen.
OPERATORS = [_provider[name] for name in _provider if not _provider[name].arguments()]
# Without one of these in a line no operator finds anything there, and it need not be asked.
_CHANGEABLE = re.compile(
    r"[-+*/%|&^~<>@\d]|==|!=|\b(?:and|or|not|is|True|False|if|while|for|assert|break|continue|except)\b"
)


@dataclass(frozen=True, slots=True)
class Mutation:
    """*source* is the whole file, changed; the other fields tell what is different in it."""

    file: str
    line: int
    operator: str
    before: str
    after: str
    source: str


def sources(root: Path) -> list[str]:
    """The product's modules, without the plugins' tests."""
    return sorted(
        path.relative_to(root).as_posix()
        for pattern in ("erpoa_*/**/*.py", "plugins/*/erpoa_*/**/*.py")
        for path in root.glob(pattern)
    )


def module(file: str) -> str:
    """The name by which the module of *file* is imported."""
    parts = Path(file).with_suffix("").parts
    parts = parts[2:] if parts[0] == "plugins" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def choose(root: Path, seed: int, count: int) -> list[Mutation]:
    """*count* mutations of as many lines.

    Every line that runs in a function has the same chance, whether a test covers it or not: a choice that followed the
    tests would not see a test that is lost. A line is drawn by what is written there, so that a change elsewhere leaves
    the other lines' draws as they are.
    """
    lots = []
    for file in sources(root):
        text = (root / file).read_text(encoding="utf-8")
        written = text.splitlines()
        before: Counter[str] = Counter()
        for line in sorted(bodies.lines(text, file)):
            words = written[line - 1].strip()
            before[words] += 1
            lot = hashlib.sha256(f"{seed} {file} {words} {before[words]}".encode()).hexdigest()
            lots.append((lot, file, line))
    chosen: list[Mutation] = []
    for lot, file, line in sorted(lots):
        if len(chosen) == count:
            break
        text = (root / file).read_text(encoding="utf-8")
        chosen += filter(None, [at(text, file, line, random.Random(lot))])
    return sorted(chosen, key=lambda m: (m.file, m.line))


def at(text: str, file: str, line: int, chance: random.Random) -> Mutation | None:
    """A mutation of *line*, which *chance* chooses; None when nothing can be changed there.

    First the place in the line, then what becomes of it: a comparison can be changed in seven ways, a `not` in one.
    """
    places: dict[tuple[Place, Place], list[tuple[int, type[Any], int]]] = {}
    if not _CHANGEABLE.search(text.splitlines()[line - 1]):
        return None
    typed = [*_annotations(ast.parse(text))]
    for number, node in enumerate(ast_nodes(get_ast(text))):
        if not node.start_pos[0] <= line <= node.end_pos[0]:
            continue
        for operator in OPERATORS:
            for index, (start, end) in enumerate(operator().mutation_positions(node)):
                if start[0] == line and not any(first <= start < last for first, last in typed):
                    places.setdefault((start, end), []).append((number, operator, index))
    for place in chance.sample(sorted(places), len(places)):
        for number, operator, index in chance.sample(places[place], len(places[place])):
            source = _mutated(text, number, operator(), index)
            if _differs(text, source, file):
                before, after = _first_difference(text, source)
                return Mutation(file, line, operator.__name__, before, after, source)
    return None


def _annotations(tree: ast.Module) -> Iterator[tuple[Place, Place]]:
    """Where types are said. Nothing evaluates them."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            said = getattr(node, name, None)
            if isinstance(said, ast.expr):
                yield (said.lineno, said.col_offset), (said.end_lineno or 0, said.end_col_offset or 0)


class _Change(Visitor):  # type: ignore[misc]  # cosmic-ray has no types
    def __init__(self, node: Any, operator: Any, index: int) -> None:
        self.node, self.operator, self.index = node, operator, index

    def visit(self, node: Any) -> Any:
        return self.operator.mutate(node, self.index) if node is self.node else node


def _mutated(text: str, number: int, operator: Any, index: int) -> str:
    tree = get_ast(text)
    node = next(node for n, node in enumerate(ast_nodes(tree)) if n == number)
    source: str = _Change(node, operator, index).walk(tree).get_code()
    return source


def _differs(before: str, after: str, file: str) -> bool:
    """Whether a function has become another one: not where Python refuses the change or sees none."""
    try:
        return bool(bodies.changed(before, after, file))
    except SyntaxError:
        return False


def _first_difference(before: str, after: str) -> tuple[str, str]:
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((old.strip(), new.strip()) for old, new in lines if old != new)
